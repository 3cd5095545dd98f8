using Easel.Imaging;
using Easel.Server.Jobs;
using Easel.Server.Library;
using Easel.Server.Storage;
using static Easel.Server.Errors.ServerException;

namespace Easel.Server.Sdapi;

/// <summary>What extra-single-image and extra-batch-images have in common. Names, types and defaults are those of AUTOMATIC1111's web UI.</summary>
internal record ExtrasBody
{
    public int ResizeMode { get; init; }
    public double GfpganVisibility { get; init; }
    public double CodeformerVisibility { get; init; }
    public double CodeformerWeight { get; init; }
    public double UpscalingResize { get; init; } = 2;
    public int UpscalingResizeW { get; init; } = 512;
    public int UpscalingResizeH { get; init; } = 512;
    public bool UpscalingCrop { get; init; } = true;
    [JsonPropertyName("upscaler_1")]
    public string Upscaler1 { get; init; } = Extras.None;
    [JsonPropertyName("upscaler_2")]
    public string Upscaler2 { get; init; } = Extras.None;
    [JsonPropertyName("extras_upscaler_2_visibility")]
    public double Upscaler2Visibility { get; init; }
}

internal sealed record ExtrasImageBody : ExtrasBody
{
    public string Image { get; init; } = "";
}

internal sealed record ExtrasImagesBody : ExtrasBody
{
    [JsonPropertyName("imageList")]
    public IReadOnlyList<ExtrasFile?>? ImageList { get; init; }

    /// <summary>The pictures, none of them null.</summary>
    /// <exception cref="JsonException">There is no list, or an entry is null.</exception>
    public IEnumerable<ExtrasFile> Files()
    {
        if (ImageList is null) throw new JsonException("A list of pictures is expected.", "$.imageList", null, null);
        return [.. ImageList.Select((file, place) => file ?? throw new JsonException("An entry is null, where a picture is expected.",
            $"$.imageList[{place}]", null, null))];
    }
}

internal sealed record ExtrasFile(string Data = "", string Name = "");

/// <summary>Enlarging, with a network or by plain resampling, and mending faces.</summary>
internal sealed class Extras(SdapiTasks tasks, Gallery gallery, PictureReader pictures, ModelLibrary library)
{
    public const string None = "None";

    /// <param name="notes">Gets what the caller should be told.</param>
    /// <returns>A PNG, with the text of the picture that was sent.</returns>
    public async Task<byte[]> EnlargeAsync(ExtrasBody body, string data, string client, ICollection<string> notes, CancellationToken aborted)
    {
        if (data.Length == 0) throw Refused("There is no picture to enlarge.");
        var text = ImageFile.ReadMetadata(SentPicture.Open(data, "the picture"), "the picture").Parameters;
        var picture = pictures.Load(SentPicture.Open(data, "the picture"), "the picture");
        IReadOnlyList<string> upscalers = [.. UpscalersOf(body).Select(name => SdapiUpscalers.Meant(name, library, notes))];
        var faces = FacesOf(body);
        if (upscalers.Count == 0 && faces.Count == 0) return ImageFile.Encode(picture, ImageFormat.Png, new ImageMetadata(text));

        // Faces are mended in what came of the enlarging; where two upscalers are mixed, in both, which comes to the same.
        var onlyFaces = upscalers.Count == 0;
        if (onlyFaces) upscalers = [PlainEnlargement.Lanczos];
        var scale = onlyFaces ? 1 : body.ResizeMode == 0 ? body.UpscalingResize
            : Math.Max((double)body.UpscalingResizeW / picture.Width, (double)body.UpscalingResizeH / picture.Height);
        var requests = upscalers.Select(upscaler =>
            new JobRequest
            {
                Task = JobTask.Enlarge,
                Model = upscaler,
                Scale = scale,
                Parameters = text,
                Faces = faces,
                Request = new GenerationRequest { InitImage = picture }
            });
        using var task = tasks.Begin("extras", client, alone: false);
        var jobs = await task.RunAsync([.. requests], aborted);
        var enlarged = jobs.SelectMany(job => job.Pictures).Select(gallery.Read).ToList();
        if (enlarged.Count < upscalers.Count) throw Refused("The enlarging was interrupted.");
        var cut = body is { ResizeMode: 1, UpscalingCrop: true };
        if (enlarged.Count == 1 && !cut) return enlarged[0];

        var result = ImageFile.Load(new MemoryStream(enlarged[0]), "the picture");
        if (enlarged.Count > 1) result = Blend(result, ImageFile.Load(new MemoryStream(enlarged[1]), "the picture"), body.Upscaler2Visibility);
        if (cut) result = Resampling.Fit(result, body.UpscalingResizeW, body.UpscalingResizeH, ImageFit.Crop);
        return ImageFile.Encode(result, ImageFormat.Png, ImageFile.ReadMetadata(new MemoryStream(enlarged[0]), "the picture"));
    }

