namespace Easel.Training.Data;

/// <summary>The plain words for colours, and the colours of pixels.</summary>
internal static class ColourWords
{
    /// <summary>The words for hues, in the order of the circle.</summary>
    public static readonly IReadOnlyList<string> Hues = ["red", "orange", "yellow", "green", "blue", "purple", "pink"];

    /// <summary>All words, by which a caption may call a drawing.</summary>
    public static readonly IReadOnlyList<string> All = [.. Hues, "brown", "black", "white", "gray"];

    /// <summary>Backgrounds other than white, with the words that name them.</summary>
    public static readonly IReadOnlyList<(string Word, byte Red, byte Green, byte Blue)> Backgrounds =
    [
        ("black", 16, 16, 20), ("gray", 160, 160, 165), ("red", 226, 82, 76), ("orange", 247, 168, 84), ("yellow", 252, 226, 120),
        ("green", 122, 196, 120), ("blue", 110, 172, 236), ("purple", 170, 132, 214), ("pink", 246, 172, 200),
    ];

    /// <summary>The word for one colour, each channel 0 to 255.</summary>
    public static string Of(int red, int green, int blue)
    {
        var (hue, saturation, value) = ToHsv(red, green, blue);
        if (value < 0.22) return "black";
        if (saturation < 0.16) return value > 0.88 ? "white" : value < 0.36 ? "black" : "gray";
        return hue switch
        {
            < 14 or >= 346 => value < 0.5 ? "brown" : saturation < 0.42 ? "pink" : "red",
            < 42 => value < 0.72 ? "brown" : "orange",
            < 68 => value < 0.55 ? "brown" : "yellow",
            < 165 => "green",
            < 255 => "blue",
            < 295 => "purple",
            _ => "pink",
        };
    }

    /// <summary>The word for most of a drawing, and its share of what is opaque; null where there is nothing.</summary>
    /// <param name="rgba">Four bytes for each pixel.</param>
    public static (string Word, double Share)? Main(ReadOnlySpan<byte> rgba)
    {
        var counts = new Dictionary<string, double>();
        var all = 0.0;
        for (var i = 0; i < rgba.Length; i += 4)
        {
            if (rgba[i + 3] < 32) continue;
            var word = Of(rgba[i], rgba[i + 1], rgba[i + 2]);
            counts[word] = counts.GetValueOrDefault(word) + rgba[i + 3];
            all += rgba[i + 3];
        }
        if (all == 0) return null;
        var most = counts.MaxBy(pair => pair.Value);
        return (most.Key, most.Value / all);
    }

    /// <summary>Turns all hues of a drawing by some degrees, keeping saturation and value.</summary>
    public static byte[] Turn(ReadOnlySpan<byte> rgba, double degrees)
    {
        var turned = rgba.ToArray();
        for (var i = 0; i < turned.Length; i += 4)
        {
            if (turned[i + 3] == 0) continue;
            var (hue, saturation, value) = ToHsv(turned[i], turned[i + 1], turned[i + 2]);
            (turned[i], turned[i + 1], turned[i + 2]) = FromHsv((hue + degrees + 360) % 360, saturation, value);
        }
        return turned;
    }

    private static (double Hue, double Saturation, double Value) ToHsv(int red, int green, int blue)
    {
        var (max, min) = (Math.Max(red, Math.Max(green, blue)), Math.Min(red, Math.Min(green, blue)));
        if (max == min) return (0, 0, max / 255.0);
        double range = max - min;
        var hue = max == red ? (green - blue) / range : max == green ? 2 + (blue - red) / range : 4 + (red - green) / range;
        return ((hue * 60 + 360) % 360, range / max, max / 255.0);
    }

    private static (byte, byte, byte) FromHsv(double hue, double saturation, double value)
    {
        return (Channel(5), Channel(3), Channel(1));

        byte Channel(int n)
        {
            var k = (n + hue / 60) % 6;
            return (byte)Math.Round(255 * (value - value * saturation * Math.Max(0, Math.Min(k, Math.Min(4 - k, 1)))));
        }
    }
}
