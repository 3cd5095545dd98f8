using Easel.Sampling;
using static TorchSharp.torch;

namespace Easel.Tests.Sampling;

/// <summary>Guards betas, noise levels, the maps between them and timesteps, and the schedules.</summary>
public sealed class ScheduleTests
{
    private static readonly Dictionary<string, Tensor> Data = Kept.Tensors("samplers/samplers.safetensors");
    private static readonly Dictionary<string, Tensor> Reference = Kept.Tensors("sd1/schedules.safetensors");

    [Fact]
    public void AlphasAreTheOriginals()
    {
        Same(Reference["alphas_cumprod"], [.. Toy.Noise.AlphasCumprod]);
        Same(Data["alphas_cumprod"], [.. Toy.Noise.AlphasCumprod]);
        var copied = NoiseSchedule.FromAlphas([.. Reference["alphas_cumprod"].data<float>().Select(a => (double)a)]);
        Same(Data["sigmas.discrete_all"][..1000].flip(0), [.. copied.Sigmas]);
    }

    [Theory]
    [InlineData("sigmas.discrete", "normal", 10, null)]
    [InlineData("sigmas.discrete.n1", "normal", 1, null)]
    [InlineData("sigmas.discrete.n2", "normal", 2, null)]
    [InlineData("sigmas.discrete.n3", "normal", 3, null)]
    [InlineData("sigmas.discrete.n5", "normal", 5, null)]
    [InlineData("sigmas.discrete.n15", "normal", 15, null)]
    [InlineData("sigmas.discrete_20", "normal", 20, null)]
    [InlineData("sigmas.discrete.n30", "normal", 30, null)]
    [InlineData("sigmas.discrete.n50", "normal", 50, null)]
    [InlineData("sigmas.discrete_all", "normal", 1000, null)]
    [InlineData("sigmas.karras", "karras", 10, null)]
    [InlineData("sigmas.karras.n1", "karras", 1, null)]
    [InlineData("sigmas.karras.n2", "karras", 2, null)]
    [InlineData("sigmas.karras.n3", "karras", 3, null)]
    [InlineData("sigmas.karras.n5", "karras", 5, null)]
    [InlineData("sigmas.karras.n15", "karras", 15, null)]
    [InlineData("sigmas.karras.n30", "karras", 30, null)]
    [InlineData("sigmas.karras.n50", "karras", 50, null)]
    [InlineData("sigmas.exponential", "exponential", 10, null)]
    [InlineData("sigmas.polyexponential_rho1.3", "polyexponential", 10, 1.3)]
    [InlineData("sigmas.vp", "vp", 10, null)]
    public void LevelsAreKDiffusions(string golden, string schedule, int steps, double? rho) =>
        Same(Data[golden], Schedules.Sigmas(schedule, Toy.Noise, steps, options: new SamplingOptions { Rho = rho }));

    /// <summary>AUTOMATIC1111's older Karras range.</summary>
    [Fact]
    public void TheRangeCanBeSet() =>
        Same(Data["sigmas.karras_rho5"], Schedules.Sigmas("karras", Toy.Noise, 10, options: new SamplingOptions { Rho = 5, SigmaMin = 0.1, SigmaMax = 10 }));

    [Fact]
    public void MapsAreKDiffusions()
    {
        for (var i = 0; i < Data["map.sigma"].numel(); i++)
        {
            var sigma = Data["map.sigma"][i].item<float>();
            Assert.Equal(Data["map.sigma_to_t"][i].item<float>(), Toy.Noise.ToTimestep(sigma), 2e-3);
            Assert.Equal(Data["map.sigma_to_t_quantized"][i].item<long>(), Toy.Noise.NearestTimestep(sigma));
        }
        Same(Data["map.t_to_sigma"], [.. Data["map.t"].data<float>().Select(t => Toy.Noise.ToSigma(t))]);
    }

    /// <summary>The levels, and the noise of each eta, of the original's DDIM tables, for every number of steps recorded.</summary>
    [Fact]
    public void DdimTablesAreTheOriginals()
    {
        var tables = Reference.Keys.Where(k => k.EndsWith(".timesteps", StringComparison.Ordinal)).ToList();
        Assert.True(tables.Count > 10);
        foreach (var key in tables)
        {
            var name = key.Split('.')[0];
            var steps = int.Parse(name[1..]);
            var plan = SamplingPlan.For("ddim", null, steps, Toy.Model);
            var timesteps = Reference[key].data<long>().ToArray();
            Assert.Equal(timesteps.Reverse(), plan.Sigmas.SkipLast(1).Select(s => (long)plan.ToTimestep(s)));
            Assert.Equal(timesteps.Length, plan.StepCount);
            var alphas = plan.Sigmas.Select(s => 1 / (1 + s * s)).Reverse().ToArray();
            Same(Reference[$"{name}.eta0.0.ddim_alphas"], alphas[1..]);
            Same(Reference[$"{name}.eta0.0.ddim_alphas_prev"], alphas[..^1]);
            foreach (var eta in new[] { 0.0, 0.5, 1.0 })
            {
                var sigmas = plan.Sigmas.Zip(plan.Sigmas.Skip(1), (from, to) => Moves.Ancestral(from, to, eta).Up / Math.Sqrt(1 + to * to));
                Same(Reference[$"{name}.eta{eta:0.0}.ddim_sigmas"], [.. sigmas.Reverse()]);
            }
        }
    }

