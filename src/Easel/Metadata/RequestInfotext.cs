using System.Globalization;
using System.Security.Cryptography;
using Easel.Imaging;
using Easel.Models;
using Easel.Sampling;

namespace Easel.Metadata;

/// <summary>
/// From what made a picture to the text that travels in it, and back. The names and their order are AUTOMATIC1111's, so that other programs understand them;
/// what its text has no name for and a picture needs to be made again to the bit is added under names of Easel's own.
/// </summary>
internal static class RequestInfotext
{
    private const string Program = "Easel";

    /// <summary>The text of a picture.</summary>
    /// <param name="image">The picture and its request.</param>
    /// <param name="model">The model's name, a file name without its extension; null where it has none.</param>
    /// <param name="hash">The first ten hexadecimal digits of the SHA-256 of the model's file; null where it is no single file.</param>
    /// <param name="precision">The number format in which the model ran; null to leave it out.</param>
    /// <param name="vae">The name of another autoencoder's file, where one stood in for the model's own.</param>
    /// <param name="asked">The request as it was asked for; without it, whether a size was asked for or followed from the input picture is judged by the
    /// result.</param>
    public static Infotext ToInfotext(GeneratedImage image, string? model, string? hash, Precision? precision = null, string? vae = null,
        GenerationRequest? asked = null)
    {
        var request = image.Request;
        var (sampler, named) = Samplers.Resolve(request.Sampler!);
        var schedule = IsAutomatic(request.Schedule) ? named ?? Schedules.Get(sampler.DefaultSchedule) : Schedules.Get(request.Schedule!);
        var settings = new List<KeyValuePair<string, string>>();
        void Add(string name, object? value)
        {
            if (value is not null) settings.Add(KeyValuePair.Create(name, Convert.ToString(value, CultureInfo.InvariantCulture)!));
        }
        void AddIf(bool condition, string name, object value)
        {
            if (condition) Add(name, value);
        }

        Add("Steps", request.Steps);
        Add("Sampler", sampler.DisplayName);
        Add("Schedule type", schedule.DisplayName);
        Add("CFG scale", request.GuidanceScale);
        Add("Seed", IsOneRun(request) ? request.Seed : image.Seed);
        Add("Size", SizeOf(image, asked));
        Add("Model hash", hash);
        Add("Model", model);
        Add("VAE", vae);
        AddIf(request.InitImage is not null, "Denoising strength", request.Strength);
        AddIf(request.ClipSkip > 1, "Clip skip", request.ClipSkip);
        AddIf(request.InitImage is { } init && (asked is null ? SizeFollowsInput(request, init) : asked is { Width: null, Height: null }), "Sized by", "input");
        AddInputs(request, Add, AddIf);
        AddIf(request.Like != NoiseLike.A1111Gpu, "RNG", "CPU");
        Add("Eta", request.Eta);
        AddIf(request.Fast != FastLevel.Exact, "Fast", request.Fast.ToString().ToLowerInvariant());
        AddRun(image, Add, AddIf);
        AddIf(request.Literal, "Literal", true);
        AddIf(!request.Watermark, "Watermark", "none");
        Add("Precision", precision switch { Precision.Full => "fp32", Precision.BFloat16 => "bf16", Precision.Float16 => "fp16", _ => null });
        Add("Version", $"{Program} {typeof(RequestInfotext).Assembly.GetName().Version?.ToString(3)}");
        return new Infotext { Prompt = image.Prompt, NegativePrompt = request.NegativePrompt, Settings = settings };
    }

