namespace Easel.Training.Data;

/// <summary>
/// Paints scenes. The arithmetic is plain, so that the Python twin's is the same: each drawing is halved (means of 2x2) while it is at least twice as large as
/// it is to be, then read between its pixels, recoloured, and laid over what is there.
/// </summary>
internal sealed class SceneRenderer(Func<int, byte[]> pixelsOf)
{
    private const int Halvings = 4; // sizes from 16 pixels on

    private readonly Dictionary<int, float[][]> _known = []; // each drawing at full, half, ... size
    private readonly Lock _lock = new();

    /// <summary>A square part of a scene, [3, side, side] in [-1, 1].</summary>
    public void Paint(Scene scene, int left, int top, int side, Span<float> to)
    {
        var area = side * side;
        to[..area].Fill(scene.Ground.Red / 255f);
        to.Slice(area, area).Fill(scene.Ground.Green / 255f);
        to.Slice(2 * area, area).Fill(scene.Ground.Blue / 255f);
        foreach (var thing in scene.Things) Lay(thing, left, top, side, to);
        for (var i = 0; i < 3 * area; i++) to[i] = to[i] * 2 - 1;
    }

    /// <summary>How often a drawing of this size is halved before it is read.</summary>
    public static int HalvingsFor(int size)
    {
        var halvings = 0;
        while (halvings < Halvings && Drawing.Side >> (halvings + 1) >= size) halvings++;
        return halvings;
    }

    private void Lay(Laid thing, int left, int top, int side, Span<float> to)
    {
        var level = HalvingsFor(thing.Size);
        var source = Levels(thing.Drawing)[level];
        var width = Drawing.Side >> level;
        var scale = (float)width / thing.Size;
        var matrix = Recolouring.All[thing.Recolour];
        var area = side * side;
        var (fromX, toX) = (Math.Max(0, thing.Left - left), Math.Min(side, thing.Left - left + thing.Size));
        var (fromY, toY) = (Math.Max(0, thing.Top - top), Math.Min(side, thing.Top - top + thing.Size));
        Span<float> pixel = stackalloc float[4];
        for (var y = fromY; y < toY; y++)
        {
            var v = (y + top - thing.Top + 0.5f) * scale - 0.5f;
            var row = (int)MathF.Floor(v);
            var down = v - row;
            for (var x = fromX; x < toX; x++)
            {
                var u = (x + left - thing.Left + 0.5f) * scale;
                if (thing.Mirrored) u = width - u;
                u -= 0.5f;
                var column = (int)MathF.Floor(u);
                var across = u - column;
                pixel.Clear();
                Add(row, column, (1 - down) * (1 - across), pixel);
                Add(row, column + 1, (1 - down) * across, pixel);
                Add(row + 1, column, down * (1 - across), pixel);
                Add(row + 1, column + 1, down * across, pixel);
                var alpha = pixel[3];
                if (alpha == 0) continue;
                for (var c = 0; c < 3; c++)
                {
                    var colour = matrix[4 * c] * pixel[0] + matrix[4 * c + 1] * pixel[1] + matrix[4 * c + 2] * pixel[2] + matrix[4 * c + 3] * alpha;
                    ref var there = ref to[c * area + y * side + x];
                    there = Math.Clamp(colour, 0, alpha) + there * (1 - alpha);
                }
            }
        }

        void Add(int row, int column, float weight, Span<float> sum)
        {
            if ((uint)row >= (uint)width || (uint)column >= (uint)width) return;
            var at = 4 * (row * width + column);
            for (var c = 0; c < 4; c++) sum[c] += weight * source[at + c];
        }
    }

    private float[][] Levels(int drawing)
    {
        lock (_lock)
            if (_known.TryGetValue(drawing, out var known)) return known;
        var levels = new float[Halvings + 1][];
        levels[0] = [.. pixelsOf(drawing).Select(value => value / 255f)];
        for (var i = 1; i <= Halvings; i++) levels[i] = Halved(levels[i - 1], Drawing.Side >> i);
        lock (_lock)
        {
            if (_known.Count > 500) _known.Clear(); // 1.4 MB each
            _known[drawing] = levels;
        }
        return levels;
    }

    private static float[] Halved(float[] large, int side)
    {
        var small = new float[4 * side * side];
        for (var y = 0; y < side; y++)
            for (var x = 0; x < side; x++)
                for (var c = 0; c < 4; c++)
                {
                    var at = 4 * (2 * y * 2 * side + 2 * x) + c;
                    small[4 * (y * side + x) + c] = (large[at] + large[at + 4] + large[at + 8 * side] + large[at + 8 * side + 4]) / 4;
                }
        return small;
    }
}
