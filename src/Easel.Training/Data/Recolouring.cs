namespace Easel.Training.Data;

/// <summary>
/// The ways in which a drawing's colours are changed, each a matrix over red, green, blue and opacity: nothing, seven turns of all hues, and a tint for each
/// colour word. They are in the packed file, so that whatever else trains on it does the very same.
/// </summary>
internal static class Recolouring
{
    private const int Turns = 7; // by eighths of the circle
    private const double MainShare = 0.45; // from here on a drawing is "a red" something
    private static readonly double[] Luma = [0.213, 0.715, 0.072];

    private static readonly (string Word, int Red, int Green, int Blue)[] Tints =
    [
        ("red", 225, 45, 45), ("orange", 248, 146, 40), ("yellow", 250, 215, 60), ("green", 60, 165, 75), ("blue", 55, 120, 225), ("purple", 140, 80, 195),
        ("pink", 245, 135, 180), ("brown", 125, 80, 50), ("black", 42, 42, 48), ("white", 245, 245, 245), ("gray", 150, 150, 155),
    ];

    /// <summary>The matrices, three rows of four numbers each; the first changes nothing.</summary>
    public static IReadOnlyList<float[]> All { get; } =
    [
        [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0],
        .. Enumerable.Range(1, Turns).Select(i => Turn(2 * Math.PI * i / (Turns + 1))),
        .. Tints.Select(tint => Tint(tint.Word, tint.Red, tint.Green, tint.Blue)),
    ];

    /// <summary>The ways after which another colour word is right for most of a drawing.</summary>
    /// <param name="pixels">Four bytes for each: red, green and blue times opacity, and opacity.</param>
    public static (string? Colour, IReadOnlyDictionary<int, string> Ways) Of(ReadOnlySpan<byte> pixels)
    {
        var plain = new byte[pixels.Length];
        var words = new Dictionary<int, string>();
        var own = Word(pixels, 0, plain);
        for (var way = 1; way < All.Count; way++)
            if (Word(pixels, way, plain) is { } word && word != own && (way > Turns ? word == Tints[way - Turns - 1].Word : ColourWords.Hues.Contains(word)))
                words.Add(way, word);
        return (own, words);
    }

    private static string? Word(ReadOnlySpan<byte> pixels, int way, byte[] plain)
    {
        var matrix = All[way];
        for (var i = 0; i < pixels.Length; i += 4 * 5) // a fifth of them tells
        {
            float alpha = pixels[i + 3];
            for (var c = 0; c < 3; c++)
            {
                var value = matrix[4 * c] * pixels[i] + matrix[4 * c + 1] * pixels[i + 1] + matrix[4 * c + 2] * pixels[i + 2] + matrix[4 * c + 3] * alpha;
                plain[i + c] = alpha == 0 ? (byte)0 : (byte)Math.Clamp(MathF.Round(value / alpha * 255), 0, 255);
            }
            plain[i + 3] = pixels[i + 3];
        }
        return ColourWords.Main(plain) is { Share: >= MainShare } main ? main.Word : null;
    }

    /// <summary>Turns hues and keeps lightness: the matrix of "hue-rotate" in Filter Effects Module Level 1.</summary>
    private static float[] Turn(double angle)
    {
        var (cos, sin) = (Math.Cos(angle), Math.Sin(angle));
        double[] with = [0.787, -0.715, -0.072, -0.213, 0.285, -0.072, -0.213, -0.715, 0.928];
        double[] across = [-0.213, -0.715, 0.928, 0.143, 0.140, -0.283, -0.787, 0.715, 0.072];
        return [.. Enumerable.Range(0, 12).Select(i => i % 4 == 3 ? 0f : (float)(Luma[i % 4] + cos * with[i / 4 * 3 + i % 4]
            + sin * across[i / 4 * 3 + i % 4]))];
    }

    /// <summary>One colour, as light as the drawing is at each place.</summary>
    private static float[] Tint(string word, params double[] colour)
    {
        var (least, gain) = word == "white" ? (0.72, 0.28) : (0.35, 0.9);
        return [.. Enumerable.Range(0, 12).Select(i => (float)(colour[i / 4] / 255 * (i % 4 == 3 ? least : gain * Luma[i % 4])))];
    }
}
