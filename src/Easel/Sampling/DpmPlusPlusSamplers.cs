using static Easel.Sampling.Moves;

namespace Easel.Sampling;

/// <summary>DPM-Solver++ (Lu et al. 2022, arXiv 2211.01095), which treats the denoised estimate as the polynomial, in steps of log sigma.</summary>
internal static class DpmPlusPlusSamplers
{
    /// <summary>DPM-Solver++(2M) as k-diffusion computes it; orders 1 to 3.</summary>
    public static Tensor Multistep(SamplerRun run, Tensor x)
    {
        var sigmas = run.Sigmas;
        var estimates = new List<Tensor>();
        var steps = sigmas.Length - 1;
        return run.Steps(x, (x, i, from, to) =>
        {
            var denoised = run.Denoise(x, from).MoveToOuterDisposeScope();
            estimates.Insert(0, denoised);
            var order = Math.Min(run.Options.Order ?? 2, i + 1);
            if ((run.Options.LowerOrderFinal ?? false) && steps < 15) order = Math.Min(order, steps - i);
            if (to == 0) order = 1;

            var next = Euler(x, denoised, from, to);
            // A schedule may end on one level twice, and a step of no length has no slope.
            if (order > 1 && from != to)
            {
                var h = Math.Log(from / to);
                var h1 = Math.Log(sigmas[i - 1] / from);
                var slope = (denoised - estimates[1]) * (h / h1);
                if (order == 2)
                {
                    // DPM-Solver++(2M)
                    next = next + slope * (0.5 * (1 - to / from));
                }
                else
                {
                    // DPM-Solver++(3M)
                    var h2 = Math.Log(sigmas[i - 2] / sigmas[i - 1]);
                    var bend = slope - (estimates[1] - estimates[2]) * (h / h2);
                    var (phi2, phi3) = Phi(h);
                    next = next + (slope + bend * (h1 / (h1 + h2))) * phi2 - bend * (phi3 * h / (h1 + h2));
                }
            }
            return (next, denoised);
        });
    }

    /// <summary>DPM-Solver++(2M) as the reference's DPMSolverSampler runs it: lower orders at the end of short runs.</summary>
    public static Tensor Reference(SamplerRun run, Tensor x) =>
        Multistep(run with { Options = run.Options with { LowerOrderFinal = run.Options.LowerOrderFinal ?? true } }, x);

    /// <summary>DPM-Solver++(2S), single-step: pairs of steps, of which the second starts again from before the first (diffusers,
    /// DPMSolverSinglestepScheduler).</summary>
    public static Tensor Singlestep(SamplerRun run, Tensor x)
    {
        var (start, first, startSigma) = (x, x, 0.0);
        return run.Steps(x, (x, i, from, to) =>
        {
            var denoised = run.Denoise(x, from).MoveToOuterDisposeScope();
            if (i % 2 == 0)
            {
                // First order
                (start, first, startSigma) = (x, denoised, from);
                return (Euler(x, denoised, from, to), denoised);
            }
            if (to == 0) return (denoised.alias(), denoised);
            // Second order, from the pair's first level
            var slope = (denoised - first) * (Math.Log(startSigma / to) / Math.Log(startSigma / from));
            return (Euler(start, first, startSigma, to) + slope * (0.5 * (1 - to / startSigma)), denoised);
        });
    }

    /// <summary>Ancestral sampling with DPM-Solver++(2S) steps (k-diffusion, sample_dpmpp_2s_ancestral).</summary>
    public static Tensor SinglestepAncestral(SamplerRun run, Tensor x) => run.Steps(x, (x, _, from, to) =>
    {
        var (down, up) = Ancestral(from, to, run.Options.Eta ?? 1);
        var denoised = run.Denoise(x, from);
        var estimate = denoised;
        if (down > 0)
        {
            // DPM-Solver++(2S)
            var middle = Between(from, down);
            estimate = run.Denoise(Euler(x, denoised, from, middle), middle);
        }
        return (run.Renoise(Euler(x, estimate, from, down), from, to, up), denoised);
    });

