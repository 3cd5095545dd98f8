using Easel.Imaging;

namespace Easel.Metadata;

/// <summary>The settings that a picture's file tells, whichever program wrote it, under the names of AUTOMATIC1111's text. Read are the pictures of Easel,
/// AUTOMATIC1111, Forge, SD.Next, stable-diffusion.cpp, ComfyUI, InvokeAI, NovelAI, Fooocus, SwarmUI, Easy Diffusion, Draw Things and Midjourney.</summary>
/// <param name="Program">The program, as people call it.</param>
/// <param name="Text">What it tells: "Steps", "Sampler", "Schedule type", "CFG scale", "Seed", "Size", "Model" and, of AUTOMATIC1111 and Easel, all else; of
/// the others what Easel does not do again, under names of their own. Samplers and schedules have the names that the program has for them.</param>
public sealed record PictureSettings(string Program, Infotext Text)
{
    private const string Own = "Easel", Automatic = "AUTOMATIC1111";

    private const int MostLoras = 50;

    /// <summary>The texts of a file in which settings as AUTOMATIC1111 writes them are looked for.</summary>
    private static readonly string[] Places =
        [ImageMetadata.ParametersKey, "comment", "Comment", "ImageDescription", "Description", "XPComment", "UserComment"];

    /// <summary>Programs whose noise is that of a processor. The others draw it on an NVIDIA card unless they say otherwise.</summary>
    private static readonly string[] OnProcessor = ["ComfyUI", "InvokeAI", "Fooocus", "SwarmUI", "Easy Diffusion"];

    private static readonly string[] ModelEndings = [".safetensors", ".ckpt", ".gguf", ".pt", ".pth", ".sft", ".bin"];

    /// <summary>Other programs' names for settings of AUTOMATIC1111's.</summary>
    private static readonly Dictionary<string, string> Names = new()
    {
        ["Scheduler"] = "Schedule type",
        ["CFG Scale"] = "CFG scale",
        ["Cfg scale"] = "CFG scale",
        ["Clip Skip"] = "Clip skip",
        ["Eta DDIM"] = "Eta",
    };

    /// <summary>Whether the picture holds the text as such; else it was put together from what another program wrote.</summary>
    public bool IsInfotext { get; init; }

    /// <summary>Reads what a picture tells of how it was made.</summary>
    /// <returns>The settings; null where it tells nothing that is understood.</returns>
    public static PictureSettings? Read(ImageMetadata metadata)
    {
        try
        {
            var texts = Places.Select(place => metadata[place]).OfType<string>().Concat(Xmp.Texts(metadata[Xmp.Key]));
            return texts.Select(text => OfInfotext(text, metadata)).FirstOrDefault(told => told is not null) ?? OtherPrograms.Read(metadata);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            return null; // a text that looks like a program's and is not
        }
    }

    /// <summary>Whether the picture was made from another one, which its text does not hold.</summary>
    public bool NeedsPicture => RequestInfotext.NeedsPicture(Text);

    /// <summary>The request that makes the picture again, but for the pictures that it began from.</summary>
    /// <exception cref="InvalidRequestException">A setting is missing, or cannot be read.</exception>
    public GenerationRequest ToRequest()
    {
        var request = RequestInfotext.FromInfotext(Text);
        return OnProcessor.Contains(Program) && Text["RNG"] is null ? request with { Like = NoiseLike.PerPicture } : request;
    }

    /// <summary>Whether a network of control steered the picture by a picture of its own, which its text does not hold.</summary>
    public bool NeedsControlPictures => ControlInfotext.HadOwnPicture(Text);

    /// <summary>The number format that the picture was drawn in; null where it does not tell.</summary>
    public Precision? Precision => RequestInfotext.PrecisionOf(Text);

    /// <summary>In how many bits the model's weights were kept; null where the picture does not tell, which is in full.</summary>
    public WeightFormat? Weights => RequestInfotext.WeightsOf(Text);

    /// <summary>The settings that Easel does not understand, so that a picture made again will differ.</summary>
    public IEnumerable<KeyValuePair<string, string>> NotUnderstood => RequestInfotext.NotUnderstood(Text);

    /// <summary>What decides a picture and this one does not tell, in words: its size, seed, sampler or guidance scale. What is chosen in their place may not
    /// be what it was made with.</summary>
    public IEnumerable<string> Untold
    {
        get
        {
            if (Text["Size"] is null && Text["Sized by"] is null && !NeedsPicture) yield return "size";
            if (Text["Seed"] is null) yield return "seed";
            if (Text["Sampler"] is null) yield return "sampler";
            if (Text["CFG scale"] is null && !IsInfotext) yield return "guidance scale"; // old texts of AUTOMATIC1111 leave out its own, 7
        }
    }

    /// <summary>The place of the picture in the run of a request: 0 unless one stream of noise served a whole run.</summary>
    /// <param name="request">What <see cref="ToRequest"/> gives.</param>
    /// <exception cref="InvalidRequestException">The text contradicts itself.</exception>
    public int IndexIn(GenerationRequest request) => RequestInfotext.IndexIn(Text, request);

    /// <summary>Whether the picture was made from this input picture; null where it does not tell.</summary>
    public bool? IsMadeFrom(RgbImage input) => Program == Own && Text["Init image hash"] is { } first ? RequestInfotext.HashOf(input) == first : null;

