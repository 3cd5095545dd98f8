namespace Easel.Sampling;

/// <summary>The formulas of the schedules: each gives the noise levels above 0, falling.</summary>
internal static class ScheduleFormulas
{
    // The levels of arXiv 2404.14507 for Stable Diffusion 1.
    private static readonly double[] AlignedSteps = [14.615, 6.475, 3.861, 2.697, 1.886, 1.396, 0.963, 0.652, 0.399, 0.152, 0.029];

    /// <summary>Timesteps evenly spaced from the last to the first (k-diffusion, DiscreteSchedule.get_sigmas).</summary>
    public static double[] Normal(ScheduleRequest r) =>
        [.. Range(r.Noise.ToTimestep(r.Max), r.Noise.ToTimestep(r.Min), r.Steps).Select(r.Noise.ToSigma)];

    /// <summary>Karras et al. (2022), equation 5, with rho 7.</summary>
    public static double[] Karras(ScheduleRequest r) => Karras(r.Steps, r.Min, r.Max, r.Rho ?? 7);

    /// <summary>The same for any range.</summary>
    public static double[] Karras(int steps, double min, double max, double rho = 7) =>
        [.. Range(Math.Pow(max, 1 / rho), Math.Pow(min, 1 / rho), steps).Select(root => Math.Pow(root, rho))];

    /// <summary>Even steps in log sigma.</summary>
    public static double[] Exponential(ScheduleRequest r) => [.. Range(Math.Log(r.Max), Math.Log(r.Min), r.Steps).Select(Math.Exp)];

    /// <summary>A power of a ramp in log sigma; rho 1 is the exponential schedule.</summary>
    public static double[] Polyexponential(ScheduleRequest r) =>
        [.. Range(1, 0, r.Steps).Select(ramp => Math.Exp(double.Lerp(Math.Log(r.Min), Math.Log(r.Max), Math.Pow(ramp, r.Rho ?? 1))))];

    /// <summary>The continuous variance-preserving schedule of Song et al. (2021): beta_d 19.9, beta_min 0.1, from time 1 to 0.001. It starts far above the
    /// model's range. The lowest level is the small difference of two numbers near 1, in single precision as in k-diffusion.</summary>
    public static double[] VariancePreserving(ScheduleRequest r) =>
        [.. Range(1, 1e-3, r.Steps).Select(t => Math.Sqrt(MathF.Exp((float)(19.9 * t * t / 2 + 0.1 * t)) - 1f))];

    /// <summary>Timesteps evenly spaced so that a further step would reach the first: Stability's generative-models
    /// (sgm/modules/diffusionmodules/discretizer.py, LegacyDDPMDiscretization), which has them whole, and those who took it up, who do not.</summary>
    public static double[] SgmUniform(ScheduleRequest r) => r.Whole
        ? [.. Enumerable.Range(0, r.Steps).Select(i => r.Noise.Sigmas[(int)(i * (-(r.Noise.Count - 1.0) / r.Steps) + (r.Noise.Count - 1))])]
        : [.. Range(r.Noise.ToTimestep(r.Max), r.Noise.ToTimestep(r.Min), r.Steps + 1).SkipLast(1).Select(r.Noise.ToSigma)];

    /// <summary>Every (1000 / steps)-th training level, from the top (ComfyUI).</summary>
    public static double[] Simple(ScheduleRequest r) =>
        [.. Enumerable.Range(0, r.Steps).Select(i => r.Noise.Sigmas[r.Noise.Count - 1 - (int)(i * ((double)r.Noise.Count / r.Steps))])];

    /// <summary>Even steps in the arctangent of sigma, which is optimal for the KL divergence of Gaussians (section 4 of arXiv 2404.14507).</summary>
    public static double[] KlOptimal(ScheduleRequest r) => [.. Range(Math.Atan(r.Max), Math.Atan(r.Min), r.Steps).Select(Math.Tan)];

    /// <summary>The levels that "Align Your Steps" (arXiv 2404.14507) found for Stable Diffusion 1, interpolated in log sigma to the number of steps.</summary>
    public static double[] AlignYourSteps(ScheduleRequest r) => [.. Range(0, AlignedSteps.Length - 1, r.Steps).Select(position =>
    {
        var low = Math.Min((int)position, AlignedSteps.Length - 2);
        return Math.Exp(double.Lerp(Math.Log(AlignedSteps[low]), Math.Log(AlignedSteps[low + 1]), position - low));
    })];

