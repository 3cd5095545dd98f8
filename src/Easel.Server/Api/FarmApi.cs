using Easel.Farm;
using Easel.Server.Errors;
using Easel.Server.Farm;

namespace Easel.Server.Api;

/// <summary>The farm as it stands.</summary>
internal static class FarmApi
{
    public static void Map(IEndpointRouteBuilder app) => app.MapGet("/api/farm", (IServiceProvider services) =>
        TypedResults.Ok(services.GetService<FarmDrawing>()?.State()
            ?? throw new ServerException(Status404NotFound, "This server draws alone; started with --farm it has others draw.")))
        .WithTags("Farm").ProducesProblem(Status404NotFound).Produces<FarmState>()
        .WithSummary("The farm: its workers, what is at the broker, what nobody can draw and why");
}
