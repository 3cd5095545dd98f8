using Easel.Sampling;
using Easel.Tests.Support;
using static TorchSharp.torch;

namespace Easel.Tests.Sampling;

/// <summary>Guards names, defaults, limits and the arithmetic of image to image.</summary>
public sealed class SamplingPlanTests
{
    [Theory]
    [InlineData("dpmpp_2m", "dpmpp_2m", "karras")]
    [InlineData("DPM++ 2M", "dpmpp_2m", "karras")]
    [InlineData("DPM++ 2M Karras", "dpmpp_2m", "karras")]
    [InlineData("DPM++ 2M SDE Exponential", "dpmpp_2m_sde", "exponential")]
    [InlineData("DPM++ 2M SDE Heun Karras", "dpmpp_2m_sde_heun", "karras")]
    [InlineData("DPM++ 2S a Karras", "dpmpp_2s_ancestral", "karras")]
    [InlineData("DPM++ 3M SDE", "dpmpp_3m_sde", "exponential")]
    [InlineData("DPM2 a Karras", "dpm_2_ancestral", "karras")]
    [InlineData("LMS Karras", "lms", "karras")]
    [InlineData("LMS", "lms", "normal")]
    [InlineData("Euler a", "euler_ancestral", "normal")]
    [InlineData("k_euler_a", "euler_ancestral", "normal")]
    [InlineData("k_dpm_2_a_ka", "dpm_2_ancestral", "karras")]
    [InlineData("k_dpmpp_2m_sde_exp", "dpmpp_2m_sde", "exponential")]
    [InlineData("euler_karras", "euler", "karras")]
    [InlineData("DPM adaptive", "dpm_adaptive", "normal")]
    [InlineData("DPM fast", "dpm_fast", "normal")]
    [InlineData("Restart", "restart", "karras")]
    [InlineData("EulerAncestralDiscreteScheduler", "euler_ancestral", "normal")]
    [InlineData("KDPM2DiscreteScheduler", "dpm_2", "karras")]
    [InlineData("PNDMScheduler", "plms", "ddim_uniform")]
    [InlineData("uni_pc_bh2", "unipc", "solver")]
    [InlineData("UniPC", "unipc", "solver")]
    [InlineData("DDIM", "ddim", "ddim_uniform")]
    [InlineData("dpmpp_3m_sde_gpu", "dpmpp_3m_sde", "exponential")]
    public void NamesOfOthersAreKnown(string name, string sampler, string schedule)
    {
        var plan = SamplingPlan.For(name, null, 10, Toy.Model);
        Assert.Equal((sampler, schedule), (plan.Sampler.Name, plan.Schedule.Name));
        Assert.Equal(sampler, SamplingPlan.For(name, "Automatic", 10, Toy.Model).Sampler.Name);
        Assert.Equal("sgm_uniform", SamplingPlan.For(name, "SGM Uniform", 10, Toy.Model).Schedule.Name);
    }

    [Fact]
    public void AnUnknownNameIsAnsweredWithTheKnownOnes()
    {
        var sampler = Assert.Throws<InvalidRequestException>(() => Samplers.Get("euler_b"));
        Assert.Equal("sampler", sampler.Field);
        Assert.Contains("euler_b", sampler.Message);
        Assert.All(Samplers.All, s => Assert.Contains(s.Name, sampler.Message));
        var schedule = Assert.Throws<InvalidRequestException>(() => Schedules.Get("karas"));
        Assert.Equal("schedule", schedule.Field);
        Assert.All(Schedules.All, s => Assert.Contains(s.Name, schedule.Message));
    }

    [Theory]
    [InlineData("steps")]
    [InlineData("strength")]
    [InlineData("eta")]
    [InlineData("Order")]
    [InlineData("Churn")]
    [InlineData("NoiseScale")]
    [InlineData("Rho")]
    [InlineData("SigmaMin")]
    public void NumbersOutOfRangeAreNamed(string field)
    {
        var error = Assert.Throws<InvalidRequestException>(() => field switch
        {
            "steps" => SamplingPlan.For("euler", null, 1001, Toy.Model),
            "strength" => SamplingPlan.For("euler", null, 10, Toy.Model, 1.01),
            "eta" => SamplingPlan.For("plms", null, 10, Toy.Model, options: new() { Eta = 0.5 }),
            "Order" => SamplingPlan.For("lms", null, 10, Toy.Model, options: new() { Order = 5 }),
            "Churn" => SamplingPlan.For("euler", null, 10, Toy.Model, options: new() { Churn = double.NaN }),
            "NoiseScale" => SamplingPlan.For("euler", null, 10, Toy.Model, options: new() { NoiseScale = -1 }),
            "Rho" => SamplingPlan.For("euler", "karras", 10, Toy.Model, options: new() { Rho = 0 }),
            _ => SamplingPlan.For("euler", "karras", 10, Toy.Model, options: new() { SigmaMin = 20 }),
        });
        Assert.Equal(field, error.Field);
    }

