using static Easel.Sampling.Moves;

namespace Easel.Sampling;

/// <summary>Samplers that look at one step alone: Euler, Heun and DPM-2 with their ancestral kin, DDIM, DDPM, LCM and restart sampling.</summary>
internal static class OneStepSamplers
{
    /// <summary>Karras et al. (2022), algorithm 2, with Euler steps.</summary>
    public static Tensor Euler(SamplerRun run, Tensor x) => Churned(run, x, Moves.Euler);

    /// <summary>Ancestral sampling with Euler steps (k-diffusion, sample_euler_ancestral).</summary>
    public static Tensor EulerAncestral(SamplerRun run, Tensor x) => Ancestry(run, x, run.Options.Eta ?? 1, alwaysDraw: false);

    /// <summary>Song, Meng and Ermon (2021), equation 12, as the reference's DDIMSampler computes it. In variance-exploding coordinates it is ancestral
    /// sampling with Euler steps. One noise tensor is drawn per step even where eta is 0, because the original's later pictures of one seed depend on
    /// it.</summary>
    public static Tensor Ddim(SamplerRun run, Tensor x) => Ancestry(run, x, run.Options.Eta ?? 0, alwaysDraw: true);

    /// <summary>Ho, Jain and Abbeel (2020), equation 7 with the smaller variance: the true posterior of each step, which is ancestral sampling with Euler steps
    /// at eta 1.</summary>
    public static Tensor Ddpm(SamplerRun run, Tensor x) => Ancestry(run, x, run.Options.Eta ?? 1, alwaysDraw: false);

    /// <summary>Karras et al. (2022), algorithm 2, with Heun's steps: two evaluations each but the last.</summary>
    public static Tensor Heun(SamplerRun run, Tensor x) =>
        Churned(run, x, (x, denoised, from, to) => HeunStep(run, x, denoised, from, to));

    /// <summary>Heun++ (Carzit, sd-webui-samplers-scheduler): looks two levels ahead and weighs the slopes by noise level.</summary>
    public static Tensor HeunPlusPlus(SamplerRun run, Tensor x)
    {
        var sigmas = run.Sigmas;
        var steps = sigmas.Length - 1;
        return run.Steps(x, (x, i, _, to) =>
        {
            (x, var sigma) = run.Churn(x, i);
            var denoised = run.Denoise(x, sigma);
            var slope = Slope(x, denoised, sigma);
            if (i < steps - 1)
            {
                // Heun's slope, at the next level
                var ahead = Moves.Euler(x, denoised, sigma, to);
                var slopeAhead = Slope(ahead, run.Denoise(ahead, to), to);
                if (i == steps - 2)
                {
                    var weight = to / (2 * sigmas[0]);
                    slope = slope * (1 - weight) + slopeAhead * weight;
                }
                else
                {
                    // One further slope, two levels down
                    var further = ahead + slopeAhead * (sigmas[i + 2] - to);
                    var slopeFurther = Slope(further, run.Denoise(further, sigmas[i + 2]), sigmas[i + 2]);
                    var (weight, weightFurther) = (to / (3 * sigmas[0]), sigmas[i + 2] / (3 * sigmas[0]));
                    slope = slope * (1 - weight - weightFurther) + slopeAhead * weight + slopeFurther * weightFurther;
                }
            }
            return (x + slope * (to - sigma), denoised);
        });
    }

    /// <summary>DPM-Solver-2 (Lu et al. 2022) with the churn of Karras et al. (2022): the slope in the middle of each step.</summary>
    public static Tensor Dpm2(SamplerRun run, Tensor x) =>
        Churned(run, x, (x, denoised, from, to) => MidpointStep(run, x, denoised, from, to));

    /// <summary>Ancestral sampling with DPM-Solver-2 steps (k-diffusion, sample_dpm_2_ancestral).</summary>
    public static Tensor Dpm2Ancestral(SamplerRun run, Tensor x) => run.Steps(x, (x, _, from, to) =>
    {
        var (down, up) = Ancestral(from, to, run.Options.Eta ?? 1);
        var denoised = run.Denoise(x, from);
        return (run.Renoise(MidpointStep(run, x, denoised, from, down), from, to, up), denoised);
    });

    /// <summary>Multistep sampling of a latent consistency model (Luo et al. 2023, algorithm 3): denoise, then noise again. The model's boundary scalings
    /// c_skip and c_out differ from 0 and 1 by less than 1e-5 on every timestep of its schedule and are left out.</summary>
    public static Tensor Lcm(SamplerRun run, Tensor x) => run.Steps(x, (x, _, from, to) =>
    {
        var denoised = run.Denoise(x, from);
        return (run.Renoise(denoised.alias(), from, to, to), denoised);
    });

