using static Easel.Sampling.Moves;

namespace Easel.Sampling;

/// <summary>Samplers that extrapolate the slopes of earlier steps: LMS, PLMS, iPNDM and DEIS. They differ in the curve laid through them.</summary>
internal static class MultistepSamplers
{
    /// <summary>Linear multistep (k-diffusion, sample_lms): the slope as a polynomial in sigma through the last levels, integrated exactly. Orders 1 to
    /// 4.</summary>
    public static Tensor Lms(SamplerRun run, Tensor x)
    {
        var sigmas = run.Sigmas;
        var slopes = new List<Tensor>();
        return run.Steps(x, (x, i, from, to) =>
        {
            var denoised = run.Denoise(x, from);
            Remember(slopes, Slope(x, denoised, from), run.Options.Order ?? 4);
            var nodes = slopes.Select((_, back) => sigmas[i - back]).ToArray();
            for (var j = 0; j < nodes.Length; j++) x = x + slopes[j] * LagrangeIntegral(nodes, j, from, to);
            return (x, denoised);
        });
    }

    /// <summary>Liu et al. (2022), pseudo linear multistep, as the reference's PLMSSampler computes it: the Adams-Bashforth weights of even steps, and a first
    /// step that calls the model twice. One noise tensor is drawn per evaluation although none is used, because the original's later pictures of one seed
    /// depend on it.</summary>
    public static Tensor Plms(SamplerRun run, Tensor x)
    {
        var slopes = new List<Tensor>();
        return run.Steps(x, (x, i, from, to) =>
        {
            var first = run.Denoise(x, from);
            Remember(slopes, Slope(x, first, from), 4);
            Tensor slope;
            if (i == 0)
            {
                // Pseudo improved Euler
                run.Noise(from, to);
                var ahead = Euler(x, first, from, to);
                slope = (slopes[0] + Slope(ahead, run.Denoise(ahead, to), to)) / 2;
            }
            else
            {
                // Pseudo linear multistep
                slope = AdamsBashforth(slopes);
            }
            run.Noise(from, to);
            var denoised = x - slope * from;
            return (denoised + slope * to, denoised);
        });
    }

    /// <summary>Improved pseudo numerical method (Zhang and Chen 2023, appendix): Adams-Bashforth from a first Euler step, orders 1 to 4, without a second
    /// evaluation.</summary>
    public static Tensor Ipndm(SamplerRun run, Tensor x)
    {
        var slopes = new List<Tensor>();
        return run.Steps(x, (x, _, from, to) =>
        {
            var denoised = run.Denoise(x, from);
            Remember(slopes, Slope(x, denoised, from), run.Options.Order ?? 4);
            // Adams-Bashforth, but the last step goes straight to the estimate
            return (to == 0 ? denoised.alias() : x + AdamsBashforth(slopes) * (to - from), denoised);
        });
    }

    /// <summary>DEIS (Zhang and Chen 2023), log-rho kind: the slope as a polynomial in log sigma, integrated exactly over sigma. Orders 1 to 3.</summary>
    public static Tensor Deis(SamplerRun run, Tensor x)
    {
        var sigmas = run.Sigmas;
        var slopes = new List<Tensor>();
        var steps = sigmas.Length - 1;
        return run.Steps(x, (x, i, from, to) =>
        {
            var denoised = run.Denoise(x, from);
            Remember(slopes, Slope(x, denoised, from), run.Options.Order ?? 2);
            var order = slopes.Count;
            if ((run.Options.LowerOrderFinal ?? true) && steps < 15) order = Math.Min(order, steps - i);
            if (to == 0) order = 1;

            var logs = Enumerable.Range(0, order).Select(back => Math.Log(sigmas[i - back])).ToArray();
            for (var j = 0; j < order; j++) x = x + slopes[j] * (LogPrimitive(logs, j, to) - LogPrimitive(logs, j, from));
            return (x, denoised);
        });
    }

    private static void Remember(List<Tensor> slopes, Tensor slope, int most)
    {
        slopes.Insert(0, slope.MoveToOuterDisposeScope());
        if (slopes.Count > most) slopes.RemoveAt(most);
    }

    private static Tensor AdamsBashforth(List<Tensor> d) => d.Count switch
    {
        1 => d[0].alias(),
        2 => (d[0] * 3 - d[1]) / 2,
        3 => (d[0] * 23 - d[1] * 16 + d[2] * 5) / 12,
        _ => (d[0] * 55 - d[1] * 59 + d[2] * 37 - d[3] * 9) / 24,
    };

    /// <summary>The integral of the Lagrange polynomial that is 1 at node <paramref name="j"/> and 0 at the others; two-point Gauss-Legendre is exact up to
    /// cubics.</summary>
    private static double LagrangeIntegral(double[] nodes, int j, double from, double to)
    {
        var (middle, half) = ((from + to) / 2, (to - from) / 2);
        return half * (Basis(middle - half / Math.Sqrt(3)) + Basis(middle + half / Math.Sqrt(3)));

        double Basis(double at) => nodes.Where((_, k) => k != j).Aggregate(1.0, (product, node) => product * (at - node) / (nodes[j] - node));
    }

    /// <summary>A primitive in t of the Lagrange polynomial in log t through <paramref name="logs"/>, at most quadratic.</summary>
    private static double LogPrimitive(double[] logs, int j, double t)
    {
        if (logs.Length == 1) return t;
        var log = Math.Log(t);
        var others = logs.Where((_, k) => k != j).ToArray();
        var scale = others.Aggregate(1.0, (product, other) => product * (logs[j] - other));
        return others.Length == 1
            ? t * (log - 1 - others[0]) / scale
            : t * (log * log - 2 * log + 2 - (others[0] + others[1]) * (log - 1) + others[0] * others[1]) / scale;
    }
}
