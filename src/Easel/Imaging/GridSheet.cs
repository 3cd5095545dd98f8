using System.Text.Json.Serialization;
using SkiaSharp;

namespace Easel.Imaging;

/// <summary>A sheet of pictures in columns and rows, with labels at the top and at the left; where there is a third axis, several such sheets side by side,
/// each under a label of its own.</summary>
public sealed record GridSheet
{
    /// <summary>The most pixels that a sheet may have.</summary>
    public const long MostPixels = 8192 * 8192;

    private const int LeastText = 11, MostLines = 12;

    /// <summary>A label for each column. One that holds line breaks has several lines, and a line <c>~~such as this~~</c> is struck through.</summary>
    public IReadOnlyList<string> Columns { get; init; } = [""];

    /// <summary>A label for each row.</summary>
    public IReadOnlyList<string> Rows { get; init; } = [""];

    /// <summary>A label for each of the sheets that lie side by side.</summary>
    public IReadOnlyList<string> Layers { get; init; } = [""];

    /// <summary>Whether the labels are written. Default true.</summary>
    public bool HasLegend { get; init; } = true;

    /// <summary>White pixels between two pictures, 0 to 500. Default 0.</summary>
    public int Margin { get; init; }

    /// <summary>The most that <see cref="Margin"/> may be.</summary>
    public const int MostMargin = 500;

    /// <summary>How many pictures it has places for; they are counted along the columns first, then the rows, then the layers.</summary>
    [JsonIgnore]
    public int Places => Columns.Count * Rows.Count * Layers.Count;

    /// <summary>The sheet of one layer alone.</summary>
    /// <param name="layer">From 0.</param>
    public GridSheet Layer(int layer) => this with { Layers = [Layers[layer]] };

    /// <summary>The size in pixels of the sheet.</summary>
    /// <param name="width">The width of the widest picture.</param>
    /// <param name="height">The height of the highest.</param>
    public (long Width, long Height) SizeOf(int width, int height)
    {
        var plan = new Plan(this, width, height);
        return (plan.Width, plan.Height);
    }

    /// <summary>Refuses a sheet that cannot be.</summary>
    /// <param name="width">The width of the widest picture.</param>
    /// <param name="height">The height of the highest.</param>
    /// <param name="most">The most pixels that it may have.</param>
    /// <exception cref="InvalidRequestException">It is too large, or its margin is; the sentence names the sizes.</exception>
    public void Validate(int width, int height, long most = MostPixels)
    {
        if (Margin is < 0 or > MostMargin)
            throw new InvalidRequestException(nameof(Margin), $"The margin of the sheet is {Margin}; it must be from 0 to {MostMargin} pixels.");
        var (wide, high) = SizeOf(width, height);
        if (wide * high > most || wide > ImageLimits.Side || high > ImageLimits.Side)
        {
            throw new InvalidRequestException(nameof(Places), string.Create(CultureInfo.InvariantCulture,
                $"The sheet would be {wide} x {high} pixels, {Columns.Count * Layers.Count} x {Rows.Count} pictures of {width} x {height}; at most {most} ")
                + $"pixels and {ImageLimits.Side} on a side are possible. Draw fewer or smaller pictures.");
        }
    }

    /// <summary>What a person should be told of the labels: characters for which there is no font.</summary>
    public IEnumerable<string> Remarks()
    {
        var missing = !HasLegend ? [] : Columns.Concat(Rows).Concat(Layers).SelectMany(LabelFont.Missing).Distinct().ToList();
        if (missing.Count > 0)
            yield return $"The labels' font lacks {string.Concat(missing.Take(12))}{(missing.Count > 12 ? "…" : "")}, drawn as boxes.";
    }

    /// <summary>Lays pictures out and writes the labels.</summary>
    /// <param name="width">The width of the widest picture; one that is smaller lies in the middle of its place.</param>
    /// <param name="height">The height of the highest.</param>
    /// <param name="picture">The picture of a place; null for one that stays empty. Asked for once, place by place.</param>
    /// <exception cref="InvalidRequestException">The sheet is too large.</exception>
    /// <exception cref="EaselException">A picture is larger than its place.</exception>
    public RgbImage Draw(int width, int height, Func<int, RgbImage?> picture)
    {
        Validate(width, height);
        var plan = new Plan(this, width, height);
        var sheet = new RgbImage((int)plan.Width, (int)plan.Height);
        sheet.Pixels.AsSpan().Fill(0xFF);
        if (HasLegend) DrawLabels(sheet, plan);
        for (var place = 0; place < Places; place++)
        {
            var (column, row, layer) = (place % Columns.Count, place / Columns.Count % Rows.Count, place / (Columns.Count * Rows.Count));
            if (picture(place) is not { } image) continue;
            if (image.Width > width || image.Height > height)
                throw new EaselException($"A picture of {image.Width}x{image.Height} does not fit into a place of {width}x{height}.");
            Copy(image, sheet, plan.LeftOf(layer, column) + (width - image.Width) / 2, plan.TopOf(row) + (height - image.Height) / 2);
        }
        return sheet;
    }

