namespace Easel.Sampling;

/// <summary>The beta distribution's quantile, which the "beta" schedule is made of.</summary>
internal static class BetaDistribution
{
    /// <summary>The x in [0, 1] below which a share <paramref name="p"/> of the distribution lies, to about 1e-15, by bisection.</summary>
    public static double Quantile(double p, double alpha, double beta)
    {
        if (p <= 0) return 0;
        if (p >= 1) return 1;
        var (low, high) = (0.0, 1.0);
        for (var i = 0; i < 60; i++)
        {
            var middle = (low + high) / 2;
            if (Cumulative(middle, alpha, beta) < p) low = middle;
            else high = middle;
        }
        return (low + high) / 2;
    }

    /// <summary>The regularised incomplete beta function, by its continued fraction (Abramowitz and Stegun 26.5.8).</summary>
    public static double Cumulative(double x, double alpha, double beta)
    {
        if (x <= 0) return 0;
        if (x >= 1) return 1;
        // The fraction converges quickly on this side of the mean only.
        if (x > (alpha + 1) / (alpha + beta + 2)) return 1 - Cumulative(1 - x, beta, alpha);
        var front = Math.Exp(alpha * Math.Log(x) + beta * Math.Log(1 - x) + LogGamma(alpha + beta) - LogGamma(alpha) - LogGamma(beta)) / alpha;
        return front / Fraction(x, alpha, beta);
    }

    private static double Fraction(double x, double a, double b)
    {
        var value = 1.0;
        for (var m = 100; m >= 1; m--)
        {
            var even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
            var odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
            value = 1 + even / (1 + odd / value);
        }
        return 1 - (a + b) * x / (a + 1) / value;
    }

    /// <summary>Stirling's series for the logarithm of the gamma function, shifted to where it is exact to double precision.</summary>
    private static double LogGamma(double x)
    {
        var shift = 0.0;
        for (; x < 12; x++) shift += Math.Log(x);
        var inverse = 1 / (x * x);
        var series = (1.0 / 12 - inverse * (1.0 / 360 - inverse * (1.0 / 1260 - inverse * (1.0 / 1680 - inverse / 1188)))) / x;
        return (x - 0.5) * Math.Log(x) - x + Math.Log(2 * Math.PI) / 2 + series - shift;
    }
}
