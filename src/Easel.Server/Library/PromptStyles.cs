namespace Easel.Server.Library;

/// <summary>A style: words that are added to every prompt, or that stand around it where they hold "{prompt}".</summary>
/// <param name="Name">What it is called.</param>
/// <param name="Words">The words.</param>
/// <param name="Negative">Words for the negative prompt.</param>
public sealed record PromptStyle(string Name, string Words, string Negative = "")
{
    private const string Place = "{prompt}";

    /// <summary>A prompt with a style's words.</summary>
    internal static string Merge(string words, string prompt) => words.Contains(Place, StringComparison.Ordinal)
        ? words.Replace(Place, prompt, StringComparison.Ordinal)
        : string.Join(", ", new[] { prompt.Trim(), words.Trim() }.Where(part => part.Length > 0));
}

/// <summary>The styles that the page and the AUTOMATIC1111 API offer of themselves; a person's own are in the <see cref="StyleLibrary"/>.</summary>
internal static class PromptStyles
{
    public static IReadOnlyList<(string Group, IReadOnlyList<PromptStyle> Styles)> Groups { get; } =
    [
        ("Medium",
        [
            new("Photograph", "photograph, 35 mm, natural light, sharp focus"),
            new("Film still", "film still, cinematic lighting, shallow depth of field"),
            new("Oil painting", "oil painting on canvas, visible brush strokes"),
            new("Watercolour", "watercolour on rough paper, soft edges"),
            new("Ink", "ink drawing, black lines on white paper"),
            new("Pencil", "pencil sketch, fine hatching"),
            new("Woodcut", "woodcut print, bold lines, two colours"),
            new("Poster", "screen-printed poster, flat colours, simple shapes"),
            new("Pixel art", "pixel art, limited palette"),
            new("Clay", "claymation, plasticine figure, studio set"),
            new("Paper cut", "layered paper cut-out, soft shadows"),
            new("3D render", "3d render, global illumination, physically based materials"),
        ]),
        ("Lighting",
        [
            new("Golden hour", "golden hour, long shadows, warm light"),
            new("Overcast", "overcast sky, soft even light"),
            new("Night", "night, moonlight, deep shadows"),
            new("Neon", "neon lights, wet street, reflections"),
            new("Candle", "candlelight, warm glow, dark surroundings"),
            new("Studio", "studio lighting, plain backdrop"),
            new("Mist", "morning mist, diffuse light"),
        ]),
        ("Picture",
        [
            new("Close-up", "close-up"),
            new("Portrait", "portrait, head and shoulders"),
            new("Wide view", "wide angle, vast landscape"),
            new("From above", "seen from above, bird's-eye view"),
            new("Minimal", "minimalist composition, much empty space"),
            new("Detailed", "intricate details, highly detailed"),
            new("Pastel", "pastel colours"),
            new("Black and white", "black and white, high contrast"),
        ]),
    ];

    /// <summary>The ones that Sketch was taught.</summary>
    public static IReadOnlyList<(string Group, IReadOnlyList<PromptStyle> Styles)> OfSketch { get; } =
    [
        ("Style",
        [
            new("Cartoon", "cartoon style"),
            new("Flat", "flat style"),
            new("3D", "3D style"),
            new("Outline", "outline style"),
        ]),
        ("Ground",
        [
            new("On black", "black background"),
            new("On blue", "blue background"),
            new("On yellow", "yellow background"),
        ]),
    ];

    public static IEnumerable<PromptStyle> All => Groups.Concat(OfSketch).SelectMany(group => group.Styles);

    /// <summary>Those that mean something to a model.</summary>
    public static IReadOnlyList<(string Group, IReadOnlyList<PromptStyle> Styles)> For(ModelEntry? model) => model is { IsSketch: true } ? OfSketch : Groups;
}
