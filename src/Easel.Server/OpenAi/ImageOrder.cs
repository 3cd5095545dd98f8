using Easel.Imaging;
using Easel.Metadata;
using Easel.Server.Errors;
using Easel.Server.Jobs;
using Easel.Server.Library;
using Easel.Server.Storage;

namespace Easel.Server.OpenAi;

/// <summary>What a request for images asks for: a job, and how its pictures are to be sent.</summary>
internal sealed record ImageOrder
{
    public required JobRequest Job { get; init; }
    public required bool Stream { get; init; }
    public required int Partials { get; init; }
    public required bool ByUrl { get; init; }
    public required ImageFormat Format { get; init; }
    public required int Compression { get; init; }
    public required string Quality { get; init; }

    /// <summary>What the caller should be told of the request, beside what is told of the run.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    private const double EditStrength = 0.75, FaithfulStrength = 0.5, VariationStrength = 0.6;

    public static ImageOrder Generation(ImageFields fields, ModelLibrary library)
    {
        if (fields.Text("prompt") is null) throw Missing("prompt");
        fields.Ignore("style", "image_config");
        return Of(fields, library, new GenerationRequest(), []);
    }

    /// <summary>A picture drawn on: where the mask is transparent, or else where the picture is, or else as a whole.</summary>
    public static ImageOrder Edit(ImageFields fields, ModelLibrary library, PictureReader pictures, ServerLimits limits)
    {
        if (fields.Text("prompt") is null) throw Missing("prompt");
        var notes = new List<string>();
        var (picture, transparency) = Picture(fields, pictures, notes);
        var strength = fields.Word("input_fidelity", "low", "high") == "high" ? FaithfulStrength : EditStrength;
        var mask = fields.Files!.GetFile("mask") is { } file ? Opaque(file, pictures) ?? throw new OpenAiException(Status400BadRequest,
            "The mask has no transparent part; what is transparent is drawn anew.", "mask", "invalid_image") : transparency;
        if (mask is not null && (mask.Width, mask.Height) != (picture.Width, picture.Height))
            throw new OpenAiException(Status400BadRequest,
                $"The mask is {mask.Width}x{mask.Height} but the picture is {picture.Width}x{picture.Height}; they must be of one size.",
                "mask", "invalid_image_size");
        var request = new GenerationRequest
        {
            InitImage = picture,
            Mask = mask is null ? null : MaskTools.Invert(mask),
            // Under a mask something else is wanted than what is there; a picture without one is to be kept recognisable.
            Strength = mask is null ? strength : 1,
            Fill = mask is null ? MaskFill.Original : MaskFill.Blur,
        };
        return Of(fields, library, Within(request, limits, notes), notes);
    }

    public static ImageOrder Variation(ImageFields fields, ModelLibrary library, PictureReader pictures, ServerLimits limits)
    {
        var notes = new List<string>();
        var (picture, _) = Picture(fields, pictures, notes);
        var metadata = ImageFile.ReadMetadata(Open(File(fields, [])), "the picture");
        var known = PictureSettings.Read(metadata)?.Text ?? Infotext.Parse(metadata.Parameters ?? "");
        var request = new GenerationRequest { Prompt = known.Prompt, NegativePrompt = known.NegativePrompt, InitImage = picture, Strength = VariationStrength };
        return Of(fields, library, Within(request, limits, notes), notes);
    }

    /// <summary>A photo of more pixels than may be drawn is made smaller, with its mask.</summary>
    private static GenerationRequest Within(GenerationRequest request, ServerLimits limits, List<string> notes)
    {
        var picture = request.InitImage!;
        var most = Math.Min(limits.Pixels, limits.InputPixels);
        if ((long)picture.Width * picture.Height <= most) return request;
        var scale = Math.Sqrt((double)most / picture.Width / picture.Height);
        var (width, height) = (Side(picture.Width), Side(picture.Height));
        notes.Add($"The picture is {picture.Width}x{picture.Height}; it was made {width}x{height} first, "
            + $"since this server draws {limits.Pixels} pixels at most.");
        return request with
        {
            InitImage = Resampling.Resize(picture, width, height),
            Mask = request.Mask is { } mask ? Resampling.Resize(mask.ToRgb(), width, height).ToGray() : null,
        };

        int Side(int whole) => Math.Max(GenerationRequest.SideStep, (int)(whole * scale) / GenerationRequest.SideStep * GenerationRequest.SideStep);
    }

    /// <summary>The size asked for or, where that is open, the one drawn.</summary>
    public static string SizeOf(Picture picture) => $"{picture.Width}x{picture.Height}";

