using System.Reflection;
using Easel.Farm;
using Easel.Server;
using Easel.Server.Storage;
using Easel.Server.Tests.Support;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Easel.Torture;

/// <summary>The server as a process of its own, to be killed: it draws with the tests' fake generator, and its clock jumps where it is told to.</summary>
internal static class Host
{
    public const string Model = "diffusers-sd1-micro";

    /// <summary>Serves a folder until the process ends; the first line that it prints is its address.</summary>
    public static Task Serve(string folder, int? clockSeed) => Serve(OptionsFor(folder), clockSeed);

    /// <summary>The same with a farm that draws.</summary>
    public static Task ServeFarm(string folder, string farm, int copies) =>
        Serve(OptionsFor(folder) with { Farm = FarmAt(farm) with { Replicas = copies }, Draws = false }, null);

    /// <summary>Works for a farm until the process ends.</summary>
    public static Task Work(string farm, string name) => EaselWorker.RunAsync(OptionsFor("none") with { Farm = FarmAt(farm) }, name, null,
        new FakeModels { StepTime = TimeSpan.FromMilliseconds(20) }, _ => { }, Microsoft.Extensions.Logging.Abstractions.NullLoggerFactory.Instance, default);

    private static FarmOptions FarmAt(string url) => new() { Url = url, AckWait = TimeSpan.FromSeconds(3), Presence = TimeSpan.FromSeconds(4), Tries = 20 };

    private static ServerOptions OptionsFor(string folder)
    {
        var goldens = typeof(Host).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == "Goldens").Value!;
        return new ServerOptions
        {
            Port = 0,
            OutputFolder = folder,
            Models = [Path.GetFullPath(Path.Combine(goldens, "layouts", Model))],
            SpareModel = null,
            Tools = [],
            Limits = new ServerLimits { QueuedPerClient = 100_000, Queued = 100_000 },
        };
    }

    private static async Task Serve(ServerOptions options, int? clockSeed)
    {
        await using var app = EaselServer.Build(options, new FakeModels { StepTime = TimeSpan.FromMilliseconds(1) },
            clockSeed is { } seed ? new JumpingClock(seed) : null);
        await app.StartAsync();
        Console.WriteLine(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());
        await app.WaitForShutdownAsync();
    }

    /// <summary>Makes the index anew.</summary>
    public static void Rebuild(string folder) => Console.WriteLine(GalleryRebuild.Run(folder).Pictures);

    /// <summary>A clock that is set forward and back while the server runs, by up to two days.</summary>
    private sealed class JumpingClock(int seed) : TimeProvider
    {
        private readonly Random _random = new(seed);
        private TimeSpan _ahead;

        public override DateTimeOffset GetUtcNow()
        {
            lock (_random)
            {
                if (_random.Next(50) == 0) _ahead = TimeSpan.FromMinutes(_random.Next(-2880, 2880));
                return base.GetUtcNow() + _ahead;
            }
        }
    }
}
