using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Easel.Cli;
using Easel.Tests.Weights;

namespace Easel.Tests.Server;

/// <summary>Guards <c>easel serve</c> itself: its one line, its sentences when it cannot start, what it tells those who run and those who call it.</summary>
public sealed class ServeTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task SaysWhereItIsAndEndsWhenAsked()
    {
        using var cancel = new CancellationTokenSource();
        var lines = new Lines();
        var shell = Cli.Command.Shell(cancel: cancel.Token) with { Out = lines };
        var run = Task.Run(() => Cli.Command.Run(shell, "serve", "--port", "0", "--output", _folder.Path("out"), "--models", RunningServer.Model));
        var address = (await lines.First.Task.WaitAsync(TimeSpan.FromSeconds(30)))["Easel is at ".Length..];
        using var client = new HttpClient { BaseAddress = new Uri(address) };
        Assert.Equal("alive", await client.GetStringAsync("health/live"));
        await cancel.CancelAsync();
        Assert.Equal((ExitCodes.Ok, ""), ((await run).Code, (await run).Error));
    }

    [Fact]
    public void WhatKeepsItFromStartingIsOneSentence()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var port = ((IPEndPoint)taken.LocalEndpoint).Port.ToString();
        Assert.Contains($"port {port} of 127.0.0.1 is in use", Refused("--port", port));
        File.WriteAllText(_folder.Path("file"), "");
        Assert.Contains("cannot be saved", Refused("--output", _folder.Path("file")));
        Assert.Contains("--token", Refused("--host", "0.0.0.0"));
        Assert.Contains("--host is nonsense", Refused("--host", "nonsense"));
        Assert.Contains("no model or folder", Refused("--models", _folder.Path("nowhere")));
        Assert.Contains("no origin", Refused("--cors", "*"));
        Assert.Contains("65535", Refused("--port", "70000"));

        string Refused(params string[] flags)
        {
            var (code, output, error) = Cli.Command.Run(["serve", "--output", _folder.Path("out"), "--models", RunningServer.Model, .. flags]);
            Assert.NotEqual(ExitCodes.Ok, code);
            Assert.Equal("", output);
            Assert.Single(error.Trim().Split('\n'));
            return error;
        }
    }

    [Fact]
    public async Task DocumentationIsWholeAndLocal()
    {
        await using var server = await RunningServer.Start(_folder);
        var document = await server.Get("openapi/v1.json");
        var paths = document.GetProperty("paths").EnumerateObject().Select(path => path.Name).ToList();
        string[] expected =
        [
            "/api/jobs", "/api/jobs/{id}", "/api/jobs/{id}/move", "/api/jobs/{id}/events", "/api/pictures", "/api/pictures/{id}/file", "/api/models", "/api/samplers",
            "/api/schedules",
        ];
        foreach (var path in expected) Assert.Contains(path, paths);
        var schemas = document.GetProperty("components").GetProperty("schemas");
        var request = schemas.GetProperty("GenerationRequest").GetProperty("properties");
        Assert.Contains("base64", schemas.GetProperty("RgbImage").GetProperty("description").GetString());
        Assert.Equal("Sampling steps, 1 to 1000. Default 25.", request.GetProperty("steps").GetProperty("description").GetString());
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
        await using var server = await RunningServer.Start(_folder);
        var running = await server.Submit(RunningServer.Cat(steps: 200, count: 50));
        var (a, b) = (await server.Submit(RunningServer.Cat(prompt: "a")), await server.Submit(RunningServer.Cat(prompt: "b")));
        using (var gone = new CancellationTokenSource())
        {
            await using var stream = await server.Client.GetStreamAsync($"api/jobs/{running}/events", gone.Token);
            _ = await stream.ReadAsync(new byte[10], gone.Token);
            await gone.CancelAsync(); // a browser that is closed
        }
        var moved = await System.Net.Http.Json.HttpClientJsonExtensions.PostAsJsonAsync(server.Client, $"api/jobs/{b}/move", new { position = 0 });
        Assert.True(moved.IsSuccessStatusCode);
        Assert.Equal([running, b, a], Active(await server.Get("api/jobs")));
        Assert.True((await server.Client.DeleteAsync($"api/jobs/{running}")).IsSuccessStatusCode);
        Assert.Equal("cancelled", (await server.Finished(running)).GetProperty("state").GetString());
        foreach (var id in (string[])[a, b]) Assert.Equal("done", (await server.Finished(id)).GetProperty("state").GetString());
        Assert.Equal(HttpStatusCode.Conflict, (await server.Client.DeleteAsync($"api/jobs/{a}")).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await server.Client.DeleteAsync("api/jobs/nonsense")).StatusCode);

        static IEnumerable<string?> Active(JsonElement list) => list.GetProperty("active").EnumerateArray().Select(job => job.GetProperty("id").GetString());
    }

    private sealed class Lines : StringWriter
    {
        public TaskCompletionSource<string> First { get; } = new();

        public override void WriteLine(string? value)
        {
            base.WriteLine(value);
            First.TrySetResult(value!);
        }
    }
}
