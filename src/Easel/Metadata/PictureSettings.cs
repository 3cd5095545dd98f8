using Easel.Imaging;

namespace Easel.Metadata;

/// <summary>The settings that a picture's file tells, whichever program wrote it, under the names of AUTOMATIC1111's text.</summary>
/// <param name="Program">The program, as people call it.</param>
/// <param name="Text">What it tells: "Steps", "Sampler", "Schedule type", "CFG scale", "Seed", "Size", "Model" and, of AUTOMATIC1111 and Easel, all else.
/// Samplers and schedules have the names that the program has for them.</param>
public sealed record PictureSettings(string Program, Infotext Text)
{
    private const string Own = "Easel";

    /// <summary>Reads what a picture tells of how it was made.</summary>
    /// <returns>The settings; null where it tells nothing that is understood.</returns>
    public static PictureSettings? Read(ImageMetadata metadata)
    {
        try
        {
            return OfAutomatic(metadata.Parameters) ?? OfInvoke(metadata["invokeai_metadata"]) ?? OfOlderInvoke(metadata["sd-metadata"]) ?? OfNovel(metadata)
                ?? OfEasyDiffusion(metadata) ?? ComfyGraph.Read(metadata["prompt"]);
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
    public GenerationRequest ToRequest() => RequestInfotext.FromInfotext(Text);

    /// <summary>The number format that the picture was drawn in; null where it does not tell.</summary>
    public Precision? Precision => RequestInfotext.PrecisionOf(Text);

    /// <summary>The settings that Easel does not understand, so that a picture made again will differ.</summary>
    public IEnumerable<KeyValuePair<string, string>> NotUnderstood => RequestInfotext.NotUnderstood(Text);

    /// <summary>The place of the picture in the run of a request: 0 unless one stream of noise served a whole run.</summary>
    /// <param name="request">What <see cref="ToRequest"/> gives.</param>
    /// <exception cref="InvalidRequestException">The text contradicts itself.</exception>
    public int IndexIn(GenerationRequest request) => RequestInfotext.IndexIn(Text, request);

    /// <summary>Whether the picture was made from this input picture; null where it does not tell.</summary>
    public bool? IsMadeFrom(RgbImage input) => Program == Own && Text["Init image hash"] is { } first ? RequestInfotext.HashOf(input) == first : null;

    /// <summary>Settings as texts; what is null, or a number that cannot be read, is left out.</summary>
    internal static PictureSettings Of(string program, string? prompt, string? negativePrompt = null, string? steps = null, string? sampler = null,
        string? schedule = null, string? guidance = null, string? seed = null, string? width = null, string? height = null, string? model = null)
    {
        var settings = new List<KeyValuePair<string, string>>();
        Add("Steps", Whole(steps));
        Add("Sampler", sampler);
        Add("Schedule type", schedule is "normal" or "default" ? null : schedule); // the sampler's own
        Add("CFG scale", double.TryParse(guidance, NumberStyles.Float, CultureInfo.InvariantCulture, out var scale) ? scale : null);
        Add("Seed", Whole(seed));
        Add("Size", Whole(width) is { } wide && Whole(height) is { } high ? $"{wide}x{high}" : null);
        Add("Model", model);
        return new PictureSettings(program, new Infotext { Prompt = prompt ?? "", NegativePrompt = negativePrompt ?? "", Settings = settings });

        void Add(string name, object? value)
        {
            if (value is not null) settings.Add(KeyValuePair.Create(name, Convert.ToString(value, CultureInfo.InvariantCulture)!));
        }
    }

    internal static JsonElement? Object(string text) => JsonDocument.Parse(text).RootElement is { ValueKind: JsonValueKind.Object } json ? json : null;

    internal static string? TextIn(JsonElement json, string name) => json.TryGetProperty(name, out var value) ? value.ValueKind switch
    {
        JsonValueKind.String => value.GetString(),
        JsonValueKind.Number => value.GetRawText(),
        _ => null,
    } : null;

    private static PictureSettings? OfAutomatic(string? text)
    {
        if (text is null) return null;
        if (text.TrimStart().StartsWith('{'))
            return Object(text) is { } json && json.TryGetProperty("num_inference_steps", out _) ? OfEasyDiffusion(name => TextIn(json, name)) : null;
        var read = Infotext.Parse(text);
        if (read["Steps"] is null) return null;
        return new PictureSettings(read["Version"] is { } version && version.StartsWith("Easel", StringComparison.Ordinal) ? Own : "AUTOMATIC1111", read);
    }

    private static PictureSettings? OfInvoke(string? text)
    {
        if (text is null || Object(text) is not { } json) return null;
        var (sampler, isKarras) = TextIn(json, "scheduler") is { } named && named.EndsWith("_k", StringComparison.Ordinal)
            ? (named[..^2], true) : (TextIn(json, "scheduler"), false);
        return Of("InvokeAI", TextIn(json, "positive_prompt"), TextIn(json, "negative_prompt"), TextIn(json, "steps"), sampler, isKarras ? "karras" : null,
            TextIn(json, "cfg_scale"), TextIn(json, "seed"), TextIn(json, "width"), TextIn(json, "height"),
            json.TryGetProperty("model", out var model) && model.ValueKind == JsonValueKind.Object
                ? TextIn(model, "name") ?? TextIn(model, "model_name") : null);
    }

    private static PictureSettings? OfOlderInvoke(string? text)
    {
        if (text is null || Object(text) is not { } json || !json.TryGetProperty("image", out var image) || image.ValueKind != JsonValueKind.Object)
            return null;
        var prompt = image.TryGetProperty("prompt", out var given) ? given.ValueKind switch
        {
            JsonValueKind.String => given.GetString(),
            JsonValueKind.Array when given.GetArrayLength() > 0 && given[0].ValueKind == JsonValueKind.Object => TextIn(given[0], "prompt"),
            _ => null,
        } : null;
        return Of("InvokeAI", prompt, null, TextIn(image, "steps"), WithoutPrefix(TextIn(image, "sampler")), null, TextIn(image, "cfg_scale"),
            TextIn(image, "seed"), TextIn(image, "width"), TextIn(image, "height"), TextIn(json, "model_weights"));
    }

    private static PictureSettings? OfNovel(ImageMetadata metadata)
    {
        if (metadata["Software"] != "NovelAI" || metadata["Comment"] is not { } text || Object(text) is not { } json) return null;
        return Of("NovelAI", TextIn(json, "prompt") ?? metadata["Description"], TextIn(json, "uc"), TextIn(json, "steps"),
            WithoutPrefix(TextIn(json, "sampler")), null, TextIn(json, "scale"), TextIn(json, "seed"), TextIn(json, "width"), TextIn(json, "height"));
    }

    /// <summary>Easy Diffusion writes each setting as a text of its own, or all of them as JSON.</summary>
    private static PictureSettings? OfEasyDiffusion(ImageMetadata metadata) =>
        metadata["num_inference_steps"] is null ? null : OfEasyDiffusion(name => metadata[name]);

    private static PictureSettings OfEasyDiffusion(Func<string, string?> told) =>
        Of("Easy Diffusion", told("prompt"), told("negative_prompt"), told("num_inference_steps"), told("sampler_name"), told("scheduler_name"),
            told("guidance_scale"), told("seed"), told("width"), told("height"),
            told("use_stable_diffusion_model") is { } model ? Path.GetFileNameWithoutExtension(model) : null);

    /// <summary>Samplers that k-diffusion brought are called so: "k_lms".</summary>
    private static string? WithoutPrefix(string? sampler) => sampler?.StartsWith("k_", StringComparison.Ordinal) == true ? sampler[2..] : sampler;

    private static long? Whole(string? text) => long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) ? value : null;
}
