namespace Easel.Sampling;

/// <summary>A sampler as a function: it owns its loop and keeps its history in locals.</summary>
/// <param name="x">The start latents, noised to the first level.</param>
/// <returns>The latents at the last level, in the caller's scope, with the latents of each step.</returns>
internal delegate Tensor SamplerFunction(SamplerRun run, Tensor x);

/// <summary>One row of the table of samplers.</summary>
internal sealed record Sampler : SamplerInfo
{
    public Sampler(SamplerFunction function) => Function = function;

    /// <summary>Whether its noise is that of a Brownian path, so that it depends on the noise levels of a step and not on the number of steps before
    /// it.</summary>
    public bool Brownian { get; init; }

    /// <summary>Whether the level before the last is left out of its schedule (AUTOMATIC1111's discard_next_to_last_sigma).</summary>
    public bool DiscardsNextToLast { get; init; }

    /// <summary>Whether it was published in variance-preserving coordinates: start noise has variance 1 there, and the result is scaled back to them.</summary>
    public bool VariancePreserving { get; init; }

    /// <summary>Whether it ends on the model's lowest noise level instead of 0.</summary>
    public bool EndsAboveZero { get; init; }

    /// <summary>Whether the pictures of a batch share its choice of steps, so that a picture in a batch is not quite the picture alone
    /// (dpm_adaptive).</summary>
    public bool SharesSteps { get; init; }

    /// <summary>The lowest and highest <see cref="SamplingOptions.Order"/>, where the method has orders.</summary>
    public (int Lowest, int Highest)? Orders { get; init; }

    /// <summary>How many steps a run over these levels has, where it is not one less than there are levels.</summary>
    public Func<double[], int> CountSteps { get; init; } = sigmas => sigmas.Length - 1;

    /// <summary>The function.</summary>
    public SamplerFunction Function { get; }

    /// <summary>Walks from the first noise level to the last. Most callers want <see cref="SamplingPlan.Run"/>.</summary>
    /// <param name="x">Latents [n, C, h, w] noised to the first level, in variance-exploding coordinates; left as it is.</param>
    /// <param name="sigmas">The noise levels, falling, at least one.</param> <param name="onStep">Called after each step; throw from it to cancel.</param>
    /// <returns>The latents at the last level; belongs to the caller's scope.</returns>
    public Tensor Run(
        Denoiser denoise, Tensor x, IReadOnlyList<double> sigmas, NoiseSchedule trained, NoiseSampler noise, SamplingOptions? options = null,
        Action<StepInfo>? onStep = null)
    {
        using var scope = NewDisposeScope();
        return Function(new SamplerRun(denoise, [.. sigmas], trained, noise, options ?? new SamplingOptions(), onStep), x.alias()).MoveToOuterDisposeScope();
    }
}
