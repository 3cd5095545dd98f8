using Easel.Imaging;
using Easel.Imaging.Hints;
using Easel.Metadata;
using Easel.Weights.Names;

namespace Easel;

/// <summary>What counts more where a prompt and a hint disagree.</summary>
public enum ControlMode
{
    /// <summary>Both alike.</summary>
    Balanced,

    /// <summary>The prompt: what the network says of the coarse counts more than what it says of details.</summary>
    Prompt,

    /// <summary>The network: as the prompt's, and the answer to the negative prompt is not steered, so that guidance acts on the hint too.</summary>
    Control,
}

/// <summary>A picture that steers drawing through a network: a ControlNet, a T2I-Adapter or an IP-Adapter.</summary>
public sealed record ControlUnit
{
    /// <summary>The most units that a request may have.</summary>
    public const int Most = 10;

    /// <summary>The network: the name of a file in one of <see cref="LoadOptions.ControlFolders"/>, without its ending, or the path of a file or
    /// folder.</summary>
    public string Network { get; init; } = "";

    /// <summary>The picture, of any size; null for <see cref="GenerationRequest.InitImage"/>.</summary>
    public RgbImage? Picture { get; init; }

    /// <summary>What is made of the picture before the network sees it. Default <see cref="HintKind.None"/>: it is a hint already.</summary>
    public HintKind Hint { get; init; }

    /// <summary>How much the network counts, 0 to 2. Default 1.</summary>
    public double Strength { get; init; } = 1;

    /// <summary>The share of the steps after which it begins to count, 0 to 1. Default 0.</summary>
    public double Start { get; init; }

    /// <summary>The share of the steps after which it no longer counts, 0 to 1. Default 1.</summary>
    public double End { get; init; } = 1;

    /// <summary>What counts more where prompt and hint disagree. Default <see cref="ControlMode.Balanced"/>.</summary>
    public ControlMode Mode { get; init; }

    /// <summary>How the picture is brought to the size that is drawn. Default <see cref="ImageFit.Crop"/>.</summary>
    public ImageFit Fit { get; init; } = ImageFit.Crop;

    /// <summary>Pixels of the picture's shorter side at which the hint is made, 64 to 2048; null for as many as are drawn of it.</summary>
    public int? Resolution { get; init; }

    /// <summary>The first number by which the hint is made, such as Canny's low threshold; null for the kind's own:
    /// see <see cref="HintInfo.Settings"/>.</summary>
    public double? ThresholdA { get; init; }

    /// <summary>The second number by which the hint is made, such as Canny's high threshold; null for the kind's own.</summary>
    public double? ThresholdB { get; init; }

    /// <summary>Which kind of hint it is, for a network that knows several (union): "openpose", "depth", "softedge", "canny", "normal", "segment", "tile" or
    /// "inpaint"; null to go by <see cref="Hint"/>.</summary>
    public string? UnionType { get; init; }

    /// <summary>A fit by the name or the number that it has in the ControlNet extension of AUTOMATIC1111's web UI; null where there is none.</summary>
    /// <param name="name">"Crop and Resize", "Resize and Fill", "Just Resize", or 1, 2, 0.</param>
    public static ImageFit? FitOf(string name) => ControlInfotext.FitOf(name);

    /// <summary>A mode by the name or the number that it has in that extension; null where there is none.</summary>
    /// <param name="name">"Balanced", "My prompt is more important", "ControlNet is more important", or 0, 1, 2.</param>
    public static ControlMode? ModeOf(string name) => ControlInfotext.ModeOf(name);

    /// <summary>The network's name without folder and ending.</summary>
    internal string Name
    {
        get
        {
            var file = Path.GetFileName(Path.TrimEndingDirectorySeparator(Network));
            // What stands behind a dot in a name, as in "adapter_1.0", is no ending.
            return NamedFiles.ControlEndings.Contains(Path.GetExtension(file), StringComparer.OrdinalIgnoreCase)
                ? Path.GetFileNameWithoutExtension(file) : file;
        }
    }

    /// <summary>Refuses what no unit can be.</summary>
    /// <exception cref="InvalidRequestException">A member is out of its range.</exception>
    internal void Validate()
    {
        if (Network.Length == 0) throw Refused("names no network", "the name or the path of a ControlNet, T2I-Adapter or IP-Adapter");
        Within(Strength, 0, 2, "strength");
        Within(Start, 0, 1, "start");
        Within(End, 0, 1, "end");
        if (Start > End) throw Refused(FormattableString.Invariant($"begins at {Start} and ends at {End}"), "an end that is not before the start");
        if (Resolution is { } side) Within(side, 64, 2048, "resolution");
        if (UnionType is { } type && UnionTypes.Find(type) is null)
            throw Refused($"is of the kind \"{type}\"", $"one of {string.Join(", ", UnionTypes.Names)}");
        if (Picture is { } picture) HintMaker.CheckShape(picture);
        var row = HintInfo.Of(Hint);
        _ = (row.Value(0, ThresholdA), row.Value(1, ThresholdB));
    }

    private void Within(double value, double least, double most, string noun)
    {
        if (!(value >= least && value <= most))
            throw Refused(FormattableString.Invariant($"has a {noun} of {value:0.####}"), FormattableString.Invariant($"{least} to {most}"));
    }

    private InvalidRequestException Refused(string finding, string allowed) => new(nameof(GenerationRequest.Controls),
        $"The control {(Name.Length == 0 ? "" : Name + " ")}{finding}; it must be {allowed}.");
}

/// <summary>The kinds of hints that union networks know, in the order of their training (xinsir6/ControlNetPlus); the last two in ProMax only.</summary>
internal static class UnionTypes
{
    private static readonly string[][] Types =
    [
        ["openpose", "pose"], ["depth"], ["softedge", "soft edge", "scribble", "hed", "pidi", "ted"],
        ["canny", "hard edge", "hardedge", "lineart", "mlsd"], ["normal", "normal map", "normalmap"], ["segment", "segmentation", "seg"],
        ["tile", "blur"], ["inpaint", "repaint"],
    ];

    public static IEnumerable<string> Names => Types.Select(names => names[0]);

    public static int? Find(string name)
    {
        var place = Array.FindIndex(Types, names => names.Contains(name.Replace('_', ' ').ToLowerInvariant()));
        return place < 0 ? null : place;
    }

    /// <summary>The kind of a hint that is made here; null where networks were not trained for it.</summary>
    public static int? Of(HintKind kind) => kind switch
    {
        HintKind.Depth => 1,
        HintKind.SoftEdge or HintKind.Scribble => 2,
        HintKind.Canny or HintKind.Lineart or HintKind.Invert or HintKind.Threshold => 3,
        HintKind.Tile or HintKind.Blur => 6,
        HintKind.Inpaint => 7,
        _ => null,
    };
}
