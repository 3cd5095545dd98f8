using Easel.Imaging;

namespace Easel.Cli.Options;

/// <summary>What <c>--control</c> says: a unit, and the file of its picture.</summary>
/// <param name="Picture">The file; null for the input picture.</param>
internal sealed record ControlFlag(ControlUnit Unit, string? Picture)
{
    /// <summary>What stands for its value in the help.</summary>
    public const string Form = "NET=PICTURE[,KIND][:STRENGTH][@START-END]";

    /// <summary>
    /// Reads <c>NET[=PICTURE][,word...][:strength][@start-end]</c>. The network ends at the first "="; what follows the picture's name is
    /// taken from its end, in any order, as far as it can be understood, so that names may hold colons and commas, as those of Windows do.
    /// </summary>
    /// <exception cref="UsageException">It cannot be read.</exception>
    public static ControlFlag Parse(string text)
    {
        var equals = text.IndexOf('=');
        var (rest, unit) = Peeled(equals < 0 ? text : text[(equals + 1)..], new ControlUnit());
        var network = equals < 0 ? rest : text[..equals];
        if (network.Length == 0) throw new UsageException($"--control {text} names no network; it is written {Form}.");
        return new ControlFlag(unit with { Network = network }, equals < 0 || rest.Length == 0 ? null : rest);
    }

    private static (string Left, ControlUnit Unit) Peeled(string rest, ControlUnit unit)
    {
        while (true)
        {
            var at = rest.LastIndexOfAny([',', ':', '@']);
            if (at < 0 || Taken(rest[at], rest[(at + 1)..], unit) is not { } taken) return (rest, unit);
            (rest, unit) = (rest[..at], taken);
        }
    }

    /// <summary>The unit with what a part says of it; null where the part says nothing.</summary>
    private static ControlUnit? Taken(char mark, string said, ControlUnit unit)
    {
        if (mark == ':') return Number(said) is { } strength ? unit with { Strength = strength } : null;
        if (mark == '@')
        {
            var range = said.Split('-');
            return (range.Length, Number(range[0]), range.Length > 1 ? Number(range[1]) : 1) is (1 or 2, { } start, { } end)
                ? unit with { Start = start, End = end } : null;
        }
        if (said.Split('=') is [var name, var value])
        {
            return (name.ToLowerInvariant(), Number(value)) switch
            {
                ("res" or "resolution", { } side) => unit with { Resolution = (int)side },
                ("a" or "low" or "sigma" or "gamma" or "threshold", { } first) => unit with { ThresholdA = first },
                ("b" or "high", { } second) => unit with { ThresholdB = second },
                ("type" or "union", _) => unit with { UnionType = value },
                _ => null,
            };
        }
        if (HintInfo.Find(said) is { } hint) return unit with { Hint = hint.Kind };
        return said.ToLowerInvariant() switch
        {
            "balanced" => unit with { Mode = ControlMode.Balanced },
            "prompt" => unit with { Mode = ControlMode.Prompt },
            "control" or "guess" => unit with { Mode = ControlMode.Control },
            "crop" => unit with { Fit = ImageFit.Crop },
            "pad" or "fill" => unit with { Fit = ImageFit.Pad },
            "stretch" => unit with { Fit = ImageFit.Stretch },
            _ => null,
        };
    }

    private static double? Number(string text) =>
        double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number) ? number : null;
}
