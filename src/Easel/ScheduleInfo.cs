using Easel.Sampling;

namespace Easel;

/// <summary>A way to space the noise levels of a run, as lists of them show it and requests name it.</summary>
public record ScheduleInfo
{
    private protected ScheduleInfo() { }

    /// <summary>The name requests use: "karras".</summary>
    public required string Name { get; init; }

    /// <summary>The name people read, as AUTOMATIC1111 writes it: "Karras".</summary>
    public required string DisplayName { get; init; }

    /// <summary>Other names it answers to.</summary>
    public IReadOnlyList<string> Aliases { get; init; } = [];

    /// <summary>Every schedule, the common ones first.</summary>
    public static IReadOnlyList<ScheduleInfo> All => Schedules.All;

    /// <summary>Finds a schedule by any of its names; case, spaces, dashes and underscores do not matter.</summary>
    /// <param name="name">The name.</param>
    /// <returns>The schedule; null for "automatic" and for an empty name, which leave it to the sampler.</returns>
    /// <exception cref="InvalidRequestException">No schedule has that name; the message lists them.</exception>
    public static ScheduleInfo? Find(string? name) => Schedules.IsAutomatic(name) ? null : Schedules.Get(name!);
}
