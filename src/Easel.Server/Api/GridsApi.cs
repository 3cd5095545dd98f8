using Easel.Server.Jobs;
using Easel.Server.Json;
using Easel.Server.Security;

namespace Easel.Server.Api;

/// <summary>Many pictures by one order: settings that change along axes, or parts of a prompt in all combinations, and a sheet with all of them.</summary>
internal static class GridsApi
{
    public static void Map(IEndpointRouteBuilder app)
    {
        var grids = app.MapGroup("/api/grids").WithTags("Jobs").ProducesProblem(Status400BadRequest).ProducesProblem(Status422UnprocessableEntity)
            .ProducesProblem(Status429TooManyRequests);
        grids.MapPost("", (Body<GridOrder> order, JobIntake intake, HttpContext context) =>
            JobsApi.Created(context, intake.Submit(JobsApi.WithWords(order.Value, order.Value.Request), Caller.Of(context))))
            .WithSummary("Draw a grid: its jobs, and the one that makes the sheet, which is answered and whose places name the others");
        grids.MapGet("/axes", () => GridAxis.Names.Select(name => new GridAxisInfo(name, GridAxis.ChoicesOf(name))))
            .WithSummary("What can change along an axis");
    }
}

/// <summary>What can change along an axis.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Choices">Its values, where they are some of few; * stands for all of them.</param>
public sealed record GridAxisInfo(string Name, IReadOnlyList<string>? Choices);
