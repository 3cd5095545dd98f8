namespace Easel.Sampling;

/// <summary>What dpm_adaptive did: attempts, evaluations of the model, attempts kept and attempts thrown away.</summary>
internal readonly record struct AdaptiveCounts(int Steps, int Evaluations, int Accepted, int Rejected);

/// <summary>DPM-Solver (Lu et al. 2022, arXiv 2206.00927), which treats the noise as the polynomial, in steps of t = -log sigma: fixed ("fast") and adaptive
/// steps.</summary>
internal static class DpmSolverSamplers
{
    /// <summary>DPM-Solver-fast (the paper's appendix D): as many evaluations as there are steps in the noise levels, spent on steps of orders 3, 2 and 1, from
    /// its first level to its last above 0, where it ends.</summary>
    public static Tensor Fast(SamplerRun run, Tensor x)
    {
        var sigmas = run.Sigmas;
        var orders = Orders(sigmas.Length - 1);
        var (start, end) = (Time(sigmas[0]), Time(Lowest(sigmas)));
        for (var i = 0; i < orders.Length; i++)
        {
            using var step = NewDisposeScope();
            var t = double.Lerp(start, end, (double)i / orders.Length);
            var next = i == orders.Length - 1 ? end : double.Lerp(start, end, (i + 1.0) / orders.Length);
            var (down, up) = Split(t, next, end, run.Options.Eta ?? 0);
            var denoised = run.Denoise(x, Sigma(t));
            var eps = (x - denoised) / Sigma(t);
            x = orders[i] switch
            {
                1 => First(x, t, down, eps),
                2 => Second(run, x, t, down, eps, 1.0 / 2).X,
                _ => Third(run, x, t, down, eps, null),
            };
            x = step.MoveToOuter(run.Renoise(x, Sigma(t), Sigma(next), up));
            run.Report(i, Sigma(next), x, denoised, orders.Length);
        }
        return x;
    }

    /// <summary>DPM-Solver-23, or 12 at order 2 (the paper's appendix C): chooses its own steps, whatever is between the first level and the last above
    /// 0.</summary>
    public static Tensor Adaptive(SamplerRun run, Tensor x) => Adaptive(run, x, out _);

    /// <summary>The same, and what it did. All pictures of a batch share their steps.</summary>
    public static Tensor Adaptive(SamplerRun run, Tensor x, out AdaptiveCounts counts)
    {
        var sigmas = run.Sigmas;
        var (order, eta) = (run.Options.Order ?? 3, run.Options.Eta ?? 0);
        var (start, end) = (Time(sigmas[0]), Time(Lowest(sigmas)));
        var size = 0.05;
        var previous = x;
        var (s, attempts, accepted) = (start, 0, 0);
        while (s < end - 1e-5)
        {
            using var step = NewDisposeScope();
            var t = Math.Min(end, s + size);
            var (down, up) = Split(s, t, end, eta);
            var denoised = run.Denoise(x, Sigma(s));
            var eps = (x - denoised) / Sigma(s);

            // Two solutions, of which the difference is the error
            Tensor low, high;
            if (order == 2)
            {
                low = First(x, s, down, eps);
                high = Second(run, x, s, down, eps, 1.0 / 2).X;
            }
            else
            {
                (low, var third) = Second(run, x, s, down, eps, 1.0 / 3);
                high = Third(run, x, s, down, eps, third);
            }
            var allowed = maximum(low.abs(), previous.abs()).mul(run.Options.RelativeTolerance).clamp_min(run.Options.AbsoluteTolerance);
            var error = ((low - high) / allowed).square().mean().sqrt().item<float>();

            // The step size follows the error; a step that would have to shrink too much is done again
            var factor = 1 + Math.Atan(Math.Pow(1 / (error + 1e-8), 1 / (eta > 0 ? 1.5 : order)) - 1);
            size *= factor;
            attempts++;
            if (factor >= 0.81)
            {
                previous = step.MoveToOuter(low);
                x = step.MoveToOuter(run.Renoise(high, Sigma(s), Sigma(t), up));
                s = t;
                accepted++;
            }
            var count = s < end - 1e-5 ? attempts + (int)Math.Ceiling((end - s) / size) : attempts;
            run.Report(attempts - 1, Sigma(s), x, denoised, count);
        }
        counts = new AdaptiveCounts(attempts, attempts * order, accepted, attempts - accepted);
        return x;
    }

    /// <summary>The orders of the steps of DPM-Solver-fast for a number of evaluations.</summary>
    public static int[] Orders(int evaluations)
    {
        var steps = evaluations / 3 + 1;
        if (evaluations % 3 != 0) return [.. Enumerable.Repeat(3, steps - 1), evaluations % 3];
        return [.. Enumerable.Repeat(3, steps - 2), 2, 1];
    }

    private static Tensor First(Tensor x, double t, double next, Tensor eps) => x - eps * (Sigma(next) * Expm1(next - t));

    private static (Tensor X, Tensor Eps) Second(SamplerRun run, Tensor x, double t, double next, Tensor eps, double r)
    {
        var h = next - t;
        var within = Noise(run, First(x, t, t + r * h, eps), t + r * h);
        return (First(x, t, next, eps) - (within - eps) * (Sigma(next) / (2 * r) * Expm1(h)), within);
    }

    private static Tensor Third(SamplerRun run, Tensor x, double t, double next, Tensor eps, Tensor? third)
    {
        var h = next - t;
        var (a, b) = (t + h / 3, t + h * 2 / 3);
        third ??= Noise(run, First(x, t, a, eps), a);
        var twoThirds = Noise(run, First(x, t, b, eps) - (third - eps) * (Sigma(b) * 2 * (Expm1(b - t) / (b - t) - 1)), b);
        return First(x, t, next, eps) - (twoThirds - eps) * (Sigma(next) * 1.5 * (Expm1(h) / h - 1));
    }

    private static Tensor Noise(SamplerRun run, Tensor x, double t) => (x - run.Denoise(x, Sigma(t))) / Sigma(t);

    /// <summary>Ancestral sampling in t: where to step to, never past the end, and the noise to add there.</summary>
    private static (double Next, double Up) Split(double t, double next, double end, double eta)
    {
        if (eta == 0) return (next, 0);
        var down = Math.Min(end, Time(Moves.Ancestral(Sigma(t), Sigma(next), eta).Down));
        return (down, Math.Sqrt(Sigma(next) * Sigma(next) - Sigma(down) * Sigma(down)));
    }

    private static double Lowest(double[] sigmas) => sigmas[^1] > 0 ? sigmas[^1] : sigmas[^2];

    private static double Time(double sigma) => -Math.Log(sigma);

    private static double Sigma(double t) => Math.Exp(-t);

    /// <summary>exp(x) - 1 without the loss of digits near 0.</summary>
    private static double Expm1(double x) => Math.Abs(x) < 1e-5 ? x + x * x / 2 : Math.Exp(x) - 1;
}