    /// <summary>DPM-Solver++ (stochastic) (k-diffusion, sample_dpmpp_sde): two evaluations and two draws per step.</summary>
    public static Tensor Sde(SamplerRun run, Tensor x)
    {
        var eta = run.Options.Eta ?? 1;
        return run.Steps(x, (x, _, from, to) =>
        {
            var denoised = run.Denoise(x, from);
            // Euler's method
            if (to == 0) return (Euler(x, denoised, from, to), denoised);
            // Step 1, to the middle
            var middle = Between(from, to);
            var (down, up) = Ancestral(from, middle, eta);
            var halfway = run.Renoise(Euler(x, denoised, from, down), from, middle, up);
            // Step 2, with the middle's estimate
            (down, up) = Ancestral(from, to, eta);
            return (run.Renoise(Euler(x, run.Denoise(halfway, middle), from, down), from, to, up), denoised);
        });
    }

    /// <summary>DPM-Solver++(2M) SDE, midpoint kind (k-diffusion, sample_dpmpp_2m_sde).</summary>
    public static Tensor MultistepSde(SamplerRun run, Tensor x) => MultistepSde(run, x, heun: false);

    /// <summary>DPM-Solver++(2M) SDE, Heun kind.</summary>
    public static Tensor MultistepSdeHeun(SamplerRun run, Tensor x) => MultistepSde(run, x, heun: true);

    /// <summary>DPM-Solver++(3M) SDE (k-diffusion, sample_dpmpp_3m_sde).</summary>
    public static Tensor ThirdOrderSde(SamplerRun run, Tensor x)
    {
        var sigmas = run.Sigmas;
        var eta = run.Options.Eta ?? 1;
        var estimates = new List<Tensor>();
        return run.Steps(x, (x, i, from, to) =>
        {
            var denoised = run.Denoise(x, from).MoveToOuterDisposeScope();
            estimates.Insert(0, denoised);
            // Denoising step
            if (to == 0) return (denoised.alias(), denoised);
            var h = Math.Log(from / to);
            var drift = h * (eta + 1);
            var (phi2, phi3) = Phi(drift);
            x = denoised + (x - denoised) * Math.Exp(-drift);
            if (i > 0)
            {
                var h1 = Math.Log(sigmas[i - 1] / from);
                var slope = (denoised - estimates[1]) * (h / h1);
                if (i > 1)
                {
                    // DPM-Solver++(3M)
                    var h2 = Math.Log(sigmas[i - 2] / sigmas[i - 1]);
                    var bend = slope - (estimates[1] - estimates[2]) * (h / h2);
                    x = x + (slope + bend * (h1 / (h1 + h2))) * phi2 - bend * (phi3 * h / (h1 + h2));
                }
                else
                {
                    // DPM-Solver++(2M)
                    x = x + slope * phi2;
                }
            }
            return (run.Renoise(x, from, to, NoiseOf(to, h, eta)), denoised);
        });
    }

    private static Tensor MultistepSde(SamplerRun run, Tensor x, bool heun)
    {
        var sigmas = run.Sigmas;
        var eta = run.Options.Eta ?? 1;
        var steps = sigmas.Length - 1;
        Tensor? previous = null;
        return run.Steps(x, (x, i, from, to) =>
        {
            var denoised = run.Denoise(x, from).MoveToOuterDisposeScope();
            // Denoising step
            if (to == 0) return (denoised.alias(), denoised);
            // DPM-Solver++(2M) SDE
            var h = Math.Log(from / to);
            var drift = h * (1 + eta);
            x = denoised + (x - denoised) * Math.Exp(-drift);
            if (previous is not null && !((run.Options.LowerOrderFinal ?? false) && steps < 15 && i == steps - 1))
            {
                var slope = (denoised - previous) * (h / Math.Log(sigmas[i - 1] / from));
                x = x + slope * (heun ? Phi(drift).Phi2 : 0.5 * (1 - Math.Exp(-drift)));
            }
            previous = denoised;
            return (run.Renoise(x, from, to, NoiseOf(to, h, eta)), denoised);
        });
    }

    /// <summary>The weights of the first and second derivative of an exponential integrator over a step of length <paramref name="h"/>.</summary>
    private static (double Phi2, double Phi3) Phi(double h)
    {
        var phi2 = (Math.Exp(-h) - 1) / h + 1;
        return (phi2, phi2 / h - 0.5);
    }

    private static double NoiseOf(double to, double h, double eta) => to * Math.Sqrt(1 - Math.Exp(-2 * eta * h));
}
