using Easel.Imaging;

namespace Easel.Training.Evaluation;

/// <summary>
/// What stands out from a picture's ground: where it is, and the parts that it falls into. The ground is the colour of the edge where the edge is of one
/// colour, and otherwise what lies between the left and the right edge of each row.
/// </summary>
internal sealed class Segments
{
    private const int Cells = 64; // along a side, for finding parts
    private const int Different = 48; // of red, green and blue together
    private const double LeastPart = 0.008; // of all cells
    private const int Window = 64; // side of a part as it is compared

    /// <summary>Cells along a side.</summary>
    public const int Across = Cells;

    private readonly RgbImage _picture;
    private readonly bool[] _drawn; // for each pixel whether it is unlike the ground
    private readonly bool[] _cells;

    public Segments(RgbImage picture)
    {
        _picture = picture;
        _drawn = Mask(picture);
        _cells = new bool[Cells * Cells];
        for (var cell = 0; cell < _cells.Length; cell++)
        {
            var (left, right) = (cell % Cells * picture.Width / Cells, (cell % Cells + 1) * picture.Width / Cells);
            var (top, bottom) = (cell / Cells * picture.Height / Cells, (cell / Cells + 1) * picture.Height / Cells);
            var count = 0;
            for (var y = top; y < bottom; y++)
                for (var x = left; x < right; x++)
                    if (_drawn[y * picture.Width + x]) count++;
            _cells[cell] = 4 * count >= (right - left) * (bottom - top);
        }
        Parts = [.. Connected()];
    }

    /// <summary>A rectangle of cells.</summary>
    internal readonly record struct Box(int Left, int Top, int Right, int Bottom)
    {
        public double X => (Left + Right) / 2.0 / Cells;
        public double Y => (Top + Bottom) / 2.0 / Cells;
    }

    /// <summary>Each part that hangs together, the largest first.</summary>
    public IReadOnlyList<Box> Parts { get; }

    /// <summary>What is around all parts.</summary>
    public Box All => Around(Parts);

    /// <summary>Where one thing may be: each part, everything, and both sides of where everything is thinnest, across and down.</summary>
    public IReadOnlyList<Box> Places()
    {
        if (Parts.Count == 0) return [];
        var all = Around(Parts);
        var places = new List<Box>(Parts.Take(6)) { all };
        foreach (var across in (bool[])[true, false])
        {
            var (from, to) = across ? (all.Left, all.Right) : (all.Top, all.Bottom);
            if (to - from < 8) continue;
            var cut = Enumerable.Range(from + (to - from) * 3 / 10, Math.Max(1, (to - from) * 4 / 10)).MinBy(at =>
                (Filled(all, across, at), Math.Abs(2 * at - from - to)));
            places.AddRange(new[]
            {
                across ? all with { Right = cut } : all with { Bottom = cut },
                across ? all with { Left = cut } : all with { Top = cut },
            }.Select(Tight).OfType<Box>());
        }
        return [.. places.Distinct()];
    }

    /// <summary>A part on white, in the middle of a square, small.</summary>
    public RgbImage Cut(Box box)
    {
        var (left, right) = (box.Left * _picture.Width / Cells, box.Right * _picture.Width / Cells);
        var (top, bottom) = (box.Top * _picture.Height / Cells, box.Bottom * _picture.Height / Cells);
        var side = Math.Max(right - left, bottom - top);
        var cut = new RgbImage(side, side);
        cut.Pixels.AsSpan().Fill(255);
        var (x0, y0) = ((side - (right - left)) / 2, (side - (bottom - top)) / 2);
        for (var y = top; y < bottom; y++)
            for (var x = left; x < right; x++)
                if (_drawn[y * _picture.Width + x])
                    _picture.Pixels.AsSpan(3 * (y * _picture.Width + x), 3).CopyTo(cut.Pixels.AsSpan(3 * ((y0 + y - top) * side + x0 + x - left)));
        return Resampling.Resize(cut, Window, Window, ResampleFilter.Bilinear);
    }

