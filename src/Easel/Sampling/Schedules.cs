using static Easel.Sampling.ScheduleFormulas;

namespace Easel.Sampling;

/// <summary>What a schedule is made from.</summary>
/// <param name="Min">The lowest noise level above 0.</param> <param name="Rho">The exponent, where the formula has one.</param>
/// <param name="Whole">Whether timesteps between two are taken for the lower, where the original has them whole.</param>
internal readonly record struct ScheduleRequest(NoiseSchedule Noise, int Steps, double Min, double Max, double? Rho, bool Whole = false);

/// <summary>One way to space the noise levels of a run.</summary>
internal sealed record Schedule : ScheduleInfo
{
    public Schedule(Func<ScheduleRequest, double[]> levels) => Levels = levels;

    /// <summary>The noise levels above 0, falling. Most formulas give exactly as many as the steps asked for.</summary>
    public Func<ScheduleRequest, double[]> Levels { get; }

    /// <summary>The schedule's own map to timesteps, where it is not <see cref="NoiseSchedule.ToTimestep"/>.</summary>
    public Func<NoiseSchedule, double, double>? Timestep { get; init; }

    /// <summary>Whether this is the schedule of the original DDIM and PLMS scripts, with their own rule for image to image.</summary>
    public bool IsReference { get; init; }
}

/// <summary>The table of schedules.</summary>
internal static class Schedules
{
    /// <summary>The name that stands for each sampler's own default schedule.</summary>
    public const string Automatic = "automatic";

    /// <summary>Whether a name leaves the schedule to the sampler.</summary>
    public static bool IsAutomatic(string? name) => string.IsNullOrEmpty(name) || Names.Key(name) == Automatic;

    /// <summary>The schedule that a run has: the one named, else the one that the sampler's name ends with, else the sampler's default.</summary>
    public static Schedule For(Sampler sampler, Schedule? implied, string? name) =>
        IsAutomatic(name) ? implied ?? Get(sampler.DefaultSchedule) : Get(name!);

    internal const int MostSteps = 1000;

    /// <summary>Every schedule, the common ones first.</summary>
    public static IReadOnlyList<Schedule> All { get; } =
    [
        new(Normal) { Name = "normal", DisplayName = "Normal", Aliases = ["uniform", "discrete", "default"] },
        new(Karras) { Name = "karras", DisplayName = "Karras", Aliases = ["ka"] },
        new(Exponential) { Name = "exponential", DisplayName = "Exponential", Aliases = ["exp"] },
        new(Polyexponential) { Name = "polyexponential", DisplayName = "Polyexponential" },
        new(SgmUniform) { Name = "sgm_uniform", DisplayName = "SGM Uniform" },
        new(KlOptimal) { Name = "kl_optimal", DisplayName = "KL Optimal" },
        new(AlignYourSteps) { Name = "align_your_steps", DisplayName = "Align Your Steps", Aliases = ["ays"] },
        new(Simple) { Name = "simple", DisplayName = "Simple" },
        new(DdimUniform) { Name = "ddim_uniform", DisplayName = "DDIM", Aliases = ["ddim"], IsReference = true },
        new(Beta) { Name = "beta", DisplayName = "Beta" },
        new(VariancePreserving) { Name = "vp", DisplayName = "VP" },
        new(Leading) { Name = "leading", DisplayName = "Leading" },
        new(Trailing) { Name = "trailing", DisplayName = "Trailing" },
        new(Linspace) { Name = "linspace", DisplayName = "Linspace" },
        new(Solver) { Name = "solver", DisplayName = "Solver" },
        new(DpmSolverTime.Levels) { Name = "dpm_solver", DisplayName = "DPM-Solver", Timestep = DpmSolverTime.ToTimestep },
        new(Lcm) { Name = "lcm", DisplayName = "LCM" },
    ];

    private static readonly Dictionary<string, Schedule> ByKey = Names.Index(All, schedule => [.. schedule.Aliases, schedule.Name, schedule.DisplayName]);

    /// <summary>Finds a schedule by any of its names; case, spaces, dashes and underscores do not matter.</summary>
    /// <returns>The schedule.</returns>
    /// <exception cref="InvalidRequestException">No schedule has that name; the message lists them. "automatic" is a sampler's choice and not found
    /// here.</exception>
    public static Schedule Get(string name) => ByKey.GetValueOrDefault(Names.Key(name)) ?? throw new InvalidRequestException(
        "schedule", $"There is no schedule \"{name}\"; choose one of {Automatic}, {string.Join(", ", All.Select(s => s.Name))}.");

    /// <summary>The noise levels of a run.</summary>
    /// <param name="steps">The number of steps asked for, 1 to 1000.</param>
    /// <param name="last">The level at which the run ends: 0, or the model's lowest level as the reference's samplers end.</param>
    /// <param name="options">Rho and the range, for schedules that have them.</param>
    /// <returns>The levels, falling: one more than the steps that will run. Most schedules give exactly <paramref name="steps"/> steps; "ddim_uniform" and
    /// "beta" may not.</returns> <exception cref="InvalidRequestException">There is no such schedule, or it cannot have so many steps.</exception>
    public static double[] Sigmas(string name, NoiseSchedule noise, int steps, double last = 0, SamplingOptions? options = null) =>
        [.. Levels(Get(name), noise, steps, options ?? new SamplingOptions()), last];

    /// <summary>The noise levels above 0.</summary>
    internal static double[] Levels(Schedule schedule, NoiseSchedule noise, int steps, SamplingOptions options)
    {
        if (steps is < 1 or > MostSteps) throw new InvalidRequestException("steps", $"The number of steps is {steps} and must be from 1 to {MostSteps}.");
        return schedule.Levels(new(noise, steps, options.SigmaMin ?? noise.SigmaMin, options.SigmaMax ?? noise.SigmaMax, options.Rho,
            options.LikeGenerativeModels));
    }

    /// <summary>Splits the key of "DPM++ 2M Karras" into the part before the schedule and the schedule.</summary>
    internal static IEnumerable<(string Sampler, Schedule Schedule)> Suffixes(string key) =>
        ByKey.Where(p => key.Length > p.Key.Length && key.EndsWith(p.Key, StringComparison.Ordinal)).Select(p => (key[..^p.Key.Length], p.Value));
}