    /// <summary>
    /// The request that makes a picture again, but for the pictures that it began from. Texts of AUTOMATIC1111 are understood too: without an "RNG" its noise
    /// is that of an NVIDIA card. Where one stream of noise served a whole run, the request is for the run up to the picture's batch; <see cref="IndexIn"/>
    /// tells which picture is meant.
    /// </summary>
    /// <exception cref="InvalidRequestException">The text has no "Steps", or a setting in it cannot be read.</exception>
    public static GenerationRequest FromInfotext(Infotext text)
    {
        if (text["Steps"] is null)
            throw new InvalidRequestException("parameters", "The text in the picture holds no settings to draw by: it has no \"Steps\".");
        var size = (text["Size"] ?? "").Split('x');
        var sized = size.Length == 2 && text["Sized by"] is null;
        var batchSize = Whole(text, "Batch size") ?? 1;
        var prompts = Whole(text, "Prompts") ?? 1;
        var chunks = prompts > 1 ? (prompts + batchSize - 1) / Math.Max(1, batchSize) : 1;
        var request = new GenerationRequest
        {
            Prompts = [.. Enumerable.Repeat(text.Prompt, Math.Clamp(prompts, 1, MostPrompts))],
            NegativePrompt = text.NegativePrompt,
            Steps = Whole(text, "Steps")!.Value,
            Sampler = text["Sampler"] ?? "Euler a",
            Schedule = IsAutomatic(text["Schedule type"]) ? null : text["Schedule type"],
            GuidanceScale = Number(text, "CFG scale") ?? 7,
            Eta = Number(text, "Eta"),
            Fast = Level(text, "Fast"),
            Seed = Long(text, "Seed"),
            Width = sized ? WholeIn("Size", size[0]) : null,
            Height = sized ? WholeIn("Size", size[1]) : null,
            ClipSkip = Whole(text, "Clip skip") ?? 1,
            Like = text["Like"] == "compvis" ? NoiseLike.CompVis : text["RNG"] == "CPU" ? NoiseLike.PerPicture : NoiseLike.A1111Gpu,
            FixedCode = text["Fixed code"] is not null,
            Literal = text["Literal"] is not null,
            Watermark = text["Watermark"] != "none",
        };
        if (IsOneRun(request)) request = request with { BatchSize = batchSize, BatchCount = (Whole(text, "Batch number") ?? 0) / chunks + 1 };
        else request = request with { Prompts = [text.Prompt] };
        return WithInputSettings(request, text);
    }

    /// <summary>The place of the picture in the run of the request that <see cref="FromInfotext"/> gives.</summary>
    /// <exception cref="InvalidRequestException">The text contradicts itself.</exception>
    public static int IndexIn(Infotext text, GenerationRequest request)
    {
        if (!IsOneRun(request)) return 0;
        request.Validate(); // the batches of a hostile text could be endless
        var batches = Batch.Of(request);
        var (number, place) = (Whole(text, "Batch number") ?? 0, Whole(text, "Batch pos") ?? 0);
        if (number < 0 || number >= batches.Count || place < 0 || place >= batches[number].Prompts.Count)
            throw new InvalidRequestException("parameters", $"The text in the picture places it in batch {number} at {place}, where its run has no picture.");
        return batches[number].First + place;
    }

    /// <summary>The number format that the text names, or null.</summary>
    public static Precision? PrecisionOf(Infotext text) => text["Precision"] switch
    {
        "fp32" => Precision.Full,
        "bf16" => Precision.BFloat16,
        "fp16" => Precision.Float16,
        _ => null,
    };

    /// <summary>Whether the picture was made from another one, which the text does not hold.</summary>
    public static bool NeedsPicture(Infotext text) => text["Denoising strength"] is not null && text["Hires upscale"] is null && text["Hires resize"] is null;

    /// <summary>Ten hexadecimal digits that tell one input picture from another.</summary>
    public static string HashOf(RgbImage image) => Short(image.Pixels);

    private const int MostPrompts = 100_000;

    /// <summary>A picture that cannot be drawn without the ones before it.</summary>
    private static bool IsOneRun(GenerationRequest request) => request.Like == NoiseLike.CompVis || request.FixedCode;

    private static bool IsAutomatic(string? schedule) => schedule is null || Names.Key(schedule) == Schedules.Automatic;