    /// <summary>Settings as texts; what is null, or a number that cannot be read, is left out.</summary>
    internal static PictureSettings Of(string program, string? prompt, string? negativePrompt = null, string? steps = null, string? sampler = null,
        string? schedule = null, string? guidance = null, string? seed = null, string? width = null, string? height = null, string? model = null) =>
        new PictureSettings(program, new Infotext { Prompt = prompt ?? "", NegativePrompt = negativePrompt ?? "" }).With(
        [
            new("Steps", Whole(steps)),
            new("Sampler", sampler),
            new("Schedule type", schedule is "default" or "automatic" or "" ? null : schedule), // the sampler's own
            new("CFG scale", double.TryParse(guidance, NumberStyles.Float, CultureInfo.InvariantCulture, out var scale) && double.IsFinite(scale)
                ? scale.ToString(CultureInfo.InvariantCulture) : null),
            new("Seed", Whole(seed)),
            new("Size", Whole(width) is { } wide && Whole(height) is { } high ? $"{wide}x{high}" : null),
            new("Model", model is null ? null : ModelOf(model)),
        ]);

    /// <summary>The same with more settings; what is null is left out.</summary>
    internal PictureSettings With(IEnumerable<KeyValuePair<string, string?>> settings) => this with
    {
        Text = Text with
        {
            Settings =
            [
                .. Text.Settings,
                .. settings.Where(setting => setting.Value is not null).Select(setting => KeyValuePair.Create(setting.Key, setting.Value!)),
            ],
        },
    };

    /// <summary>The same with LoRAs called by tags in the prompt, as they are called here; those that the prompt calls already are left out.</summary>
    /// <param name="loras">The names of their files, and their weights: one, or that for the text encoder and that for the UNet with a colon between.</param>
    internal PictureSettings WithLoras(IEnumerable<(string? Name, string? Weight)> loras)
    {
        var prompt = new StringBuilder(Text.Prompt);
        foreach (var (file, given) in loras.Take(MostLoras))
        {
            if (string.IsNullOrWhiteSpace(file) || file is "None" || ModelOf(file.Trim()) is not { Length: > 0 } name) continue;
            if (name.AsSpan().ContainsAny("<>:\r\n")) continue; // no tag can hold it
            var weights = (given ?? "1").Split(':').Select(text =>
                double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var weight) ? weight : double.NaN).ToList();
            if (!weights.TrueForAll(double.IsFinite) || weights.TrueForAll(weight => weight == 0)) continue;
            if (Text.Prompt.Contains($"<lora:{name}", StringComparison.OrdinalIgnoreCase)) continue;
            var told = string.Join(':', weights.Distinct().Select(weight => weight.ToString(CultureInfo.InvariantCulture)));
            prompt.Append(CultureInfo.InvariantCulture, $"{(prompt.Length > 0 ? " " : "")}<lora:{name}:{told}>");
        }
        return this with { Text = Text with { Prompt = prompt.ToString() } };
    }

    private static PictureSettings? OfInfotext(string text, ImageMetadata metadata)
    {
        if (!text.Contains("Steps:", StringComparison.OrdinalIgnoreCase) || text.AsSpan().TrimStart() is ['{', ..]) return null;
        var read = Infotext.Parse(text);
        var names = read.Settings.Select(setting => setting.Key).ToHashSet();
        read = read with
        {
            Settings =
            [
                .. read.Settings.Select(setting => Names.TryGetValue(setting.Key, out var name) && !names.Contains(name)
                ? KeyValuePair.Create(name, setting.Value) : setting),
            ],
        };
        return read["Steps"] is null ? null : new PictureSettings(metadata["fooocus_scheme"] is null ? ProgramOf(read) : "Fooocus", read) { IsInfotext = true };
    }

    private static string ProgramOf(Infotext read) => read["Version"] switch
    {
        { } version when version.StartsWith(Own, StringComparison.Ordinal) => Own,
        { } version when version.StartsWith("Fooocus", StringComparison.Ordinal) => "Fooocus",
        { } version when version.Contains("stable-diffusion.cpp", StringComparison.Ordinal) => "stable-diffusion.cpp",
        { } version when version.StartsWith("ComfyUI", StringComparison.Ordinal) => "ComfyUI",
        ['f', >= '0' and <= '9', ..] or "neo" or "classic" => "Forge",
        _ => read["App"] is { Length: > 0 and < 30 } app ? app : Automatic,
    };

    /// <summary>Whether a text ends as the names of models' files do.</summary>
    internal static bool IsModelFile(string path) => ModelEndings.Any(ending => path.EndsWith(ending, StringComparison.OrdinalIgnoreCase));

    /// <summary>A model's name without the folder and the ending of its file.</summary>
    private static string ModelOf(string file)
    {
        var name = file[(file.LastIndexOfAny(['/', '\\']) + 1)..];
        return Array.Find(ModelEndings, ending => name.EndsWith(ending, StringComparison.OrdinalIgnoreCase)) is { } known ? name[..^known.Length] : name;
    }

    /// <summary>A whole number as it is written here; seeds of 64 bits beyond the positive numbers are the negative one of the same bits.</summary>
    private static string? Whole(string? text)
    {
        if (long.TryParse(text, NumberStyles.AllowLeadingSign | NumberStyles.AllowLeadingWhite | NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture,
            out var value)) return value.ToString(CultureInfo.InvariantCulture);
        if (ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var large) && large != ulong.MaxValue) return $"{unchecked((long)large)}";
        return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number)
            && Math.Abs(number) < 1L << 53 && number == Math.Floor(number) ? ((long)number).ToString(CultureInfo.InvariantCulture) : null;
    }
}
