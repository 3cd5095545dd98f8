using Easel.Imaging;
using Easel.Models;
using Easel.Pipeline;
using Easel.Runtime;
using Easel.Sampling;
using Easel.Tests.Models;
using Easel.Tests.Support;
using Easel.Weights;
using static TorchSharp.torch;

namespace Easel.Tests;

/// <summary>
/// Guards every family's whole sampling run against the original code's, with the noise that was recorded there: final latents within 1e-3 of their largest
/// value, pictures identical in 99 % of samples. The inputs beside the latents (mask, depth, small picture) are made by our own code from the recorded
/// pictures.
/// </summary>
public sealed class FamilyTests(LoadedModels models) : IClassFixture<LoadedModels>
{
    [Theory]
    [InlineData("ddim_eta0", "ddim", 0, 12)]
    [InlineData("ddim_eta0.5", "ddim", 0.5, 12)]
    [InlineData("ddim_eta1_S7", "ddim", 1, 7)]
    [InlineData("plms", "plms", 0, 12)]
    [InlineData("plms_S25", "plms", 0, 25)]
    [InlineData("dpmpp2m", "dpm_solver", 0, 12)]
    [InlineData("dpmpp2m_20", "dpm_solver", 0, 20)]
    public void StableDiffusion1(string name, string sampler, double eta, int steps)
    {
        var model = models.Of("sd1");
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        AssertRun(model, Goldens.Tensors($"sd1/sample_{name}.safetensors"), sampler, eta, steps, scale: 7.5, $"sd1/images/{name}");
    }

    /// <summary>Image to image from the recorded noise; the original adds the noise of one step more than it takes away.</summary>
    [Theory]
    [InlineData("sd1", "config.yaml", "", 0.35)]
    [InlineData("sd1", "config.yaml", "", 0.8)]
    [InlineData("sd2", "config-base.yaml", "eps_", 0.35)]
    [InlineData("sd2", "config-base.yaml", "eps_", 0.8)]
    [InlineData("sd2", "config-v.yaml", "v_", 0.35)]
    [InlineData("sd2", "config-v.yaml", "v_", 0.8)]
    public void ImageToImage(string area, string config, string kind, double strength)
    {
        var model = area == "sd2" ? Sd2(config) : models.Of(area, config);
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        var golden = Goldens.Tensors(FormattableString.Invariant($"{area}/{kind}img2img_{strength}.safetensors"));
        var (mean, deviation) = model.Encode(ImageTensor.FromImage(ImageFile.Load(Goldens.Path($"{area}/images/init_0.png"))), null);
        var init = mean + deviation * golden["posterior_noise"];
        Close.Absolute(golden["init_latent"], init, 1e-3, "init latents");

        var plan = SamplingPlan.For("ddim", null, 12, model.Noise, strength);
        var latents = Run(model, plan, Noised(plan, golden, init), golden, 7.5, null, null);
        Close.Relative(golden["latent"], latents, 1e-3, "latents");
        var image = FormattableString.Invariant($"{area}/images/{kind}img2img_{strength}_0.png");
        GeneratorTests.AssertSame(ImageFile.Load(Goldens.Path(image)), ImageTensor.ToImage(model.Decode(latents, null)), image);
    }

    [Theory]
    [InlineData("eps_ddim_eta0", "config-base.yaml", "ddim", 0)]
    [InlineData("eps_ddim_eta0.5", "config-base.yaml", "ddim", 0.5)]
    [InlineData("eps_plms", "config-base.yaml", "plms", 0)]
    [InlineData("eps_dpmpp2m", "config-base.yaml", "dpm_solver", 0)]
    [InlineData("v_ddim_eta0", "config-v.yaml", "ddim", 0)]
    [InlineData("v_ddim_eta0.5", "config-v.yaml", "ddim", 0.5)]
    [InlineData("v_dpmpp2m", "config-v.yaml", "dpm_solver", 0)]
    public void StableDiffusion2(string name, string config, string sampler, double eta)
    {
        var model = Sd2(config);
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        var golden = Goldens.Tensors($"sd2/sample_{name}.safetensors");
        AssertRun(model, golden, sampler, eta, steps: 12, scale: 7.5, $"sd2/images/{name}");
    }

