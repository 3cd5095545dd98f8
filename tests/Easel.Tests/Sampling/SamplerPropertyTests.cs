using Easel.Sampling;
using Easel.Tests.Support;
using TorchSharp;
using static TorchSharp.torch;

namespace Easel.Tests.Sampling;

/// <summary>Guards what must hold of every sampler in the table, whatever its numbers.</summary>
public sealed class SamplerPropertyTests
{
    private static readonly Toy Model = new(Goldens.Json("samplers/samplers.json"));

    private static readonly Lazy<(Tensor Noise, Tensor Result)> Exact = new(() =>
    {
        using var scope = NewDisposeScope();
        using var source = new NoiseSource([3]);
        var plan = SamplingPlan.For("heun", "karras", 200, Toy.Model);
        var noise = source.Randn(1, 4, 6, 6);
        var result = plan.Run(Model.Denoise, plan.Start(noise), (_, _) => throw new InvalidOperationException());
        return (noise.DetachFromDisposeScope(), result.DetachFromDisposeScope());
    });

    public static TheoryData<string> Names => [.. Samplers.All.Select(s => s.Name)];

    /// <summary>Picture i of a batch is the picture that its seed gives alone.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void APictureDoesNotDependOnItsBatch(string sampler)
    {
        using var scope = NewDisposeScope();
        var row = Samplers.Get(sampler);
        if (row.SharesSteps) return;
        var options = new SamplingOptions { Eta = row.AcceptsEta ? 1 : null, Churn = 1 };
        var plan = SamplingPlan.For(sampler, null, row.Brownian ? 6 : 21, Toy.Model, options: options);
        foreach (var mode in new[] { NoiseMode.PerImage, NoiseMode.Philox })
        {
            var batch = Generate(plan, [7, 8], mode, OneGaussian);
            for (var i = 0; i < 2; i++) Close.Absolute(Generate(plan, [7 + i], mode, OneGaussian), batch[i..(i + 1)], 1e-6, $"{sampler} picture {i}");
        }
    }

    /// <summary>With many steps and no added noise, all samplers solve the same equation, from whatever schedule.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void AllAgreeInTheLimit(string sampler)
    {
        // These add noise by nature.
        if (sampler is "lcm" or "ddpm" or "restart") return;
        using var scope = NewDisposeScope();
        var (noise, expected) = Exact.Value;
        var options = new SamplingOptions { Eta = 0, RelativeTolerance = 0.002, AbsoluteTolerance = 1e-3 };
        var plan = SamplingPlan.For(sampler, sampler is "plms" or "ddim" ? null : "karras", 200, Toy.Model, options: options);
        // Start from the same point: the two ways of scaling noise differ by a little.
        var x = noise * plan.Sigmas[0];
        var actual = plan.Finish(plan.Run(Model.Denoise, x, (_, _) => zeros(1, 4, 6, 6)));
        // Where a run ends above 0, or starts below the top (DDIM's spacing), the last noise remains.
        Close.Absolute(expected, actual, plan.Sampler.EndsAboveZero || sampler == "dpm_fast" || sampler == "dpm_adaptive" ? 0.08 : 0.03, sampler);
    }

    /// <summary>A run leaves nothing behind but its result, and its caller's tensors as they were.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void NoTensorIsLeaked(string sampler)
    {
        var plan = SamplingPlan.For(sampler, null, Samplers.Get(sampler).Brownian ? 4 : 21, Toy.Model);
        Generate(plan, [1, 2], NoiseMode.PerImage).Dispose();
        var before = DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount;
        Generate(plan, [1, 2], NoiseMode.PerImage).Dispose();
        Assert.Equal(before, DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount);
    }

    /// <summary>Steps are counted as planned, reported in order, and end where the plan ends.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void StepsAreReported(string sampler)
    {
        using var scope = NewDisposeScope();
        foreach (var steps in new[] { 1, 2, 3, 20, 36 })
        {
            var plan = SamplingPlan.For(sampler, null, steps, Toy.Model);
            var infos = new List<StepInfo>();
            var result = Generate(plan, [1], NoiseMode.PerImage, infos.Add);
            Assert.True(result.isfinite().all().item<bool>(), $"{sampler} with {steps} steps");
            Assert.Equal(Enumerable.Range(0, infos.Count), infos.Select(i => i.Index));
            if (plan.Sampler.SharesSteps) continue;
            Assert.Equal(plan.StepCount, infos.Count);
            Assert.All(infos, info => Assert.Equal(plan.StepCount, info.Count));
            if (sampler != "dpm_fast") Assert.Equal(plan.Sigmas[^1], infos[^1].Sigma);
        }
    }

    /// <summary>Every sampler runs on every schedule, on half of them on the tail alone.</summary>
    [Fact]
    public void EveryPairRuns()
    {
        using var scope = NewDisposeScope();
        foreach (var sampler in Samplers.All)
        {
            foreach (var schedule in Schedules.All)
            {
                using var pair = NewDisposeScope();
                double? strength = schedule.Name.Length % 2 == 0 ? null : 0.7;
                var plan = SamplingPlan.For(sampler.Name, schedule.Name, 4, Toy.Model, strength);
                Assert.True(Generate(plan, [1], NoiseMode.PerImage).isfinite().all().item<bool>(), $"{sampler.Name} on {schedule.Name}, strength {strength}");
            }
        }
    }

    /// <summary>Cancellation by an exception from the callback loses no tensor either.</summary>
    [Fact]
    public void ACallbackMayThrow()
    {
        var plan = SamplingPlan.For("euler", null, 5, Toy.Model);
        var before = DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount;
        Assert.Throws<OperationCanceledException>(() => Generate(plan, [1], NoiseMode.PerImage, _ => throw new OperationCanceledException()));
        Assert.Equal(before, DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount);
    }

    /// <summary>A denoiser of sums and products alone, which round alike in every batch.</summary>
    private static Tensor OneGaussian(Tensor x, Evaluation at) => (x * 0.25 + at.Sigma * at.Sigma) / (0.25 + at.Sigma * at.Sigma);

    private static Tensor Generate(SamplingPlan plan, long[] seeds, NoiseMode mode, Action<StepInfo>? onStep = null) =>
        Generate(plan, seeds, mode, Model.Denoise, onStep);

    private static Tensor Generate(SamplingPlan plan, long[] seeds, NoiseMode mode, Denoiser denoise, Action<StepInfo>? onStep = null)
    {
        using var scope = NewDisposeScope();
        using var source = new NoiseSource(seeds, mode);
        long[] shape = [seeds.Length, 4, 6, 6];
        var start = plan.Start(source.Randn(shape), plan.EncodeSigma == plan.Sigmas[0] ? null : zeros(shape));
        return plan.Finish(plan.Run(denoise, start, plan.NoiseFrom(source, shape), onStep)).MoveToOuterDisposeScope();
    }
}
