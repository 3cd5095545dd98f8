namespace Easel.Imaging;

/// <summary>A number by which a kind of hint is made.</summary>
/// <param name="Label">Its name: "Low threshold".</param>
/// <param name="Default">What it is where nobody says it.</param>
/// <param name="Least">The least that it may be.</param>
/// <param name="Most">The most that it may be.</param>
/// <param name="Step">How far one push of a field's arrow goes.</param>
public sealed record HintSetting(string Label, double Default, double Least, double Most, double Step = 1);

/// <summary>A row of the table of hints: all that any shell has to know of a kind.</summary>
/// <param name="Kind">The kind.</param>
/// <param name="Word">Its name on the command line and on the page.</param>
/// <param name="Module">Its name in the ControlNet extension of AUTOMATIC1111's web UI; Easel's own where the extension has no such module.</param>
/// <param name="Label">Its name on that extension's page.</param>
/// <param name="Help">One line that says what it makes, in lower case and without a full stop.</param>
/// <param name="Tags">What the extension files it under.</param>
public sealed record HintInfo(HintKind Kind, string Word, string Module, string Label, string Help, params IReadOnlyList<string> Tags)
{
    /// <summary>The numbers it is made by, at most two.</summary>
    public IReadOnlyList<HintSetting> Settings { get; init; } = [];

    /// <summary>Whether the picture is brought to a resolution first.</summary>
    public bool TakesResolution { get; init; } = true;

    /// <summary>Every kind.</summary>
    public static IReadOnlyList<HintInfo> All { get; } =
    [
        new(HintKind.None, "none", "none", "none", "the picture as it is") { TakesResolution = false },
        new(HintKind.Canny, "canny", "canny", "canny", "edges, as OpenCV's Canny finds them", "Canny")
        {
            Settings = [new("Low Threshold", 100, 1, 255), new("High Threshold", 200, 1, 255)],
        },
        new(HintKind.Lineart, "lineart", "lineart_standard", "lineart_standard (from white bg & black line)", "the dark lines of a drawing", "Lineart"),
        new(HintKind.SoftEdge, "softedge", "softedge_classic", "softedge_classic", "soft edges of all sizes", "SoftEdge"),
        new(HintKind.Scribble, "scribble", "scribble_xdog", "scribble_xdog", "rough strokes", "Scribble")
        {
            Settings = [new("XDoG Threshold", 32, 1, 64)],
        },
        new(HintKind.Invert, "invert", "invert", "invert (from white bg & black line)", "the negative, for dark lines on white",
            "Canny", "Lineart", "Scribble", "MLSD") { TakesResolution = false },
        new(HintKind.Threshold, "threshold", "threshold", "threshold", "white where all colours are above a limit")
        {
            Settings = [new("Binarization Threshold", 127, 0, 255)],
        },
        new(HintKind.Blur, "blur", "blur_gaussian", "blur_gaussian", "the picture blurred", "Tile")
        {
            Settings = [new("Sigma", 9, 0.01, 64, 0.01)],
        },
        new(HintKind.Tile, "tile", "tile_resample", "tile_resample", "the picture in fewer pixels", "Tile")
        {
            Settings = [new("Down Sampling Rate", 1, 1, 8, 0.01)],
            TakesResolution = false,
        },
        new(HintKind.Gray, "gray", "gray", "gray", "brightness without colour", "Recolor")
        {
            Settings = [new("Gamma Correction", 1, 0.1, 2, 0.001)],
            TakesResolution = false,
        },
        new(HintKind.Color, "color", "color", "t2ia_color_grid", "large squares of one colour each", "T2I-Adapter"),
        new(HintKind.Inpaint, "inpaint", "inpaint", "inpaint_global_harmonious", "the input picture without what is masked",
            "Inpaint") { TakesResolution = false },
        new(HintKind.Depth, "depth", "depth", "depth_midas", "how near things are; needs the depth estimator (MiDaS)", "Depth"),
    ];

    /// <summary>The row of a kind.</summary>
    public static HintInfo Of(HintKind kind) => All.First(row => row.Kind == kind);

    /// <summary>The row of a name, in Easel's spelling or the extension's; null where there is none.</summary>
    public static HintInfo? Find(string name)
    {
        // What the extension calls the ways to look at a picture through CLIP, of which a network of that kind has its own.
        var isPrompt = name.StartsWith("ip-adapter", StringComparison.OrdinalIgnoreCase) || Same("clip_vision");
        if (isPrompt && !((string[])["face", "pulid"]).Any(other => name.Contains(other, StringComparison.OrdinalIgnoreCase))) return Of(HintKind.None);
        return All.FirstOrDefault(row => Same(row.Word) || Same(row.Module) || Same(row.Label) || Same(row.Label.Split(' ')[0])
            || row.Kind == HintKind.Gray && Same("grey") || row.Kind == HintKind.Color && Same("colour") || row.Kind == HintKind.Depth && Same("midas")
            || row.Kind == HintKind.Inpaint && Same("inpaint_only")); // what is not masked is kept in any case

        bool Same(string known) => known.Equals(name, StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>A setting's value: what is asked for, or the default.</summary>
    /// <exception cref="InvalidRequestException">It is out of its range.</exception>
    internal double Value(int index, double? asked)
    {
        if (index >= Settings.Count) return 0;
        var setting = Settings[index];
        if (asked is not { } value) return setting.Default;
        if (value >= setting.Least && value <= setting.Most) return value;
        throw new InvalidRequestException(nameof(GenerationRequest.Controls), string.Create(CultureInfo.InvariantCulture,
            $"The {setting.Label.ToLowerInvariant()} of {Word} is {value}; it must be from {setting.Least} to {setting.Most}."));
    }
}
