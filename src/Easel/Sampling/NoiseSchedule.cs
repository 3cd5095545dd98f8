namespace Easel.Sampling;

/// <summary>How the noise added at each training step grows.</summary>
internal enum BetaSchedule
{
    /// <summary>Linear in the square root of beta: what Stable Diffusion was trained with, called "linear" in the original's files and "scaled_linear" in
    /// diffusers.</summary>
    ScaledLinear,
    /// <summary>Linear in beta: "sqrt_linear" in the original's files, "linear" in diffusers.</summary>
    Linear,
    /// <summary>The cosine schedule of Nichol and Dhariwal (2021), betas capped at 0.999: "cosine" in the original's files, "squaredcos_cap_v2" in
    /// diffusers.</summary>
    Cosine,
}

/// <summary>The noise levels a model was trained with, and the maps between timesteps and noise levels. Host doubles only.</summary>
internal sealed class NoiseSchedule
{
    /// <summary>The last cumulative alpha after a rescale to zero terminal SNR, tiny instead of 0 so that sigma stays finite (AUTOMATIC1111,
    /// sd_models.py).</summary>
    public const double TinyAlpha = 4.8973451890853435e-08;

    private readonly double[] _logSigmas;

    private NoiseSchedule(double[] alphasCumprod, (BetaSchedule Kind, double First, double Last) betas)
    {
        (AlphasCumprod, Betas) = (alphasCumprod, betas);
        Sigmas = [.. alphasCumprod.Select(a => Math.Sqrt((1 - a) / a))];
        _logSigmas = [.. Sigmas.Select(sigma => Math.Log(sigma))];
    }

    /// <summary>What it was made of: how beta grows, from where and to where.</summary>
    public (BetaSchedule Kind, double First, double Last) Betas { get; }

    /// <summary>The share of the clean signal's variance at each timestep, falling.</summary>
    public IReadOnlyList<double> AlphasCumprod { get; }

    /// <summary>The noise level sqrt((1 - a) / a) at each timestep, rising.</summary>
    public IReadOnlyList<double> Sigmas { get; }

    /// <summary>The number of training timesteps: 1000 for every Stable Diffusion model.</summary>
    public int Count => Sigmas.Count;

    /// <summary>The noise level of timestep 0.</summary>
    public double SigmaMin => Sigmas[0];

    /// <summary>The noise level of the last timestep.</summary>
    public double SigmaMax => Sigmas[^1];

    /// <summary>Computes the schedule as the original does: betas and their product in double precision, the product then rounded to single
    /// precision.</summary>
    /// <param name="start">The first beta (0.00085 for Stable Diffusion); ignored by the cosine schedule.</param>
    /// <param name="end">The last beta (0.012 for Stable Diffusion); ignored by the cosine schedule.</param>
    /// <param name="steps">The number of training timesteps, at least 2.</param>
    /// <param name="zeroTerminalSnr">Rescale so that the last timestep holds no signal (Lin et al. 2023, algorithm 1), up to <see cref="TinyAlpha"/>.</param>
    /// <returns>The schedule.</returns>
    public static NoiseSchedule FromBetas(BetaSchedule kind, double start, double end, int steps = 1000, bool zeroTerminalSnr = false)
    {
        var alphas = new double[steps];
        var product = 1.0;
        for (var t = 0; t < steps; t++)
        {
            product *= 1 - Beta(kind, start, end, t, steps);
            alphas[t] = (float)product;
        }
        return new NoiseSchedule(zeroTerminalSnr ? Rescaled(alphas) : alphas, (kind, start, end));
    }

    /// <summary>Takes the cumulative alphas as they are: one number above 0 and below 1 per timestep, falling.</summary>
    internal static NoiseSchedule FromAlphas(IEnumerable<double> alphasCumprod) => new([.. alphasCumprod], default);

    /// <summary>The timestep of a noise level, interpolated between training timesteps in log sigma and clamped to them (k-diffusion, external.py).</summary>
    /// <param name="sigma">A noise level above 0.</param>
    /// <returns>A timestep from 0 to <see cref="Count"/> - 1, fractional between training levels and integral on them.</returns>
    public double ToTimestep(double sigma)
    {
        var log = Math.Log(sigma);
        var found = Array.BinarySearch(_logSigmas, log);
        var low = Math.Clamp(found >= 0 ? found : ~found - 1, 0, Count - 2);
        var t = low + Math.Clamp((log - _logSigmas[low]) / (_logSigmas[low + 1] - _logSigmas[low]), 0, 1);
        return Math.Abs(t - Math.Round(t)) < 1e-9 ? Math.Round(t) : t;
    }

    /// <summary>The training timestep whose noise level is nearest in log sigma.</summary>
    /// <param name="sigma">A noise level above 0.</param> <returns>A timestep from 0 to <see cref="Count"/> - 1.</returns>
    public int NearestTimestep(double sigma)
    {
        var low = (int)Math.Floor(ToTimestep(sigma));
        var high = Math.Min(low + 1, Count - 1);
        var log = Math.Log(sigma);
        return Math.Abs(log - _logSigmas[low]) <= Math.Abs(log - _logSigmas[high]) ? low : high;
    }

    /// <summary>The noise level of a timestep, interpolated in log sigma.</summary>
    /// <param name="timestep">From 0 to <see cref="Count"/> - 1, possibly fractional.</param> <returns>The noise level.</returns>
    public double ToSigma(double timestep)
    {
        var t = Math.Clamp(timestep, 0, Count - 1);
        var low = (int)Math.Floor(t);
        var high = (int)Math.Ceiling(t);
        return low == high ? Sigmas[low] : Math.Exp(double.Lerp(_logSigmas[low], _logSigmas[high], t - low));
    }

    private static double Beta(BetaSchedule kind, double start, double end, int t, int steps)
    {
        var ramp = t / (steps - 1.0);
        return kind switch
        {
            BetaSchedule.ScaledLinear => Math.Pow(double.Lerp(Math.Sqrt(start), Math.Sqrt(end), ramp), 2),
            BetaSchedule.Linear => double.Lerp(start, end, ramp),
            BetaSchedule.Cosine => Math.Min(0.999, 1 - Signal((t + 1.0) / steps) / Signal((double)t / steps)),
            _ => throw new ArgumentOutOfRangeException(nameof(kind)),
        };

        static double Signal(double time) => Math.Pow(Math.Cos((time + 0.008) / 1.008 * Math.PI / 2), 2);
    }

    private static double[] Rescaled(double[] alphas)
    {
        var roots = alphas.Select(Math.Sqrt).ToArray();
        var scale = roots[0] / (roots[0] - roots[^1]);
        return [.. roots.Select(root => Math.Pow((root - roots[^1]) * scale, 2)).SkipLast(1), TinyAlpha];
    }
}