    [Theory]
    [InlineData("ddim_eta0.0", 0)]
    [InlineData("ddim_eta1.0", 1)]
    public void Inpainting(string name, double eta)
    {
        var model = models.Of("inpaint");
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        var golden = Goldens.Tensors($"inpaint/{name}.safetensors");

        var painted = (ImageTensor.FromMask(ImageFile.LoadMask(Goldens.Path("inpaint/mask.png"))) >= 0.5f).to(ScalarType.Float32);
        Close.Absolute(golden["mask_pixels"], painted, 0, "mask");
        Close.Absolute(golden["masked_image"], ImageTensor.FromImage(ImageFile.Load(Goldens.Path("inpaint/image.png"))) * (1 - painted), 1e-6, "masked image");
        var (mean, deviation) = model.Encode(golden["masked_image"], null);
        Close.Absolute(golden["masked_latent"], mean + deviation * golden["posterior_noise"], 1e-3, "masked latents");
        Close.Absolute(golden["mask_latent"][..1], nn.functional.interpolate(painted, [8, 8], mode: InterpolationMode.Nearest), 0, "mask at latent size");

        AssertRun(model, golden, "ddim", eta, steps: 6, scale: 7.5, $"inpaint/images/{name}", beside: golden["c_concat"]);
    }

    [Fact]
    public void Depth()
    {
        var model = models.Of("depth");
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        var golden = Goldens.Tensors("depth/ddim.safetensors");
        var raw = golden["depth_raw"];
        var small = nn.functional.interpolate(raw, [16, 16], mode: InterpolationMode.Bicubic, align_corners: false);
        Close.Absolute(golden["depth_latent"][..1], 2 * (small - small.min()) / (small.max() - small.min()) - 1, 1e-5, "depth at latent size");
        AssertRun(model, golden, "ddim", 0, steps: 6, scale: 9.0, "depth/images/ddim", beside: golden["depth_latent"]);
    }

    [Fact]
    public void DepthImageToImage()
    {
        var model = models.Of("depth");
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        var golden = Goldens.Tensors("depth/img2img.safetensors");
        var (mean, deviation) = model.Encode(ImageTensor.FromImage(ImageFile.Load(Goldens.Path("depth/image.png"))), null);
        var init = mean + deviation * golden["posterior_noise"];
        Close.Absolute(golden["init_latent"], init, 1e-3, "init latents");

        var plan = SamplingPlan.For("ddim", null, 6, model.Noise, strength: 0.8, new SamplingOptions { StrengthBelowSteps = true });
        Close.Relative(golden["latent"], Run(model, plan, Noised(plan, golden, init), golden, 9.0, golden["depth_latent"], null), 1e-3, "latents");
    }

    [Fact]
    public void X4Upscaler()
    {
        var model = models.Of("x4upscaler");
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        var golden = Goldens.Tensors("x4upscaler/ddim.safetensors");
        Assert.Equal(PredictionType.V, model.Noise.Prediction);

        var small = ImageTensor.FromImage(ImageFile.Load(Goldens.Path("x4upscaler/lowres.png")));
        Close.Absolute(golden["lowres_input"][..1], small, 1e-6, "small picture");
        var alpha = model.Noise.Schedule.AlphasCumprod[(int)golden["noise_level"][0].item<long>()];
        Close.Absolute(golden["lowres_augmented"], small * Math.Sqrt(alpha) + golden["augment_noise"] * Math.Sqrt(1 - alpha), 1e-4, "noised small picture");

        AssertRun(model, golden, "ddim", 0, steps: 6, scale: 9.0, "x4upscaler/images/ddim", golden["lowres_augmented"], golden["noise_level"]);
    }

