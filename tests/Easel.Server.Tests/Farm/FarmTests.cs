using System.Net.Http.Json;
using System.Text.Json;
using Easel.Farm;
using Easel.Imaging;
using Easel.Server.Jobs;
using Easel.Server.Tests.Support;
using Easel.Tests.Weights;

namespace Easel.Server.Tests.Farm;

/// <summary>Guards that a server with a farm is to everybody what it is without one.</summary>
public sealed class FarmTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly TemporaryFolder _alone = new();

    public void Dispose()
    {
        _folder.Dispose();
        _alone.Dispose();
    }

    [Fact]
    public async Task ManyMachinesDrawOneOrderInOrderAndToTheBit()
    {
        using var broker = Fields.Broker(_folder);
        object order = new
        {
            request = new
            {
                prompts = (string[])["a cat", "a dog", "a fox"],
                steps = 1,
                width = 64,
                height = 64,
                batchCount = 5,
                batchSize = 2,
                seed = 7
            }
        };
        string[] alone, together;
        await using (var server = await RunningServer.Start(_alone)) alone = Fields.Pictures(await server.Done(await server.Submit(order)));
        await using (var server = await RunningServer.Start(Fields.Server(_folder, broker.Url)))
        {
            await using var first = new Hand(Fields.Worker(_folder, broker.Url), "first");
            await using var second = new Hand(Fields.Worker(_folder, broker.Url), "second");
            first.Models.StepTime = second.Models.StepTime = TimeSpan.FromMilliseconds(20);
            await server.Ready(2);
            together = Fields.Pictures(await server.Done(await server.Submit(order)));
            Assert.All(server.State().Workers, worker => Assert.NotEqual(0, worker.Worker.Pictures));
        }
        Assert.Equal(15, alone.Length);
        Assert.Equal(together.Order(StringComparer.Ordinal), together);
        Assert.Equal(alone.Select(id => Convert.ToHexString(Fields.FileOf(_alone, id))), together.Select(id => Convert.ToHexString(Fields.FileOf(_folder,
            id))));
    }

    [Fact]
    public async Task TheServerDrawsTooUnlessItIsToldNotTo()
    {
        using var broker = Fields.Broker(_folder);
        await using var server = await RunningServer.Start(Fields.Server(_folder, broker.Url, draws: true));
        var job = await server.Done(await server.Submit(RunningServer.Cat(count: 3)));
        Assert.Equal(3, Fields.Pictures(job).Length);
        Assert.Equal(Environment.MachineName, Assert.Single((await server.Get("api/farm")).GetProperty("workers").EnumerateArray())
            .GetProperty("worker").GetProperty("name").GetString());
    }

    [Fact]
    public async Task InputPicturesTravelAndEnlargingDoesToo()
    {
        using var broker = Fields.Broker(_folder);
        var picture = Convert.ToBase64String(ImageFile.Encode(Support.Sdapi.Shaded(64, 64), ImageFormat.Png));
        object over = new { request = new { prompt = "a cat", steps = 2, initImage = picture, seed = 3 } };
        object larger = new { task = "enlarge", model = "lanczos", scale = 3, request = new { initImage = picture } };
        byte[][] alone, together;
        await using (var server = await RunningServer.Start(_alone)) alone = await Both(server, _alone);
        await using (var server = await RunningServer.Start(Fields.Server(_folder, broker.Url)))
        {
            await using var hand = new Hand(Fields.Worker(_folder, broker.Url), "hand");
            together = await Both(server, _folder);
        }
        Assert.Equal(alone, together);

        async Task<byte[][]> Both(RunningServer server, TemporaryFolder folder)
        {
            var pictures = new List<byte[]>();
            foreach (var body in (object[])[over, larger]) pictures.Add(Fields.FileOf(folder,
                Assert.Single(Fields.Pictures(await server.Done(await server.Submit(body))))));
            return [.. pictures];
        }
    }

    /// <summary>A worker does with explicit pictures what its server says, and more where it was started so.</summary>
    [Theory]
    [InlineData(SafetyAction.Blur, SafetyAction.Off, SafetyAction.Blur)]
    [InlineData(SafetyAction.Tag, SafetyAction.Refuse, SafetyAction.Refuse)]
    public async Task TheSafetyFilterOfTheServerHoldsForItsWorkers(SafetyAction ofServer, SafetyAction ofWorker, SafetyAction expected)
    {
        using var broker = Fields.Broker(_folder);
        var (options, worker) = (Fields.Server(_folder, broker.Url), Fields.Worker(_folder, broker.Url));
        await using var server = await RunningServer.Start(options with { Load = options.Load with { Safety = ofServer } });
        await using var hand = new Hand(worker with { Load = worker.Load with { Safety = ofWorker } }, "hand");
        await server.Done(await server.Submit(RunningServer.Cat()));
        Assert.Equal(expected, hand.Models.Safety);
    }

    [Fact]
    public async Task LargePicturesGoThroughTheObjectStoreAndLeaveNothingThere()
    {
        using var broker = Fields.Broker(_folder);
        var options = Fields.Server(_folder, broker.Url);
        await using var server = await RunningServer.Start(options with { Farm = options.Farm! with { InlineBytes = 100 } });
        await using var hand = new Hand(Fields.Worker(_folder, broker.Url), "hand");
        Assert.Equal(2, Fields.Pictures(await server.Done(await server.Submit(RunningServer.Cat(count: 2)))).Length);
        await using var connection = await FarmConnection.OpenAsync(options.Farm!, "test", default);
        var store = await connection.Objects.GetObjectStoreAsync(connection.Names.Pictures);
        await Fields.Until(() => store.ListAsync().ToBlockingEnumerable().All(entry => entry.Deleted), "what is kept is removed from the object store");
    }

    [Fact]
    public async Task ProgressPreviewsAndCancellingReachTheWorker()
    {
        using var broker = Fields.Broker(_folder);
        await using var server = await RunningServer.Start(Fields.Server(_folder, broker.Url));
        await using var hand = new Hand(Fields.Worker(_folder, broker.Url), "hand");
        hand.Models.StepTime = TimeSpan.FromMilliseconds(40);
        var id = await server.Submit(RunningServer.Cat(steps: 150, count: 50));
        var behind = await server.Submit(RunningServer.Cat(prompt: "a dog"));
        var (step, preview) = (false, false);
        await foreach (var happened in server.Service<JobQueue>().Watch(id))
        {
            step |= happened.Kind == JobEventKind.Step && happened.Job.Progress is { Stage: JobStage.Sampling, StepCount: 150, BatchCount: 50 };
            preview |= happened is { Kind: JobEventKind.Preview, Preview.Length: > 0 };
            if (step && preview) break;
        }
        Assert.True((await server.Client.DeleteAsync($"api/jobs/{id}")).IsSuccessStatusCode);
        Assert.Equal("cancelled", (await server.Finished(id)).GetProperty("state").GetString());
        hand.Models.StepTime = TimeSpan.Zero;
        await server.Done(behind); // long before the fifty others would have been drawn
    }

    [Fact]
    public async Task WaitingJobsCanStillBeMoved()
    {
        using var broker = Fields.Broker(_folder);
        await using var server = await RunningServer.Start(Fields.Server(_folder, broker.Url));
        var ids = new List<string>();
        for (var i = 0; i < 5; i++) ids.Add(await server.Submit(RunningServer.Cat(prompt: $"cat {i}")));
        await server.Client.PostAsJsonAsync($"api/jobs/{ids[4]}/move", new { position = 0 });
        var order = (await server.Get("api/jobs")).GetProperty("active").EnumerateArray().Select(job => job.GetProperty("id").GetString());
        Assert.Equal([ids[4], ids[0], ids[1], ids[2], ids[3]], order);
        await using var hand = new Hand(Fields.Worker(_folder, broker.Url), "hand");
        foreach (var id in ids) await server.Done(id);
    }

    [Fact]
    public async Task AServerWithoutAFarmSaysSo()
    {
        await using var server = await RunningServer.Start(_folder);
        var answer = await server.Client.GetAsync("api/farm");
        Assert.Equal(System.Net.HttpStatusCode.NotFound, answer.StatusCode);
        Assert.Contains("--farm", (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("detail").GetString());
    }
}
