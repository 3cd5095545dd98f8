using System.Net.Http.Json;
using System.Net.ServerSentEvents;
using System.Text.Json;
using Easel.Imaging;
using Easel.Server.Storage;
using Easel.Server.Tests.Support;
using Easel.Tests.Weights;

namespace Easel.Tests.Server;

/// <summary>Guards the promise that killing the server at any moment loses no job and no picture, and makes none twice.</summary>
public sealed class CrashTests : IDisposable
{
    /// <summary>Few, so that the test is quick: tests/Easel.Torture kills more often. EASEL_CRASH_JOBS=200 and EASEL_CRASH_KILLS=10 make it long.</summary>
    private static readonly int Jobs = Number("EASEL_CRASH_JOBS", 24), Kills = Number("EASEL_CRASH_KILLS", 2);

    private readonly TemporaryFolder _folder = new();
    private readonly Random _random = new(20250817);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task EveryJobEndsOnceHoweverOftenTheServerIsKilled()
    {
        var asked = new List<string>();
        for (var kill = 0; kill <= Kills; kill++)
        {
            using var server = ServeProcess.Start(_folder.Path("pictures"), "--max-queue", "1000");
            var last = kill == Kills;
            // Killed after as many events as chance will have it, while jobs are still coming in.
            var killed = last ? Task.CompletedTask : KillAfterEvents(server, _random.Next(5, 30));
            var share = last ? Jobs : Jobs * (kill + 1) / (Kills + 1);
            await Submit(server, asked, share);
            await killed;
            if (last) await Drain(server);
        }

        using var after = ServeProcess.Start(_folder.Path("pictures"));
        var listed = await after.Client.GetFromJsonAsync<JsonElement>("api/jobs?count=200");
        Assert.Empty(listed.GetProperty("active").EnumerateArray());
        foreach (var id in asked)
        {
            var job = await after.Client.GetFromJsonAsync<JsonElement>($"api/jobs/{id}");
            Assert.Equal("done", job.GetProperty("state").GetString());
            Assert.Equal([$"{id}-0000"], job.GetProperty("pictures").EnumerateArray().Select(picture => picture.GetString()));
        }
        // A job whose acceptance was cut off by the kill may be there beside those that were promised, but each has its one picture.
        var files = Directory.EnumerateFiles(_folder.Path("pictures"), "*.png", SearchOption.AllDirectories).Where(path => !path.Contains(".easel")).ToList();
        Assert.Equal(files.Count, (await after.Client.GetFromJsonAsync<JsonElement>("api/pictures")).GetProperty("total").GetInt32());
        Assert.InRange(files.Count, Jobs, Jobs + Kills);
        Assert.Equal(files.Count, files.Select(Path.GetFileName).Distinct().Count());
        foreach (var file in files) Assert.Equal((64, 64), (ImageFile.Load(file).Width, ImageFile.Load(file).Height));
        after.Kill();
        using var database = Database.Open(_folder.Path("pictures", ".easel", "easel.db"));
        Assert.True(database.IsSound());
    }

    private static int Number(string variable, int otherwise) => int.TryParse(Environment.GetEnvironmentVariable(variable), out var number) ? number
        : otherwise;

    private static async Task Submit(ServeProcess server, List<string> asked, int until)
    {
        try
        {
            while (asked.Count < until)
            {
                var answer = await server.Client.PostAsJsonAsync("api/jobs", RunningServer.Cat(seed: asked.Count));
                answer.EnsureSuccessStatusCode();
                asked.Add((await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("id").GetString()!);
            }
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            // Killed meanwhile; what was not promised is asked for again.
        }
    }

    private static async Task KillAfterEvents(ServeProcess server, int count)
    {
        await using var stream = await server.Client.GetStreamAsync("api/jobs/events");
        await foreach (var _ in SseParser.Create(stream).EnumerateAsync())
            if (--count <= 0) break;
        server.Kill();
    }

    private static async Task Drain(ServeProcess server)
    {
        await using var stream = await server.Client.GetStreamAsync("api/jobs/events");
        var jobs = await server.Client.GetFromJsonAsync<JsonElement>("api/jobs");
        var open = jobs.GetProperty("active").EnumerateArray().Select(job => job.GetProperty("id").GetString()!).ToHashSet();
        if (open.Count == 0) return;
        await foreach (var item in SseParser.Create(stream).EnumerateAsync())
        {
            if (item.EventType is "failed" or "cancelled") Assert.Fail(item.Data);
            if (item.EventType == "done") open.Remove(JsonDocument.Parse(item.Data).RootElement.GetProperty("job").GetProperty("id").GetString()!);
            if (open.Count == 0) return;
        }
        Assert.Fail("The server ended before its jobs.");
    }
}
