using System.Globalization;
using System.Text.Json;
using Easel.Imaging;
using Easel.Metadata;
using Easel.Sampling;

namespace Easel.Server.Page;

/// <summary>The settings that a picture's text tells, whichever program wrote it; null where it does not tell.</summary>
public sealed record ForeignSettings
{
    /// <summary>The program, as people call it.</summary>
    public required string Program { get; init; }

    /// <summary>What the picture shows.</summary>
    public string? Prompt { get; init; }

    /// <summary>What it should not show.</summary>
    public string? NegativePrompt { get; init; }

    /// <summary>The steps.</summary>
    public int? Steps { get; init; }

    /// <summary>The sampler as that program calls it.</summary>
    public string? Sampler { get; init; }

    /// <summary>The schedule as that program calls it.</summary>
    public string? Schedule { get; init; }

    /// <summary>The guidance scale.</summary>
    public double? Guidance { get; init; }

    /// <summary>The seed.</summary>
    public long? Seed { get; init; }

    /// <summary>The width in pixels.</summary>
    public int? Width { get; init; }

    /// <summary>The height in pixels.</summary>
    public int? Height { get; init; }

    /// <summary>The model's name.</summary>
    public string? Model { get; init; }

    /// <summary>Reads what a picture tells of how it was made.</summary>
    /// <returns>The settings; null where it tells nothing that is understood.</returns>
    public static ForeignSettings? Read(ImageMetadata metadata)
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

    /// <summary>Puts what is told into the settings of the drawing page; the rest stays as it is.</summary>
    /// <returns>What could not be taken over, as a sentence; null where all could.</returns>
    internal string? ApplyTo(PageSettings settings)
    {
        settings.Prompt = Prompt ?? settings.Prompt;
        settings.NegativePrompt = NegativePrompt ?? "";
        (settings.PromptPerLine, settings.Styles) = (false, []);
        if (Steps is not null) settings.Turn(nameof(GenerationRequest.Steps), Steps);
        if (Guidance is not null) settings.Turn(nameof(GenerationRequest.GuidanceScale), Guidance);
        if (Seed is not null)
        {
            settings.Turn(nameof(GenerationRequest.Seed), Seed);
            settings.SeedIsLocked = true;
        }
        if (Width is not null && Height is not null)
        {
            settings.Turn(nameof(GenerationRequest.Width), Width / GenerationRequest.SideStep * GenerationRequest.SideStep);
            settings.Turn(nameof(GenerationRequest.Height), Height / GenerationRequest.SideStep * GenerationRequest.SideStep);
        }
        if (Sampler is null) return null;
        try
        {
            var (sampler, schedule) = Samplers.Resolve(Sampler);
            var isNone = Schedule is null or "normal" or "default" || Schedules.IsAutomatic(Schedule);
            var spacing = isNone ? schedule : Schedules.Get(Schedule!);
            settings.Turn(nameof(GenerationRequest.Sampler), sampler.Name);
            settings.Turn(nameof(GenerationRequest.Schedule), spacing?.Name);
            return null;
        }
        catch (InvalidRequestException unknown)
        {
            return $"Its sampler was left as it is here. {unknown.Message}";
        }
    }

    private static ForeignSettings? OfAutomatic(string? text)
    {
        if (text is null) return null;
        if (text.TrimStart().StartsWith('{')) return OfEasyDiffusionJson(text);
        var read = Infotext.Parse(text);
        if (read["Steps"] is null) return null;
        var size = (read["Size"] ?? "").Split('x');
        return new ForeignSettings
        {
            Program = read["Version"] is { } version && version.StartsWith("Easel", StringComparison.Ordinal) ? "Easel" : "AUTOMATIC1111",
            Prompt = read.Prompt,
            NegativePrompt = read.NegativePrompt,
            Steps = Whole(read["Steps"]),
            Sampler = read["Sampler"],
            Schedule = read["Schedule type"],
            Guidance = Number(read["CFG scale"]),
            Seed = Long(read["Seed"]),
            Width = size.Length == 2 ? Whole(size[0]) : null,
            Height = size.Length == 2 ? Whole(size[1]) : null,
            Model = read["Model"],
        };
    }