    private static string Short(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes))[..10];

    private static void AddInputs(GenerationRequest request, Action<string, object?> add, Action<bool, string, object> addIf)
    {
        if (request.InitImage is not { } init) return;
        addIf(request.Fit != ImageFit.Crop, "Fit", request.Fit);
        addIf(request.Extend.Any, "Extend", $"{request.Extend.Left} {request.Extend.Top} {request.Extend.Right} {request.Extend.Bottom}");
        addIf(request.NoiseLevel != Default.NoiseLevel, "Noise level", request.NoiseLevel);
        if (request.Mask is { } mask)
        {
            add("Mask blur", request.MaskBlur);
            addIf(request.InvertMask, "Mask mode", "Inpaint not masked");
            addIf(request.Fill != MaskFill.Original, "Masked content", MaskFills[(int)request.Fill]);
            addIf(request.OnlyMasked, "Inpaint area", "Only masked");
            addIf(request.OnlyMasked, "Masked area padding", request.OnlyMaskedPadding);
            add("Mask hash", Short(mask.Pixels));
        }
        addIf(request.Depth is not null, "Depth map", "given");
        add("Init image hash", HashOf(init));
    }

    private static void AddRun(GeneratedImage image, Action<string, object?> add, Action<bool, string, object> addIf)
    {
        var request = image.Request;
        if (!IsOneRun(request)) return;
        var batch = Batch.Of(request).Last(b => b.First <= image.Index);
        addIf(request.Like == NoiseLike.CompVis, "Like", "compvis");
        add("Batch size", request.BatchSize);
        add("Batch pos", image.Index - batch.First);
        add("Batch number", batch.Number);
        addIf(request.Prompts.Count > 1, "Prompts", request.Prompts.Count);
        addIf(request.FixedCode, "Fixed code", true);
    }

    private static GenerationRequest WithInputSettings(GenerationRequest request, Infotext text)
    {
        var margins = text["Extend"]?.Split(' ').Select(part => WholeIn("Extend", part)).ToArray();
        var fill = Array.IndexOf(MaskFills, text["Masked content"]);
        return request with
        {
            Strength = Number(text, "Denoising strength") ?? request.Strength,
            Fit = Enum.TryParse<ImageFit>(text["Fit"], out var fit) ? fit : request.Fit,
            Extend = margins is [var left, var top, var right, var bottom] ? new Margins(left, top, right, bottom) : request.Extend,
            NoiseLevel = Whole(text, "Noise level") ?? request.NoiseLevel,
            MaskBlur = Number(text, "Mask blur") ?? request.MaskBlur,
            InvertMask = text["Mask mode"] == "Inpaint not masked",
            Fill = fill >= 0 ? (MaskFill)fill : request.Fill,
            OnlyMasked = text["Inpaint area"] == "Only masked",
            OnlyMaskedPadding = Whole(text, "Masked area padding") ?? request.OnlyMaskedPadding,
        };
    }

    /// <summary>
    /// Whether the size is the one that the input picture gives by itself. It must be left open then, for a size that is asked for is reached by other ways
    /// than one that follows.
    /// </summary>
    private static bool SizeFollowsInput(GenerationRequest request, RgbImage init)
    {
        if (request.Mask is not null || request.Extend.Any) return true;
        int[] steps = request.Like == NoiseLike.CompVis ? [ModelFamily.Sd1.ScriptStep, ModelFamily.Sd2.ScriptStep] : [8]; // the text does not say which family drew
        return steps.Any(step => (request.Width, request.Height) == (Math.Max(64, init.Width / step * step), Math.Max(64, init.Height / step * step)));
    }

    /// <summary>The size that was drawn: that of the result, unless a part of a picture was drawn in a size of its own.</summary>
    private static string SizeOf(GeneratedImage image, GenerationRequest? asked)
    {
        if (image.Request.Mask is not null && (asked?.Width ?? asked?.Height) is { } side) return $"{asked!.Width ?? side}x{asked.Height ?? side}";
        return $"{image.Request.Width ?? image.Image.Width}x{image.Request.Height ?? image.Image.Height}";
    }

    /// <summary>AUTOMATIC1111's names, in the order of <see cref="MaskFill"/>.</summary>
    private static readonly string[] MaskFills = ["fill", "original", "latent noise", "latent nothing"];

    private static readonly GenerationRequest Default = new();

    private static int? Whole(Infotext text, string name) => text[name] is { } value ? WholeIn(name, value) : null;

    private static int WholeIn(string name, string value) =>
        int.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : throw Unreadable(name, value);

    private static long? Long(Infotext text, string name) => text[name] is not { } value ? null
        : long.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : throw Unreadable(name, value);

    private static double? Number(Infotext text, string name) => text[name] is not { } value ? null
        : double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) ? number : throw Unreadable(name, value);

    private static FastLevel Level(Infotext text, string name) => text[name] is not { } value ? FastLevel.Exact
        : Enum.TryParse<FastLevel>(value, ignoreCase: true, out var level) && Enum.IsDefined(level) ? level
        : throw new InvalidRequestException("parameters", $"The text in the picture says \"{name}: {value}\", a level that Easel does not know; it may be of a newer version.");

    private static InvalidRequestException Unreadable(string name, string value) =>
        new("parameters", $"The text in the picture says \"{name}: {value}\", which is not a number Easel can read.");
}