    private static ImageOrder Of(ImageFields fields, ModelLibrary library, GenerationRequest request, List<string> notes)
    {
        var model = fields.Text("model");
        var quality = fields.Word("quality", "auto", "low", "medium", "high", "standard", "hd") ?? "auto";
        if (fields.Word("background", "auto", "opaque", "transparent") == "transparent")
            throw OpenAiException.Invalid("Easel draws no transparent background; it can be 'opaque' or 'auto'.", "background");
        fields.Ignore("moderation", "user", "extra_body", "safety_identifier");
        var (width, height) = Size(fields.Text("size"));
        var format = fields.Word("output_format", "png", "jpeg", "webp") ?? "png";
        var compression = fields.Whole("output_compression", 0, 100);
        if (format == "png" && compression is < 100)
            throw OpenAiException.Invalid("Compression less than 100 is not supported for png.", "output_compression");
        var sent = fields.Word("response_format", "url", "b64_json") ?? (IsGptImage(model) ? "b64_json" : "url");
        var (stream, partials) = (fields.Truth("stream") ?? false, fields.Whole("partial_images", 0, 3) ?? 0);
        _ = fields.Whole("n", 1, 10); // fewer than the knob allows
        request = fields.Knobs(request with { Steps = StepsOf(quality) });
        return new ImageOrder
        {
            Job = new JobRequest { Model = ModelOf(model, library), Request = Sized(request, width, height) },
            Stream = stream,
            Partials = partials,
            ByUrl = sent == "url" && !stream,
            Format = format switch { "jpeg" => ImageFormat.Jpeg, "webp" => ImageFormat.WebP, _ => ImageFormat.Png },
            Compression = Math.Max(1, compression ?? 100),
            Quality = quality,
            Notes = [.. notes, .. fields.Others()],
        };
    }

    /// <summary>Whether a name is that of a model which OpenAI has send its pictures in the answer.</summary>
    private static bool IsGptImage(string? model) =>
        model is not null && (model.StartsWith("gpt-image", StringComparison.Ordinal) || model.StartsWith("chatgpt-image", StringComparison.Ordinal));

    /// <summary>A masked picture keeps its own size in the library, so it is brought to the one asked for before.</summary>
    private static GenerationRequest Sized(GenerationRequest request, int? width, int? height)
    {
        if (width is not { } wide || height is not { } high) return request;
        if (request is not { InitImage: { } picture, Mask: { } mask }) return request with { Width = wide, Height = high };
        if ((picture.Width, picture.Height) == (wide, high)) return request;
        return request with
        {
            InitImage = Resampling.Fit(picture, wide, high, request.Fit),
            Mask = Resampling.Fit(mask.ToRgb(), wide, high, request.Fit).ToGray()
        };
    }

    /// <summary>The names of OpenAI's own models, which programs have set, stand for the model that the server was given.</summary>
    private static string? ModelOf(string? model, ModelLibrary library)
    {
        if (model is null or "") return null;
        if (library.Find(model, ModelUse.Checkpoint) is { } found) return found.Name;
        if (((string[])["dall-e", "gpt-image", "chatgpt-image"]).Any(own => model.StartsWith(own, StringComparison.Ordinal))) return null;
        throw new OpenAiException(Status404NotFound, $"The model '{model}' does not exist here; GET /v1/models lists those there are.", "model",
            "model_not_found");
    }

    /// <summary>Quality is bought with time, so it goes into steps.</summary>
    private static int? StepsOf(string quality) => quality switch { "low" => 12, "high" or "hd" => 50, _ => null };

    private static (int?, int?) Size(string? size)
    {
        if (size is null or "auto") return (null, null);
        return size.Split('x') is [var w, var h] && int.TryParse(w, NumberStyles.None, CultureInfo.InvariantCulture, out var width)
            && int.TryParse(h, NumberStyles.None, CultureInfo.InvariantCulture, out var height)
            && width is >= 64 and <= GenerationRequest.LargestSide && height is >= 64 and <= GenerationRequest.LargestSide && width % 8 == 0 && height % 8 == 0
            ? (width, height) : throw OpenAiException.Invalid($"Invalid value: '{size}'. The size is 'auto' or looks like '512x768', "
                + $"with sides that are multiples of 8 from 64 to {GenerationRequest.LargestSide}.", "size");
    }

    private static (RgbImage Image, GrayImage? Alpha) Picture(ImageFields fields, PictureReader pictures, List<string> notes)
    {
        var file = File(fields, notes);
        var (image, alpha) = Readable(() => pictures.LoadPhoto(Open(file), "the picture"), "image");
        return (image, Hard(alpha));
    }

    private static GrayImage? Opaque(IFormFile file, PictureReader pictures) =>
        Hard(Readable(() => pictures.LoadWithAlpha(Open(file), "the mask"), "mask").Alpha);

    private static T Readable<T>(Func<T> load, string name)
    {
        try
        {
            return load();
        }
        catch (EaselException e) when (e is not ServerException { Status: Status503ServiceUnavailable })
        {
            throw new OpenAiException(Status400BadRequest, e.Message, name, "invalid_image");
        }
    }

    /// <summary>What is mostly opaque is kept; null where everything is.</summary>
    private static GrayImage? Hard(GrayImage? alpha) =>
        alpha is not null && MaskTools.Threshold(alpha) is var hard && hard.Pixels.AsSpan().Contains((byte)0) ? hard : null;

    private static IFormFile File(ImageFields fields, List<string> notes)
    {
        var files = fields.Files!.Where(file => file.Name == "image" || file.Name.StartsWith("image[", StringComparison.Ordinal)).ToList();
        if (files.Count == 0) throw Missing("image");
        if (files.Count > 1) notes.Add($"Of {files.Count} pictures the first was drawn on; the others were passed over.");
        return files[0];
    }

    private static MemoryStream Open(IFormFile file)
    {
        var bytes = new MemoryStream();
        file.CopyTo(bytes);
        bytes.Position = 0;
        return bytes;
    }

    private static OpenAiException Missing(string name) =>
        new(Status400BadRequest, $"Missing required parameter: '{name}'.", name, "missing_required_parameter");
}
