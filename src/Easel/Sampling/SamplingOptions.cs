namespace Easel.Sampling;

/// <summary>The knobs of samplers and schedules. Null means the method's own default; a sampler ignores what it has no use for, except where noted.</summary>
internal sealed record SamplingOptions
{
    /// <summary>How much of the noise removed in a step is drawn anew: 0 is deterministic, 1 full. From 0 to 1. Defaults: 0 for ddim, dpm_fast and
    /// dpm_adaptive, 0.3 for tcd, whose gamma it is, else 1. PLMS allows 0 only.</summary>
    public double? Eta { get; init; }

    /// <summary>S_churn of Karras et al. (2022), algorithm 2: noise added before the steps of euler, heun, heunpp2 and dpm_2. At least 0.</summary>
    public double Churn { get; init; }

    /// <summary>S_tmin: the lowest noise level at which <see cref="Churn"/> acts.</summary>
    public double ChurnMin { get; init; }

    /// <summary>S_tmax: the highest noise level at which <see cref="Churn"/> acts.</summary>
    public double ChurnMax { get; init; } = double.PositiveInfinity;

    /// <summary>S_noise: the scale of all noise a sampler adds. At least 0.</summary>
    public double NoiseScale { get; init; } = 1;

    /// <summary>The order of a multistep or adaptive method; each such sampler names its range in <see cref="Sampler.Orders"/>.</summary>
    public int? Order { get; init; }

    /// <summary>Whether the last steps fall back to lower orders, which steadies runs of few steps. Defaults: true for dpm_solver, deis and unipc, false for
    /// the k-diffusion family.</summary>
    public bool? LowerOrderFinal { get; init; }

    /// <summary>The exponent of the karras schedule (7) and of the polyexponential one (1). Above 0.</summary>
    public double? Rho { get; init; }

    /// <summary>Overrides the highest noise level of schedules that are made from a range.</summary>
    public double? SigmaMax { get; init; }

    /// <summary>Overrides the lowest noise level above 0 of schedules that are made from a range.</summary>
    public double? SigmaMin { get; init; }

    /// <summary>Give the network the nearest training timestep instead of a fractional one (AUTOMATIC1111's "quantization").</summary>
    public bool RoundTimesteps { get; init; }

    /// <summary>Image to image on the reference's schedule: keep the number of steps below the number asked for, as the depth script does and img2img.py does
    /// not.</summary>
    public bool StrengthBelowSteps { get; init; }

    /// <summary>Whether to go as Stability's generative-models: over whole timesteps, from noise of variance 1 in the network's own scale, with a draw of noise
    /// also for a last step that adds none, and with its own count of the steps that a picture to begin from leaves.</summary>
    public bool LikeGenerativeModels { get; init; }

    /// <summary>Image to image: run all the steps asked for, on a schedule that is longer by as much as the strength leaves out (AUTOMATIC1111's
    /// setup_img2img_steps with steps given, as its second pass has them).</summary>
    public bool RunsAllSteps { get; init; }

    /// <summary>dpm_adaptive: the relative tolerance. Above 0.</summary>
    public double RelativeTolerance { get; init; } = 0.05;

    /// <summary>dpm_adaptive: the absolute tolerance. Above 0.</summary>
    public double AbsoluteTolerance { get; init; } = 0.0078;
}