    /// <summary>Timesteps at the quantiles of a beta(0.6, 0.6) distribution, dense at both ends (arXiv 2407.12173). Timesteps that fall together are used
    /// once.</summary>
    public static double[] Beta(ScheduleRequest r) =>
        [.. Enumerable.Range(0, r.Steps)
            .Select(i => (int)Math.Round(BetaDistribution.Quantile(1 - (double)i / r.Steps, 0.6, 0.6) * (r.Noise.Count - 1)))
            .Distinct().Select(t => r.Noise.Sigmas[t])];

    /// <summary>The reference's timesteps range(0, 1000, 1000 // steps) + 1 (ldm, make_ddim_timesteps): where steps does not divide 1000 there are more of them
    /// than asked for. Where the last would be 1000 the original fails (9, 37, 333 steps and all above 500); here it is clamped to 999.</summary>
    public static double[] DdimUniform(ScheduleRequest r) => [.. ReferenceTimesteps(r.Noise.Count, r.Steps).Reverse().Select(t => r.Noise.Sigmas[t])];

    /// <summary>The timesteps of <see cref="DdimUniform"/>, rising.</summary>
    public static IEnumerable<int> ReferenceTimesteps(int count, int steps)
    {
        var stride = Math.Max(1, count / steps);
        return Enumerable.Range(0, (count + stride - 1) / stride).Select(i => Math.Min(i * stride + 1, count - 1)).Distinct();
    }

    /// <summary>diffusers' timestep_spacing "leading" with steps_offset 1: steps levels at a whole stride, the lowest at timestep 1.</summary>
    public static double[] Leading(ScheduleRequest r)
    {
        var stride = r.Noise.Count / r.Steps;
        return [.. Enumerable.Range(0, r.Steps).Reverse().Select(i => r.Noise.Sigmas[Math.Min(i * stride + 1, r.Noise.Count - 1)]).Distinct()];
    }

    /// <summary>diffusers' timestep_spacing "trailing" (Lin et al. 2023, table 2): ends on the last timestep, as models with zero terminal SNR need. Each step
    /// ends where the next begins. diffusers' own DDIM goes from timestep t to t - 1000 // steps whatever comes next (scheduling_ddim.py), which is the same
    /// where the number of steps divides 1000; where it does not, its latents between two steps are taken for noisier or cleaner than they are, and that is not
    /// followed.</summary>
    public static double[] Trailing(ScheduleRequest r) =>
        [.. Enumerable.Range(0, r.Steps).Select(i => r.Noise.Sigmas[(int)Math.Round(r.Noise.Count - i * ((double)r.Noise.Count / r.Steps)) - 1])];

    /// <summary>diffusers' timestep_spacing "linspace" of its Euler, Heun, LMS and DPM2 schedulers: as "normal", but interpolated in sigma instead of its
    /// logarithm.</summary>
    public static double[] Linspace(ScheduleRequest r) => [.. Range(r.Noise.Count - 1, 0, r.Steps).Select(t =>
    {
        var low = Math.Min((int)t, r.Noise.Count - 2);
        return double.Lerp(r.Noise.Sigmas[low], r.Noise.Sigmas[low + 1], t - low);
    })];

    /// <summary>The spacing of diffusers' multistep solvers (DPM-Solver++, DEIS, UniPC): whole timesteps, one more than the steps, the first timestep being
    /// where the run ends.</summary>
    public static double[] Solver(ScheduleRequest r) =>
        [.. Range(r.Noise.Count - 1, 0, r.Steps + 1).SkipLast(1).Select(t => r.Noise.Sigmas[(int)Math.Round(t)]).Distinct()];

    /// <summary>Evenly chosen among the 50 timesteps latent consistency models were distilled on, 19, 39, ... 999 (diffusers, LCMScheduler). At most 50
    /// steps.</summary>
    public static double[] Lcm(ScheduleRequest r)
    {
        const int distilled = 50;
        if (r.Steps > distilled) throw new InvalidRequestException("steps", $"The number of steps is {r.Steps}; the lcm schedule has at most {distilled}.");
        var stride = r.Noise.Count / distilled;
        return [.. Enumerable.Range(0, r.Steps).Select(i => r.Noise.Sigmas[(distilled - (int)(i * ((double)distilled / r.Steps))) * stride - 1])];
    }

    /// <summary><paramref name="count"/> evenly spaced numbers; the first alone where one is asked for.</summary>
    private static IEnumerable<double> Range(double first, double last, int count) =>
        Enumerable.Range(0, count).Select(i => i == count - 1 && i > 0 ? last : double.Lerp(first, last, count == 1 ? 0 : i / (count - 1.0)));
}
