using System.Globalization;

namespace Easel.Cli.Options;

/// <summary>A seed that was asked for: a number, or null for a random one.</summary>
internal sealed record SeedChoice(long? Value)
{
    /// <summary>Reads a number or "random"; -1 is random too, as in the original scripts and in AUTOMATIC1111. Null where it is neither.</summary>
    public static SeedChoice? Parse(string text)
    {
        if (text is "random" or "-1") return new SeedChoice((long?)null);
        return long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var seed) ? new SeedChoice(seed) : null;
    }
}

/// <summary>Margins as people type them: <c>left=128,top=64</c> or <c>all=64</c>.</summary>
internal static class MarginsText
{
    public static Margins? Parse(string text)
    {
        var margins = new Margins();
        foreach (var part in text.Split(',', StringSplitOptions.TrimEntries))
        {
            var pair = part.Split(['=', ':']);
            if (pair.Length != 2 || !int.TryParse(pair[1], NumberStyles.None, CultureInfo.InvariantCulture, out var pixels)) return null;
            switch (pair[0].ToLowerInvariant())
            {
                case "left": margins = margins with { Left = pixels }; break;
                case "top": margins = margins with { Top = pixels }; break;
                case "right": margins = margins with { Right = pixels }; break;
                case "bottom": margins = margins with { Bottom = pixels }; break;
                case "all": margins = new Margins(pixels, pixels, pixels, pixels); break;
                default: return null;
            }
        }
        return margins;
    }
}
