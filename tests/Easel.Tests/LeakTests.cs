using System.Diagnostics;
using Easel.Imaging;
using Easel.Tests.Support;
using TorchSharp;

namespace Easel.Tests;

/// <summary>Tests that look at the memory of the whole process, and so must have it to themselves.</summary>
[CollectionDefinition(DisableParallelization = true)]
public sealed class AloneInTheProcess;

/// <summary>Guards that a run leaves nothing behind: no tensor, and no memory that grows with the number of runs.</summary>
[Collection<AloneInTheProcess>]
public sealed class LeakTests
{
    [Fact]
    public void FiftyGenerationsLeaveTensorsAndMemoryFlat()
    {
        using var generator = ImageGenerator.Load(Goldens.Path("layouts/diffusers-sd1-micro"), new LoadOptions { Precision = Precision.Full });
        var plain = new GenerationRequest { Prompt = "a (red:1.2) apple AND a tree", NegativePrompt = "blurry", Width = 64, Height = 64, Steps = 2, Seed = 1 };
        var picture = new RgbImage(64, 64);
        var mask = new GrayImage(64, 64);
        mask.Pixels.AsSpan(0, 1000).Fill(255);
        GenerationRequest[] requests = [plain, plain with { InitImage = picture }, plain with { InitImage = picture, Mask = mask, Sampler = "dpmpp_sde" }, plain with { Like = NoiseLike.CompVis, Sampler = "ddim" },
            plain with { Steps = 4, Fast = FastLevel.Strong, Prompt = "an apple" }];
        void Run(int count)
        {
            for (var i = 0; i < count; i++) generator.Generate(requests[i % requests.Length], progress => _ = progress.Preview?.Invoke());
        }

        Run(12); // pools and caches fill
        var (tensors, memory) = (DisposeScopeManager.Statistics.ThreadTotalLiveCount, Memory());
        Run(50);
        Assert.Equal(tensors, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
        Assert.True(Memory() - memory < 48 << 20, $"memory grew by {(Memory() - memory) >> 20} MB over 50 runs");

        static long Memory()
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            using var self = Process.GetCurrentProcess();
            return self.WorkingSet64;
        }
    }

    [Fact]
    public void ACancelledRunLeavesNoTensor()
    {
        using var generator = ImageGenerator.Load(Goldens.Path("layouts/diffusers-sd1-micro"), new LoadOptions { Precision = Precision.Full });
        var request = new GenerationRequest { Prompt = "x", Width = 64, Height = 64, Steps = 10, Seed = 1 };
        generator.Generate(request with { Steps = 1 });
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        using var cancel = new CancellationTokenSource();
        var steps = 0;
        Assert.Throws<OperationCanceledException>(() => generator.Generate(request, progress =>
        {
            if (progress.Stage == GenerationStage.Sampling && ++steps == 3) cancel.Cancel();
        }, cancel.Token));
        Assert.Equal(3, steps);
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }
}
