namespace Easel.Sampling;

/// <summary>One evaluation of the model in a run.</summary>
/// <param name="Number">Its place among the run's evaluations, from 0.</param>
/// <param name="Step">The step that asks, from 0; some samplers ask more than once in a step.</param>
/// <param name="Sigma">The noise level of the latents, above 0.</param>
internal readonly record struct Evaluation(int Number, int Step, double Sigma);

/// <summary>Estimates the clean latents hidden in noisy ones.</summary>
/// <param name="x">Latents [n, C, h, w] in variance-exploding coordinates: clean + sigma * noise.</param>
/// <param name="at">How noisy <paramref name="x"/> is, and where the run stands.</param>
/// <returns>The denoised estimate x0, a new tensor of the shape of <paramref name="x"/> that belongs to the caller's dispose scope.</returns>
/// <remarks>Every sampler sees a model through this one function, so none has to ask what the network predicts (k-diffusion, external.py).</remarks>
internal delegate Tensor Denoiser(Tensor x, Evaluation at);

/// <summary>Draws one noise tensor of the latents' shape for the step from one noise level to another.</summary>
/// <param name="sigma">The noise level the step starts from. Only Brownian noise looks at the two numbers.</param>
/// <returns>Standard normal noise that belongs to the caller's dispose scope.</returns>
internal delegate Tensor NoiseSampler(double sigma, double sigmaNext);

/// <summary>What a sampler reports after each step. The tensors are valid during the call only.</summary>
/// <param name="Index">The step just done, from 0.</param>
/// <param name="Count">How many steps the run has; an estimate where the sampler chooses its own steps (dpm_adaptive).</param>
/// <param name="Sigma">The noise level of <paramref name="Latents"/>.</param>
/// <param name="Latents">The latents after the step, [n, C, h, w] in variance-exploding coordinates.</param>
/// <param name="Denoised">The estimate of the clean latents that the step used: what a preview shows.</param>
internal readonly record struct StepInfo(int Index, int Count, double Sigma, Tensor Latents, Tensor Denoised);
