using SkiaSharp;

namespace Easel.Imaging;

/// <summary>Writes words onto pictures, in a font that travels with the library: on Linux there may be none.</summary>
internal sealed class LabelFont : IDisposable
{
    private static readonly Lazy<IReadOnlyList<(SKTypeface Face, SKFont Probe)>> Faces =
        new(() => [.. new[] { "latin", "latin-ext", "greek", "cyrillic" }.Select(Load).Select(face => (face, new SKFont(face)))]);

    private readonly Dictionary<SKTypeface, SKFont> _fonts = [];
    private readonly float _size;

    /// <param name="size">Pixels from one line to the next are 1.3 times so many.</param>
    public LabelFont(float size) => _size = size;

    /// <summary>From one line to the next, in pixels.</summary>
    public int LineHeight => (int)MathF.Ceiling(_size * 1.3f);

    /// <summary>The characters of a text that can only be drawn as boxes.</summary>
    public static IEnumerable<Rune> Missing(string text) => text.EnumerateRunes().Where(rune => !Rune.IsWhiteSpace(rune) && FaceOf(rune) is null);

    /// <summary>A text in lines that are no wider than so many pixels, broken between words where that can be; no more lines than allowed, the last of which
    /// ends with "…" where something is left out.</summary>
    public IReadOnlyList<string> Wrap(string text, int width, int most)
    {
        var lines = new List<string>();
        var line = "";
        foreach (var word in text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))
        {
            var longer = line.Length == 0 ? word : $"{line} {word}";
            if (WidthOf(longer) <= width)
            {
                line = longer;
                continue;
            }
            if (line.Length > 0) lines.Add(line);
            line = word;
            while (WidthOf(line) > width && Fitting(line, width) is > 0 and var fits && fits < line.Length)
            {
                lines.Add(line[..fits]);
                line = line[fits..];
            }
        }
        if (line.Length > 0) lines.Add(line);
        if (lines.Count <= most) return lines;
        var last = lines[most - 1];
        while (last.Length > 1 && WidthOf(last + "…") > width) last = Shorter(last);
        return [.. lines.Take(most - 1), last + "…"];
    }

    /// <summary>The width of a line in pixels.</summary>
    public float WidthOf(string text) => text.EnumerateRunes().Sum(WidthOf);

    /// <summary>Writes a line.</summary>
    /// <param name="left">Where it begins.</param>
    /// <param name="top">The top of the line.</param>
    /// <param name="isOff">Whether it is grey and struck through.</param>
    public void Draw(SKCanvas canvas, string text, float left, float top, bool isOff)
    {
        using var paint = new SKPaint { Color = isOff ? new SKColor(0x99, 0x99, 0x99) : SKColors.Black, IsAntialias = true };
        var (x, baseline) = (left, top + _size * 1.02f);
        foreach (var rune in text.EnumerateRunes())
        {
            var width = WidthOf(rune);
            if (FaceOf(rune) is { } face)
            {
                canvas.DrawText(rune.ToString(), x, baseline, SKTextAlign.Left, FontOf(face), paint);
            }
            else if (!Rune.IsWhiteSpace(rune))
            {
                paint.Style = SKPaintStyle.Stroke;
                canvas.DrawRect(x + 1, baseline - _size * 0.72f, width - 2, _size * 0.72f, paint);
                paint.Style = SKPaintStyle.Fill;
            }
            x += width;
        }
        if (!isOff) return;
        paint.StrokeWidth = Math.Max(1, _size / 14);
        canvas.DrawLine(left, baseline - _size * 0.28f, x, baseline - _size * 0.28f, paint);
    }

    public void Dispose()
    {
        foreach (var font in _fonts.Values) font.Dispose();
    }

    private static SKTypeface Load(string part)
    {
        using var packed = typeof(LabelFont).Assembly.GetManifestResourceStream($"Easel.Imaging.noto-sans-{part}.ttf.br")!;
        using var unpacked = new BrotliStream(packed, CompressionMode.Decompress);
        using var file = new MemoryStream();
        unpacked.CopyTo(file);
        using var data = SKData.CreateCopy(file.ToArray());
        return SKTypeface.FromData(data);
    }

    /// <summary>The typeface that has a character: ours, else one of the system's; null for none.</summary>
    private static SKTypeface? FaceOf(Rune rune) =>
        Faces.Value.FirstOrDefault(one => one.Probe.ContainsGlyph(rune.Value)).Face ?? SKFontManager.Default.MatchCharacter(rune.Value);

    private SKFont FontOf(SKTypeface face)
    {
        if (!_fonts.TryGetValue(face, out var font)) _fonts[face] = font = new SKFont(face, _size) { Edging = SKFontEdging.Antialias, Subpixel = true };
        return font;
    }

    private float WidthOf(Rune rune) => FaceOf(rune) is { } face ? FontOf(face).MeasureText(rune.ToString())
        : Rune.IsWhiteSpace(rune) ? _size * 0.3f : _size * 0.7f;

    private int Fitting(string text, int width)
    {
        var fits = text;
        while (fits.Length > 1 && WidthOf(fits) > width) fits = Shorter(fits);
        return fits.Length;
    }

    private static string Shorter(string text) => text[..^(text.Length > 1 && char.IsLowSurrogate(text[^1]) ? 2 : 1)];
}
