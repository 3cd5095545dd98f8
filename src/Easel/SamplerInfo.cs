using Easel.Sampling;

namespace Easel;

/// <summary>A sampler, as lists of them show it and requests name it.</summary>
public record SamplerInfo
{
    private protected SamplerInfo() { }

    /// <summary>The name requests use: "dpmpp_2m".</summary>
    public required string Name { get; init; }

    /// <summary>The name people read, as AUTOMATIC1111 writes it: "DPM++ 2M".</summary>
    public required string DisplayName { get; init; }

    /// <summary>Other names it answers to: those of AUTOMATIC1111, ComfyUI, Easy Diffusion and diffusers' classes.</summary>
    public IReadOnlyList<string> Aliases { get; init; } = [];

    /// <summary>The schedule it runs on unless told otherwise.</summary>
    public string DefaultSchedule { get; init; } = "normal";

    /// <summary>Whether it draws any noise with default options.</summary>
    public bool Stochastic { get; init; }

    /// <summary>Whether it scales noise by <see cref="GenerationRequest.Eta"/>, or has no use for that; PLMS, whose original refuses it, does not accept it
    /// above 0.</summary>
    public bool AcceptsEta { get; init; } = true;

    /// <summary>Evaluations of the model per step; 1 for most.</summary>
    public int EvaluationsPerStep { get; init; } = 1;

    /// <summary>Every sampler, the common ones first.</summary>
    public static IReadOnlyList<SamplerInfo> All => Samplers.All;

    /// <summary>Finds a sampler by any of its names, and the schedule if the name ends with one, as the older "DPM++ 2M Karras" does; case, spaces, dashes,
    /// underscores and "k_" do not matter.</summary>
    /// <param name="name">Such as "euler", "k_euler_a", "DPM++ 2M Karras" or "EulerDiscreteScheduler".</param>
    /// <returns>The sampler, and the schedule or null.</returns>
    /// <exception cref="InvalidRequestException">No sampler has that name; the message lists them.</exception>
    public static (SamplerInfo Sampler, ScheduleInfo? Schedule) Resolve(string name) => Samplers.Resolve(name);
}