    [Fact]
    public void NothingRunsAtStrengthZero()
    {
        using var scope = NewDisposeScope();
        foreach (var sampler in Samplers.All)
        {
            var plan = SamplingPlan.For(sampler.Name, null, 20, Toy.Model, 0);
            var init = randn(1, 4, 4, 4);
            var start = plan.Start(randn(1, 4, 4, 4), init);
            var result = plan.Finish(plan.Run((_, _) => throw new InvalidOperationException(), start, (_, _) => throw new InvalidOperationException()));
            Assert.Equal(0, plan.StepCount);
            Close.Absolute(init, result, 0, sampler.Name);
        }
    }

    /// <summary>AUTOMATIC1111's count for k-diffusion, img2img.py's for DDIM, the depth script's with its limit.</summary>
    [Theory]
    [InlineData("euler", 20, 0.75, false, 16)]
    [InlineData("euler", 20, 1.0, false, 20)]
    [InlineData("euler", 20, 0.01, false, 1)]
    [InlineData("dpm_2", 20, 0.5, false, 11)]
    [InlineData("ddim", 50, 0.75, false, 37)]
    [InlineData("ddim", 50, 1.0, false, 49)]
    [InlineData("ddim", 12, 1.0, false, 12)]
    [InlineData("ddim", 12, 1.0, true, 11)]
    [InlineData("ddim", 6, 0.8, true, 4)]
    [InlineData("ddim", 50, 0.01, false, 0)]
    public void StrengthBecomesSteps(string sampler, int steps, double strength, bool limited, int expected)
    {
        var plan = SamplingPlan.For(sampler, null, steps, Toy.Model, strength, new SamplingOptions { StrengthBelowSteps = limited });
        Assert.Equal(expected, plan.StepCount);
        if (expected > 0) Assert.Equal(sampler == "ddim", plan.EncodeSigma > plan.Sigmas[0]);
    }

    /// <summary>12 steps become 13, as the original's spacing has it, and the plan says so.</summary>
    [Fact]
    public void TheReferencesSpacingIsRemarkedOn()
    {
        var plan = SamplingPlan.For("ddim", null, 12, Toy.Model);
        Assert.Equal(13, plan.StepCount);
        Assert.Equal("12 steps were asked for and the schedule has 13: the original takes one in 83 of 1000 timesteps.", Assert.Single(plan.Remarks));
        Assert.Empty(SamplingPlan.For("ddim", null, 50, Toy.Model).Remarks);
        Assert.Empty(SamplingPlan.For("euler", null, 12, Toy.Model).Remarks);
    }

    /// <summary>Start noise has variance 1 in the coordinates the sampler was published in.</summary>
    [Fact]
    public void StartNoiseIsScaled()
    {
        using var scope = NewDisposeScope();
        var one = ones(1, 4, 2, 2);
        var euler = SamplingPlan.For("euler", null, 10, Toy.Model);
        Assert.Equal(Toy.Noise.SigmaMax, euler.Start(one).max().item<float>(), 1e-4);
        var ddim = SamplingPlan.For("ddim", null, 10, Toy.Model);
        Assert.Equal(Math.Sqrt(1 + Math.Pow(Toy.Noise.Sigmas[901], 2)), ddim.Start(one).max().item<float>(), 1e-4);
        Assert.Equal(Toy.Noise.SigmaMin, ddim.Sigmas[^1]);
        Assert.Equal(1 / Math.Sqrt(1 + Math.Pow(Toy.Noise.SigmaMin, 2)), ddim.Finish(one).max().item<float>(), 1e-6);
    }

    /// <summary>The one evaluation of the reference's samplers below timestep 1: a one-step PLMS run, where the original gives 1 twice.</summary>
    [Fact]
    public void AOneStepPlmsRunStaysOnTimestepOne()
    {
        using var scope = NewDisposeScope();
        var plan = SamplingPlan.For("plms", null, 1, Toy.Model);
        var timesteps = new List<double>();
        plan.Run((x, at) => { timesteps.Add(plan.ToTimestep(at.Sigma)); return x * 0.5; }, ones(1, 4, 2, 2), (_, _) => zeros(1, 4, 2, 2));
        Assert.Equal([1, 1], timesteps);
    }

    /// <summary>What is predicted is settled in one place: the same clean sample, told as noise, as v or as itself, denoises alike.</summary>
    [Fact]
    public void PredictionTypesAgree()
    {
        using var scope = NewDisposeScope();
        var (clean, eps) = (randn(2, 4, 3, 3), randn(2, 4, 3, 3));
        foreach (var sigma in new[] { 0.05, 1.0, 14.0 })
        {
            var (signal, noise) = (1 / Math.Sqrt(1 + sigma * sigma), sigma / Math.Sqrt(1 + sigma * sigma));
            var x = clean + eps * sigma;
            var v = eps * signal - clean * noise;
            foreach (var (type, output) in new[] { (PredictionType.Epsilon, eps), (PredictionType.V, v), (PredictionType.Sample, clean) })
            {
                var denoise = new NoiseModel(Toy.Noise, type).Denoiser((scaled, t, _) =>
                {
                    Close.Absolute(clean * signal + eps * noise, scaled, 1e-5);
                    Assert.Equal(Toy.Noise.ToTimestep(sigma), t);
                    return output.clone();
                }, Toy.Noise.ToTimestep);
                Close.Absolute(clean, denoise(x, new(0, 0, sigma)), 1e-5, $"{type} at {sigma}");
            }
        }
    }
}
