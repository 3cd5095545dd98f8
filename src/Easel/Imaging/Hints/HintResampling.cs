namespace Easel.Imaging.Hints;

/// <summary>Resizing as OpenCV does it, which the networks' hints were made with: by the area that a pixel covers, with its cubic kernel (a = -0.75), or by
/// picking.</summary>
internal static class HintResampling
{
    public enum Way { Area, Cubic, Nearest }

    public static RgbImage Resize(RgbImage picture, int width, int height, Way way)
    {
        if ((picture.Width, picture.Height) == (width, height)) return picture;
        // By area only where both sides shrink; one that grows is interpolated within the areas.
        var shrinks = width <= picture.Width && height <= picture.Height;
        var (across, down) = (Taps.Of(picture.Width, width, way, shrinks), Taps.Of(picture.Height, height, way, shrinks));
        var rows = new float[ImageLimits.Samples(width, picture.Height, 3)];
        for (var y = 0; y < picture.Height; y++)
        {
            for (var x = 0; x < width; x++)
            {
                foreach (var (index, weight) in across[x])
                {
                    var (to, from) = ((y * width + x) * 3, (y * picture.Width + index) * 3);
                    for (var c = 0; c < 3; c++) rows[to + c] += weight * picture.Pixels[from + c];
                }
            }
        }
        var made = new RgbImage(width, height);
        var line = new float[width * 3];
        for (var y = 0; y < height; y++)
        {
            Array.Clear(line);
            foreach (var (index, weight) in down[y])
                for (var i = 0; i < line.Length; i++) line[i] += weight * rows[index * line.Length + i];
            for (var i = 0; i < line.Length; i++) made.Pixels[y * line.Length + i] = (byte)Math.Clamp((int)MathF.Round(line[i]), 0, 255);
        }
        return made;
    }

    /// <summary>Which of the old pixels count for each of the new, and how much.</summary>
    private static class Taps
    {
        public static IReadOnlyList<(int Index, float Weight)>[] Of(int length, int newLength, Way way, bool shrinks)
        {
            var scale = (double)length / newLength;
            return [.. Enumerable.Range(0, newLength).Select(i => (IReadOnlyList<(int, float)>)(way switch
            {
                Way.Nearest => [(Math.Min((int)Math.Floor(i * scale), length - 1), 1f)],
                Way.Cubic => Cubic((i + 0.5) * scale - 0.5, length),
                _ when shrinks => Area(i * scale, scale, length),
                _ => Linear(i, scale, length),
            }))];
        }

        private static List<(int, float)> Area(double start, double scale, int length)
        {
            var (taps, end) = (new List<(int, float)>(), start + scale);
            var cell = Math.Min(scale, length - start);
            var last = Math.Min((int)Math.Floor(end), length - 1);
            var first = Math.Min((int)Math.Ceiling(start), last);
            if (first - start > 1e-3) taps.Add((first - 1, (float)((first - start) / cell)));
            for (var i = first; i < last; i++) taps.Add((i, (float)(1 / cell)));
            if (end - last > 1e-3) taps.Add((last, (float)(Math.Min(Math.Min(end - last, 1), cell) / cell)));
            return taps;
        }

        private static (int, float)[] Linear(int i, double scale, int length)
        {
            var at = (int)Math.Floor(i * scale);
            var share = (float)(i + 1 - (at + 1) / scale);
            share = share <= 0 ? 0 : share - MathF.Floor(share);
            return at >= length - 1 ? [(length - 1, 1f)] : [(at, 1 - share), (at + 1, share)];
        }

        private static (int, float)[] Cubic(double center, int length)
        {
            const float A = -0.75f;
            var at = (int)Math.Floor(center);
            var x = (float)(center - at);
            var outer = ((A * (x + 1) - 5 * A) * (x + 1) + 8 * A) * (x + 1) - 4 * A;
            var near = ((A + 2) * x - (A + 3)) * x * x + 1;
            var next = ((A + 2) * (1 - x) - (A + 3)) * (1 - x) * (1 - x) + 1;
            return [At(-1, outer), At(0, near), At(1, next), At(2, 1 - outer - near - next)];

            (int, float) At(int offset, float weight) => (Math.Clamp(at + offset, 0, length - 1), weight);
        }
    }
}
