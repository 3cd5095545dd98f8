using System.Security.Cryptography;
using Easel.Imaging;

namespace Easel.Metadata;

/// <summary>A picture whose settings are told.</summary>
internal readonly record struct ToldPicture(GeneratedImage Image)
{
    /// <summary>The request as it was carried out.</summary>
    public GenerationRequest Request => Image.Request;

    /// <summary>The request as it was asked for.</summary>
    public GenerationRequest Asked => Image.Asked;

    /// <summary>The size that was drawn: that of the result, unless a part of a picture was drawn in a size of its own.</summary>
    public string Size => Request.Mask is not null && (Asked.Width ?? Asked.Height) is { } side
        ? $"{Asked.Width ?? side}x{Asked.Height ?? side}"
        : $"{Request.Width ?? Image.Image.Width}x{Request.Height ?? Image.Image.Height}";
}

/// <summary>From what made a picture to the text that travels in it, and back, by the rows of <see cref="Knobs"/>. The names and their order are
/// AUTOMATIC1111's, so that other programs understand them; what its text has no name for and a picture needs to be made again to the bit is added under names
/// of Easel's own.</summary>
internal static class RequestInfotext
{
    private const string Program = "Easel";

    private const int MostPrompts = 100_000, LongestQuote = 100;

    /// <summary>Names in such a text that are no knob's: they are read elsewhere, or say nothing that a picture could differ by.</summary>
    private static readonly HashSet<string> Facts =
    [
        "Model", "Model hash", "VAE", "VAE hash", "Enlarged", "Version", "Precision", "Weights", "Sized by", "Init image hash", "Mask hash", "Like",
            "Batch size", "Batch pos", "Batch number", "Prompts",
        .. ControlInfotext.Names.Skip(1), "Lora hashes", "TI hashes", "Hashes", "User", "App", "Operations", "Backend", "Pipeline", "Created Date",
        "Safety filter", "Time taken", "Raw prompt", "Raw negative prompt", "Template", "Negative Template", "Job ID",
    ];

    /// <summary>Names with the one value that says what is done here anyhow.</summary>
    private static readonly Dictionary<string, string[]> AsHere = new()
    {
        ["Emphasis"] = ["Original"],
        ["Noise Schedule"] = ["Default"],
        ["Parser"] = ["A1111", "Full parser"],
    };

    /// <summary>Generators of noise that are known; <see cref="GenerationRequest.Like"/> has no place for another.</summary>
    private static readonly string[] Generators = ["CPU", "GPU", "NV", "cuda"];

    /// <summary>The text of a picture.</summary>
    /// <param name="model">The model's name, a file name without its extension; null where it has none.</param>
    /// <param name="hash">The first ten hexadecimal digits of the SHA-256 of the model's file; null where it is no single file.</param>
    /// <param name="vae">The name of another autoencoder's file, where one stood in for the model's own.</param>
    public static Infotext ToInfotext(GeneratedImage image, string? model, string? hash, string? vae = null)
    {
        var told = new ToldPicture(image);
        var settings = new List<KeyValuePair<string, string>>();
        foreach (var knob in Knobs.All)
        {
            if (knob.InfotextKey is { } key) Add(key, TextOf(knob, told));
            if (knob.Property != nameof(GenerationRequest.Width)) continue;
            Add("Model hash", hash);
            Add("Model", model);
            Add("VAE", vae);
            Add("Enlarged", image.Enlarged);
        }
        foreach (var (unit, i) in image.Request.Controls.Select((unit, i) => (unit, i)).Skip(1))
            Add(ControlInfotext.NameOf(i), ControlInfotext.TextOf(unit));
        if (image.Request.InitImage is { } init)
        {
            if (told.Asked is { Width: null, Height: null }) Add("Sized by", "input");
            Add("Mask hash", image.Request.Mask is { } mask ? Short(mask.Pixels) : null);
            Add("Init image hash", HashOf(init));
        }
        if (image.LoraHashes.Count > 0)
            Add("Lora hashes", string.Join(", ", image.LoraHashes.Select(lora => $"{lora.Key.Replace(":", "").Replace(",", "")}: {lora.Value}")));
        Add("Safety filter", image.Safety);
        AddRun(image, Add);
        Add("Precision", image.Precision?.ShortName());
        Add("Weights", image.Weights.ShortName());
        Add("Version", $"{Program} {typeof(RequestInfotext).Assembly.GetName().Version?.ToString(3)}");
        return new Infotext { Prompt = image.Prompt, NegativePrompt = image.Request.NegativePrompt, Settings = settings };

        void Add(string name, string? value)
        {
            if (value is not null) settings.Add(KeyValuePair.Create(name, value));
        }
    }

