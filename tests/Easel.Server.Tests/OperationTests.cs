using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Easel.Server.Tests.Support;
using Easel.Tests.Weights;

namespace Easel.Server.Tests;

/// <summary>Guards what the server tells those who run it and those who call it: its description, its health, its queue as others steer it.</summary>
public sealed class OperationTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task DocumentationIsWholeAndLocal()
    {
        await using var server = await RunningServer.Start(_folder);
        var document = await server.Get("openapi/v1.json");
        var paths = document.GetProperty("paths").EnumerateObject().Select(path => path.Name).ToList();
        string[] expected =
        [
            "/api/jobs", "/api/jobs/{id}", "/api/jobs/{id}/move", "/api/jobs/{id}/events", "/api/pictures", "/api/pictures/{id}/file", "/api/models",
            "/api/samplers",
            "/api/schedules",
        ];
        foreach (var path in expected) Assert.Contains(path, paths);
        var schemas = document.GetProperty("components").GetProperty("schemas");
        var request = schemas.GetProperty("GenerationRequest").GetProperty("properties");
        Assert.Contains("base64", schemas.GetProperty("RgbImage").GetProperty("description").GetString());
        Assert.StartsWith("Sampling steps: more take longer and are finer.", request.GetProperty("steps").GetProperty("description").GetString());
        var page = await server.Client.GetStringAsync("docs/");
        Assert.DoesNotContain("://", page);
        Assert.True((await server.Client.GetAsync("docs/scalar.js")).IsSuccessStatusCode);
    }

    [Fact]
    public async Task HealthAndMetrics()
    {
        await using var server = await RunningServer.Start(_folder);
        await server.Finished(await server.Submit(RunningServer.Cat(count: 2)));
        Assert.Equal("\"ready\"", await server.Client.GetStringAsync("health/ready"));
        var metrics = await server.Client.GetStringAsync("metrics");
        Assert.Contains("easel_jobs_total{", metrics);
        Assert.Contains("outcome=\"done\"", metrics);
        Assert.Contains("easel_queue_waiting", metrics);
        Assert.Contains("http_server_request_duration_seconds", metrics);
    }

    [Fact]
    public async Task CancelMoveStopAndWatchersThatLeave()
    {
        await using var server = await RunningServer.Start(_folder, stepTime: TimeSpan.FromMilliseconds(20));
        var running = await server.Submit(RunningServer.Cat(steps: 200, count: 50));
        var (a, b) = (await server.Submit(RunningServer.Cat(prompt: "a")), await server.Submit(RunningServer.Cat(prompt: "b")));
        using (var gone = new CancellationTokenSource())
        {
            await using var stream = await server.Client.GetStreamAsync($"api/jobs/{running}/events", gone.Token);
            _ = await stream.ReadAsync(new byte[10], gone.Token);
            await gone.CancelAsync(); // a browser that is closed
        }
        var moved = await server.Client.PostAsJsonAsync($"api/jobs/{b}/move", new { position = 0 });
        Assert.True(moved.IsSuccessStatusCode);
        Assert.Equal([running, b, a], Active(await server.Get("api/jobs")));
        Assert.True((await server.Client.DeleteAsync($"api/jobs/{running}")).IsSuccessStatusCode);
        Assert.Equal("cancelled", (await server.Finished(running)).GetProperty("state").GetString());
        foreach (var id in (string[])[a, b]) Assert.Equal("done", (await server.Finished(id)).GetProperty("state").GetString());
        Assert.Equal(HttpStatusCode.Conflict, (await server.Client.DeleteAsync($"api/jobs/{a}")).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await server.Client.DeleteAsync("api/jobs/nonsense")).StatusCode);

        static IEnumerable<string?> Active(JsonElement list) => list.GetProperty("active").EnumerateArray().Select(job => job.GetProperty("id").GetString());
    }
}
