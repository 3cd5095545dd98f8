using Easel.Server.Jobs;
using Microsoft.AspNetCore.Http.HttpResults;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;

namespace Easel.Server.Api;

/// <summary>What those ask who run the server: is it alive, can it work, how is it doing.</summary>
internal static class Operations
{
    public static void Add(IServiceCollection services) =>
        services.AddOpenTelemetry().ConfigureResource(resource => resource.AddService("easel")).WithMetrics(metrics => metrics
        .AddMeter(ServerMetrics.MeterName, "Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel", "System.Runtime")
        .AddPrometheusExporter());

    public static void Map(IEndpointRouteBuilder app)
    {
        app.MapGet("/health/live", () => "alive").ExcludeFromDescription();
        app.MapGet("/health/ready", Results<Ok<string>, ProblemHttpResult> (ModelThread thread) =>
            thread.IsAlive ? TypedResults.Ok("ready") : TypedResults.Problem("The server is being stopped.", statusCode: Status503ServiceUnavailable))
            .ExcludeFromDescription();
        app.MapPrometheusScrapingEndpoint("/metrics");
    }
}
