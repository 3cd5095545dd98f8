using Easel.Sampling;

namespace Easel.Training;

/// <summary>
/// The noise that training adds and how much each level counts. Stable Diffusion's schedule stretched to end in pure noise ("Common Diffusion Noise Schedules
/// and Sample Steps are Flawed", arXiv 2305.08891), v as the target ("Progressive Distillation", arXiv 2202.00512).
/// </summary>
internal static class NoiseLevels
{
    private const double Gamma = 5;
    private const double Alone = 0.95; // of all chances: timesteps from 997
    private const double AloneUntil = 0.15, AllFrom = 0.35; // of the run

    /// <summary>The schedule, the same that a file with the mark "ztsnr" is drawn with.</summary>
    public static NoiseSchedule Schedule { get; } = NoiseSchedule.FromBetas(BetaSchedule.ScaledLinear, 0.00085, 0.012, zeroTerminalSnr: true);

    /// <summary>
    /// What the squared error of v counts at a level: "Efficient Diffusion Training via Min-SNR Weighting Strategy", arXiv 2303.09556, min(SNR, 5) / (SNR +
    /// 1) for v, with 1 added above the line so that pure noise, which a stretched schedule has, counts in full.
    /// </summary>
    public static double Weight(int timestep)
    {
        var alpha = Schedule.AlphasCumprod[timestep];
        var snr = alpha / (1 - alpha);
        return (Math.Min(snr, Gamma) + 1) / (snr + 1);
    }

    /// <summary>
    /// Timesteps of a batch: one from each of as many equal parts of all chances, so that every batch sees all levels. The noisiest come most often, as what
    /// a picture shows is decided there, by the prompt: half of them lie in the last quarter.
    /// </summary>
    /// <param name="least">The share of all chances below which none is taken; see <see cref="LeastAt"/>.</param>
    public static int[] Timesteps(int count, Random random, double least = 0) =>
        [.. Enumerable.Range(0, count).Select(i => At(least + (1 - least) * (i + random.NextDouble()) / count))];

    /// <summary>
    /// Where the levels of noise begin at a share of the run: a run begins with pure noise alone, in which nothing but the prompt tells what to draw, and all
    /// levels are there after a third of it. Given all levels from the start a network learns to see pictures in noise long before it heeds words.
    /// </summary>
    public static double LeastAt(double progress) => Math.Clamp(1 - (progress - AloneUntil) / (AllFrom - AloneUntil), 0, 1) * Alone;

    /// <summary>The timestep below which a share of all that are drawn lie.</summary>
    public static int At(double share) => Math.Min(Schedule.Count - 1, (int)((1 - (1 - share) * (1 - share)) * Schedule.Count));

    /// <summary>The noisy latents and the v to predict.</summary>
    /// <param name="clean">[n, c, h, w] with about unit variance.</param>
    public static (Tensor Noisy, Tensor Target) Add(Tensor clean, Tensor noise, int[] timesteps)
    {
        var signal = tensor(timesteps.Select(t => (float)Math.Sqrt(Schedule.AlphasCumprod[t])).ToArray()).view(-1, 1, 1, 1);
        var spread = tensor(timesteps.Select(t => (float)Math.Sqrt(1 - Schedule.AlphasCumprod[t])).ToArray()).view(-1, 1, 1, 1);
        return (signal * clean + spread * noise, signal * noise - spread * clean);
    }
}
