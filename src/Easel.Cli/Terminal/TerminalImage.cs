using Easel.Imaging;

namespace Easel.Cli.Terminal;

/// <summary>A picture in characters: the upper half of a cell in its foreground colour, the lower half in its background colour.</summary>
internal static class TerminalImage
{
    private const char UpperHalf = '\u2580';

    /// <summary>Whether a terminal can show one: it must be one, know escape sequences and not be asked to be colourless (no-color.org).</summary>
    public static bool IsPossible(Shell shell) =>
        shell.OutIsTerminal && shell.Variable("TERM") != "dumb" && shell.Variable("NO_COLOR") is null or ""
            && (OperatingSystem.IsWindows() || shell.Variable("TERM") is { Length: > 0 });

    /// <summary>Whether its colours are 24 bits deep rather than the 6 x 6 x 6 cube of the 256 that all terminals have.</summary>
    private static bool IsTrueColor(Shell shell) => OperatingSystem.IsWindows() || shell.Variable("COLORTERM") is "truecolor" or "24bit";

    /// <summary>The picture, at most <paramref name="columns"/> wide, in lines that end with a reset of colours.</summary>
    public static string Draw(RgbImage image, int columns, bool trueColor)
    {
        var width = Math.Max(1, Math.Min(columns, image.Width));
        var height = Math.Max(2, (int)Math.Round((double)image.Height * width / image.Width / 2) * 2);
        var small = Resampling.Resize(image, width, height);
        var text = new StringBuilder();
        for (var y = 0; y < height; y += 2)
        {
            for (var x = 0; x < width; x++)
                text.Append($"\u001b[38;{Colour(small, x, y, trueColor)};48;{Colour(small, x, y + 1, trueColor)}m").Append(UpperHalf);
            text.Append("\u001b[0m\n");
        }
        return text.ToString();
    }

    public static void Show(RgbImage image, Shell shell)
    {
        const int Widest = 64;
        if (IsPossible(shell)) shell.Out.Write(Draw(image, Math.Min(Widest, shell.Width - 1), IsTrueColor(shell)));
    }

    private static string Colour(RgbImage image, int x, int y, bool trueColor)
    {
        var at = (y * image.Width + x) * 3;
        var (r, g, b) = (image.Pixels[at], image.Pixels[at + 1], image.Pixels[at + 2]);
        return trueColor ? $"2;{r};{g};{b}" : $"5;{16 + 36 * Sixth(r) + 6 * Sixth(g) + Sixth(b)}";

        // The levels of the cube are 0, 95, 135, 175, 215, 255.
        static int Sixth(byte value) => value < 48 ? 0 : value < 115 ? 1 : Math.Min(5, (value - 35) / 40);
    }
}
