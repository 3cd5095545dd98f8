namespace Easel.Sampling;

/// <summary>The table of samplers.</summary>
internal static class Samplers
{
    private static readonly (int, int) ToThree = (1, 3);
    private static readonly (int, int) ToFour = (1, 4);

    /// <summary>Every sampler, the common ones first.</summary>
    public static IReadOnlyList<Sampler> All { get; } =
    [
        new(DpmPlusPlusSamplers.Multistep)
        {
            Name = "dpmpp_2m", DisplayName = "DPM++ 2M", DefaultSchedule = "karras", Orders = ToThree,
            Aliases = ["DPMSolverMultistepScheduler"],
        },
        new(DpmPlusPlusSamplers.Sde)
        {
            Name = "dpmpp_sde", DisplayName = "DPM++ SDE", DefaultSchedule = "karras", Brownian = true, Stochastic = true,
            EvaluationsPerStep = 2, Aliases = ["dpmpp_sde_gpu", "DPMSolverSDEScheduler"],
        },
        new(DpmPlusPlusSamplers.MultistepSde)
        {
            Name = "dpmpp_2m_sde", DisplayName = "DPM++ 2M SDE", DefaultSchedule = "exponential", Brownian = true, Stochastic = true,
            Aliases = ["dpmpp_2m_sde_gpu"],
        },
        new(DpmPlusPlusSamplers.MultistepSdeHeun)
        {
            Name = "dpmpp_2m_sde_heun", DisplayName = "DPM++ 2M SDE Heun", DefaultSchedule = "exponential", Brownian = true,
            Stochastic = true, Aliases = ["dpmpp_2m_sde_heun_gpu"],
        },
        new(DpmPlusPlusSamplers.SinglestepAncestral)
        {
            Name = "dpmpp_2s_ancestral", DisplayName = "DPM++ 2S a", DefaultSchedule = "karras", Stochastic = true,
            EvaluationsPerStep = 2, Aliases = ["dpmpp_2s_a"],
        },
        new(DpmPlusPlusSamplers.ThirdOrderSde)
        {
            Name = "dpmpp_3m_sde", DisplayName = "DPM++ 3M SDE", DefaultSchedule = "exponential", Brownian = true, Stochastic = true,
            DiscardsNextToLast = true, Aliases = ["dpmpp_3m_sde_gpu"],
        },
        new(OneStepSamplers.EulerAncestral)
        {
            Name = "euler_ancestral", DisplayName = "Euler a", Stochastic = true,
            Aliases = ["EulerAncestralDiscreteScheduler", "EulerAncestralScheduler"],
        },
        new(OneStepSamplers.Euler) { Name = "euler", DisplayName = "Euler", Aliases = ["EulerDiscreteScheduler", "EulerScheduler"] },
        new(MultistepSamplers.Lms) { Name = "lms", DisplayName = "LMS", Orders = ToFour, Aliases = ["LMSDiscreteScheduler", "LMSScheduler"] },
        new(OneStepSamplers.Heun) { Name = "heun", DisplayName = "Heun", EvaluationsPerStep = 2, Aliases = ["HeunDiscreteScheduler"] },
        new(OneStepSamplers.HeunPlusPlus) { Name = "heunpp2", DisplayName = "Heun++", EvaluationsPerStep = 3, Aliases = ["heunpp"] },
        new(OneStepSamplers.Dpm2)
        {
            Name = "dpm_2", DisplayName = "DPM2", DefaultSchedule = "karras", DiscardsNextToLast = true, EvaluationsPerStep = 2,
            Aliases = ["KDPM2DiscreteScheduler"],
        },
        new(OneStepSamplers.Dpm2Ancestral)
        {
            Name = "dpm_2_ancestral", DisplayName = "DPM2 a", DefaultSchedule = "karras", DiscardsNextToLast = true, Stochastic = true,
            EvaluationsPerStep = 2, Aliases = ["KDPM2AncestralDiscreteScheduler"],
        },
        new(DpmSolverSamplers.Fast) { Name = "dpm_fast", DisplayName = "DPM fast", CountSteps = sigmas => DpmSolverSamplers.Orders(sigmas.Length - 1).Length },
        new(DpmSolverSamplers.Adaptive)
        {
            Name = "dpm_adaptive", DisplayName = "DPM adaptive", Orders = (2, 3), SharesSteps = true, EvaluationsPerStep = 3,
            Aliases = ["dpm_ad"],
        },
        new(OneStepSamplers.Restart)
        {
            Name = "restart", DisplayName = "Restart", DefaultSchedule = "karras", Stochastic = true, EvaluationsPerStep = 2,
            CountSteps = sigmas => OneStepSamplers.RestartPath(sigmas).Count,
        },
        new(OneStepSamplers.Ddim)
        {
            Name = "ddim", DisplayName = "DDIM", DefaultSchedule = "ddim_uniform", VariancePreserving = true, EndsAboveZero = true,
            Aliases = ["DDIMScheduler"],
        },
        new(MultistepSamplers.Plms)
        {
            Name = "plms", DisplayName = "PLMS", DefaultSchedule = "ddim_uniform", VariancePreserving = true, EndsAboveZero = true,
            AcceptsEta = false, Aliases = ["pndm", "PNDMScheduler"],
        },
        new(DpmPlusPlusSamplers.Reference)
        {
            Name = "dpm_solver", DisplayName = "DPM-Solver", DefaultSchedule = "dpm_solver", VariancePreserving = true,
            EndsAboveZero = true, Orders = ToThree, Aliases = ["dpm", "dpm_solver_stability"],
        },
        new(OneStepSamplers.Ddpm)
        {
            Name = "ddpm", DisplayName = "DDPM", DefaultSchedule = "leading", VariancePreserving = true, Stochastic = true,
            Aliases = ["DDPMScheduler"],
        },
        new(UniPcSampler.Bh2)
        {
            Name = "unipc", DisplayName = "UniPC", DefaultSchedule = "solver", VariancePreserving = true, EndsAboveZero = true, Orders = ToThree,
            Aliases = ["uni_pc_bh2", "unipc_snr", "unipc_tu", "unipc_tq", "UniPCMultistepScheduler"],
        },
        new(UniPcSampler.Bh1)
        {
            Name = "unipc_bh1", DisplayName = "UniPC bh1", DefaultSchedule = "solver", VariancePreserving = true, EndsAboveZero = true, Orders = ToThree,
        },
        new(MultistepSamplers.Deis)
        {
            Name = "deis", DisplayName = "DEIS", DefaultSchedule = "solver", VariancePreserving = true, EndsAboveZero = true, Orders = ToThree,
            Aliases = ["DEISMultistepScheduler"],
        },
        new(DpmPlusPlusSamplers.Singlestep)
        {
            Name = "dpmpp_2s", DisplayName = "DPM++ 2S", DefaultSchedule = "solver", VariancePreserving = true, EndsAboveZero = true,
            Aliases = ["DPMSolverSinglestepScheduler"],
        },
        new(MultistepSamplers.Ipndm) { Name = "ipndm", DisplayName = "iPNDM", Orders = ToFour, Aliases = ["IPNDMScheduler"] },
        new(OneStepSamplers.Lcm)
        {
            Name = "lcm", DisplayName = "LCM", DefaultSchedule = "lcm", VariancePreserving = true, Stochastic = true,
            Aliases = ["LCMScheduler"],
        },
        new(OneStepSamplers.Tcd)
        {
            Name = "tcd", DisplayName = "TCD", DefaultSchedule = "lcm", VariancePreserving = true, EndsAboveZero = true, Stochastic = true,
            Aliases = ["TCDScheduler"],
        },
    ];

