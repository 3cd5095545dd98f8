namespace Easel.Training.Data;

/// <summary>The drawings of one package: SVG bodies in one JSON file, as iconify packs them, or a folder of WebP pictures.</summary>
internal sealed class IconSet
{
    private readonly string _home;
    private readonly JsonElement _icons;
    private readonly (double Width, double Height) _size;
    private readonly Dictionary<string, string> _byCode = []; // an emoji's code to the icon's name

    public IconSet(DrawingSource source, string home)
    {
        (Source, _home) = (source, home);
        if (!File.Exists(Path.Combine(home, "icons.json")))
        {
            foreach (var file in Directory.EnumerateFiles(Path.Combine(home, "assets"), "*.webp"))
            {
                var name = Path.GetFileNameWithoutExtension(file);
                _byCode[Concept.Normalise(name)] = name;
            }
            return;
        }

        using var pack = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(home, "icons.json")));
        _icons = pack.RootElement.GetProperty("icons").Clone();
        _size = (Number(pack.RootElement, "width") ?? 16, Number(pack.RootElement, "height") ?? 16);
        using var chars = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(home, "chars.json")));
        foreach (var entry in chars.RootElement.EnumerateObject())
            if (_icons.TryGetProperty(entry.Value.GetString()!, out _)) _byCode.TryAdd(Concept.Normalise(entry.Name), entry.Value.GetString()!);
        var names = Path.Combine(Path.GetDirectoryName(Path.GetDirectoryName(home))!, $"emojibase-data-{DrawingSource.Names[0].Version}", "package");
        foreach (var (code, slug) in EmojiNames.Slugs(names))
        {
            string[] spellings = [slug, slug.Replace("-", ""), slug.EndsWith("-face", StringComparison.Ordinal) ? slug[..^5] : slug];
            if (spellings.FirstOrDefault(name => _icons.TryGetProperty(name, out _)) is { } found) _byCode.TryAdd(code, found);
        }
    }

    public DrawingSource Source { get; }

    /// <summary>The icon of a concept; null where the set has none.</summary>
    public string? Find(Concept concept) => _byCode.GetValueOrDefault(concept.Code);

    /// <summary>An icon's pixels, four bytes for each: red, green and blue times opacity, and opacity.</summary>
    public byte[] Render(string icon)
    {
        if (_icons.ValueKind != JsonValueKind.Object) return TransparentPng.Pixels(File.ReadAllBytes(Path.Combine(_home, "assets", icon + ".webp")),
            Drawing.Side);
        var body = _icons.GetProperty(icon);
        var (width, height) = (Number(body, "width") ?? _size.Width, Number(body, "height") ?? _size.Height);
        var (left, top) = (Number(body, "left") ?? 0, Number(body, "top") ?? 0);
        var side = Math.Max(width, height);
        var svg = string.Create(CultureInfo.InvariantCulture,
            $"<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" width=\"{Drawing.Side}\" height=\"{Drawing.Side}\" ")
            + string.Create(CultureInfo.InvariantCulture, $"viewBox=\"{left - (side - width) / 2} {top - (side - height) / 2} {side} {side}\">")
            + body.GetProperty("body").GetString()!.Replace("currentColor", "#000") + "</svg>";
        return Svg(svg);
    }

    /// <summary>The pixels of an SVG, as those of an icon.</summary>
    public static byte[] Svg(string svg)
    {
        var path = Path.GetTempFileName();
        try
        {
            NpmPackage.Run(Path.GetTempPath(), "rsvg-convert", ["--output", path], svg);
            return TransparentPng.Pixels(File.ReadAllBytes(path), Drawing.Side);
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static double? Number(JsonElement json, string name) =>
        json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number ? value.GetDouble() : null;
}
