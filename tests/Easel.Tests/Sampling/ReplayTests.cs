using Easel.Sampling;
using Easel.Tests.Support;
using static TorchSharp.torch;

namespace Easel.Tests.Sampling;

/// <summary>
/// Guards the reference's own samplers: a model that returns what the original's model returned must be given what the original's model was given, and the
/// latents must come out the same. Both halves of the guided batch are recorded, unconditional first, guidance 7.5.
/// </summary>
public sealed class ReplayTests
{
    private const double Guidance = 7.5;

    [Theory]
    [InlineData("ddim_eta0", "ddim", 12, 0.0)]
    [InlineData("ddim_eta0.5", "ddim", 12, 0.5)]
    [InlineData("ddim_eta1_S7", "ddim", 7, 1.0)]
    [InlineData("plms", "plms", 12, null)]
    [InlineData("plms_S25", "plms", 25, null)]
    [InlineData("dpmpp2m", "dpm_solver", 12, null)]
    [InlineData("dpmpp2m_20", "dpm_solver", 20, null)]
    public void FollowsTheOriginal(string file, string sampler, int steps, double? eta)
    {
        using var scope = NewDisposeScope();
        var data = Goldens.Tensors($"sd1/sample_{file}.safetensors");
        var plan = SamplingPlan.For(sampler, null, steps, Toy.Model, options: new SamplingOptions { Eta = eta });
        var model = new Recorded(data);
        var draws = 0;

        Tensor Noise(double from, double to) => data["noise"][draws++].clone();
        void OnStep(StepInfo step)
        {
            Assert.Equal(plan.StepCount, step.Count);
            if (!data.TryGetValue("trajectory.x", out var course)) return;
            Close.Relative(course[step.Index], step.Latents / Math.Sqrt(1 + step.Sigma * step.Sigma), 1e-4, $"x after step {step.Index}");
            Close.Relative(data["trajectory.pred_x0"][step.Index], step.Denoised, 1e-4, $"x0 of step {step.Index}");
        }

        var denoise = plan.Noise.Denoiser(model.Predict, plan.ToTimestep);
        var latent = plan.Finish(plan.Run(denoise, plan.Start(data["x_T"]), Noise, OnStep));

        Close.Relative(data["latent"], latent, 1e-4, file);
        Assert.Equal(data["model_calls.t"].shape[0], model.Calls);
        Assert.Equal(data.TryGetValue("noise", out var noise) ? noise.shape[0] : 0, draws);
    }

    /// <summary>Image to image, with one step less of noise taken away than was added, as the original has it.</summary>
    [Theory]
    [InlineData("0.35", 0.35, 4)]
    [InlineData("0.8", 0.8, 9)]
    public void ImageToImageFollowsTheOriginal(string file, double strength, int steps)
    {
        using var scope = NewDisposeScope();
        var data = Goldens.Tensors($"sd1/img2img_{file}.safetensors");
        var plan = SamplingPlan.For("ddim", null, 12, Toy.Model, strength);
        Assert.Equal(data["t_enc"][0].item<long>(), plan.StepCount);
        Assert.Equal(steps, plan.StepCount);

        var start = plan.Start(data["encode_noise"], data["init_latent"]);
        Close.Relative(data["z_enc"], start / Math.Sqrt(1 + plan.Sigmas[0] * plan.Sigmas[0]), 1e-5, "z_enc");
        var model = new Recorded(data);
        var denoise = plan.Noise.Denoiser(model.Predict, plan.ToTimestep);
        Close.Relative(data["latent"], plan.Finish(plan.Run(denoise, start, (_, _) => zeros(1, 4, 8, 8))), 1e-4, file);
        Assert.Equal(steps, model.Calls);
    }

    /// <summary>A network that checks its inputs against the recording and answers from it.</summary>
    private sealed class Recorded(Dictionary<string, Tensor> data)
    {
        public int Calls { get; private set; }

        public Tensor Predict(Tensor x, double timestep, Evaluation at)
        {
            using var scope = NewDisposeScope();
            var pictures = x.shape[0];
            Assert.Equal(data["model_calls.t"][Calls][0].item<float>(), (float)timestep);
            Close.Relative(data["model_calls.x"][Calls][..(int)pictures], x, 1e-4, $"input of call {Calls}");
            var halves = data["model_calls.out"][Calls].chunk(2);
            Calls++;
            return (halves[0] + (halves[1] - halves[0]) * Guidance).MoveToOuterDisposeScope();
        }
    }
}
