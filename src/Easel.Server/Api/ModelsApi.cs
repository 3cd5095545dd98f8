using Easel.Server.Library;
using Easel.Server.Security;

namespace Easel.Server.Api;

/// <summary>What there is to draw with.</summary>
internal static class ModelsApi
{
    public static void Map(IEndpointRouteBuilder app)
    {
        var api = app.MapGroup("/api").WithTags("Models");
        api.MapGet("/models", (ModelLibrary library, HttpContext context) => ListOf(library, context))
            .WithSummary("The models, LoRAs, embeddings and networks of control in the folders");
        api.MapPost("/models/refresh", (ModelLibrary library, HttpContext context) =>
        {
            library.Refresh();
            return ListOf(library, context);
        }).WithSummary("Read the folders again");
        api.MapGet("/samplers", () => SamplerInfo.All
            .Select(sampler => new Choice(sampler.Name, sampler.DisplayName, sampler.Aliases, sampler.DefaultSchedule)))
            .WithSummary("The samplers");
        api.MapGet("/schedules", () => ScheduleInfo.All.Select(schedule => new Choice(schedule.Name, schedule.DisplayName, schedule.Aliases)))
            .WithSummary("The noise schedules");
    }

    private static ModelList ListOf(ModelLibrary library, HttpContext context) => new(library.Default?.Name,
        MachinePaths.Told(context, library.Entries), library.Loras, library.Embeddings)
    {
        Controls = [.. library.Controls.Select(file => file.Key)],
    };
}

/// <summary>The models there are.</summary>
/// <param name="Default">The one that is drawn with where a request names none; null where there is none.</param>
/// <param name="Models">All files in the folders, the usable ones first.</param>
/// <param name="Loras">What a prompt can call as <c>&lt;lora:name:0.8&gt;</c>.</param>
/// <param name="Embeddings">What a prompt can call by name.</param>
public sealed record ModelList(string? Default, IReadOnlyList<ModelEntry> Models, IReadOnlyList<string> Loras, IReadOnlyList<string> Embeddings)
{
    /// <summary>The networks of control that a request can name.</summary>
    public IReadOnlyList<string> Controls { get; init; } = [];
}

/// <summary>A sampler or a schedule.</summary>
/// <param name="Name">The name in requests.</param>
/// <param name="DisplayName">The name for people.</param>
/// <param name="Aliases">Other names it answers to.</param>
/// <param name="DefaultSchedule">A sampler's own schedule.</param>
public sealed record Choice(string Name, string DisplayName, IReadOnlyList<string> Aliases, string? DefaultSchedule = null);
