namespace Easel.Sampling;

/// <summary>How a network was taught to see noise: the one place that knows what it predicts and in which scale. Samplers walk in variance-exploding
/// coordinates, clean + sigma * noise; the networks here were trained in variance-preserving ones, which are those divided by sqrt(1 + sigma^2). The scalings
/// are c_in, c_skip and c_out of Karras et al. (2022) at sigma_data = 1.</summary>
/// <param name="Prediction">What it predicts; null where only the network itself can tell.</param>
internal sealed record NoiseModel(NoiseSchedule Schedule, PredictionType? Prediction)
{
    /// <summary>Makes a denoiser of a network.</summary>
    /// <param name="network">(latents in the network's own scale, timestep, possibly fractional, where the run stands) -> prediction.</param>
    /// <param name="toTimestep">Noise level to timestep; see <see cref="SamplingPlan.ToTimestep"/>.</param>
    /// <returns>The denoiser. For v-prediction, guidance belongs inside <paramref name="network"/>: the original applies it to v.</returns>
    public Denoiser Denoiser(Func<Tensor, double, Evaluation, Tensor> network, Func<double, double> toTimestep) => (x, at) =>
    {
        using var scope = NewDisposeScope();
        return Denoised(x, network(x / Norm(at.Sigma), toTimestep(at.Sigma), at), at.Sigma).MoveToOuterDisposeScope();
    };

    /// <summary>The latents a run starts from where there is no picture to begin from.</summary>
    /// <param name="noise">Standard normal noise.</param> <param name="sigma">The first noise level.</param>
    /// <param name="preserving">Whether the start has variance 1 in the network's own scale, and not just sigma^2 in the sampler's.</param>
    public static Tensor Start(Tensor noise, double sigma, bool preserving) => noise * (preserving ? Norm(sigma) : sigma);

    /// <summary>The latents a run starts from that begins from a picture.</summary>
    /// <param name="noise">Standard normal noise.</param>
    public static Tensor Start(Tensor clean, Tensor noise, double added, double sigma) => (clean + noise * added) * (Norm(sigma) / Norm(added));

    /// <summary>Latents in the network's own scale.</summary>
    public static Tensor Preserving(Tensor x, double sigma) => x / Norm(sigma);

    /// <summary>Clean values under the noise of a timestep, in the network's own scale: what an upscaler is shown of its picture.</summary>
    public Tensor Noised(Tensor clean, Tensor noise, int timestep)
    {
        var alpha = Schedule.AlphasCumprod[timestep];
        return clean * Math.Sqrt(alpha) + noise * Math.Sqrt(1 - alpha);
    }

    private Tensor Denoised(Tensor x, Tensor answer, double sigma)
    {
        var norm = Norm(sigma);
        return Prediction switch
        {
            PredictionType.Epsilon => x - answer * sigma,
            PredictionType.V => x / (norm * norm) - answer * (sigma / norm),
            PredictionType.Sample => answer.alias(),
            _ => throw new InvalidOperationException("It must be known what a network predicts before its answers are used."),
        };
    }

    private static double Norm(double sigma) => Math.Sqrt(1 + sigma * sigma);
}