    /// <summary>Any size of picture can be enlarged: in tiles where it is large, with its margin cut off where its sides are no multiples of 8.</summary>
    [Theory]
    [InlineData(16, 16)]
    [InlineData(21, 35)]
    [InlineData(150, 10)]
    public void TheUpscalerTakesPicturesOfAnySize(int width, int height)
    {
        using var generator = ImageGenerator.Load(LoadedModel.Path("x4upscaler"), new LoadOptions { Precision = Precision.Full });
        var parts = new List<double>();
        var request = new GenerationRequest { InitImage = new RgbImage(width, height), Steps = 1, Sampler = "ddim", Seed = 1, Watermark = false };
        var result = generator.Generate(request, progress => parts.Add(progress.Stage == GenerationStage.Sampling ? progress.Part : 0));
        Assert.Equal(Math.Max(width, height) > 128, parts.Any(part => part > 0)); // a step of several tiles tells how far it is
        Assert.Equal((4 * width, 4 * height), (result.Images[0].Image.Width, result.Images[0].Image.Height));
    }

    /// <summary>What a seed alone gives with SD 2, in the order of the original's draws.</summary>
    [Theory]
    [InlineData("eps", "config-base.yaml", 1)]
    [InlineData("v", "config-v.yaml", 3)]
    public void StableDiffusion2Seeds(string kind, string config, int pictures)
    {
        var model = Sd2(config);
        using var scope = NewDisposeScope();
        var path = LoadedModel.Path("sd2", config: null);
        using var generator = ImageGenerator.Load(path, new LoadOptions { Precision = Precision.Full, Config = Goldens.Path($"sd2/{config}") });
        var manifest = Goldens.Json("sd2/manifest.json");
        var result = generator.Generate(new GenerationRequest
        {
            Prompt = manifest.GetProperty("prompt_for_samples").GetString()!,
            NegativePrompt = manifest.GetProperty("negative_prompt").GetString()!,
            GuidanceScale = manifest.GetProperty("scale").GetDouble(),
            Steps = manifest.GetProperty("steps").GetInt32(),
            Sampler = "ddim",
            Width = 64,
            Height = 64,
            Seed = 42,
            Like = NoiseLike.CompVis,
            Literal = true,
            BatchSize = pictures,
            Watermark = false,
        });
        var latents = Goldens.Tensors($"sd2/{kind}_seeds.safetensors")[$"{kind}.ddim.seed42.n{pictures}.latent"];
        using var inference = inference_mode();
        for (var i = 0; i < pictures; i++)
            GeneratorTests.AssertSame(ImageTensor.ToImage(model.Decode(latents[i..(i + 1)], null)), result.Images[i].Image, $"picture {i}");
    }

    private LoadedNetworks Sd2(string config) => models.Once(config, () =>
    {
        var checkpoint = Checkpoint.Open(LoadedModel.Path("sd2", config: null), Goldens.Path($"sd2/{config}"));
        return LoadedNetworks.Load(checkpoint, new LoadOptions(), new NumberFormat(ScalarType.Float32, ScalarType.Float32), CPU);
    });

    private static void AssertRun(LoadedNetworks model, Dictionary<string, Tensor> golden, string sampler, double eta, int steps, double scale, string images,
        Tensor? beside = null, Tensor? labels = null)
    {
        var plan = SamplingPlan.For(sampler, null, steps, model.Noise, options: new SamplingOptions { Eta = eta });
        if (golden.TryGetValue("ddim_alphas", out var alphas) && sampler == "ddim")
        {
            // The original's tables rise; the level at which a run ends is the one before the first.
            var levels = cat([golden["ddim_alphas_prev"][..1], alphas]).flip(0);
            Close.Relative(((1 - levels) / levels).sqrt(), tensor(plan.Sigmas.ToArray()), 1e-5, "noise levels");
        }
        var latents = Run(model, plan, plan.Start(golden["x_T"]), golden, scale, beside, labels);
        Close.Relative(golden["latent"], latents, 1e-3, "latents");
        for (var i = 0; i < latents.shape[0]; i++)
        {
            var picture = ImageTensor.ToImage(model.Decode(latents[i..(i + 1)], null));
            GeneratorTests.AssertSame(ImageFile.Load(Goldens.Path($"{images}_{i}.png")), picture, $"{images}_{i}");
        }
    }

