namespace Easel.Sampling;

/// <summary>Everything about a run that follows from numbers alone: made once per request, before any model is loaded.</summary>
internal sealed record SamplingPlan
{
    private SamplingPlan() { }

    /// <summary>The sampler.</summary>
    public required Sampler Sampler { get; init; }

    /// <summary>The schedule that gave the noise levels.</summary>
    public required Schedule Schedule { get; init; }

    /// <summary>The knobs.</summary>
    public required SamplingOptions Options { get; init; }

    /// <summary>How the model sees noise.</summary>
    public required NoiseModel Noise { get; init; }

    /// <summary>The noise levels of the run, falling; image to image has the tail of a schedule only. A single 0 where nothing is to run.</summary>
    public required IReadOnlyList<double> Sigmas { get; init; }

    /// <summary>The noise added to an initial image. It is the first of <see cref="Sigmas"/>, except on the reference's schedule: the original's
    /// stochastic_encode adds the noise of one step more than its decode then takes away.</summary>
    public required double EncodeSigma { get; init; }

    /// <summary>The range of noise levels of the whole schedule, over which Brownian noise is laid even if only its tail runs.</summary>
    public required (double Lowest, double Highest) NoiseRange { get; init; }

    /// <summary>How many steps will run, which is not always the number asked for; an estimate for dpm_adaptive.</summary>
    public required int StepCount { get; init; }

    /// <summary>What a user may wonder about, one sentence each; mostly empty.</summary>
    public required IReadOnlyList<string> Remarks { get; init; }

    /// <summary>Plans a run.</summary>
    /// <param name="sampler">Any name that <see cref="Samplers.Resolve"/> knows.</param>
    /// <param name="schedule">A schedule's name; null or "automatic" for the one that the sampler's name ends with, or else its default.</param>
    /// <param name="steps">1 to 1000.</param>
    /// <param name="strength">Null for pure noise; else image to image, 0 to 1: how much of the schedule runs. 0 returns the image as it is. On the reference's
    /// schedule it counts as img2img.py counts, int(strength * steps) steps; elsewhere as AUTOMATIC1111 does, one step more, or as generative-models do.
    /// </param>
    /// <returns>The plan.</returns> <exception cref="InvalidRequestException">A name is unknown or a number out of range.</exception>
    public static SamplingPlan For(string sampler, string? schedule, int steps, NoiseModel noise, double? strength = null, SamplingOptions? options = null)
    {
        var trained = noise.Schedule;
        var (method, implied) = Samplers.Resolve(sampler);
        var spacing = Schedules.For(method, implied, schedule);
        options ??= new SamplingOptions();
        Check(method, trained, strength, options);
        var running = steps;
        if (options.RunsAllSteps && strength > 0) steps = (int)Math.Min(Schedules.MostSteps, steps / Math.Min(strength.Value, 0.999));

        var levels = Schedules.Levels(spacing, trained, steps, options);
        if (method.DiscardsNextToLast && levels.Length > 1)
        {
            // One more is asked for and the lowest left out; at 1000 steps there is no room for one more.
            levels = [.. (steps < 1000 ? Schedules.Levels(spacing, trained, steps + 1, options) : levels).SkipLast(1)];
        }
        // A schedule may itself go down to the model's lowest level, or below it.
        var last = method.EndsAboveZero ? Math.Min(trained.SigmaMin, levels[^1]) : 0;
        var (first, encode) = options.RunsAllSteps && strength > 0 ? Tail(levels, running) : Cut(method, spacing, levels, steps, strength, options);
        double[] sigmas = first == levels.Length ? [0] : [.. levels[first..], last];
        var count = sigmas.Length == 1 ? 0 : method.CountSteps(sigmas);
        return new SamplingPlan
        {
            Sampler = method,
            Schedule = spacing,
            Options = options,
            Noise = noise,
            Sigmas = sigmas,
            EncodeSigma = first == levels.Length ? 0 : encode,
            NoiseRange = (last > 0 ? last : levels[^1], levels[0]),
            StepCount = count,
            Remarks = [.. Remark(spacing, trained, steps, levels.Length)],
        };
    }

    /// <summary>The timestep the network is given for a noise level.</summary>
    /// <param name="sigma">A noise level above 0.</param> <returns>A timestep, fractional between training levels.</returns>
    public double ToTimestep(double sigma)
    {
        if (Options.RoundTimesteps) return Noise.Schedule.NearestTimestep(sigma);
        var timestep = Schedule.Timestep is { } own ? own(Noise.Schedule, sigma) : Noise.Schedule.ToTimestep(sigma);
        // The reference's timesteps start at 1; its last noise level is that of 0, which a one-step PLMS run evaluates as 1.
        return Schedule.IsReference && Sampler.EndsAboveZero ? Math.Max(1, timestep) : timestep;
    }

    /// <summary>Makes a denoiser of a network.</summary>
    /// <inheritdoc cref="NoiseModel.Denoiser"/>
    public Denoiser Denoiser(Func<Tensor, double, Evaluation, Tensor> network) => Noise.Denoiser(network, ToTimestep);

    /// <summary>The latents to start from.</summary>
    /// <param name="noise">Standard normal noise [n, C, h, w].</param>
    /// <param name="init">The latents of an initial image, or null to start from noise alone.</param>
    /// <returns>Latents in variance-exploding coordinates; belongs to the caller's scope.</returns>
    public Tensor Start(Tensor noise, Tensor? init = null)
    {
        using var scope = NewDisposeScope();
        var x = init is null ? NoiseModel.Start(noise, Sigmas[0], Sampler.VariancePreserving || Options.LikeGenerativeModels)
            : NoiseModel.Start(init, noise, EncodeSigma, Sigmas[0]);
        return x.MoveToOuterDisposeScope();
    }

