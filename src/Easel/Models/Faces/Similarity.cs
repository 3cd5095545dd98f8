namespace Easel.Models.Faces;

/// <summary>A point of a picture.</summary>
internal readonly record struct FacePoint(double X, double Y);

/// <summary>A turn, a change of size and a move: (ax - by + right, bx + ay + down).</summary>
internal readonly record struct Similarity(double A, double B, double Right, double Down)
{
    /// <summary>How many pairs are tried: so many that one of them is right in 99 of 100 cases where 45 of 100 points are wrong.</summary>
    private const int Rounds = 13;

    public FacePoint At(double x, double y) => new(A * x - B * y + Right, B * x + A * y + Down);

    /// <summary>The same backwards.</summary>
    public Similarity Inverse()
    {
        var size = A * A + B * B;
        var (a, b) = (A / size, -B / size);
        return new Similarity(a, b, -(a * Right - b * Down), -(b * Right + a * Down));
    }

    /// <summary>
    /// What brings most of the points near others, whatever the rest does, as OpenCV's estimateAffinePartial2D with LMEDS finds it to the last digits: of what
    /// some pairs alone would have, that by which half of the points come nearest; then the best for the points that this brings where they belong.
    /// </summary>
    /// <param name="from">Two points or more; they are taken in single precision.</param>
    public static Similarity Robust(IReadOnlyList<FacePoint> from, IReadOnlyList<FacePoint> to)
    {
        (from, to) = (Single(from), Single(to));
        var state = ulong.MaxValue;
        var (least, best) = (double.PositiveInfinity, new float[from.Count]);
        for (var round = 0; round < Rounds && from.Count > 2; round++)
        {
            var one = Chosen();
            var other = Chosen();
            while (other == one) other = Chosen();
            var apart = Of([from[one], from[other]], [to[one], to[other]]).Apart(from, to);
            var median = (double)apart.Order().ElementAt(from.Count / 2);
            if (median < least) (least, best) = (median, apart);
        }
        var reach = Math.Max(2.5 * 1.4826 * (1 + 5.0 / (from.Count - 2)) * Math.Sqrt(least), 0.001);
        var near = Enumerable.Range(0, from.Count).Where(i => double.IsInfinity(least) || best[i] <= (float)(reach * reach)).ToList();
        return Of([.. near.Select(i => from[i])], [.. near.Select(i => to[i])]);

        // OpenCV's generator, multiply with carry, which begins anew with every call
        int Chosen() => (int)((uint)(state = (uint)state * 4164903690UL + (state >> 32)) % (uint)from.Count);

        static FacePoint[] Single(IReadOnlyList<FacePoint> points) => [.. points.Select(point => new FacePoint((float)point.X, (float)point.Y))];
    }

    /// <summary>The squares of how far from their places points then are.</summary>
    private float[] Apart(IReadOnlyList<FacePoint> from, IReadOnlyList<FacePoint> to)
    {
        var (a, b, right, down) = ((float)A, (float)B, (float)Right, (float)Down);
        return [.. from.Zip(to, (point, place) =>
        {
            var (x, y) = ((float)point.X, (float)point.Y);
            var (across, along) = (a * x - b * y + right - (float)place.X, b * x + a * y + down - (float)place.Y);
            return across * across + along * along;
        })];
    }

    /// <summary>What brings points as near as can be to others, by the squares of the distances.</summary>
    private static Similarity Of(IReadOnlyList<FacePoint> from, IReadOnlyList<FacePoint> to)
    {
        var (center, target) = (Mean(from), Mean(to));
        double same = 0, across = 0, size = 0;
        for (var i = 0; i < from.Count; i++)
        {
            var (x, y, u, v) = (from[i].X - center.X, from[i].Y - center.Y, to[i].X - target.X, to[i].Y - target.Y);
            same += x * u + y * v;
            across += x * v - y * u;
            size += x * x + y * y;
        }
        var (a, b) = (same / size, across / size);
        return new Similarity(a, b, target.X - a * center.X + b * center.Y, target.Y - b * center.X - a * center.Y);

        static FacePoint Mean(IReadOnlyList<FacePoint> points) => new(points.Average(point => point.X), points.Average(point => point.Y));
    }
}
