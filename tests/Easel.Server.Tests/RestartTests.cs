using System.Text.Json;
using Easel.Imaging;
using Easel.Server.Tests.Support;
using Easel.Tests.Weights;

namespace Easel.Server.Tests;

/// <summary>Guards that stopping loses nothing: jobs go on in their order, a job at work is done again, a finished picture is there once.</summary>
public sealed class RestartTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task StopPutsTheRunningJobBack()
    {
        string running, waiting;
        var stopping = new System.Diagnostics.Stopwatch();
        var options = RunningServer.OptionsFor(_folder) with { StopPatience = TimeSpan.Zero };
        await using (var server = await RunningServer.Start(options, stepTime: TimeSpan.FromMilliseconds(20)))
        {
            running = await server.Submit(RunningServer.Cat(steps: 200, count: 20, seed: 1));
            waiting = await server.Submit(RunningServer.Cat(prompt: "a dog"));
            await foreach (var happened in server.Service<Easel.Server.Jobs.JobQueue>().Watch(running))
                if (happened.Kind == Easel.Server.Jobs.JobEventKind.Step && happened.Job.Progress!.Step > 0) break;
            _ = await server.Client.GetStreamAsync("api/jobs/events");
            stopping.Start();
        }
        Assert.InRange(stopping.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(4)); // somebody watches, and holds nothing up
        await using (var server = await RunningServer.Start(options, stepTime: TimeSpan.FromMilliseconds(20)))
        {
            Assert.Equal([running, waiting],
                (await server.Get("api/jobs")).GetProperty("active").EnumerateArray().Select(job => job.GetProperty("id").GetString()));
            Assert.True((await server.Client.DeleteAsync($"api/jobs/{running}")).IsSuccessStatusCode);
            Assert.Equal("cancelled", (await server.Finished(running)).GetProperty("state").GetString());
            Assert.Equal("done", (await server.Finished(waiting)).GetProperty("state").GetString());
        }
    }

    [Fact]
    public async Task PicturesOnDiskOfAnOpenJobAreKeptAndNotDrawnTwice()
    {
        // What a sudden end between writing a picture and recording its job leaves: made here by taking the records back.
        string whole, half;
        await using (var server = await RunningServer.Start(_folder))
        {
            whole = await server.Submit(RunningServer.Cat(count: 2, seed: 1));
            half = await server.Submit(RunningServer.Cat(count: 2, seed: 7));
            await server.Finished(half);
        }
        string FileOf(string id) => Directory.EnumerateFiles(_folder.Path("pictures"), $"{id}.png", SearchOption.AllDirectories).Single();
        var drawn = ImageFile.Load(FileOf($"{half}-0001")).Pixels;
        File.Delete(FileOf($"{half}-0001"));
        var kept = File.GetLastWriteTimeUtc(FileOf($"{half}-0000"));
        using (var database = Easel.Server.Storage.Database.Open(_folder.Path("pictures", ".easel", "easel.db")))
        {
            database.Write(connection => Easel.Server.Storage.Database.Run(connection,
                "UPDATE jobs SET state = 'queued', finished = NULL; DELETE FROM pictures WHERE id <> $known", ("$known", $"{half}-0000")));
        }

        await using (var server = await RunningServer.Start(_folder))
        {
            var (first, second) = (await server.Finished(whole), await server.Finished(half));
            Assert.Equal("done", first.GetProperty("state").GetString());
            Assert.Equal([$"{whole}-0000", $"{whole}-0001"], Ids(first));
            Assert.Equal([$"{half}-0000", $"{half}-0001"], Ids(second));
            Assert.Equal(4, (await server.Get("api/pictures")).GetProperty("total").GetInt32());
            Assert.Equal(drawn, ImageFile.Load(FileOf($"{half}-0001")).Pixels);
            Assert.Equal(kept, File.GetLastWriteTimeUtc(FileOf($"{half}-0000")));
        }

        static IEnumerable<string?> Ids(JsonElement job) => job.GetProperty("pictures").EnumerateArray().Select(id => id.GetString()).Order();
    }

    [Fact]
    public async Task TwoServersDoNotShareAFolder()
    {
        await using var server = await RunningServer.Start(_folder);
        var refused = Assert.Throws<EaselException>(() => Easel.Server.EaselServer.Build(RunningServer.OptionsFor(_folder)));
        Assert.Contains("Another easel", refused.Message);
    }

    [Fact]
    public void DamagedDatabaseSaysWhatHelps()
    {
        Directory.CreateDirectory(_folder.Path("pictures", ".easel"));
        File.WriteAllText(_folder.Path("pictures", ".easel", "easel.db"), string.Concat(Enumerable.Repeat("this is no database ", 300)));
        var refused = Assert.ThrowsAny<EaselException>(() => Easel.Server.EaselServer.Build(RunningServer.OptionsFor(_folder)));
        Assert.Contains("easel gallery rebuild", refused.Message);
    }
}