    /// <summary>Checks what does not depend on a picture.</summary>
    /// <returns>The upscalers in the words of the queue.</returns>
    public static IReadOnlyList<string> UpscalersOf(ExtrasBody body)
    {
        foreach (var (name, share) in ((string, double)[])[("gfpgan_visibility", body.GfpganVisibility), ("codeformer_visibility", body.CodeformerVisibility),
            ("codeformer_weight", body.CodeformerWeight)])
            if (share is not (>= 0 and <= 1)) throw Refused($"{name} is {share}; it must be from 0 to 1.");
        if (body.ResizeMode is not (0 or 1)) throw Refused($"resize_mode is {body.ResizeMode}; it must be 0 (by a factor) or 1 (to a size).");
        if (body is { ResizeMode: 0, UpscalingResize: not (> 0 and <= 16) })
            throw Refused($"upscaling_resize is {body.UpscalingResize}; it must be above 0 and at most 16.");
        if (body.ResizeMode == 1 && (body.UpscalingResizeW is < 1 or > ImageLimitSide || body.UpscalingResizeH is < 1 or > ImageLimitSide))
            throw Refused($"upscaling_resize_w and upscaling_resize_h must be from 1 to {ImageLimitSide}.");
        if (body.Upscaler2Visibility is not (>= 0 and <= 1))
            throw Refused($"extras_upscaler_2_visibility is {body.Upscaler2Visibility}; it must be from 0 to 1.");
        if (IsNone(body.Upscaler1)) return [];
        return body.Upscaler2Visibility > 0 && !IsNone(body.Upscaler2) ? [Named(body.Upscaler1), Named(body.Upscaler2)] : [Named(body.Upscaler1)];
    }

    /// <summary>What mends faces, in the order in which it is done there.</summary>
    /// <exception cref="Errors.ServerException">There is no such network among the models (422).</exception>
    private IReadOnlyList<FaceStep> FacesOf(ExtrasBody body) =>
    [
        .. new[] { (Kind: "GFPGAN", Visibility: body.GfpganVisibility), (Kind: "CodeFormer", Visibility: body.CodeformerVisibility) }
            .Where(step => step.Visibility > 0)
            .Select(step => new FaceStep(library.FaceRestorer(step.Kind).Name, step.Visibility, body.CodeformerWeight)),
    ];

    private const int ImageLimitSide = 16384;

    private static bool IsNone(string upscaler) => upscaler.Length == 0 || upscaler.Equals(None, StringComparison.OrdinalIgnoreCase);

    private static string Named(string upscaler) => PlainEnlargement.IsOne(upscaler) ? upscaler.ToLowerInvariant() : upscaler;

    /// <summary>One picture seen through the other, as Pillow's Image.blend does it.</summary>
    private static RgbImage Blend(RgbImage first, RgbImage second, double share)
    {
        if ((first.Width, first.Height) != (second.Width, second.Height)) second = Resampling.Resize(second, first.Width, first.Height);
        var mixed = new RgbImage(first.Width, first.Height);
        for (var i = 0; i < mixed.Pixels.Length; i++) mixed.Pixels[i] = (byte)(first.Pixels[i] + share * (second.Pixels[i] - first.Pixels[i]));
        return mixed;
    }
}