    /// <summary>The source of noise that the sampler wants.</summary>
    /// <param name="shape">The shape [n, C, h, w] of the latents.</param> <param name="device">Where the latents live; null for the CPU.</param>
    /// <returns>Brownian noise or independent draws.</returns>
    public NoiseSampler NoiseFrom(NoiseSource source, long[] shape, Device? device = null) =>
        Sampler.Brownian ? source.Brownian(NoiseRange.Lowest, NoiseRange.Highest, shape, device) : source.AsSampler(shape, device);

    /// <summary>Runs the sampler.</summary>
    /// <param name="denoise">The model, made with <see cref="ToTimestep"/>.</param> <param name="x">What <see cref="Start"/> returned.</param>
    /// <param name="noise">What <see cref="NoiseFrom"/> returned.</param> <param name="onStep">Called after each step; throw from it to cancel.</param>
    /// <returns>The latents at the last noise level; belongs to the caller's scope.</returns>
    public Tensor Run(Denoiser denoise, Tensor x, NoiseSampler noise, Action<StepInfo>? onStep = null) =>
        StepCount == 0 ? x.alias() : Sampler.Run(denoise, x, Sigmas, Noise.Schedule, noise, Options, onStep);

    /// <summary>Scales the result of <see cref="Run"/> back to the latents that the autoencoder takes.</summary>
    /// <param name="x">What <see cref="Run"/> returned.</param> <returns>Latents; belongs to the caller's scope.</returns>
    public Tensor Finish(Tensor x) => Sampler.VariancePreserving ? NoiseModel.Preserving(x, Sigmas[^1]) : x.alias();

    /// <summary>The index of the first level that runs, and the noise level of the initial image.</summary>
    private static (int First, double Encode) Cut(Sampler sampler, Schedule schedule, double[] levels, int steps, double? strength, SamplingOptions options)
    {
        if (strength is not { } share) return (0, levels[0]);
        if (share == 0) return (levels.Length, 0);
        if (schedule.IsReference && sampler.EndsAboveZero)
        {
            // img2img.py: stochastic_encode takes entry t_enc of the rising table, decode starts one below.
            var encoded = Math.Min((int)(share * steps), Math.Min(levels.Length, options.StrengthBelowSteps ? steps : int.MaxValue) - 1);
            return (levels.Length - encoded, levels[levels.Length - 1 - encoded]);
        }
        // sgm/inference/helpers.py, Img2ImgDiscretizationWrapper, which counts the 0 at the end among the levels; elsewhere as AUTOMATIC1111.
        var first = options.LikeGenerativeModels ? levels.Length + 1 - Math.Max(1, (int)(share * (levels.Length + 1)))
            : levels.Length - 1 - Math.Min((int)(share * levels.Length), levels.Length - 1);
        if (first == levels.Length) return (first, 0);
        return (first, levels[first]);
    }

    /// <summary>The last levels of a schedule.</summary>
    private static (int First, double Encode) Tail(double[] levels, int count)
    {
        var first = Math.Max(0, levels.Length - count);
        return (first, levels[first]);
    }

    private static IEnumerable<string> Remark(Schedule schedule, NoiseSchedule noise, int steps, int count)
    {
        if (!schedule.IsReference) yield break;
        var stride = Math.Max(1, noise.Count / steps);
        if (count != steps)
            yield return $"{steps} steps were asked for and the schedule has {count}: the original takes one in {stride} of {noise.Count} timesteps.";
        if ((noise.Count - 1) / stride * stride + 1 == noise.Count)
            yield return $"The last timestep would be {noise.Count}, where the original fails, and is {noise.Count - 1} instead.";
    }

    private static void Check(Sampler sampler, NoiseSchedule noise, double? strength, SamplingOptions options)
    {
        if (strength is { } share && !(share >= 0 && share <= 1)) throw Invalid("strength", share, "must be from 0 to 1");
        if (options.Eta is { } eta && !(eta >= 0 && eta <= 1)) throw Invalid("eta", eta, "must be from 0 to 1");
        if (options.Eta > 0 && !sampler.AcceptsEta) throw Invalid("eta", options.Eta.Value, $"must be 0 for {sampler.Name}, which has no noise to scale");
        if (!(options.Churn >= 0)) throw Invalid(nameof(options.Churn), options.Churn, "must be at least 0");
        if (!(options.NoiseScale >= 0)) throw Invalid(nameof(options.NoiseScale), options.NoiseScale, "must be at least 0");
        if (options.Rho is { } rho && !(rho > 0)) throw Invalid(nameof(options.Rho), rho, "must be above 0");
        if (options.Order is { } order && sampler.Orders is { } range && (order < range.Lowest || order > range.Highest))
            throw Invalid(nameof(options.Order), order, $"must be from {range.Lowest} to {range.Highest} for {sampler.Name}");
        var (lowest, highest) = (options.SigmaMin ?? noise.SigmaMin, options.SigmaMax ?? noise.SigmaMax);
        if (!(lowest > 0 && lowest < highest && double.IsFinite(highest)))
            throw Invalid(nameof(options.SigmaMin), lowest, $"must be above 0 and below the highest noise level, {highest:g6}");
        if (!(options.RelativeTolerance > 0)) throw Invalid("rtol", options.RelativeTolerance, "must be above 0");
        if (!(options.AbsoluteTolerance > 0)) throw Invalid("atol", options.AbsoluteTolerance, "must be above 0");

        static InvalidRequestException Invalid(string field, double value, string rule) => new(field, $"The setting {field} is {value} and {rule}.");
    }
}