    private static readonly Dictionary<string, Sampler> ByKey = Names.Index(All, sampler => [.. sampler.Aliases, sampler.Name, sampler.DisplayName]);

    /// <summary>Finds a sampler by any of its names, also by the older "DPM++ 2M Karras" whose end names a schedule; case, spaces, dashes, underscores and "k_"
    /// do not matter.</summary>
    /// <returns>The sampler.</returns> <exception cref="InvalidRequestException">No sampler has that name; the message lists them.</exception>
    public static Sampler Get(string name) => Resolve(name).Sampler;

    /// <summary>Finds a sampler, and the schedule if the name ends with one.</summary>
    /// <param name="name">Such as "euler", "k_euler_a", "DPM++ 2M Karras" or "EulerDiscreteScheduler".</param>
    /// <returns>The sampler, and the schedule or null.</returns>
    /// <exception cref="InvalidRequestException">No sampler has that name; the message lists them.</exception>
    public static (Sampler Sampler, Schedule? Schedule) Resolve(string name)
    {
        var key = Names.Key(name);
        if (Find(key) is { } sampler) return (sampler, null);
        foreach (var (rest, schedule) in Schedules.Suffixes(key))
        {
            if (Find(rest) is { } found) return (found, schedule);
        }
        throw new InvalidRequestException("sampler", $"There is no sampler \"{name}\"; choose one of {string.Join(", ", All.Select(s => s.Name))}.");
    }

    private static Sampler? Find(string key) =>
        ByKey.GetValueOrDefault(key) ?? (key.StartsWith('k') ? ByKey.GetValueOrDefault(key[1..]) : null);
}
