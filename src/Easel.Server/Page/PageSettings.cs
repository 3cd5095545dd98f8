using System.Text.Json;
using System.Text.Json.Serialization;
using Easel.Sampling;
using Easel.Server.Library;

namespace Easel.Server.Page;

/// <summary>What is to happen to the input picture.</summary>
public enum InputUse
{
    /// <summary>All of it is drawn anew, as far as the strength goes.</summary>
    Whole,

    /// <summary>Only what is painted over is drawn anew.</summary>
    Mask,

    /// <summary>It is drawn on beyond its edges.</summary>
    Extend,

    /// <summary>It is enlarged; the prompt does not matter.</summary>
    Enlarge,
}

/// <summary>The settings of the drawing page, as its fields change them and as the browser remembers them.</summary>
public sealed class PageSettings
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { Converters = { new JsonStringEnumConverter() } };

    /// <summary>What to draw; one prompt, or one on each line.</summary>
    public string Prompt { get; set; } = "";

    /// <summary>What not to draw.</summary>
    public string NegativePrompt { get; set; } = "";

    /// <summary>Whether each line is a prompt of its own.</summary>
    public bool PromptPerLine { get; set; }

    /// <summary>Names of the styles whose words are added.</summary>
    public List<string> Styles { get; set; } = [];

    /// <summary>The model's name; null for the server's default.</summary>
    public string? Model { get; set; }

    /// <summary>The name of another autoencoder; null for the model's own.</summary>
    public string? Vae { get; set; }

    /// <summary>The sampler's name.</summary>
    public string Sampler { get; set; } = "dpmpp_2m";

    /// <summary>The schedule's name; null for the one that suits the sampler.</summary>
    public string? Schedule { get; set; }

    /// <summary>Sampling steps.</summary>
    public int Steps { get; set; } = 25;

    /// <summary>How strongly the prompt pulls.</summary>
    public double Guidance { get; set; } = 7.5;

    /// <summary>Width in pixels; null for the model's own.</summary>
    public int? Width { get; set; }

    /// <summary>Height in pixels; null for the model's own.</summary>
    public int? Height { get; set; }

    /// <summary>Whether an input picture's size is kept, whatever <see cref="Width"/> and <see cref="Height"/> say.</summary>
    public bool SizeOfPicture { get; set; } = true;

    /// <summary>The seed; a new one for each drawing unless <see cref="SeedIsLocked"/>.</summary>
    public long? Seed { get; set; }

    /// <summary>Whether the seed stays.</summary>
    public bool SeedIsLocked { get; set; }

    /// <summary>Pictures of each prompt.</summary>
    public int Count { get; set; } = 1;

    /// <summary>The text encoder's layers counted from the end.</summary>
    public int ClipSkip { get; set; } = 1;

    /// <summary>What happens to the input picture.</summary>
    public InputUse Use { get; set; }

    /// <summary>How far the result may stray from the input picture.</summary>
    public double Strength { get; set; } = new GenerationRequest().Strength;

    /// <summary>Whether only the painted region is drawn, at the whole size.</summary>
    public bool OnlyMasked { get; set; }

    /// <summary>What stands under the mask.</summary>
    public MaskFill Fill { get; set; } = MaskFill.Original;

    /// <summary>The softness of the mask's edge in pixels.</summary>
    public double MaskBlur { get; set; } = 4;

    /// <summary>Noise added to the picture that the x4 upscaler enlarges.</summary>
    public int NoiseLevel { get; set; } = 20;

    /// <summary>What enlarges: an upscaler's name, "lanczos" or "nearest"; null for the server's choice.</summary>
    public string? Upscaler { get; set; }

    /// <summary>How many times larger.</summary>
    public double Scale { get; set; } = 2;

    /// <summary>The prompts, styles included.</summary>
    [JsonIgnore]
    public IReadOnlyList<string> Prompts
    {
        get
        {
            var lines = PromptPerLine ? Prompt.ReplaceLineEndings("\n").Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries) : [Prompt.Trim()];
            return [.. (lines.Length == 0 ? [""] : lines).Select(line => PromptStyles.Apply(line, Styles))];
        }
    }

    /// <summary>What the browser remembers.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, Json);

    /// <summary>What a browser remembered; the defaults where that cannot be read.</summary>
    public static PageSettings FromJson(string? json)
    {
        try
        {
            var read = json is null ? null : JsonSerializer.Deserialize<PageSettings>(json, Json);
            return read is { Prompt: not null, NegativePrompt: not null, Styles: not null, Sampler: not null } ? read : new PageSettings();
        }
        catch (JsonException)
        {
            return new PageSettings();
        }
    }

    /// <summary>Takes over the settings of a picture. Those of an input picture are left as they are, for the picture itself does not come along.</summary>
    /// <param name="request">The request that made the picture.</param>
    public void Take(GenerationRequest request)
    {
        var (sampler, schedule) = Samplers.Resolve(request.Sampler ?? Sampler);
        (Prompt, NegativePrompt, PromptPerLine, Styles) = (request.Prompt, request.NegativePrompt, false, []);
        (Sampler, Schedule) = (sampler.Name, (request.Schedule is { } named ? Schedules.Get(named) : schedule)?.Name);
        (Steps, Guidance, ClipSkip) = (request.Steps ?? Steps, request.GuidanceScale ?? Guidance, request.ClipSkip);
        if (request.Width is not null) (Width, Height) = (request.Width, request.Height);
        if (request.Seed is { } seed) (Seed, SeedIsLocked) = (seed, true);
    }
}
