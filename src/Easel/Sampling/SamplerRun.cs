namespace Easel.Sampling;

/// <summary>What a sampler walks with. It counts the evaluations of the model and the steps done, so that whoever denoises knows where the run
/// stands.</summary>
/// <param name="Sigmas">The noise levels, falling.</param>
/// <param name="Trained">The noise levels the model was trained with, for methods that count in its timesteps.</param>
/// <param name="OnStep">Called after each step.</param>
internal sealed record SamplerRun(Denoiser Denoiser, double[] Sigmas, NoiseSchedule Trained, NoiseSampler Noise, SamplingOptions Options,
    Action<StepInfo>? OnStep)
{
    private int _evaluations;
    private int _steps;

    /// <summary>The model's estimate of the clean latents in <paramref name="x"/>.</summary>
    public Tensor Denoise(Tensor x, double sigma) => Denoiser(x, new Evaluation(_evaluations++, _steps, sigma));

    /// <param name="index">The step, from 0.</param> <param name="sigma">The noise level reached.</param>
    /// <param name="denoised">The estimate of the clean latents that the step used.</param>
    /// <param name="count">Steps in all, where they are not those between <see cref="Sigmas"/>.</param>
    public void Report(int index, double sigma, Tensor x, Tensor denoised, int? count = null)
    {
        _steps = index + 1;
        OnStep?.Invoke(new StepInfo(index, count ?? Sigmas.Length - 1, sigma, x, denoised));
    }

    /// <summary>Goes through the noise levels, <paramref name="take"/> being given the latents, the step's number and its two levels. What it returns is the
    /// latents at the second level and the estimate that the step used; what else it makes is gone after the step.</summary>
    public Tensor Steps(Tensor x, Func<Tensor, int, double, double, (Tensor X, Tensor Denoised)> take)
    {
        for (var i = 0; i < Sigmas.Length - 1; i++)
        {
            using var step = NewDisposeScope();
            (x, var denoised) = take(x, i, Sigmas[i], Sigmas[i + 1]);
            x = step.MoveToOuter(x);
            Report(i, Sigmas[i + 1], x, denoised);
        }
        return x;
    }

    /// <summary>Adds noise of the size <paramref name="up"/>; draws none where none is wanted, but for generative-models' sake.</summary>
    public Tensor Renoise(Tensor x, double from, double to, double up)
    {
        up *= Options.NoiseScale;
        return up > 0 || Options.LikeGenerativeModels ? x + Noise(from, to) * up : x;
    }

    /// <summary>The stochastic half of Karras et al. (2022), algorithm 2: raises the noise level before step <paramref name="i"/>. While churn is on, one
    /// tensor is drawn per step even outside of its window, as k-diffusion does, so that the window does not shift the noise of later steps.</summary>
    public (Tensor X, double Sigma) Churn(Tensor x, int i)
    {
        var sigma = Sigmas[i];
        if (Options.Churn <= 0) return (x, sigma);
        var eps = Noise(sigma, sigma);
        if (sigma < Options.ChurnMin || sigma > Options.ChurnMax) return (x, sigma);
        var raised = sigma * (1 + Math.Min(Options.Churn / (Sigmas.Length - 1), Math.Sqrt(2) - 1));
        return (x + eps * (Options.NoiseScale * Math.Sqrt(raised * raised - sigma * sigma)), raised);
    }
}
