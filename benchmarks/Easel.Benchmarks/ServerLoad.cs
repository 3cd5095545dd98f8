using System.Diagnostics;
using System.Net.Http.Json;
using System.Text.Json;
using Easel.Server;
using Easel.Server.Jobs;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;

namespace Easel.Benchmarks;

/// <summary>
/// The server under load: requests a second on the cheap routes, how long they take while a picture is drawn, and memory over many jobs with changes of model.
/// It draws with the tests' tiny model, for what is measured is the server around it.
/// </summary>
internal static class ServerLoad
{
    private const int Callers = 16;

    /// <summary>Prints the tables of docs/server.md.</summary>
    /// <param name="model">The tiny model's folder.</param>
    /// <param name="jobs">Jobs of the memory table.</param>
    /// <param name="each">Jobs between two changes of model.</param>
    public static async Task Run(string model, int jobs, int each)
    {
        var folder = Directory.CreateTempSubdirectory("easel-load").FullName;
        foreach (var name in (string[])["first", "second"]) Directory.CreateSymbolicLink(Path.Combine(folder, name), model);
        var options = new ServerOptions
        {
            Port = 0,
            OutputFolder = Path.Combine(folder, "pictures"),
            Models = [Path.Combine(folder, "first"), Path.Combine(folder, "second")],
            Load = new LoadOptions { Precision = Precision.Full },
            Limits = new ServerLimits { QueuedPerClient = 100_000, Queued = 100_000 },
        };
        await using var app = EaselServer.Build(options);
        await app.StartAsync();
        var address = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();
        using var client = new HttpClient { BaseAddress = new Uri(address) };
        var queue = app.Services.GetRequiredService<JobQueue>();

        await Memory(client, queue, jobs, each);
        await Routes(client, queue);
        await app.StopAsync();
        Directory.Delete(folder, recursive: true);
    }

    /// <summary>Prints what a process weighs as it changes between two models of full size.</summary>
    public static async Task Switch(int changes)
    {
        var folder = Directory.CreateTempSubdirectory("easel-switch").FullName;
        var options = new ServerOptions
        {
            Port = 0,
            OutputFolder = folder,
            Models = [RandomModel.Folder("sd15"), RandomModel.Folder("sd21")],
            Load = new LoadOptions { Precision = Precision.Float16 },
        };
        await using var app = EaselServer.Build(options);
        await app.StartAsync();
        var thread = app.Services.GetRequiredService<ModelThread>();
        var library = app.Services.GetRequiredService<Server.Library.ModelLibrary>();
        var names = library.Checkpoints.Select(model => model.Name).Order(StringComparer.Ordinal).ToList();
        Console.WriteLine($"| change | model | load s | resident memory MiB | of it files MiB |{Environment.NewLine}|---|---|---|---|---|");
        for (var change = 0; change < changes; change++)
        {
            var clock = Stopwatch.StartNew();
            await thread.LoadAsync(names[change % 2]);
            Console.WriteLine($"| {change} | {names[change % 2]} | {clock.Elapsed.TotalSeconds:0.0} | {Resident("VmRSS:")} | {Resident("RssFile:")} |");
        }
        await thread.UnloadAsync();
        Console.WriteLine($"| end | none | | {Resident("VmRSS:")} | {Resident("RssFile:")} |");
        await app.StopAsync();
        Directory.Delete(folder, recursive: true);
    }

    private static long Resident(string line) => OperatingSystem.IsLinux()
        ? long.Parse(File.ReadLines("/proc/self/status").First(l => l.StartsWith(line, StringComparison.Ordinal))
            .Split(' ', StringSplitOptions.RemoveEmptyEntries)[1]) >> 10
        : Environment.WorkingSet >> 20;