    /// <summary>What image to image begins from, as recorded: <paramref name="init"/> and the noise of as many steps as the original takes.</summary>
    private static Tensor Noised(SamplingPlan plan, Dictionary<string, Tensor> golden, Tensor init)
    {
        Assert.Equal(golden["t_enc"][0].item<long>(), plan.StepCount);
        var x = plan.Start(golden["encode_noise"], init);
        Close.Relative(golden["z_enc"], x / Math.Sqrt(1 + plan.Sigmas[0] * plan.Sigmas[0]), 1e-3, "noised latents");
        return x;
    }

    /// <summary>
    /// The run itself. Where the original's course was recorded it is followed: the timesteps it asked for, what its network was given and answered, and the
    /// latents and the clean picture foreseen after every step.
    /// </summary>
    internal static Tensor Run(
        LoadedNetworks model, SamplingPlan plan, Tensor x, Dictionary<string, Tensor> golden, double scale, Tensor? beside, Tensor? labels)
    {
        var draws = golden.GetValueOrDefault("noise");
        var (draw, call, steps) = (0, 0, 0);
        var count = (int)x.shape[0];
        List<GuidanceRow> rows = [];
        for (var i = 0; i < count; i++) rows.Add(new GuidanceRow(i, new Condition(golden["uncond"][i..(i + 1)], null)));
        for (var i = 0; i < count; i++) rows.Add(new GuidanceRow(i, new Condition(golden["cond"][i..(i + 1)], 1)));
        var guidance = new Guidance(scale, _ => rows);
        using var words = model.NewPromptMemory();
        var predict = words.Over(model.Predict);
        var denoise = model.Noise.Denoiser((latents, timestep, at) =>
        {
            var given = beside is null ? latents : cat([latents, beside], 1);
            if (golden.TryGetValue("model_calls.t", out var timesteps)) Assert.Equal(timesteps[call][0].item<float>(), (float)timestep);
            if (golden.TryGetValue("model_calls.x", out var inputs)) Close.Relative(inputs[call][..count], given, 1e-3, $"input of call {call}");
            var answer = guidance.Answer(given, at, guides: true, (seen, asked) =>
            {
                var predicted = predict(new NetworkCall(seen, timestep, at, asked)
                {
                    Labels = labels?.index_select(0, tensor(asked.Select(row => (long)row.Picture).ToArray())),
                });
                if (golden.TryGetValue("model_calls.out", out var outputs)) Close.Relative(outputs[call], predicted, 1e-3, $"answer to call {call}");
                return predicted;
            });
            call++;
            return answer;
        }, plan.ToTimestep);
        var latents = plan.Finish(plan.Run(denoise, x, (_, _) => draws is null ? zeros_like(x) : draws[draw++].alias(), step =>
        {
            steps++;
            if (!golden.TryGetValue("trajectory.x", out var states)) return;
            Close.Relative(states[step.Index], step.Latents / Math.Sqrt(1 + step.Sigma * step.Sigma), 1e-3, $"latents after step {step.Index}");
            Close.Relative(golden["trajectory.pred_x0"][step.Index], step.Denoised, 1e-3, $"clean latents foreseen in step {step.Index}");
        }));
        if (golden.TryGetValue("model_calls.t", out var all)) Assert.Equal(all.shape[0], call);
        if (golden.TryGetValue("trajectory.x", out var course)) Assert.Equal(course.shape[0], steps);
        return latents;
    }
}