    /// <summary>The request that makes a picture again, but for the pictures that it began from. Texts of AUTOMATIC1111 are understood too: without an "RNG"
    /// its noise is that of an NVIDIA card. Where one stream of noise served a whole run, the request is for the run up to the picture's batch;
    /// <see cref="IndexIn"/> tells which picture is meant.</summary>
    /// <exception cref="InvalidRequestException">The text has no "Steps", or a setting in it cannot be read.</exception>
    public static GenerationRequest FromInfotext(Infotext text)
    {
        if (text["Steps"] is null)
            throw new InvalidRequestException("parameters", "The text in the picture holds no settings to draw by: it has no \"Steps\".");
        var batchSize = Whole(text, "Batch size") ?? 1;
        var prompts = Whole(text, "Prompts") ?? 1;
        var chunks = prompts > 1 ? (prompts + batchSize - 1) / Math.Max(1, batchSize) : 1;
        var request = new GenerationRequest
        {
            Prompts = [.. Enumerable.Repeat(text.Prompt, Math.Clamp(prompts, 1, MostPrompts))],
            NegativePrompt = text.NegativePrompt,
            GuidanceScale = 7, // AUTOMATIC1111's own, which old texts leave out
        };
        foreach (var knob in Knobs.All) request = Taken(request, knob, text);
        if (!NeedsPicture(text) && !request.HasSecondPass) request = request with { Strength = new GenerationRequest().Strength }; // that of nothing
        return Knobs.IsOneRun(request) ? request with { BatchSize = batchSize, BatchCount = (Whole(text, "Batch number") ?? 0) / chunks + 1 }
            : request with { Prompts = [text.Prompt] };
    }

    /// <summary>The place of the picture in the run of the request that <see cref="FromInfotext"/> gives.</summary>
    public static int IndexIn(Infotext text, GenerationRequest request)
    {
        if (!Knobs.IsOneRun(request)) return 0;
        request.Validate(); // the batches of a hostile text could be endless
        var batches = Batch.Of(request);
        var (number, place) = (Whole(text, "Batch number") ?? 0, Whole(text, "Batch pos") ?? 0);
        if (number < 0 || number >= batches.Count || place < 0 || place >= batches[number].Prompts.Count)
            throw new InvalidRequestException("parameters", $"The text in the picture places it in batch {number} at {place}, where its run has no picture.");
        return batches[number].First + place;
    }

    /// <summary>The settings of a text that no knob here understands, so that a picture made again will differ.</summary>
    public static IEnumerable<KeyValuePair<string, string>> NotUnderstood(Infotext text)
    {
        return text.Settings.Where(setting => setting.Key == "RNG" ? !Generators.Contains(setting.Value)
            : !IsKnown(setting.Key) && !Off.Contains(setting.Value) && AsHere.GetValueOrDefault(setting.Key)?.Contains(setting.Value) != true);
    }

    /// <summary>Whether a text's settings can have a name.</summary>
    public static bool IsKnown(string name) => Known.Value.Contains(name);

    /// <summary>A name as it is written here, whatever the size of its letters; null for one that is not known.</summary>
    public static string? KnownAs(string name) => Known.Value.TryGetValue(name, out var own) ? own
        : Known.Value.FirstOrDefault(known => known.Equals(name, StringComparison.OrdinalIgnoreCase));

    private static readonly Lazy<HashSet<string>> Known = new(() => [.. Facts, .. Knobs.All.Select(knob => knob.InfotextKey).OfType<string>()]);

    /// <summary>Values that say that a thing was not done.</summary>
    private static readonly string[] Off = ["False", "false", "None"];

    /// <summary>The number format that the text names, or null.</summary>
    public static Precision? PrecisionOf(Infotext text) => Precisions.Named(text["Precision"]);

    /// <summary>In how many bits the weights were kept; null where the text does not tell, which is in full.</summary>
    public static WeightFormat? WeightsOf(Infotext text) => WeightFormats.Named(text["Weights"]);

