using Easel.Server.Errors;
using Easel.Server.Json;
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
        api.MapGet("/models/known", (ModelPulls pulls) => pulls.Known()).WithSummary("The models that can be fetched by one word");
        api.MapGet("/models/pulls", (ModelPulls pulls, HttpContext context) => MachinePaths.Told(context, pulls.All))
            .WithSummary("The models that are, or were, fetched since the server started");
        api.MapPost("/models/pulls", (Body<PullBody> body, ModelPulls pulls, HttpContext context) =>
        {
            MayFetch(context);
            var status = pulls.Start(body.Value.Name is { Length: > 0 } name ? name : throw ServerException.Refused("name is missing: the model to fetch."));
            return Results.Accepted(context.Request.PathBase + "/api/models/pulls", status);
        }).WithSummary("Fetch a model: for whoever is logged in or sits at the machine");
        api.MapDelete("/models/pulls/{**name}", (string name, ModelPulls pulls, HttpContext context) =>
        {
            MayFetch(context);
            return pulls.Cancel(name) ? Results.NoContent()
                : throw new ServerException(Status404NotFound, $"\"{name}\" is not being fetched.");
        }).WithSummary("Stop the fetching of a model; what is there of it is kept for the next time");
        api.MapGet("/samplers", () => SamplerInfo.All
            .Select(sampler => new Choice(sampler.Name, sampler.DisplayName, sampler.Aliases, sampler.DefaultSchedule)))
            .WithSummary("The samplers");
        api.MapGet("/schedules", () => ScheduleInfo.All.Select(schedule => new Choice(schedule.Name, schedule.DisplayName, schedule.Aliases)))
            .WithSummary("The noise schedules");
    }

    private static void MayFetch(HttpContext context)
    {
        if (!Caller.MaySeePaths(context))
            throw new ServerException(Status403Forbidden, "Models are fetched for whoever is logged in or sits at the machine, and for nobody else.");
    }

    private static ModelList ListOf(ModelLibrary library, HttpContext context) => new(library.Default?.Name,
        MachinePaths.Told(context, library.Entries), library.Loras, library.Embeddings)
    {
        Controls = [.. library.Controls.Select(file => file.Key)],
    };
}

/// <summary>A model to fetch.</summary>
/// <param name="Name">A name of the built-in list, "org/name", "org/name:file" or an https address.</param>
public sealed record PullBody(string? Name);

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
