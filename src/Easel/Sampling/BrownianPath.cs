namespace Easel.Sampling;

/// <summary>A Brownian path over noise levels, fixed by its seed alone, with the values of torchsde's BrownianTree: the interval is halved again and again, and
/// the path at each middle is drawn from the bridge between the ends with a seed that NumPy's SeedSequence derives from the place in the tree. Nothing is
/// stored; each query walks down from the top.</summary>
internal sealed class BrownianPath
{
    private const int PoolSize = 24;

    private readonly double _low;
    private readonly double _high;
    private readonly ulong _seed;
    private readonly Func<ulong, Tensor> _draw;

    /// <param name="draw">Standard normal noise for a seed.</param>
    public BrownianPath(double sigmaMin, double sigmaMax, ulong seed, Func<ulong, Tensor> draw)
    {
        // The original's levels are single-precision tensors, and the tree hangs on their exact values.
        (_low, _high, _seed, _draw) = ((float)sigmaMin, (float)sigmaMax, seed, draw);
    }

    /// <summary>The path's increment from one level to another, scaled to variance 1; negative going down, as in k-diffusion.</summary>
    public Tensor Noise(double sigma, double sigmaNext)
    {
        using var scope = NewDisposeScope();
        var (from, to) = ((float)sigma, (float)sigmaNext);
        double length = Math.Abs(to - from);
        var (a, b) = (Round(Math.Clamp(Math.Min(from, to), _low, _high)), Round(Math.Clamp(Math.Max(from, to), _low, _high)));
        var whole = _draw(SeedSequence.Words(_seed, [], PoolSize, 1)[0]) * Math.Sqrt(_high - _low);
        if (a >= b) return zeros_like(whole).MoveToOuterDisposeScope();
        var increment = Increment(Round(_low), Round(_high), 0, 0, whole, a, b);
        return (increment * ((from < to ? 1 : -1) / Math.Sqrt(length))).MoveToOuterDisposeScope();
    }

    /// <summary>The increment from <paramref name="a"/> to <paramref name="b"/>, both within the node [start, end] whose own increment is
    /// <paramref name="whole"/>.</summary>
    private Tensor Increment(double start, double end, ulong place, ulong depth, Tensor whole, double a, double b)
    {
        if (a == start && b == end) return whole;
        using var scope = NewDisposeScope();
        var middle = Round(0.5 * (end + start));
        var (left, right, inverse) = (middle - start, end - middle, 1 / (end - start));
        var noise = _draw(SeedSequence.Words(_seed, [place, depth], PoolSize, 1)[0]);
        var lower = whole * (left * inverse) + noise * Math.Sqrt(left * right * inverse);

        Tensor Lower(double to) => Increment(start, middle, 2 * place, depth + 1, lower, a, to);
        Tensor Upper(double from) => Increment(middle, end, 2 * place + 1, depth + 1, whole - lower, from, b);
        var increment = b <= middle ? Lower(b) : a >= middle ? Upper(a) : Lower(middle) + Upper(middle);
        return increment.MoveToOuterDisposeScope();
    }

    /// <summary>Six decimals, correctly rounded as Python rounds; Math.Round scales first and may miss by one.</summary>
    private static double Round(double level) => double.Parse(level.ToString("F6", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
}
