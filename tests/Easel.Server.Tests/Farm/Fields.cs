using System.Text.Json;
using Easel.Farm;
using Easel.Server.Farm;
using Easel.Server.Jobs;
using Easel.Server.Tests.Support;
using Easel.Tests.Weights;
using Microsoft.Extensions.Logging.Abstractions;

namespace Easel.Server.Tests.Farm;

/// <summary>A worker of the tests: in this process, with the fake models.</summary>
internal sealed class Hand : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _working;
    private bool _isOver;

    public Hand(ServerOptions options, string name, IModelSource? source = null)
    {
        _working = Task.Run(() => EaselWorker.RunAsync(options, name, null, source ?? Models, said =>
        {
            lock (Said) Said.Add(said);
        }, NullLoggerFactory.Instance, _stop.Token));
    }

    public FakeModels Models { get; } = new();

    public List<string> Said { get; } = [];

    /// <summary>Ends when it does, with what ended it.</summary>
    public Task Working => _working;

    public async ValueTask DisposeAsync()
    {
        if (_isOver) return;
        _isOver = true;
        await _stop.CancelAsync();
        try
        {
            await _working;
        }
        catch (EaselException)
        {
            // It had given up before.
        }
        _stop.Dispose();
    }
}

/// <summary>What tests of the farm have in common.</summary>
internal static class Fields
{
    /// <summary>A broker of the test's own; where there is no such program the test is skipped.</summary>
    public static Broker Broker(TemporaryFolder folder, string words = "", string? configuration = null)
    {
        Assert.SkipWhen(Support.Broker.Program is null, "There is no nats-server on this machine (Debian and Ubuntu have it: apt install nats-server).");
        return Support.Broker.Start(folder.Path("nats-" + Guid.NewGuid().ToString("N")[..8]), words, configuration);
    }

    public static FarmOptions Farm(string url) => new() { Url = url };

    /// <summary>A server that soon gives up those that say nothing. On a machine that is busy otherwise that may be somebody who draws, so what it draws may be
    /// drawn twice.</summary>
    public static ServerOptions Impatient(this ServerOptions options) =>
        options with { Farm = options.Farm! with { AckWait = TimeSpan.FromSeconds(3), Presence = TimeSpan.FromSeconds(4) } };

    public static ServerOptions Server(TemporaryFolder folder, string url, bool draws = false) =>
        RunningServer.OptionsFor(folder) with { Farm = Farm(url), Draws = draws };

    public static ServerOptions Worker(TemporaryFolder folder, string url) => Server(folder, url) with { OutputFolder = "none" };

    /// <summary>Waits until something holds.</summary>
    public static async Task Until(Func<bool> holds, string what, int seconds = 30)
    {
        for (var end = DateTime.UtcNow.AddSeconds(seconds); !holds();)
        {
            Assert.True(DateTime.UtcNow < end, what);
            await Task.Delay(20);
        }
    }

    public static FarmState State(this RunningServer server) => server.Service<FarmDrawing>().State();

    public static Task Ready(this RunningServer server, int workers) =>
        Until(() => server.State() is { IsUp: true } state && state.Workers.Count(worker => worker.Worker.Models.Count > 0) >= workers,
            $"{workers} workers are there");

    public static async Task<JsonElement> Done(this RunningServer server, string id)
    {
        var job = await server.Finished(id);
        Assert.True(job.GetProperty("state").GetString() == "done", job.ToString());
        return job;
    }

    public static string[] Pictures(JsonElement job) => [.. job.GetProperty("pictures").EnumerateArray().Select(id => id.GetString()!)];

    public static byte[] FileOf(TemporaryFolder folder, string picture) =>
        File.ReadAllBytes(Directory.EnumerateFiles(folder.Path("pictures"), picture + ".png", SearchOption.AllDirectories).Single());
}
