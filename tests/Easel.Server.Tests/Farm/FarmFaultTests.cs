using Easel.Farm;
using Easel.Imaging;
using Easel.Server.Jobs;
using Easel.Server.Tests.Support;
using Easel.Tests.Weights;

namespace Easel.Server.Tests.Farm;

/// <summary>Guards that whatever ends or falls silent loses nothing and doubles nothing. What is killed at random is in tests/Easel.Torture.</summary>
public sealed class FarmFaultTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task WhatASilentWorkerHadIsDrawnByAnotherAndKeptOnce()
    {
        using var broker = Fields.Broker(_folder);
        using var cable = new Cable(broker.Port);
        await using var server = await RunningServer.Start(Fields.Server(_folder, broker.Url).Impatient());
        await using var silent = new Hand(Fields.Worker(_folder, cable.Url), "silent");
        await server.Ready(1);
        silent.Models.StepTime = TimeSpan.FromMilliseconds(100);
        var id = await server.Submit(RunningServer.Cat(steps: 10, count: 4));
        await Fields.Until(() => server.State().Workers.Any(worker => worker.Worker.Job == id), "the first draws");
        cable.Pull();
        await using (var other = new Hand(Fields.Worker(_folder, broker.Url), "other"))
        {
            Assert.Equal(4, Fields.Pictures(await server.Done(id)).Length); // longer than the ack wait
            silent.Models.StepTime = TimeSpan.Zero;
            cable.Plug();
            await server.Done(await server.Submit(RunningServer.Cat(prompt: "a dog")));
        }
        Assert.Equal(5, (await server.Get("api/pictures")).GetProperty("total").GetInt32());
        await server.Done(await server.Submit(RunningServer.Cat(prompt: "a fox"))); // the first works again
    }

    [Fact]
    public async Task AShortSilenceOfTheServerAndOfAWorkerCostsNothing()
    {
        using var broker = Fields.Broker(_folder);
        using var cable = new Cable(broker.Port);
        await using var server = await RunningServer.Start(Fields.Server(_folder, cable.Url));
        await using var hand = new Hand(Fields.Worker(_folder, cable.Url), "hand");
        await server.Ready(1);
        hand.Models.StepTime = TimeSpan.FromMilliseconds(100);
        var id = await server.Submit(RunningServer.Cat(steps: 10, count: 3));
        await Fields.Until(() => server.State().Workers.Any(worker => worker.Worker.Job == id), "it draws");
        cable.Pull();
        await Task.Delay(1000);
        cable.Plug();
        Assert.Equal(3, Fields.Pictures(await server.Done(id)).Length);
        Assert.Equal(3, (await server.Get("api/pictures")).GetProperty("total").GetInt32());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ABrokerThatIsKilledLosesNothingEvenWithItsDisk(bool losesDisk)
    {
        using var broker = Fields.Broker(_folder);
        await using var server = await RunningServer.Start(Fields.Server(_folder, broker.Url).Impatient());
        await using var hand = new Hand(Fields.Worker(_folder, broker.Url), "hand");
        await server.Ready(1);
        hand.Models.StepTime = TimeSpan.FromMilliseconds(30);
        var ids = new List<string>();
        for (var i = 0; i < 4; i++) ids.Add(await server.Submit(RunningServer.Cat(steps: 10, count: 2, prompt: $"cat {i}")));
        await Fields.Until(() => server.State().Workers.Any(worker => worker.Worker.Job is not null), "it draws");
        broker.Kill();
        if (losesDisk) broker.Forget();
        await Fields.Until(() => !server.State().IsUp, "the server notices");
        Assert.Contains("No broker answers", server.State().Problem);
        ids.Add(await server.Submit(RunningServer.Cat(prompt: "while it is away"))); // is kept
        broker.Start();
        foreach (var id in ids) await server.Done(id);
        Assert.Equal(9, (await server.Get("api/pictures")).GetProperty("total").GetInt32());
    }

    [Fact]
    public async Task WhatIsDrawnWhileTheServerIsAwayIsThereWhenItComesBack()
    {
        using var broker = Fields.Broker(_folder);
        var options = Fields.Server(_folder, broker.Url);
        await using var hand = new Hand(Fields.Worker(_folder, broker.Url), "hand");
        string id;
        await using (var server = await RunningServer.Start(options))
        {
            await server.Ready(1);
            hand.Models.StepTime = TimeSpan.FromMilliseconds(50);
            id = await server.Submit(RunningServer.Cat(steps: 10, count: 3));
            await Fields.Until(() => server.State().Workers.Any(worker => worker.Worker.Job == id), "it draws");
        }
        await using var connection = await FarmConnection.OpenAsync(options.Farm!, "test", default);
        await Fields.Until(() => connection.JetStream.GetStreamAsync(connection.Names.Results).AsTask().GetAwaiter().GetResult().Info.State.Messages >= 2,
            "the worker goes on by itself");
        await hand.DisposeAsync();
        await using (var server = await RunningServer.Start(options))
        {
            await using var other = new Hand(Fields.Worker(_folder, broker.Url), "other");
            Assert.Equal(3, Fields.Pictures(await server.Done(id)).Length);
            Assert.Equal(3, (await server.Get("api/pictures")).GetProperty("total").GetInt32());
        }
    }

    [Fact]
    public async Task WhatComesTwiceOrFromElsewhereChangesNothing()
    {
        using var broker = Fields.Broker(_folder);
        var options = Fields.Server(_folder, broker.Url);
        await using var server = await RunningServer.Start(options);
        await using var hand = new Hand(Fields.Worker(_folder, broker.Url), "hand");
        await server.Ready(1);
        hand.Models.StepTime = TimeSpan.FromMilliseconds(20);
        await using var connection = await FarmConnection.OpenAsync(options.Farm!, "test", default);
        var id = await server.Submit(RunningServer.Cat(steps: 20, count: 3));
        var picture = ImageFile.Encode(Support.Sdapi.Shaded(64, 64), ImageFormat.Png);
        var sha = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(picture));
        foreach (var junk in (byte[][])[[], [1, 2, 3], [0xff, 0xff, 0xff, 0x7f, 1], [2, 0, 0, 0, (byte)'{', (byte)'}'],
            FarmFrame.Write(new FarmResult(id, 0, FarmOutcome.Done, "x") { Version = 9 }, []),
            FarmFrame.Write(new FarmResult(id, 1, FarmOutcome.Picture, "x") { Index = 1, Sha256 = sha }, new byte[7]),
            FarmFrame.Write(new FarmResult("0123456789abcdef", 0, FarmOutcome.Done, "x") { Index = 0, Sha256 = sha }, picture)])
            await connection.JetStream.PublishAsync(connection.Names.ResultsOf(id), junk);
        for (var i = 0; i < 3; i++)
            await connection.JetStream.PublishAsync(connection.Names.ResultsOf(id),
                FarmFrame.Write(new FarmResult(id, 2, FarmOutcome.Picture, "x") { Index = 2, Sha256 = sha }, picture));
        Assert.Equal(3, Fields.Pictures(await server.Done(id)).Length);
        Assert.Equal(3, (await server.Get("api/pictures")).GetProperty("total").GetInt32());
    }

    [Fact]
    public async Task APoisonedJobIsParkedWithItsReasonAndBlocksNobody()
    {
        using var broker = Fields.Broker(_folder);
        var options = Fields.Server(_folder, broker.Url);
        await using var server = await RunningServer.Start(options with { Farm = options.Farm! with { Tries = 2 } });
        await using var hand = new Hand(Fields.Worker(_folder, broker.Url), "hand", new Picky(request => request.Prompt.Contains("poison")
            ? new InvalidOperationException("The kernel fell over.") : null));
        var poisoned = await server.Submit(RunningServer.Cat(prompt: "poison"));
        var good = await server.Submit(RunningServer.Cat());
        await server.Done(good);
        var job = await server.Finished(poisoned);
        Assert.Equal("Parked after 2 tries: The kernel fell over.", job.GetProperty("error").GetString());
    }

    [Fact]
    public async Task WhatIsWrongWithARequestIsToldAtOnceAndWhatIsWrongWithAMachineAfterAnother()
    {
        using var broker = Fields.Broker(_folder);
        await using var server = await RunningServer.Start(Fields.Server(_folder, broker.Url));
        var (wrong, worn) = (0, 0); // apart: what a worker that stands still is late to sign for comes once more
        await using var hand = new Hand(Fields.Worker(_folder, broker.Url), "hand", new Picky(request =>
        {
            Interlocked.Increment(ref request.Prompt == "wrong" ? ref wrong : ref worn);
            return request.Prompt == "wrong" ? new InvalidRequestException("Prompt", "The prompt is wrong.") : new CheckpointException("This disk is worn.");
        }));
        Assert.Equal("The prompt is wrong.", (await server.Finished(await server.Submit(RunningServer.Cat(prompt: "wrong")))).GetProperty("error").GetString());
        Assert.Equal(1, wrong);
        Assert.Equal("This disk is worn.", (await server.Finished(await server.Submit(RunningServer.Cat()))).GetProperty("error").GetString());
        Assert.Equal(2, worn);
    }

    [Fact]
    public async Task WhatIsTooLargeForOneGoesToAnotherAndTheNextGoesThereAtOnce()
    {
        using var broker = Fields.Broker(_folder);
        await using var server = await RunningServer.Start(Fields.Server(_folder, broker.Url));
        var refused = 0;
        var small = Fields.Worker(_folder, broker.Url);
        await using (var little = new Hand(small with { Load = small.Load with { MemoryLimit = 1L << 30 } }, "little", new Picky(_ =>
        {
            Interlocked.Increment(ref refused);
            return NotEnoughMemoryException.ForRun((64, 64), 3e9, 1e9, many: false, side: null);
        })))
        {
            await server.Ready(1);
            var first = await server.Submit(RunningServer.Cat());
            await Fields.Until(() => server.State().Held.Count > 0, "it is told that nobody has the memory");
            Assert.Contains("3 GB of memory", Assert.Single(server.State().Held).Reason);
            await using var large = new Hand(Fields.Worker(_folder, broker.Url), "large");
            await server.Done(first);
            await server.Done(await server.Submit(RunningServer.Cat(prompt: "a dog")));
            Assert.Equal(1, refused);
        }
    }

    [Fact]
    public async Task AJobForAModelThatNoWorkerHasWaitsAndOthersPassIt()
    {
        using var broker = Fields.Broker(_folder);
        var options = Fields.Server(_folder, broker.Url);
        var other = _folder.Path("other");
        CopyFolder(RunningServer.Model, other);
        File.AppendAllText(Path.Combine(other, "model_index.json"), " ");
        await using var server = await RunningServer.Start(options with { Models = [RunningServer.Model, other] });
        await using var hand = new Hand(Fields.Worker(_folder, broker.Url), "hand");
        await server.Ready(1);
        var stuck = await server.Submit(new { model = "other", request = new { prompt = "a cat", steps = 1, width = 64, height = 64 } });
        await server.Done(await server.Submit(RunningServer.Cat()));
        var held = Assert.Single(server.State().Held);
        Assert.Equal(("other", 1), (held.Model, held.Jobs));
        Assert.Contains("the model other", held.Reason);
        Assert.Contains("easel farm push", held.Reason);
        var seen = await FarmReport.ReadAsync(options.Farm!, default); // what easel farm shows
        Assert.Equal((null, "hand"), (seen.Problem, Assert.Single(seen.Workers).Worker.Name));
        Assert.Equal(held, Assert.Single(seen.Held));
        await using var able = new Hand(Fields.Worker(_folder, broker.Url) with { Models = [other] }, "able");
        await server.Done(stuck);
    }

    [Fact]
    public async Task AHandedOutModelIsFetchedWhole()
    {
        using var broker = Fields.Broker(_folder);
        var options = Fields.Server(_folder, broker.Url);
        await using var server = await RunningServer.Start(options);
        await Fields.Until(() => server.State().IsUp, "the queue is there");
        await FarmModels.PushAsync(options.Farm!, RunningServer.Model, (_, _) => { }, default);
        var folder = Directory.CreateDirectory(_folder.Path("fetched")).FullName;
        Assert.Equal(1, await FarmModels.FetchAsync(options.Farm!, folder, _ => { }, default));
        Assert.Equal(0, await FarmModels.FetchAsync(options.Farm!, folder, _ => { }, default));
        foreach (var file in Directory.EnumerateFiles(RunningServer.Model, "*", SearchOption.AllDirectories))
            Assert.Equal(File.ReadAllBytes(file), File.ReadAllBytes(Path.Combine(folder, RunningServer.ModelName, Path.GetRelativePath(RunningServer.Model,
                file))));
        await using var hand = new Hand(Fields.Worker(_folder, broker.Url) with { Models = [folder] }, "hand");
        await server.Done(await server.Submit(RunningServer.Cat())); // the same content, wherever it lies
    }

    private static void CopyFolder(string from, string to)
    {
        foreach (var file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            var path = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.Copy(file, path);
        }
    }

    /// <summary>Models that refuse some requests.</summary>
    private sealed class Picky(Func<GenerationRequest, Exception?> refuse) : IModelSource
    {
        private readonly FakeModels _models = new();

        public IImageGenerator Generator(string path, LoadOptions options, Action<double> onProgress) =>
            new PickyGenerator(_models.Generator(path, options, onProgress), refuse);

        public IUpscaler Upscaler(string path, LoadOptions options) => _models.Upscaler(path, options);
    }

    private sealed class PickyGenerator(IImageGenerator inner, Func<GenerationRequest, Exception?> refuse) : IImageGenerator
    {
        public ModelInfo Model => inner.Model;

        public string Device => inner.Device;

        public Precision Precision => inner.Precision;

        public RunPlan Plan(GenerationRequest request) => inner.Plan(request);

        public GenerationResult Generate(GenerationRequest request, Action<GenerationProgress>? onProgress, CancellationToken cancel,
            Action<GeneratedImage>? onImage) => refuse(request) is { } refusal ? throw refusal : inner.Generate(request, onProgress, cancel, onImage);

        public void Dispose() => inner.Dispose();
    }
}
