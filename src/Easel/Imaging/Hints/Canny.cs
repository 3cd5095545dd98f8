namespace Easel.Imaging.Hints;

/// <summary>
/// Edges as OpenCV's Canny(picture, low, high) finds them, with its aperture of 3 and its L1 norm, to the pixel: the steepest colour of each pixel counts,
/// directions are told in integers ("A Computational Approach to Edge Detection", J. Canny, 1986).
/// </summary>
internal static class Canny
{
    /// <summary>tan 22.5° in 15-bit fixed point.</summary>
    private const int Tangent = 13573;

    /// <param name="low">What is steeper belongs to an edge that it touches.</param> <param name="high">What is steeper is an edge.</param>
    /// <returns>255 on edges, 0 elsewhere.</returns>
    public static GrayImage Find(RgbImage picture, double low, double high)
    {
        var (weak, strong) = ((int)Math.Floor(Math.Min(low, high)), (int)Math.Floor(Math.Max(low, high)));
        var slopes = new Slopes(picture);
        var edges = new GrayImage(picture.Width, picture.Height);
        var candidates = new bool[edges.Pixels.Length];
        var open = new Stack<int>();
        for (var y = 0; y < picture.Height; y++)
        {
            for (var x = 0; x < picture.Width; x++)
            {
                var at = y * picture.Width + x;
                if (slopes.Steepness(x, y) <= weak || !slopes.IsCrest(x, y)) continue;
                candidates[at] = true;
                if (slopes.Steepness(x, y) > strong) open.Push(at);
            }
        }
        foreach (var at in open) edges.Pixels[at] = 255;
        while (open.TryPop(out var at)) Spread(at);
        return edges;

        void Spread(int at)
        {
            var (cx, cy) = (at % picture.Width, at / picture.Width);
            for (var y = Math.Max(0, cy - 1); y <= Math.Min(picture.Height - 1, cy + 1); y++)
            {
                for (var x = Math.Max(0, cx - 1); x <= Math.Min(picture.Width - 1, cx + 1); x++)
                {
                    var next = y * picture.Width + x;
                    if (!candidates[next] || edges.Pixels[next] != 0) continue;
                    edges.Pixels[next] = 255;
                    open.Push(next);
                }
            }
        }
    }

    /// <summary>Sobel's derivatives of each pixel's steepest colour; of equals the first. Beyond the picture its edge is repeated, and nothing is
    /// steep.</summary>
    private sealed class Slopes
    {
        private readonly int _width, _height;
        private readonly short[] _across, _down;
        private readonly int[] _steepness;

        public Slopes(RgbImage picture)
        {
            (_width, _height) = (picture.Width, picture.Height);
            (_across, _down, _steepness) = (new short[_width * _height], new short[_width * _height], new int[_width * _height]);
            var pixels = picture.Pixels;
            for (var y = 0; y < _height; y++)
            {
                var (above, here, below) = (Math.Max(0, y - 1) * _width, y * _width, Math.Min(_height - 1, y + 1) * _width);
                for (var x = 0; x < _width; x++)
                {
                    var (left, right) = (Math.Max(0, x - 1), Math.Min(_width - 1, x + 1));
                    _steepness[here + x] = -1;
                    for (var c = 0; c < 3; c++)
                    {
                        int At(int row, int column) => pixels[(row + column) * 3 + c];
                        var across = At(above, right) + 2 * At(here, right) + At(below, right) - At(above, left) - 2 * At(here, left) - At(below, left);
                        var down = At(below, left) + 2 * At(below, x) + At(below, right) - At(above, left) - 2 * At(above, x) - At(above, right);
                        var steepness = Math.Abs(across) + Math.Abs(down);
                        if (steepness <= _steepness[here + x]) continue;
                        (_steepness[here + x], _across[here + x], _down[here + x]) = (steepness, (short)across, (short)down);
                    }
                }
            }
        }

        public int Steepness(int x, int y) => x < 0 || y < 0 || x >= _width || y >= _height ? 0 : _steepness[y * _width + x];

        /// <summary>Whether a pixel is steeper than its neighbours up and down the slope.</summary>
        public bool IsCrest(int x, int y)
        {
            var (dx, dy) = ((int)_across[y * _width + x], (int)_down[y * _width + x]);
            var (wide, high, own) = (Math.Abs(dx), Math.Abs(dy) << 15, Steepness(x, y));
            var flat = wide * Tangent;
            if (high < flat) return own > Steepness(x - 1, y) && own >= Steepness(x + 1, y);
            if (high > flat + (wide << 16)) return own > Steepness(x, y - 1) && own >= Steepness(x, y + 1);
            var side = (dx ^ dy) < 0 ? -1 : 1;
            return own > Steepness(x - side, y - 1) && own > Steepness(x + side, y + 1);
        }
    }
}
