using static TorchSharp.torch;

namespace Easel.Sampling;

/// <summary>Estimates the clean latents hidden in noisy ones.</summary>
/// <param name="x">Latents [n, C, h, w] in variance-exploding coordinates: clean + sigma * noise.</param>
/// <param name="sigma">The noise level of <paramref name="x"/>, above 0.</param>
/// <returns>The denoised estimate x0, a new tensor of the shape of <paramref name="x"/> that belongs to the caller's dispose scope.</returns>
/// <remarks>Every sampler sees a model through this one function, so none has to ask what the network predicts (k-diffusion, external.py).</remarks>
public delegate Tensor Denoiser(Tensor x, double sigma);

/// <summary>Draws one noise tensor of the latents' shape for the step from one noise level to another.</summary>
/// <param name="sigma">The noise level the step starts from. Only Brownian noise looks at the two numbers.</param>
/// <param name="sigmaNext">The noise level the step goes to.</param>
/// <returns>Standard normal noise that belongs to the caller's dispose scope.</returns>
public delegate Tensor NoiseSampler(double sigma, double sigmaNext);

/// <summary>What a sampler reports after each step. The tensors are valid during the call only.</summary>
/// <param name="Index">The step just done, from 0.</param>
/// <param name="Count">How many steps the run has; an estimate where the sampler chooses its own steps (dpm_adaptive).</param>
/// <param name="Sigma">The noise level of <paramref name="Latents"/>.</param>
/// <param name="Latents">The latents after the step, [n, C, h, w] in variance-exploding coordinates.</param>
/// <param name="Denoised">The estimate of the clean latents that the step used: what a preview shows.</param>
public readonly record struct StepInfo(int Index, int Count, double Sigma, Tensor Latents, Tensor Denoised);

/// <summary>What a diffusion network was trained to predict.</summary>
public enum PredictionType
{
    /// <summary>The noise (SD 1, SD 2 base).</summary>
    Epsilon,
    /// <summary>The velocity sqrt(a) * noise - sqrt(1 - a) * clean (SD 2.x at 768 pixels, the x4 upscaler).</summary>
    V,
    /// <summary>The clean sample itself.</summary>
    Sample,
}

/// <summary>Makes a <see cref="Denoiser"/> of a network: the one place that knows what the network predicts.</summary>
public static class Denoisers
{
    /// <summary>Wraps a network with the scalings c_in, c_skip and c_out of Karras et al. (2022) at sigma_data = 1.</summary>
    /// <param name="model">(latents in the network's own variance-preserving scale, timestep, possibly fractional) -> prediction.</param>
    /// <param name="prediction">What the network predicts.</param>
    /// <param name="toTimestep">Noise level to timestep; see <see cref="SamplingPlan.ToTimestep"/>.</param>
    /// <returns>The denoiser. For v-prediction, guidance belongs inside <paramref name="model"/>: the original applies it to v.</returns>
    public static Denoiser From(Func<Tensor, double, Tensor> model, PredictionType prediction, Func<double, double> toTimestep) => (x, sigma) =>
    {
        using var scope = NewDisposeScope();
        var norm = Math.Sqrt(1 + sigma * sigma);
        var output = model(x / norm, toTimestep(sigma));
        var denoised = prediction switch
        {
            PredictionType.Epsilon => x - output * sigma,
            PredictionType.V => x / (norm * norm) - output * (sigma / norm),
            PredictionType.Sample => output.alias(),
            _ => throw new ArgumentOutOfRangeException(nameof(prediction)),
        };
        return denoised.MoveToOuterDisposeScope();
    };
}
