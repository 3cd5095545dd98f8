using Easel.Metadata;
using Easel.Server.Storage;

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

    /// <summary>The example that was put in for somebody who had written nothing; it makes room for another when the model changes.</summary>
    public string? Example { get; set; }

    /// <summary>Whether each line is a prompt of its own.</summary>
    public bool PromptPerLine { get; set; }

    /// <summary>Whether models of few steps draw while one types.</summary>
    public bool AsTyped { get; set; }

    /// <summary>Whether the choices in a prompt, as {red|blue}, are drawn all, and not one for each picture.</summary>
    public bool AllChoices { get; set; }

    /// <summary>Names of the styles whose words are added.</summary>
    public List<string> Styles { get; set; } = [];

    /// <summary>The model's name; null for the server's default.</summary>
    public string? Model { get; set; }

    /// <summary>The name of another autoencoder; null for the model's own.</summary>
    public string? Vae { get; set; }

    /// <summary>In which form the pictures are kept.</summary>
    public KeptForm File { get; set; } = new();

    /// <summary>The knobs that were turned, as texts, by their property. One that is not here is the model's or Easel's to choose.</summary>
    public Dictionary<string, string> Turned { get; set; } = [];

    /// <summary>What not to draw.</summary>
    [JsonIgnore]
    public string NegativePrompt
    {
        get => Turned.GetValueOrDefault(nameof(GenerationRequest.NegativePrompt), "");
        set => Turn(nameof(GenerationRequest.NegativePrompt), value);
    }

    /// <summary>Whether an input picture's size is kept, whatever width and height say.</summary>
    public bool SizeOfPicture { get; set; } = true;

    /// <summary>Whether the seed stays.</summary>
    public bool SeedIsLocked { get; set; }

    /// <summary>What happens to the input picture.</summary>
    public InputUse Use { get; set; }

    /// <summary>The plot that is drawn in place of a single run.</summary>
    public PlotSettings Plot { get; set; } = new();

    /// <summary>What enlarges: an upscaler's name, "lanczos" or "nearest"; null for the server's choice.</summary>
    public string? Upscaler { get; set; }

    /// <summary>How many times larger.</summary>
    public double Scale { get; set; } = 2;

    /// <summary>The prompts, without the words of styles.</summary>
    [JsonIgnore]
    public IReadOnlyList<string> Prompts
    {
        get
        {
            var lines = PromptPerLine ? Prompt.ReplaceLineEndings("\n").Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
                : [Prompt.Trim()];
            return lines.Length == 0 ? [""] : lines;
        }
    }

    /// <summary>A request in which all that is turned is set.</summary>
    [JsonIgnore]
    public GenerationRequest Request
    {
        get
        {
            var request = new GenerationRequest();
            foreach (var (property, text) in Turned)
                if (Knobs.Find(property) is { } knob && knob.TryParse(text, out var value)) request = knob.Set(request, value);
            return request;
        }
    }

    /// <summary>What a knob was turned to; null where it was not.</summary>
    public object? Value(Knob knob) => Turned.TryGetValue(knob.Property, out var text) && knob.TryParse(text, out var value) ? value : null;

    /// <summary>Turns a knob; null lets it go again.</summary>
    public void Turn(Knob knob, object? value)
    {
        if (value is null || value.Equals(knob.Default)) Turned.Remove(knob.Property);
        else Turned[knob.Property] = knob.Format(value);
    }

    /// <inheritdoc cref="Turn(Knob, object?)"/>
    public void Turn(string property, object? value) => Turn(Knobs.Find(property)!, value);

    /// <summary>What the browser remembers.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, Json);

    /// <summary>What a browser remembered; the defaults where that cannot be read.</summary>
    public static PageSettings FromJson(string? json)
    {
        try
        {
            var read = json is null ? null : JsonSerializer.Deserialize<PageSettings>(json, Json);
            return read is { Prompt: not null, File: not null, Styles: not null, Turned: not null, Plot: { X: not null, Y: not null, Z: not null } }
                && !read.Turned.ContainsValue(null!) ? read : new PageSettings();
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
        (Prompt, PromptPerLine, Styles) = (request.Prompt, false, []);
        var (width, height) = (Value(Knobs.Find(nameof(request.Width))!), Value(Knobs.Find(nameof(request.Height))!));
        foreach (var knob in Knobs.All
            .Where(knob => knob is { OnPage: true, Kind: not (KnobKind.Picture or KnobKind.Texts or KnobKind.Margins) }
                && knob.Needs is KnobNeeds.Nothing or KnobNeeds.Detail))
            Turn(knob, knob.Get(request));
        if (request.Sampler is { } name)
        {
            var (sampler, schedule) = SamplerInfo.Resolve(name);
            Turn(nameof(request.Sampler), sampler.Name);
            Turn(nameof(request.Schedule), (request.Schedule is { } named ? ScheduleInfo.Find(named) : schedule)?.Name);
        }
        if (request.Width is null)
        {
            Turn(nameof(request.Width), width);
            Turn(nameof(request.Height), height);
        }
        if (request.Seed is not null) SeedIsLocked = true;
    }

    /// <summary>Takes over the settings that a picture tells, whichever program wrote them; the rest stays as it is.</summary>
    /// <param name="told">What it tells.</param>
    /// <returns>What could not be taken over, as sentences; null where all could.</returns>
    public string? Take(PictureSettings told)
    {
        const int shown = 8;
        var (remark, others) = (Take(told.Text), told.NotUnderstood.Select(setting => setting.Key).ToList());
        if (others.Count == 0) return remark;
        return $"{remark} What Easel does not do was left out: {string.Join(", ", others.Take(shown))}{(others.Count > shown ? ", ..." : "")}.".TrimStart();
    }

    /// <summary>Takes over the settings of a text.</summary>
    /// <param name="told">The text.</param>
    /// <returns>What could not be taken over, as a sentence; null where all could.</returns>
    public string? Take(Infotext told)
    {
        if (told.Prompt.Length > 0) Prompt = told.Prompt;
        (NegativePrompt, PromptPerLine, Styles) = (told.NegativePrompt, false, []);
        foreach (var knob in Knobs.All.Where(knob => knob is { OnPage: true, Needs: KnobNeeds.Nothing, Kind: KnobKind.Whole or KnobKind.Number }))
            if (knob.InfotextKey is { } key && told[key] is { } text && knob.TryParse(text, out var value)) Turn(knob, value);
        if (told["Seed"] is not null) SeedIsLocked = Request.Seed is not null;
        if (told["Size"]?.Split('x') is [var wide, var high] && int.TryParse(wide, out var width) && int.TryParse(high, out var height))
        {
            Turn(nameof(GenerationRequest.Width), width / GenerationRequest.SideStep * GenerationRequest.SideStep);
            Turn(nameof(GenerationRequest.Height), height / GenerationRequest.SideStep * GenerationRequest.SideStep);
        }
        if (told["Sampler"] is not { } named) return null;
        try
        {
            var (sampler, schedule) = SamplerInfo.Resolve(named);
            var spacing = ScheduleInfo.Find(told["Schedule type"]) ?? schedule;
            Turn(nameof(GenerationRequest.Sampler), sampler.Name);
            Turn(nameof(GenerationRequest.Schedule), spacing?.Name);
            return null;
        }
        catch (InvalidRequestException unknown)
        {
            return $"Its sampler was left as it is here. {unknown.Message}";
        }
    }
}

/// <summary>Many pictures by one order, as the page's fields change it.</summary>
public sealed class PlotSettings
{
    /// <summary>Whether one is drawn.</summary>
    public bool IsOn { get; set; }

    /// <summary>Whether the parts of the prompt are combined, in place of axes.</summary>
    public bool IsMatrix { get; set; }

    /// <summary>What changes from column to column.</summary>
    public PlotAxis X { get; set; } = new() { Axis = "Steps" };

    /// <summary>What changes from row to row.</summary>
    public PlotAxis Y { get; set; } = new();

    /// <summary>What changes from sheet to sheet.</summary>
    public PlotAxis Z { get; set; } = new();

    /// <summary>Whether the sheet has labels.</summary>
    public bool HasLegend { get; set; } = true;

    /// <summary>White pixels between two pictures.</summary>
    public int Margin { get; set; }
}

/// <summary>An axis of a plot.</summary>
public sealed class PlotAxis
{
    /// <summary>What changes; empty for nothing.</summary>
    public string Axis { get; set; } = "";

    /// <summary>Its values.</summary>
    public string Values { get; set; } = "";
}
