namespace Easel.Sampling;

/// <summary>The time of the reference's DPM-Solver (ldm, dpm_solver.py): timestep n is the instant (n + 1) / 1000, and between instants the logarithm of alpha
/// is linear, where the k-diffusion map is linear in log sigma. Steps are even in this time, so that the network is given fractional timesteps.</summary>
internal static class DpmSolverTime
{
    public static double[] Levels(ScheduleRequest r)
    {
        var sigmas = new double[r.Steps];
        for (var i = 0; i < r.Steps; i++) sigmas[i] = ToSigma(r.Noise, Instant(i, r.Steps + 1, (float)(1.0 / r.Noise.Count)));
        return sigmas;
    }

    /// <summary>The i-th of <paramref name="count"/> instants from 1 to <paramref name="last"/>. The network sees their rounding, so they are rounded as the
    /// original's torch.linspace rounds them: in single precision, from the nearer end, whole blocks of 16 by eights that are each counted from their
    /// first.</summary>
    private static float Instant(int i, int count, float last)
    {
        var stride = (last - 1f) / (count - 1);
        var first = i < count / 16 * 16 ? i / 8 * 8 : i;
        var start = first < count / 2 ? MathF.FusedMultiplyAdd(stride, first, 1f) : MathF.FusedMultiplyAdd(-stride, count - 1 - first, last);
        return start + stride * (i - first);
    }

    public static double ToTimestep(NoiseSchedule noise, double sigma)
    {
        var logAlpha = -Math.Log(1 + sigma * sigma) / 2;
        var low = Math.Clamp((int)noise.ToTimestep(sigma), 0, noise.Count - 2);
        var (above, below) = (LogAlpha(noise, low), LogAlpha(noise, low + 1));
        var instant = (float)((low + Math.Clamp((logAlpha - above) / (below - above), 0, 1) + 1) / noise.Count);
        return (instant - (float)(1.0 / noise.Count)) * 1000f;
    }

    private static double ToSigma(NoiseSchedule noise, double instant)
    {
        var timestep = Math.Clamp(instant * noise.Count - 1, 0, noise.Count - 1);
        var low = Math.Min((int)timestep, noise.Count - 2);
        return Math.Sqrt(Math.Exp(-2 * double.Lerp(LogAlpha(noise, low), LogAlpha(noise, low + 1), timestep - low)) - 1);
    }

    private static double LogAlpha(NoiseSchedule noise, int timestep) => Math.Log(noise.AlphasCumprod[timestep]) / 2;
}