    private void DrawLabels(RgbImage sheet, Plan plan)
    {
        using var font = new LabelFont(plan.TextSize);
        for (var layer = 0; layer < Layers.Count; layer++)
        {
            Write(Layers[layer], plan.LeftOf(layer, 0), 0, plan.LayerWidth - plan.Side, plan.Title);
            for (var column = 0; column < Columns.Count; column++)
                Write(Columns[column], plan.LeftOf(layer, column), plan.Title, plan.PictureWidth, plan.Head);
            for (var row = 0; row < Rows.Count; row++)
                Write(Rows[row], plan.LeftOf(layer, 0) - plan.Side, plan.TopOf(row), plan.Side, plan.PictureHeight);
        }

        void Write(string label, int left, int top, int width, int height)
        {
            var lines = LinesOf(font, label, width - 2 * plan.Gap, Math.Max(1, height / font.LineHeight));
            if (lines.Count == 0 || width < 1 || height < 1) return;
            using var bitmap = new SKBitmap(width, height, SKColorType.Rgba8888, SKAlphaType.Opaque);
            using (var canvas = new SKCanvas(bitmap))
            {
                canvas.Clear(SKColors.White);
                var y = (height - lines.Count * font.LineHeight) / 2f;
                foreach (var (text, isOff) in lines)
                {
                    font.Draw(canvas, text, (width - font.WidthOf(text)) / 2, y, isOff);
                    y += font.LineHeight;
                }
            }
            var rgba = bitmap.GetPixelSpan();
            for (var row = 0; row < height; row++)
            {
                for (var x = 0; x < width; x++)
                    rgba.Slice(row * bitmap.RowBytes + 4 * x, 3).CopyTo(sheet.Pixels.AsSpan(((top + row) * sheet.Width + left + x) * 3, 3));
            }
        }
    }

    private static List<(string Text, bool IsOff)> LinesOf(LabelFont font, string label, int width, int most)
    {
        var lines = new List<(string, bool)>();
        foreach (var part in label.ReplaceLineEndings("\n").Split('\n'))
        {
            var isOff = part.Length > 4 && part.StartsWith("~~", StringComparison.Ordinal) && part.EndsWith("~~", StringComparison.Ordinal);
            lines.AddRange(font.Wrap(isOff ? part[2..^2] : part, Math.Max(1, width), most).Select(line => (line, isOff)));
        }
        return lines.Count <= most ? lines : lines[..most];
    }

    private static void Copy(RgbImage image, RgbImage sheet, int left, int top)
    {
        for (var y = 0; y < image.Height; y++)
            image.Pixels.AsSpan(y * image.Width * 3, image.Width * 3).CopyTo(sheet.Pixels.AsSpan(((top + y) * sheet.Width + left) * 3));
    }

    /// <summary>Where everything lies: the labels are as large as a twenty-fifth of a picture's two sides together.</summary>
    private sealed class Plan
    {
        private readonly GridSheet _sheet;

        public Plan(GridSheet sheet, int width, int height)
        {
            (_sheet, PictureWidth, PictureHeight) = (sheet, width, height);
            TextSize = Math.Max(LeastText, (width + height) / 25);
            Gap = Math.Max(2, TextSize / 3);
            using var font = new LabelFont(TextSize);
            Side = sheet.HasLegend && sheet.Rows.Any(row => row.Length > 0) ? Math.Max(width * 3 / 4, 6 * TextSize) : 0;
            Head = HeightOf(font, sheet.Columns, width);
            LayerWidth = Side + sheet.Columns.Count * width + (sheet.Columns.Count - 1) * (long)sheet.Margin is var wide && wide < int.MaxValue ? (int)wide
                : int.MaxValue;
            Title = HeightOf(font, sheet.Layers, LayerWidth - Side);
            Width = sheet.Layers.Count * (long)LayerWidth + (sheet.Layers.Count - 1) * (long)Math.Max(sheet.Margin, sheet.HasLegend ? Gap : 0);
            Height = Title + Head + sheet.Rows.Count * (long)height + (sheet.Rows.Count - 1) * (long)sheet.Margin;
        }

        public int PictureWidth { get; }
        public int PictureHeight { get; }
        public int TextSize { get; }
        public int Gap { get; }
        public int Side { get; } // the width of the rows' labels
        public int Head { get; } // the height of the columns' labels
        public int Title { get; } // the height of the layers' labels
        public int LayerWidth { get; }
        public long Width { get; }
        public long Height { get; }

        public int LeftOf(int layer, int column) => layer * (LayerWidth + Math.Max(_sheet.Margin, _sheet.HasLegend ? Gap : 0)) + Side
            + column * (PictureWidth + _sheet.Margin);

        public int TopOf(int row) => Title + Head + row * (PictureHeight + _sheet.Margin);

        private int HeightOf(LabelFont font, IReadOnlyList<string> labels, int width)
        {
            if (!_sheet.HasLegend || labels.All(label => label.Length == 0)) return 0;
            return labels.Max(label => LinesOf(font, label, width - 2 * Gap, MostLines).Count) * font.LineHeight + 2 * Gap;
        }
    }
}