    [Theory]
    [InlineData(9, 10)]
    [InlineData(37, 38)]
    [InlineData(333, 334)]
    [InlineData(999, 999)]
    [InlineData(1000, 999)]
    public void WhereTheOriginalFailsTheLastTimestepIsClamped(int steps, int count)
    {
        var plan = SamplingPlan.For("ddim", null, steps, Toy.Model);
        Assert.Equal(count, plan.StepCount);
        Assert.Equal(999, plan.ToTimestep(plan.Sigmas[0]));
        Assert.Contains(plan.Remarks, r => r.Contains("1000, where the original fails"));
    }

    [Fact]
    public void EveryScheduleFallsForAnyNumberOfSteps()
    {
        foreach (var schedule in Schedules.All)
        {
            foreach (var steps in new[] { 1, 2, 3, 9, 12, 20, 37, 50, 333, 1000 })
            {
                if (schedule.Name == "lcm" && steps > 50) continue;
                var sigmas = Schedules.Sigmas(schedule.Name, Toy.Noise, steps);
                foreach (var (from, to) in sigmas.Zip(sigmas.Skip(1))) Assert.True(from > to, $"{schedule.Name} {steps}: {from} to {to}");
                Assert.True(schedule.Name is "ddim_uniform" or "beta" or "leading" or "solver" || sigmas.Length == steps + 1, $"{schedule.Name} {steps}");
            }
        }
        Assert.Throws<InvalidRequestException>(() => Schedules.Sigmas("lcm", Toy.Noise, 51));
        Assert.Throws<InvalidRequestException>(() => Schedules.Sigmas("karras", Toy.Noise, 0));
    }

    /// <summary>The cosine schedule of diffusers ("squaredcos_cap_v2") and of the original: the signal starts whole and is gone at the end.</summary>
    [Fact]
    public void OtherBetas()
    {
        var cosine = NoiseSchedule.FromBetas(BetaSchedule.Cosine, 0, 0);
        Assert.Equal(0.999958715775178, cosine.AlphasCumprod[0], 1e-7);
        Assert.Equal(0.49228517244880304, cosine.AlphasCumprod[500], 1e-7);
        Assert.Equal(2.4287669070348567e-09, cosine.AlphasCumprod[999], 1e-14);
        var linear = NoiseSchedule.FromBetas(BetaSchedule.Linear, 1e-4, 0.02);
        Assert.Equal(4.0358297653756754e-05, linear.AlphasCumprod[999], 1e-11);
        var rescaled = NoiseSchedule.FromBetas(BetaSchedule.ScaledLinear, 0.00085, 0.012, zeroTerminalSnr: true);
        Assert.Equal(Toy.Noise.AlphasCumprod[0], rescaled.AlphasCumprod[0], 1e-9);
        Assert.Equal(NoiseSchedule.TinyAlpha, rescaled.AlphasCumprod[999]);
    }

    /// <summary>Known values of the incomplete beta function; at 0.6, 0.6 it is symmetric.</summary>
    [Fact]
    public void BetaQuantiles()
    {
        Assert.Equal(0.5, BetaDistribution.Quantile(0.5, 0.6, 0.6), 1e-12);
        Assert.Equal(0.3, BetaDistribution.Quantile(BetaDistribution.Cumulative(0.3, 0.6, 0.6), 0.6, 0.6), 1e-12);
        Assert.Equal(0.25, BetaDistribution.Quantile(0.25, 1, 1), 1e-12);
        Assert.Equal(2 / Math.PI * Math.Asin(Math.Sqrt(0.2)), BetaDistribution.Cumulative(0.2, 0.5, 0.5), 1e-12);
        Assert.Equal(0.5248, BetaDistribution.Cumulative(0.4, 2, 3), 1e-12);
    }

    private static void Same(Tensor expected, IReadOnlyList<double> actual)
    {
        var values = expected.to(ScalarType.Float64).data<double>().ToArray();
        Assert.Equal(values.Length, actual.Count);
        for (var i = 0; i < values.Length; i++) Assert.Equal(values[i], actual[i], 1e-5 * Math.Abs(values[i]));
    }
}