    private static async Task Memory(HttpClient client, JobQueue queue, int jobs, int each)
    {
        Console.WriteLine($"| jobs done | changes of model | resident memory MiB | managed heap MiB |{Environment.NewLine}|---|---|---|---|");
        var clock = Stopwatch.StartNew();
        for (var done = 0; done < jobs; done += each)
        {
            var last = "";
            for (var i = 0; i < each; i++) last = await Submit(client, done / each % 2 == 0 ? "first" : "second", steps: 2);
            await queue.WaitAsync(last);
            if ((done / each + 1) % Math.Max(1, jobs / each / 10) != 0) continue;
            using var self = Process.GetCurrentProcess();
            Console.WriteLine($"| {done + each} | {done / each} | {self.WorkingSet64 >> 20} | {GC.GetTotalMemory(forceFullCollection: true) >> 20} |");
        }
        Console.WriteLine($"{Environment.NewLine}{jobs} jobs of one picture of 64x64 in two steps: "
            + $"{jobs / clock.Elapsed.TotalSeconds:0.0} a second.{Environment.NewLine}");
    }

    private static async Task Routes(HttpClient client, JobQueue queue)
    {
        var picture = (await client.GetFromJsonAsync<JsonElement>("api/pictures?count=1")).GetProperty("pictures")[0].GetProperty("id").GetString();
        string[] routes =
        [
            "health/live", "api/jobs", "api/models", "api/samplers", "api/pictures?count=20", "api/pictures?count=20&words=cat", $"api/pictures/{picture}/file",
            $"api/pictures/{picture}/thumbnail",
        ];
        Console.WriteLine($"| route | requests/s, idle | ms, idle: median (99%) | requests/s, drawing | ms, drawing: median "
            + $"(99%) |{Environment.NewLine}|---|---|---|---|---|");
        var idle = new List<Result>();
        foreach (var route in routes) idle.Add(await Call(client, route));
        var drawing = await Submit(client, "first", steps: 200, count: 100, side: 256);
        await foreach (var happened in queue.Watch(drawing)) if (happened.Kind == JobEventKind.Step && happened.Job.Progress!.Step > 0) break;
        foreach (var (route, quiet) in routes.Zip(idle))
        {
            var busy = await Call(client, route);
            Console.WriteLine($"| {route.Replace(picture!, "ID")} | {quiet} | {busy} |");
        }
        queue.Cancel(drawing);
        await queue.WaitAsync(drawing);
        var submitting = Stopwatch.StartNew();
        for (var i = 0; i < 200; i++) await Submit(client, "first", steps: 1);
        Console.WriteLine($"{Environment.NewLine}Submitting a job, one after another, each on disk before it is answered: "
            + $"{200 / submitting.Elapsed.TotalSeconds:0} a second.");
        queue.StopAll();
    }

    /// <summary>Sixteen callers at once for two seconds, after half a second that does not count.</summary>
    private static async Task<Result> Call(HttpClient client, string route)
    {
        var times = new List<double>[Callers];
        var clock = Stopwatch.StartNew();
        await Task.WhenAll(Enumerable.Range(0, Callers).Select(caller => Task.Run(async () =>
        {
            var own = times[caller] = [];
            while (clock.Elapsed.TotalSeconds < 2.5)
            {
                var began = clock.Elapsed.TotalSeconds;
                using var answer = await client.GetAsync(route);
                answer.EnsureSuccessStatusCode();
                _ = await answer.Content.ReadAsByteArrayAsync();
                if (began >= 0.5) own.Add(clock.Elapsed.TotalSeconds - began);
            }
        })));
        var all = times.SelectMany(own => own).Order().ToList();
        return new Result(all.Count / 2.0, all[all.Count / 2] * 1000, all[(int)(all.Count * 0.99)] * 1000);
    }

    private static async Task<string> Submit(HttpClient client, string model, int steps, int count = 1, int side = 64)
    {
        var answer = await client.PostAsJsonAsync("api/jobs",
            new { model, request = new { prompt = "a cat", steps, width = side, height = side, batchCount = count } });
        answer.EnsureSuccessStatusCode();
        return (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("id").GetString()!;
    }

    private sealed record Result(double PerSecond, double Median, double Slowest)
    {
        public override string ToString() => $"{PerSecond:0} | {Median:0.0} ({Slowest:0.0})";
    }
}
