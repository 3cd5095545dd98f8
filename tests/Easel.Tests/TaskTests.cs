using System.Globalization;
using Easel.Imaging;
using Easel.Pipeline;
using Easel.Sampling;
using Easel.Tests.Models;
using Easel.Tests.Support;
using Easel.Tests.Weights;
using Easel.Weights;
using Easel.Weights.Formats;
using static TorchSharp.torch;

namespace Easel.Tests;

/// <summary>
/// Guards the models that look at more than words, from a request or a command line to pixels. Where one seed gives all noise of a recorded run the picture is
/// the original's own. Where the recording mixes seeds, the run is made again beside the library: conditioning and start noise as recorded, the rest drawn in
/// the order of the original's scripts.
/// </summary>
public sealed class TaskTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly TorchSharp.DisposeScope _scope = NewDisposeScope();

    public void Dispose()
    {
        _scope.Dispose();
        _folder.Dispose();
    }

    /// <summary>scripts/gradio/inpainting.py: the start from NumPy's generator; from torch's the masked picture's latents, then the steps.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Inpainting(double eta)
    {
        var (model, golden) = (LoadedModel.Path("inpaint"), Goldens.Tensors(FormattableString.Invariant($"inpaint/ddim_eta{eta:0.0}.safetensors")));
        var (picture, mask) = (Goldens.Path("inpaint/image.png"), Goldens.Path("inpaint/mask.png"));
        var (image, painted) = (ImageFile.Load(picture), ImageFile.LoadMask(mask));
        var seed = Manifest("inpaint").GetProperty("numpy_seed_for_x_T").GetInt64();

        var expected = Beside(model, golden, 7.5, eta, noise =>
        {
            var (mean, deviation) = noise.Model.Encode(golden["masked_image"], null);
            return (cat([golden["mask_latent"], mean + deviation * noise.Next(2, 4, 8, 8)], 1), null);
        }, seed).Select(drawn => MaskTools.Composite(image, drawn, painted)).ToList();

        var request = Request("inpaint", seed, 7.5) with { Eta = eta, InitImage = image, Mask = painted, MaskBlur = 0, Strength = 1 };
        AssertSame(expected, BothWays.Draw(model, new LoadOptions(), request,
            ["inpaint", .. Line(request), "--ddim_eta", eta.ToString(CultureInfo.InvariantCulture), "-i", picture, "--mask", mask, "--mask-blur", "0"]));
    }

    /// <summary>From the depth alone: the seed of the recorded start.</summary>
    [Fact]
    public void Depth()
    {
        var request = Request("depth", seed: 6, 9) with { Width = 128, Height = 128, Depth = Map(Goldens.Tensors("depth/ddim.safetensors")["depth_raw"]) };
        AssertSame(Recorded("depth/images/ddim"), BothWays.Draw(LoadedModel.Path("depth"), new LoadOptions(), request));
    }

    /// <summary>scripts/gradio/depth2img.py: from a picture and its depth.</summary>
    [Fact]
    public void DepthAndPicture()
    {
        var map = Map(AsLargeAsThePicture(Goldens.Tensors("depth/img2img.safetensors")["depth_latent"][..1]));
        var (picture, depth) = (Goldens.Path("depth/image.png"), _folder.Write("depth.png", PngDepthWriter.Encode(map)));
        var request = Request("depth", seed: 8, 9) with { InitImage = ImageFile.Load(picture), Depth = map, Strength = 0.8 };
        AssertSame(Recorded("depth/images/img2img"), BothWays.Draw(LoadedModel.Path("depth"), new LoadOptions(), request,
            ["depth2img", .. Line(request), "-i", picture, "--depth", depth, "--strength", "0.8"]));
    }

    /// <summary>Without a map it is estimated, by a network in a file that is named.</summary>
    [Fact]
    public void DepthEstimated()
    {
        var (model, estimator, picture) = (LoadedModel.Path("depth"), Goldens.Unpacked("midas/dpt-micro.fp16.safetensors"), Goldens.Path("depth/image.png"));
        using var file = TensorFile.Open(estimator);
        using var midas = DepthEstimatorFile.Load(file, ScalarType.Float32, CPU);
        var request = Request("depth", seed: 8, 9) with { InitImage = ImageFile.Load(picture), Strength = 0.8, BatchSize = 1 };
        var estimated = nn.functional.interpolate(midas.Estimate(request.InitImage!), [16, 16], mode: InterpolationMode.Bicubic, align_corners: false);
        var given = BothWays.Draw(model, new LoadOptions(), request with { Depth = Map(AsLargeAsThePicture(estimated)) });
        AssertSame(given, BothWays.Draw(model, new LoadOptions { DepthModel = estimator }, request));
    }

    /// <summary>scripts/gradio/superresolution.py: the start from NumPy's generator, the noise on the small picture from torch's.</summary>
    [Fact]
    public void Upscaling()
    {
        var (model, golden, picture) = (LoadedModel.Path("x4upscaler"), Goldens.Tensors("x4upscaler/ddim.safetensors"), Goldens.Path("x4upscaler/lowres.png"));
        var seed = Manifest("x4upscaler").GetProperty("numpy_seed_for_x_T").GetInt64();
        var expected = Beside(model, golden, 9, eta: 0, noise =>
        {
            var alpha = noise.Model.Noise.Schedule.AlphasCumprod[(int)golden["noise_level"][0].item<long>()];
            return (golden["lowres_input"] * Math.Sqrt(alpha) + noise.Next(2, 3, 16, 16) * Math.Sqrt(1 - alpha), golden["noise_level"]);
        }, seed);

        var request = Request("x4upscaler", seed, 9) with { InitImage = ImageFile.Load(picture), NoiseLevel = 20 };
        AssertSame(expected, BothWays.Draw(model, new LoadOptions(), request, ["upscale", .. Line(request), "-i", picture, "--noise-level", "20"]));
    }

    private static System.Text.Json.JsonElement Manifest(string area) => Goldens.Json(area + "/manifest.json");

    /// <summary>What all recordings of an area share; seed and scale in words too.</summary>
    private static GenerationRequest Request(string area, long seed, double scale) => new()
    {
        Prompt = Manifest(area).GetProperty("prompt").GetString()!,
        Steps = Manifest(area).GetProperty("steps").GetInt32(),
        BatchSize = Manifest(area).GetProperty("batch").GetInt32(),
        GuidanceScale = scale,
        Sampler = "ddim",
        Eta = 0,
        Seed = seed,
        Like = NoiseLike.CompVis,
        Literal = true,
    };

    private static string[] Line(GenerationRequest request) =>
    [
        "--prompt", request.Prompt, "--ddim_steps", $"{request.Steps}", "--n_samples", $"{request.BatchSize}", "--seed", $"{request.Seed}",
        "--scale", request.GuidanceScale!.Value.ToString(CultureInfo.InvariantCulture),
    ];

    /// <summary>A depth map of 128x128 that, sampled down again, is this one to the bit: each of its squares is as wide as the filter.</summary>
    private static Tensor AsLargeAsThePicture(Tensor small) => nn.functional.interpolate(small, [128, 128], mode: InterpolationMode.Nearest);

    /// <summary>The numbers as 16 bits, in their whole range.</summary>
    private static DepthImage Map(Tensor depth)
    {
        var (least, most) = (depth.min(), depth.max());
        var values = ((depth - least) / (most - least) * 65535).round().to(ScalarType.Int32).data<int>().ToArray();
        return new DepthImage((int)depth.shape[3], (int)depth.shape[2], [.. values.Select(value => (ushort)value)]);
    }

    private static List<RgbImage> Recorded(string name) => [.. Enumerable.Range(0, 2).Select(i => ImageFile.Load(Goldens.Path($"{name}_{i}.png")))];

    /// <summary>
    /// The run beside the library: what the network sees beside the latents as <paramref name="inputs"/> makes it, everything else as recorded.
    /// </summary>
    private static List<RgbImage> Beside(
        string path, Dictionary<string, Tensor> golden, double scale, double eta, Func<Noise, (Tensor Beside, Tensor? Labels)> inputs, long seed)
    {
        using var inference = inference_mode();
        using var model = LoadedModel.Load(path);
        using var noise = new Noise(model, seed);
        var (beside, labels) = inputs(noise);
        var plan = SamplingPlan.For("ddim", null, 6, model.Noise, options: new SamplingOptions { Eta = eta });
        var start = golden["x_T"];
        var recorded = new Dictionary<string, Tensor>
        {
            ["cond"] = golden["cond"],
            ["uncond"] = golden["uncond"],
            ["noise"] = stack(Enumerable.Range(0, plan.StepCount).Select(_ => noise.Next(start.shape))),
        };
        var latents = FamilyTests.Run(model, plan, plan.Start(start), recorded, scale, beside, labels);
        return [.. Enumerable.Range(0, 2).Select(i => ImageTensor.ToImage(model.Decode(latents[i..(i + 1)], null)))];
    }

    private static void AssertSame(IReadOnlyList<RgbImage> expected, IReadOnlyList<RgbImage> actual)
    {
        Assert.Equal(expected.Count, actual.Count);
        for (var i = 0; i < expected.Count; i++) GeneratorTests.AssertSame(expected[i], actual[i], $"picture {i}");
    }

    /// <summary>One stream of torch's numbers, as the scripts draw from it.</summary>
    private sealed class Noise(LoadedNetworks model, long seed) : IDisposable
    {
        private readonly Generator _generator = new((ulong)seed, CPU);

        public LoadedNetworks Model => model;

        public Tensor Next(params long[] shape) => randn(shape, generator: _generator);

        public void Dispose() => _generator.Dispose();
    }
}