    /// <summary>The word for most of a part's colour; null where there is nothing.</summary>
    public string? ColourOf(Box box)
    {
        var rgba = new List<byte>();
        for (var y = box.Top * _picture.Height / Cells; y < box.Bottom * _picture.Height / Cells; y++)
            for (var x = box.Left * _picture.Width / Cells; x < box.Right * _picture.Width / Cells; x++)
                if (_drawn[y * _picture.Width + x]) rgba.AddRange([.. _picture.Pixels.AsSpan(3 * (y * _picture.Width + x), 3), 255]);
        return Data.ColourWords.Main(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(rgba))?.Word;
    }

    private static bool[] Mask(RgbImage picture)
    {
        var (width, height) = (picture.Width, picture.Height);
        var edge = new List<int>();
        for (var x = 0; x < width; x++) edge.AddRange([x, (height - 1) * width + x]);
        for (var y = 0; y < height; y++) edge.AddRange([y * width, y * width + width - 1]);
        var median = Enumerable.Range(0, 3).Select(c => (int)edge.Select(at => picture.Pixels[3 * at + c]).Order().ElementAt(edge.Count / 2)).ToArray();
        var isPlain = edge.Count(at => Away(at, median) <= Different / 2) >= 0.75 * edge.Count;
        var drawn = new bool[width * height];
        var ground = new int[3];
        for (var y = 0; y < height; y++)
            for (var x = 0; x < width; x++)
            {
                for (var c = 0; c < 3; c++)
                    ground[c] = isPlain ? median[c]
                        : (picture.Pixels[3 * (y * width + 1) + c] * (width - 1 - x) + picture.Pixels[3 * (y * width + width - 2) + c] * x) / (width - 1);
                drawn[y * width + x] = Away(y * width + x, ground) > Different;
            }
        return drawn;

        int Away(int at, int[] colour) => Math.Abs(picture.Pixels[3 * at] - colour[0]) + Math.Abs(picture.Pixels[3 * at + 1] - colour[1])
            + Math.Abs(picture.Pixels[3 * at + 2] - colour[2]);
    }

    private IEnumerable<Box> Connected()
    {
        var seen = new bool[_cells.Length];
        var found = new List<(Box Box, int Count)>();
        for (var start = 0; start < _cells.Length; start++)
        {
            if (!_cells[start] || seen[start]) continue;
            var (box, count) = (new Box(Cells, Cells, 0, 0), 0);
            var next = new Stack<int>([start]);
            seen[start] = true;
            while (next.TryPop(out var at))
            {
                var (x, y) = (at % Cells, at / Cells);
                box = new Box(Math.Min(box.Left, x), Math.Min(box.Top, y), Math.Max(box.Right, x + 1), Math.Max(box.Bottom, y + 1));
                count++;
                for (var dy = -1; dy <= 1; dy++)
                    for (var dx = -1; dx <= 1; dx++)
                    {
                        var (nx, ny) = (x + dx, y + dy);
                        if (nx < 0 || ny < 0 || nx >= Cells || ny >= Cells || seen[ny * Cells + nx] || !_cells[ny * Cells + nx]) continue;
                        seen[ny * Cells + nx] = true;
                        next.Push(ny * Cells + nx);
                    }
            }
            if (count >= LeastPart * _cells.Length) found.Add((box, count));
        }
        return found.OrderByDescending(part => part.Count).Select(part => part.Box);
    }

    private static Box Around(IReadOnlyList<Box> boxes) =>
        new(boxes.Min(box => box.Left), boxes.Min(box => box.Top), boxes.Max(box => box.Right), boxes.Max(box => box.Bottom));

    private int Filled(Box box, bool across, int at) => across ? Enumerable.Range(box.Top, box.Bottom - box.Top).Count(y => _cells[y * Cells + at])
        : Enumerable.Range(box.Left, box.Right - box.Left).Count(x => _cells[at * Cells + x]);

    private Box? Tight(Box box)
    {
        var tight = new Box(Cells, Cells, 0, 0);
        for (var y = box.Top; y < box.Bottom; y++)
            for (var x = box.Left; x < box.Right; x++)
                if (_cells[y * Cells + x])
                    tight = new Box(Math.Min(tight.Left, x), Math.Min(tight.Top, y), Math.Max(tight.Right, x + 1), Math.Max(tight.Bottom, y + 1));
        return tight.Right == 0 ? null : tight;
    }
}
