namespace Easel.Sampling;

/// <summary>
/// The time of the reference's DPM-Solver (ldm, dpm_solver.py): timestep n is the instant (n + 1) / 1000, and between instants the logarithm of alpha is linear, where the
/// k-diffusion map is linear in log sigma. Steps are even in this time, so that the network is given fractional timesteps.
/// </summary>
internal static class DpmSolverTime
{
    public static double[] Levels(ScheduleRequest r)
    {
        // The original computes the instants in single precision; the network sees the difference, so this does too.
        var last = (float)(1.0 / r.Noise.Count);
        var stride = (last - 1f) / r.Steps;
        var sigmas = new double[r.Steps];
        for (var i = 0; i < r.Steps; i++)
        {
            var instant = i < (r.Steps + 1) / 2 ? 1f + stride * i : last - stride * (r.Steps - i);
            sigmas[i] = ToSigma(r.Noise, instant);
        }
        return sigmas;
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