    /// <summary>Strategic stochastic sampling of a trajectory consistency model (Zheng et al. 2024, arXiv 2402.19159, algorithm 4, whose gamma is eta):
    /// straight down to a share of the next timestep, then noise up to it. Ancestral sampling with another split (diffusers, TCDScheduler).</summary>
    public static Tensor Tcd(SamplerRun run, Tensor x)
    {
        var (trained, eta) = (run.Trained, run.Options.Eta ?? 0.3);
        return run.Steps(x, (x, _, from, to) =>
        {
            var timestep = trained.ToTimestep(to);
            var down = Math.Ceiling(eta * timestep) is > 0 and var back ? trained.ToSigma(timestep - back) : to;
            var denoised = run.Denoise(x, from);
            return (run.Renoise(Moves.Euler(x, denoised, from, down), from, to, Math.Sqrt(to * to - down * down)), denoised);
        });
    }

    /// <summary>Restart sampling (Xu et al. 2023) with Heun's steps, with AUTOMATIC1111's choice of restarts: from 20 steps on, a part of them is spent on
    /// going back from 0.1 to 2 and down again, once, or twice from 36 steps on.</summary>
    public static Tensor Restart(SamplerRun run, Tensor x)
    {
        var sigmas = run.Sigmas;
        var path = RestartPath(sigmas);
        for (var i = 0; i < path.Count; i++)
        {
            using var step = NewDisposeScope();
            var (from, to) = path[i];
            if (i > 0 && path[i - 1].To < from)
            {
                // Restart: back up to the higher level
                var below = path[i - 1].To;
                x = run.Renoise(x, below, from, Math.Sqrt(from * from - below * below));
            }
            var denoised = run.Denoise(x, from);
            x = step.MoveToOuter(HeunStep(run, x, denoised, from, to));
            run.Report(i, to, x, denoised, path.Count);
        }
        return x;
    }

    /// <summary>The steps of restart sampling over these levels.</summary>
    public static List<(double From, double To)> RestartPath(double[] sigmas)
    {
        var steps = sigmas.Length - 1;
        var (length, times) = steps >= 36 ? (steps / 4, 2) : steps >= 20 ? (9, 1) : (0, 0);
        if (times > 0) sigmas = [.. ScheduleFormulas.Karras(steps - length * times, sigmas[^2], sigmas[0]), sigmas[^1]];

        var path = sigmas.Zip(sigmas.Skip(1)).ToList();
        if (times == 0) return path;
        var (low, high) = (Nearest(0.1), Nearest(2));
        if (high >= low) return path;

        var again = ScheduleFormulas.Karras(length + 1, sigmas[low], sigmas[high]);
        for (var i = 0; i < times; i++) path.InsertRange(low, again.Zip(again.Skip(1)));
        return path;

        int Nearest(double level) => Enumerable.Range(0, sigmas.Length).MinBy(i => Math.Abs(sigmas[i] - level));
    }

    /// <summary>The steps of <paramref name="move"/>, which is given (x, denoised, from, to), each from a level that churn has raised.</summary>
    private static Tensor Churned(SamplerRun run, Tensor x, Func<Tensor, Tensor, double, double, Tensor> move) => run.Steps(x, (x, i, _, to) =>
    {
        (x, var sigma) = run.Churn(x, i);
        var denoised = run.Denoise(x, sigma);
        return (move(x, denoised, sigma, to), denoised);
    });

    private static Tensor Ancestry(SamplerRun run, Tensor x, double eta, bool alwaysDraw) => run.Steps(x, (x, _, from, to) =>
    {
        var (down, up) = Ancestral(from, to, eta);
        var denoised = run.Denoise(x, from);
        // Euler's method, down to below the next level, then noise up to it
        x = Moves.Euler(x, denoised, from, down);
        if (up > 0 || alwaysDraw || run.Options.LikeGenerativeModels) x = x + run.Noise(from, to) * (up * run.Options.NoiseScale);
        return (x, denoised);
    });

    private static Tensor HeunStep(SamplerRun run, Tensor x, Tensor denoised, double from, double to)
    {
        // Euler's method
        var ahead = Moves.Euler(x, denoised, from, to);
        if (to == 0) return ahead;
        // Heun's method
        var slope = (Slope(x, denoised, from) + Slope(ahead, run.Denoise(ahead, to), to)) / 2;
        return x + slope * (to - from);
    }

    private static Tensor MidpointStep(SamplerRun run, Tensor x, Tensor denoised, double from, double to)
    {
        // Euler's method
        if (to == 0) return Moves.Euler(x, denoised, from, to);
        // DPM-Solver-2
        var middle = Between(from, to);
        var halfway = Moves.Euler(x, denoised, from, middle);
        return x + Slope(halfway, run.Denoise(halfway, middle), middle) * (to - from);
    }
}
