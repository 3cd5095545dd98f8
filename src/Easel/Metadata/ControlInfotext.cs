using Easel.Imaging;

namespace Easel.Metadata;

/// <summary>What steered a picture, as the ControlNet extension of AUTOMATIC1111's web UI writes it into the picture's text: for each unit a setting
/// "ControlNet 0" whose value holds settings of its own. The pictures of the units do not travel in it.</summary>
internal static class ControlInfotext
{
    private const string Prefix = "ControlNet ", Input = "Picture", Union = "Union Type";

    private static readonly (ImageFit Fit, string Name)[] Fits =
        [(ImageFit.Crop, "Crop and Resize"), (ImageFit.Pad, "Resize and Fill"), (ImageFit.Stretch, "Just Resize")];

    private static readonly (ControlMode Mode, string Name)[] Modes =
    [
        (ControlMode.Balanced, "Balanced"), (ControlMode.Prompt, "My prompt is more important"), (ControlMode.Control, "ControlNet is more important"),
    ];

    /// <summary>The names of the settings that units have.</summary>
    public static IEnumerable<string> Names => Enumerable.Range(0, ControlUnit.Most).Select(NameOf);

    public static string NameOf(int index) => $"{Prefix}{index}";

    /// <summary>A fit by its name there, or by its number in that extension's API.</summary>
    public static ImageFit? FitOf(string name) => name switch
    {
        "0" => ImageFit.Stretch,
        "1" => ImageFit.Crop,
        "2" => ImageFit.Pad,
        "Inner Fit (Scale to Fit)" or "Scale to Fit (Inner Fit)" => ImageFit.Crop,
        "Outer Fit (Shrink to Fit)" or "Envelope (Outer Fit)" => ImageFit.Pad,
        _ => Fits.Where(row => row.Name.Equals(name, StringComparison.OrdinalIgnoreCase)).Select(row => (ImageFit?)row.Fit).FirstOrDefault(),
    };

    /// <summary>A mode by its name there, or by its number in that extension's API.</summary>
    public static ControlMode? ModeOf(string name) => name switch
    {
        "0" => ControlMode.Balanced,
        "1" => ControlMode.Prompt,
        "2" => ControlMode.Control,
        _ => Modes.Where(row => row.Name.Equals(name, StringComparison.OrdinalIgnoreCase)).Select(row => (ControlMode?)row.Mode).FirstOrDefault(),
    };

    /// <summary>The text of a unit.</summary>
    public static string TextOf(ControlUnit unit)
    {
        var row = HintInfo.Of(unit.Hint);
        var settings = new List<(string Name, string Value)>
        {
            ("Module", row.Module), ("Model", unit.Name),
            ("Weight", Number(unit.Strength)), ("Resize Mode", Fits.First(fit => fit.Fit == unit.Fit).Name), ("Processor Res", $"{unit.Resolution ?? 512}"),
            ("Threshold A", Threshold(0, unit.ThresholdA)), ("Threshold B", Threshold(1, unit.ThresholdB)),
            ("Guidance Start", Number(unit.Start)), ("Guidance End", Number(unit.End)), ("Pixel Perfect", unit.Resolution is null ? "True" : "False"),
            ("Control Mode", Modes.First(mode => mode.Mode == unit.Mode).Name),
        };
        if (unit.UnionType is { } type) settings.Add((Union, type));
        if (unit.Picture is null) settings.Add((Input, "input")); // the extension says nothing of it
        return string.Join(", ", settings.Select(setting => $"{setting.Name}: {setting.Value}"));

        // What a module does not look at is a half there.
        string Threshold(int index, double? asked) => index < row.Settings.Count ? Number(asked ?? row.Settings[index].Default) : "0.5";
    }

    /// <summary>The units of a picture's text, in order.</summary>
    /// <exception cref="InvalidRequestException">One names a module that Easel does not have, or cannot be read.</exception>
    public static IReadOnlyList<ControlUnit> Read(Infotext text) => [.. Names.Select(name => text[name]).OfType<string>().Select(Read)];

    /// <summary>Whether a unit went by a picture of its own, and not by the input picture.</summary>
    public static bool HadOwnPicture(Infotext text) => Names.Select(name => text[name]).OfType<string>().Any(unit => !SettingsOf(unit).ContainsKey(Input));

    private static ControlUnit Read(string text)
    {
        var settings = SettingsOf(text);
        var unit = new ControlUnit { Network = settings.GetValueOrDefault("Model", "") };
        var module = settings.GetValueOrDefault("Module", "none");
        var row = HintInfo.Find(module) ?? throw Unreadable($"Module: {module}");
        foreach (var (name, value) in settings)
        {
            unit = name switch
            {
                "Weight" => unit with { Strength = Of(name, value) },
                "Guidance Start" => unit with { Start = Of(name, value) },
                "Guidance End" => unit with { End = Of(name, value) },
                "Resize Mode" => unit with { Fit = FitOf(value) ?? throw Unreadable($"{name}: {value}") },
                "Control Mode" => unit with { Mode = ModeOf(value) ?? throw Unreadable($"{name}: {value}") },
                "Processor Res" when settings.GetValueOrDefault("Pixel Perfect") != "True" && row.TakesResolution =>
                    unit with { Resolution = (int)Of(name, value) },
                "Threshold A" when row.Settings.Count > 0 => unit with { ThresholdA = Asked(Of(name, value), row.Settings[0]) },
                "Threshold B" when row.Settings.Count > 1 => unit with { ThresholdB = Asked(Of(name, value), row.Settings[1]) },
                Union => unit with { UnionType = value },
                _ => unit,
            };
        }
        return unit with { Hint = row.Kind };

        static double? Asked(double value, HintSetting setting) => value == setting.Default ? null : value;
    }

    private static Dictionary<string, string> SettingsOf(string text) => text.Split(", ").Select(setting => setting.Split(": ", 2))
        .Where(pair => pair.Length == 2).GroupBy(pair => pair[0].Trim()).ToDictionary(same => same.Key, same => same.Last()[1].Trim());

    private static double Of(string name, string value) => double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out var number)
        ? number : throw Unreadable($"{name}: {value}");

    private static InvalidRequestException Unreadable(string said) =>
        new("parameters", $"The text in the picture says \"{(said.Length > 80 ? said[..80] + "..." : said)}\" of a ControlNet, which Easel does not know.");

    /// <summary>As Python writes a number.</summary>
    private static string Number(double value) =>
        value == Math.Floor(value) ? value.ToString("0.0", CultureInfo.InvariantCulture) : value.ToString(CultureInfo.InvariantCulture);
}
