using System.Diagnostics;
using Easel.Imaging;
using Easel.Tests.Models;
using Easel.Tests.Support;
using Easel.Weights;
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
        GenerationRequest[] requests =
        [
            plain, plain with { InitImage = picture }, plain with { InitImage = picture, Mask = mask, Sampler = "dpmpp_sde" },
            plain with { Like = NoiseLike.CompVis, Sampler = "ddim" }, plain with { Steps = 4, Fast = FastLevel.Strong, Prompt = "an apple" },
        ];
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

    /// <summary>
    /// What each kind of run takes beside the plain ones: pictures and maps that are encoded, other networks, weights that are changed and put back.
    /// </summary>
    [Theory]
    [InlineData("inpaint")]
    [InlineData("depth")]
    [InlineData("x4upscaler")]
    [InlineData("LoRA")]
    [InlineData("tiny autoencoder")]
    [InlineData("ESRGAN")]
    public void NoKindOfRunLeavesATensor(string kind)
    {
        using var made = kind switch
        {
            "inpaint" => Drawing("inpaint", Begun() with { Mask = Painted() }),
            "depth" => Drawing("depth", Begun() with { Depth = new DepthImage(64, 64, [.. Enumerable.Range(0, 64 * 64).Select(i => (ushort)i)]) }),
            "x4upscaler" => Drawing("x4upscaler", Begun() with { InitImage = new RgbImage(16, 16) }),
            "LoRA" => Drawing(null, Begun() with { Prompt = "a house<lora:lora-kohya.fp16:0.8>" }, Begun()),
            "tiny autoencoder" => Drawing("sd1", Begun()),
            _ => Enlarging(),
        };
        for (var i = 0; i < 2; i++) made.Run();
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        for (var i = 0; i < 3; i++) made.Run();
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);

        static GenerationRequest Begun() => new() { Prompt = "a house", InitImage = new RgbImage(64, 64), Steps = 2, Seed = 1 };

        static GrayImage Painted()
        {
            var mask = new GrayImage(64, 64);
            mask.Pixels.AsSpan(0, 1000).Fill(255);
            return mask;
        }

        static Repeated Drawing(string? area, params GenerationRequest[] requests)
        {
            var options = new LoadOptions
            {
                Precision = Precision.Full,
                LoraFolders = [Goldens.Path("layouts")],
                TinyVae = area == "sd1" ? Goldens.Unpacked("layouts/taesd_decoder.fp16.pth") : null,
            };
            var generator = ImageGenerator.Load(area is null ? Goldens.Path("layouts/diffusers-sd1-micro") : LoadedModel.Path(area), options);
            return new Repeated(generator, () =>
            {
                foreach (var request in requests) generator.Generate(request, progress => _ = progress.Preview?.Invoke());
            });
        }

        static Repeated Enlarging()
        {
            var upscaler = UpscalerFile.Load(Goldens.Path("upscalers/compact-x2.wrapped.pth"), torch.ScalarType.Float32, torch.CPU);
            return new Repeated(upscaler, () => upscaler.Upscale(new RgbImage(70, 40), tile: 64));
        }
    }

    private sealed record Repeated(IDisposable Owner, Action Run) : IDisposable
    {
        public void Dispose() => Owner.Dispose();
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