    private static ForeignSettings? OfInvoke(string? text)
    {
        if (text is null || Object(text) is not { } json) return null;
        return new ForeignSettings
        {
            Program = "InvokeAI",
            Prompt = TextIn(json, "positive_prompt"),
            NegativePrompt = TextIn(json, "negative_prompt"),
            Steps = Whole(TextIn(json, "steps")),
            Sampler = TextIn(json, "scheduler") is { } named && named.EndsWith("_k", StringComparison.Ordinal) ? named[..^2] : TextIn(json, "scheduler"),
            Schedule = TextIn(json, "scheduler")?.EndsWith("_k", StringComparison.Ordinal) == true ? "karras" : null,
            Guidance = Number(TextIn(json, "cfg_scale")),
            Seed = Long(TextIn(json, "seed")),
            Width = Whole(TextIn(json, "width")),
            Height = Whole(TextIn(json, "height")),
            Model = json.TryGetProperty("model", out var model) && model.ValueKind == JsonValueKind.Object ? TextIn(model, "name") ?? TextIn(model, "model_name") : null,
        };
    }

    private static ForeignSettings? OfOlderInvoke(string? text)
    {
        if (text is null || Object(text) is not { } json || !json.TryGetProperty("image", out var image) || image.ValueKind != JsonValueKind.Object) return null;
        var prompt = image.TryGetProperty("prompt", out var given) ? given.ValueKind switch
        {
            JsonValueKind.String => given.GetString(),
            JsonValueKind.Array when given.GetArrayLength() > 0 && given[0].ValueKind == JsonValueKind.Object => TextIn(given[0], "prompt"),
            _ => null,
        } : null;
        return new ForeignSettings
        {
            Program = "InvokeAI",
            Prompt = prompt,
            Steps = Whole(TextIn(image, "steps")),
            Sampler = TextIn(image, "sampler") is { } sampler && sampler.StartsWith("k_", StringComparison.Ordinal) ? sampler[2..] : TextIn(image, "sampler"),
            Guidance = Number(TextIn(image, "cfg_scale")),
            Seed = Long(TextIn(image, "seed")),
            Width = Whole(TextIn(image, "width")),
            Height = Whole(TextIn(image, "height")),
            Model = TextIn(json, "model_weights"),
        };
    }

    private static ForeignSettings? OfNovel(ImageMetadata metadata)
    {
        if (metadata["Software"] != "NovelAI" || metadata["Comment"] is not { } text || Object(text) is not { } json) return null;
        return new ForeignSettings
        {
            Program = "NovelAI",
            Prompt = TextIn(json, "prompt") ?? metadata["Description"],
            NegativePrompt = TextIn(json, "uc"),
            Steps = Whole(TextIn(json, "steps")),
            Sampler = TextIn(json, "sampler") is { } sampler && sampler.StartsWith("k_", StringComparison.Ordinal) ? sampler[2..] : TextIn(json, "sampler"),
            Guidance = Number(TextIn(json, "scale")),
            Seed = Long(TextIn(json, "seed")),
            Width = Whole(TextIn(json, "width")),
            Height = Whole(TextIn(json, "height")),
        };
    }

    /// <summary>Easy Diffusion writes each setting as a text of its own.</summary>
    private static ForeignSettings? OfEasyDiffusion(ImageMetadata metadata)
    {
        if (metadata["num_inference_steps"] is null) return null;
        return OfEasyDiffusion(name => metadata[name]);
    }

    private static ForeignSettings? OfEasyDiffusionJson(string text) =>
        Object(text) is { } json && json.TryGetProperty("num_inference_steps", out _) ? OfEasyDiffusion(name => TextIn(json, name)) : null;

    private static ForeignSettings OfEasyDiffusion(Func<string, string?> told) => new()
    {
        Program = "Easy Diffusion",
        Prompt = told("prompt"),
        NegativePrompt = told("negative_prompt"),
        Steps = Whole(told("num_inference_steps")),
        Sampler = told("sampler_name"),
        Schedule = told("scheduler_name"),
        Guidance = Number(told("guidance_scale")),
        Seed = Long(told("seed")),
        Width = Whole(told("width")),
        Height = Whole(told("height")),
        Model = told("use_stable_diffusion_model") is { } model ? Path.GetFileNameWithoutExtension(model) : null,
    };

    internal static JsonElement? Object(string text) => JsonDocument.Parse(text).RootElement is { ValueKind: JsonValueKind.Object } json ? json : null;

    internal static string? TextIn(JsonElement json, string name) => json.TryGetProperty(name, out var value) ? value.ValueKind switch
    {
        JsonValueKind.String => value.GetString(),
        JsonValueKind.Number => value.GetRawText(),
        _ => null,
    } : null;

    internal static int? Whole(string? text) => int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) ? value : null;

    internal static long? Long(string? text) => long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) ? value : null;

    internal static double? Number(string? text) => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) ? value : null;
}
