using Easel.Server.Errors;
using Easel.Server.Jobs;
using Easel.Server.Library;
using Easel.Server.Storage;
using Easel.Server.Tests.Support;
using Easel.Tests.Weights;
using Microsoft.Extensions.Logging.Abstractions;

namespace Easel.Server.Tests;

/// <summary>Guards the order of the queue, its record on disk, and that watchers neither miss anything nor hold anything up. Nothing is drawn here.</summary>
public sealed class QueueTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly PictureFolder _pictures;
    private Database? _database;
    private JobIntake? _intake; // of the queue last opened

    public QueueTests()
    {
        _pictures = new PictureFolder(_folder.Path("pictures"));
        _pictures.Open();
    }

    public void Dispose()
    {
        _database?.Dispose();
        _pictures.Dispose();
        _folder.Dispose();
    }

    private JobQueue Open(ServerLimits? limits = null)
    {
        _database?.Dispose();
        _database = Database.Open(_pictures.Database);
        var options = RunningServer.OptionsFor(_folder) with { Limits = limits ?? new ServerLimits() };
        var inputs = new InputPictures(_pictures);
        var queue = new JobQueue(new JobStore(_database), inputs, options.Limits, TimeProvider.System, NullLogger<JobQueue>.Instance);
        _intake = new JobIntake(queue, inputs, new JobRules(options.Limits, new ModelLibrary(options)), TimeProvider.System);
        return queue;
    }

    private Job Submit(string client, string prompt) =>
        _intake!.Submit(new JobRequest { Request = new GenerationRequest { Prompt = prompt } }, client);

    private static string Order(JobQueue queue) => string.Join(' ', queue.Snapshot().Select(job => job.Request.Request.Prompt));

    [Fact]
    public void OneClientIsServedInOrder()
    {
        var queue = Open();
        foreach (var prompt in (string[])["a", "b", "c"]) Submit("x", prompt);
        Assert.Equal("a b c", Order(queue));
        Assert.Equal([0, 1, 2], queue.Snapshot().Select(job => job.Position));
        Assert.Equal("a", queue.Take(TimeSpan.Zero, () => false)!.Job.Request.Request.Prompt);
        Assert.Equal("b", queue.Take(TimeSpan.Zero, () => false)!.Job.Request.Request.Prompt);
    }

    [Fact]
    public void AScriptOfTheSameMachineNeitherLocksThePageOutNorKeepsItWaiting()
    {
        var caller = new Microsoft.AspNetCore.Http.DefaultHttpContext();
        caller.Connection.RemoteIpAddress = System.Net.IPAddress.Loopback;
        var (script, page) = (Security.Caller.Of(caller), Security.Caller.OfPage(caller));
        var queue = Open(new ServerLimits { QueuedPerClient = 4 });
        foreach (var prompt in (string[])["s1", "s2", "s3", "s4"]) Submit(script, prompt);
        Assert.Equal(429, Assert.Throws<ServerException>(() => Submit(script, "s5")).Status);
        queue.Take(TimeSpan.Zero, () => false);
        Submit(page, "p1");
        Submit(page, "p2");
        Assert.Equal("s1 p1 s2 p2 s3 s4", Order(queue));
    }

    [Fact]
    public void ClientsTakeTurns()
    {
        var queue = Open();
        foreach (var prompt in (string[])["x1", "x2", "x3", "x4"]) Submit("x", prompt);
        Submit("y", "y1");
        Submit("y", "y2");
        Submit("z", "z1");
        Assert.Equal("x1 y1 z1 x2 y2 x3 x4", Order(queue));
        _ = queue.Take(TimeSpan.Zero, () => false); // the turn that x has
        Submit("w", "w1");
        Assert.Equal("x1 y1 z1 w1 x2 y2 x3 x4", Order(queue));
    }

    [Fact]
    public void OrderSurvivesTheProcess()
    {
        var queue = Open();
        foreach (var prompt in (string[])["a", "b", "c", "d"]) Submit("x", prompt);
        var running = queue.Take(TimeSpan.Zero, () => false)!; // begun and never ended
        queue.Move(queue.Snapshot()[3].Id, 0);
        Submit("y", "e");
        Assert.Equal("a e d b c", Order(queue));
        Assert.True(queue.Cancel(queue.Snapshot()[3].Id));

        queue = Open();
        Assert.Equal("a e d c", Order(queue));
        Assert.All(queue.Snapshot(), job => Assert.Equal(JobState.Queued, job.State));
        Assert.Equal(running.Job.Id, queue.Snapshot()[0].Id);
        Assert.Equal(["b"], queue.Over().Select(job => job.Request.Request.Prompt));
        Assert.NotNull(queue.Snapshot()[0].Request.Request.Seed); // drawn again it is the same picture
    }

    [Fact]
    public void ManyInsertionsAtOnePlaceKeepTheirOrder()
    {
        var queue = Open();
        for (var i = 0; i < 3; i++) Submit("x", $"x{i}");
        for (var i = 0; i < 80; i++) Submit($"y{i}", $"y{i}"); // each before x1: positions are halved until they must be numbered anew
        var expected = string.Join(' ', (string[])["x0", .. Enumerable.Range(0, 80).Select(i => $"y{i}"), "x1", "x2"]);
        Assert.Equal(expected, Order(queue));
        Assert.Equal(expected, Order(Open()));
    }

    [Fact]
    public void LimitsOfAClientAndOfAll()
    {
        var queue = Open(new ServerLimits { QueuedPerClient = 2, Queued = 3 });
        Submit("x", "a");
        Submit("x", "b");
        Assert.Equal(429, Assert.Throws<ServerException>(() => Submit("x", "c")).Status);
        Submit("y", "c");
        Assert.Equal(429, Assert.Throws<ServerException>(() => Submit("z", "d")).Status);
        Assert.Equal(2, queue.StopAll("x"));
        Assert.Equal("c", Order(queue));
    }

    [Fact]
    public async Task WatcherThatReadsLateMissesNoStateButSteps()
    {
        var queue = Open();
        var job = Submit("x", "a");
        var events = queue.Watch(job.Id).GetAsyncEnumerator();
        Assert.True(await events.MoveNextAsync());
        Assert.Equal(JobEventKind.Queued, events.Current.Kind);

        var run = queue.Take(TimeSpan.Zero, () => false)!;
        for (var step = 0; step < 1000; step++) queue.Report(run, new JobProgress(JobStage.Sampling, Step: step, StepCount: 1000));
        queue.Saved(run, "picture");
        queue.Finish(run, JobState.Done, null, []);

        var kinds = new List<JobEventKind>();
        while (await events.MoveNextAsync()) kinds.Add(events.Current.Kind);
        Assert.Equal(JobEventKind.Started, kinds[0]);
        Assert.InRange(kinds.Count(kind => kind == JobEventKind.Step), 1, 50);
        Assert.Equal([JobEventKind.Picture, JobEventKind.Done], kinds[^2..]);
        Assert.Equal(JobState.Done, (await queue.WaitAsync(job.Id)).State);
    }

    [Fact]
    public void MovingWhatDoesNotWait()
    {
        var queue = Open();
        var job = Submit("x", "a");
        Assert.Equal(404, Assert.Throws<ServerException>(() => queue.Move("nonsense", 0)).Status);
        _ = queue.Take(TimeSpan.Zero, () => false);
        Assert.Equal(409, Assert.Throws<ServerException>(() => queue.Move(job.Id, 0)).Status);
    }
}
