using Easel.Tests.Models;
using TorchSharp;

namespace Easel.Tests;

/// <summary>Guards loading and drawing that are awaited or cancelled: the same pictures, in turn, and nothing left behind.</summary>
public sealed class AsyncTests
{
    private static readonly LoadOptions Exact = new() { Precision = Precision.Full };
    private static readonly GenerationRequest Request = GeneratorTests.Reference(1) with { Steps = 3 };

    [Fact]
    public async Task RequestsMadeAtTheSameTimeAreDrawnInTurn()
    {
        using var generator = await ImageGenerator.LoadAsync(LoadedModel.Path("sd1"), Exact);
        var requests = Enumerable.Range(1, 3).Select(seed => Request with { Seed = seed }).ToList();

        var together = await Task.WhenAll(requests.Select(request => generator.GenerateAsync(request)));

        foreach (var (request, result) in requests.Zip(together))
            Assert.Equal(generator.Generate(request).Images[0].Image.Pixels, result.Images[0].Image.Pixels);
    }

    [Fact]
    public async Task ProgressComesInOrderWithPreviewsThatStayValid()
    {
        var shares = new Told<double>();
        using var generator = await ImageGenerator.LoadAsync(LoadedModel.Path("sd1"), Exact, shares);
        var steps = new Told<GenerationProgress>();
        IImageGenerator seenAsInterface = generator;
        await seenAsInterface.GenerateAsync(Request, steps);

        Assert.Equal(shares.Order(), shares);
        Assert.Equal(1, shares[^1], 1e-9);
        Assert.Equal(Enumerable.Range(0, steps[0].StepCount + 1), steps.Where(told => told.Stage != GenerationStage.Decoding).Select(told => told.Step));
        Assert.Equal(steps.Select(told => told.Stage).Order(), steps.Select(told => told.Stage));
        Assert.All(steps.Where(told => told.Stage == GenerationStage.Sampling), told => Assert.Single(told.Preview!()));
    }

    [Fact]
    public void LoadingThatIsCancelledLeavesNothing()
    {
        using (ImageGenerator.Load(LoadedModel.Path("sd1"), Exact)) { } // what is made once is made
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        using var cancel = new CancellationTokenSource();
        var told = 0;
        Assert.ThrowsAny<OperationCanceledException>(() => ImageGenerator.Load(LoadedModel.Path("sd1"), Exact, share =>
        {
            if (++told == 20) cancel.Cancel();
        }, cancel.Token));
        Assert.Equal(20, told);
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    [Fact]
    public async Task WhatWaitsCanBeCancelledAsWellAsWhatRuns()
    {
        using var generator = await ImageGenerator.LoadAsync(LoadedModel.Path("sd1"), Exact);
        using var running = new CancellationTokenSource();
        using var waiting = new CancellationTokenSource();
        using var begun = new ManualResetEventSlim();
        var first = generator.GenerateAsync(Request with { Steps = 500 }, new Told<GenerationProgress>(begun.Set), running.Token);
        begun.Wait(TestContext.Current.CancellationToken);
        var second = generator.GenerateAsync(Request, cancel: waiting.Token);
        await waiting.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => second);
        Assert.False(first.IsCompleted);
        await running.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        Assert.Single((await generator.GenerateAsync(Request)).Images); // and the generator still draws
    }

    /// <summary>Progress that is told on the thread that reports it.</summary>
    private sealed class Told<T>(Action? onReport = null) : List<T>, IProgress<T>
    {
        public void Report(T value)
        {
            Add(value);
            onReport?.Invoke();
        }
    }
}