    /// <summary>Whether the picture was made from another one, which the text does not hold.</summary>
    /// <remarks>A denoising strength alone does not say so: AUTOMATIC1111 writes one where a picture of its own was drawn over in a second pass, and older
    /// versions wrote 0 where nothing was.</remarks>
    public static bool NeedsPicture(Infotext text)
    {
        if (text["Init image hash"] is not null || text["Mask blur"] is not null) return true;
        if (text["Denoising strength"] is not { } strength) return false;
        return !(double.TryParse(strength, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && value == 0)
            && !text.Settings.Any(setting => setting.Key.StartsWith("Hires ", StringComparison.Ordinal) || setting.Key is "First pass size" or "Second pass");
    }

    /// <summary>Ten hexadecimal digits that tell one input picture from another.</summary>
    public static string HashOf(RgbImage image) => Short(image.Pixels);

    /// <summary>Width and height that a text gives; null where it gives none, or where they followed from the input picture.</summary>
    internal static (int Width, int Height)? SizeIn(Infotext text) =>
        text["Sized by"] is null && text["Size"]?.Split('x') is [var width, var height] ? (Whole("Size", width), Whole("Size", height)) : null;

    /// <summary>A request with the size that a text says its seed's noise was drawn for.</summary>
    internal static GenerationRequest WithSeedSize(GenerationRequest request, Infotext text) =>
        text["Seed resize from"]?.Split('x') is [var width, var height]
            && (Whole("Seed resize from", width), Whole("Seed resize from", height)) is ( > 0, > 0) and var (wide, high)
            ? request with { SeedResizeWidth = wide, SeedResizeHeight = high } : request;

    /// <summary>A request with the sides that a text gives its second pass.</summary>
    internal static GenerationRequest WithHiresSize(GenerationRequest request, Infotext text) =>
        text["Hires resize"]?.Split('x') is [var width, var height] && (Whole("Hires resize", width), Whole("Hires resize", height)) is var (wide, high)
            ? request with { HiresWidth = wide > 0 ? wide : null, HiresHeight = high > 0 ? high : null } : request;

    /// <summary>A request with the margins that a text gives.</summary>
    internal static GenerationRequest WithMargins(GenerationRequest request, Infotext text) =>
        text["Extend"]?.Split(' ').Select(part => Whole("Extend", part)).ToArray() is [var left, var top, var right, var bottom]
            ? request with { Extend = new Margins(left, top, right, bottom) } : request;

    /// <summary>What the text says of a knob; null for nothing. What has nothing to act on is left out.</summary>
    private static string? TextOf(Knob knob, ToldPicture told)
    {
        if (knob.Tell is { } tell) return tell(told);
        var acts = knob.Needs switch
        {
            KnobNeeds.Mask => told.Request is { InitImage: not null, Mask: not null },
            KnobNeeds.Nothing or KnobNeeds.Start or KnobNeeds.SizedModel => true,
            KnobNeeds.SecondPass => told.Request.HasSecondPass,
            KnobNeeds.Refiner => told.Request.IsRefined,
            KnobNeeds.FaceRestorer => told.Request.FaceRestorer is not null,
            KnobNeeds.Detail => told.Request.Detail != DetailKind.None,
            _ => told.Request.InitImage is not null,
        };
        if (!acts || !(knob.IsTold?.Invoke(told.Request) ?? !knob.IsDefault(told.Request)) || knob.Get(told.Request) is not { } value) return null;
        return knob.Kind switch
        {
            KnobKind.Switch => knob.InfotextWord,
            KnobKind.Choice => knob.Choices.First(choice => choice.Value.Equals(value)) is var choice ? choice.Infotext ?? choice.Word : null,
            _ => knob.Format(value),
        };
    }

    private static GenerationRequest Taken(GenerationRequest request, Knob knob, Infotext text)
    {
        if (knob.Take is { } take) return take(request, text);
        if (knob.InfotextKey is not { } key || text[key] is not { } said) return request;
        if (knob.Kind == KnobKind.Switch) return said == knob.InfotextWord ? knob.Set(request, !(bool)knob.Default!) : request;
        if (knob.TryParse(said, out var value)) return knob.Set(request, value);
        throw knob.Kind == KnobKind.Choice
            ? new InvalidRequestException("parameters",
            $"The text in the picture says \"{key}: {Short(said)}\", which Easel does not know; it may be of a newer version.")
            : Unreadable(key, said);
    }

    private static void AddRun(GeneratedImage image, Action<string, string?> add)
    {
        var request = image.Request;
        if (!Knobs.IsOneRun(request)) return;
        var batch = Batch.Of(request).Last(b => b.First <= image.Index);
        if (request.IsOneStream) add("Like", request.Like == NoiseLike.CompVis ? "compvis" : "diffusers");
        add("Batch pos", $"{image.Index - batch.First}");
        add("Batch number", $"{batch.Number}");
        if (request.Prompts.Count > 1) add("Prompts", $"{request.Prompts.Count}");
    }

    /// <summary>A value as a sentence may quote it.</summary>
    private static string Short(string value) => value.Length <= LongestQuote ? value : value[..LongestQuote] + "...";

    private static string Short(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes))[..10];

    private static int? Whole(Infotext text, string name) => text[name] is { } value ? Whole(name, value) : null;

    private static int Whole(string name, string value) =>
        int.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : throw Unreadable(name, value);

    private static InvalidRequestException Unreadable(string name, string value) =>
        new("parameters", $"The text in the picture says \"{name}: {Short(value)}\", which is not a number Easel can read.");
}
