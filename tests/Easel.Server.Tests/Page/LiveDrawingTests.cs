using Easel.Server.Jobs;
using Easel.Server.Page;
using Easel.Server.Storage;
using Easel.Server.Tests.Support;
using Easel.Tests.Weights;

namespace Easel.Server.Tests.Page;

/// <summary>Guards drawing while one types: it waits for a rest, cancels what is not wanted any more, and leaves one picture behind.</summary>
public sealed class LiveDrawingTests
{
    [Fact]
    public async Task WhatIsTypedTakesThePlaceOfWhatWasDrawnBefore()
    {
        using var folder = new TemporaryFolder();
        await using var server = await RunningServer.Start(folder, TimeSpan.FromMilliseconds(5));
        var (queue, gallery) = (server.Service<JobQueue>(), server.Service<Gallery>());
        var intake = server.Service<JobIntake>();
        using var live = new LiveDrawing(queue, gallery, TimeProvider.System) { Pause = TimeSpan.FromMilliseconds(40) };
        var asked = 0;

        await Task.WhenAll(Type("a"), Type("a c"), Type("a cat")); // without a rest
        Assert.Equal((1, "a cat"), (asked, Assert.Single(Pictures()).Prompt));

        await Type("a dog");
        Assert.Equal("a dog", Assert.Single(Pictures()).Prompt);
        Assert.Empty(gallery.Deleted());

        server.Models.StepTime = TimeSpan.FromSeconds(5);
        var slow = Type("a dog and", steps: 50);
        while (queue.Snapshot() is not [{ State: JobState.Running }]) await Task.Delay(5, TestContext.Current.CancellationToken);
        Assert.NotNull(live.Current);
        server.Models.StepTime = TimeSpan.FromMilliseconds(5);
        var next = Type("a dog and a cat");
        await Task.WhenAll(slow, next);
        Assert.Equal(JobState.Cancelled, queue.Over().Single(job => job.Request.Request.Prompt == "a dog and").State);
        Assert.Equal("a dog and a cat", Assert.Single(Pictures()).Prompt);
        Assert.Null(live.Current);

        gallery.Tag([Pictures()[0].Id], Picture.Favourite, true);
        await Type("a fish");
        Assert.Equal(["a fish", "a dog and a cat"], Pictures().Select(picture => picture.Prompt));

        var stopped = Type("a bird");
        live.Stop();
        await stopped;
        Assert.Equal(2, Pictures().Count);

        Task Type(string prompt, int steps = 1) => live.Draw(() =>
        {
            asked++;
            return Task.FromResult<Job?>(intake.Submit(new JobRequest { Request = new GenerationRequest { Prompt = prompt, Steps = steps } }, "me"));
        });

        IReadOnlyList<Picture> Pictures() => gallery.List(new PictureQuery()).Pictures;
    }
}
