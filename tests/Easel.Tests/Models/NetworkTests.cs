using Easel.Models;
using Easel.Pipeline;
using Easel.Runtime;
using Easel.Tests.Support;
using Easel.Weights;
using static TorchSharp.torch;

namespace Easel.Tests.Models;

/// <summary>Guards every network against what the original code computes with the same tiny weights (tests/goldens/README.md: producers and tolerances).</summary>
public sealed class NetworkTests
{
    [Fact]
    public void ClipTextModelGivesTheReferencesHiddenStates()
    {
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        using var model = LoadedModel.Load(LoadedModel.Path("sd1"));
        var golden = Goldens.Tensors("sd1/text.safetensors");
        for (var p = 0; p < 5; p++)
        {
            var ids = golden[$"p{p}.ids"];
            Close.Absolute(golden[$"p{p}.embedding"], model.Text.call(ids), 1e-4, $"p{p}.embedding");
            Close.Absolute(golden[$"p{p}.clip_skip2"], model.Text.Encode(ids, clipSkip: 2), 1e-4, $"p{p}.clip_skip2");
            if (p > 1) continue;
            var states = model.Text.HiddenStates(ids);
            for (var j = 0; j < states.Count; j++) Close.Absolute(golden[$"p{p}.hidden_states.{j}"], states[j], 1e-4, $"p{p}.hidden_states.{j}");
        }
    }

    [Fact]
    public void OpenClipTextModelGivesTheReferencesVectors()
    {
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        using var model = LoadedModel.Load(LoadedModel.Path("sd2", config: "config-v.yaml"));
        var golden = Goldens.Tensors("sd2/text.safetensors");
        var prompts = golden.Keys.Where(k => k.EndsWith(".ids", StringComparison.Ordinal)).Select(k => k[..^4]).ToList();
        Assert.NotEmpty(prompts);
        foreach (var p in prompts)
        {
            var ids = golden[$"{p}.ids"];
            Close.Absolute(golden[$"{p}.embedding_penultimate"], model.Text.call(ids), 1e-4, $"{p}.embedding_penultimate");
            var states = model.Text.HiddenStates(ids);
            for (var j = 0; golden.TryGetValue($"{p}.resblock_out.{j}", out var expected); j++) Close.Absolute(expected, states[j + 1], 1e-4, $"{p}.resblock_out.{j}");
        }
    }

    [Theory]
    [InlineData("sd1", "config.yaml")]
    [InlineData("sd2", "config-v.yaml")]
    public void UNetGivesTheReferencesPrediction(string area, string config)
    {
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        using var model = LoadedModel.Load(LoadedModel.Path(area, config: config));
        var golden = Goldens.Tensors($"{area}/unet.safetensors");
        for (var i = 0; golden.TryGetValue($"case{i}.x", out var x); i++)
        {
            var expected = golden[$"case{i}.out"];
            var actual = model.UNet.call(x, golden[$"case{i}.t"].to(ScalarType.Float32), golden[$"case{i}.context"], null);
            Close.Absolute(expected, actual, 1e-3 * Math.Max(1, expected.abs().max().item<float>()) / 10, $"{area} case{i}");
        }
        Close.Absolute(golden["timestep_embedding.out"], TimestepEmbedding.Sinusoids(golden["timestep_embedding.t"], (int)golden["timestep_embedding.out"].shape[1]), 1e-4);
    }

    [Theory]
    [InlineData("inpaint")]
    [InlineData("x4upscaler")]
    public void UNetWithMoreInputsGivesTheReferencesPrediction(string area)
    {
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        using var model = LoadedModel.Load(LoadedModel.Path(area));
        var golden = Goldens.Tensors($"{area}/unet.safetensors");
        var actual = model.UNet.call(golden["x"], golden["t"].to(ScalarType.Float32), golden["context"], golden.GetValueOrDefault("y"));
        Close.Absolute(golden["out"], actual, 1e-4 * Math.Max(1, golden["out"].abs().max().item<float>()), area);
    }

    [Theory]
    [InlineData("sd1", "config.yaml")]
    [InlineData("sd2", "config-v.yaml")]
    public void AutoencoderGivesTheReferencesMomentsAndPictures(string area, string config)
    {
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        using var model = LoadedModel.Load(LoadedModel.Path(area, config: config));
        var golden = Goldens.Tensors($"{area}/vae.safetensors");
        for (var i = 0; golden.TryGetValue($"enc{i}.input", out var pixels); i++)
        {
            var (mean, deviation) = model.Autoencoder.Encode(pixels);
            Close.Absolute(golden[$"enc{i}.mean"], mean, 1e-4, $"enc{i}.mean");
            Close.Absolute(golden[$"enc{i}.std"], deviation, 1e-4, $"enc{i}.std");
            Close.Absolute(golden[$"enc{i}.latent"], model.LatentScale * (mean + deviation * golden[$"enc{i}.noise"]), 1e-4, $"enc{i}.latent");
            Close.Absolute(golden[$"enc{i}.reconstruction_of_mean"], model.Autoencoder.Decode(mean), 1e-3, $"enc{i}.reconstruction");
        }
        Close.Absolute(golden["dec.image"], model.Decode(golden["dec.z_scaled"], null), 1e-3, "dec.image");
    }

    [Fact]
    public void UpscalersAutoencoderGivesTheReferencesPicture()
    {
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        using var model = LoadedModel.Load(LoadedModel.Path("x4upscaler"));
        var golden = Goldens.Tensors("x4upscaler/vae.safetensors");
        Assert.Equal(4, model.Autoencoder.Config.Factor);
        var latents = golden.Single(t => t.Value.shape[1] == 4).Value;
        var picture = golden.Single(t => t.Value.shape[1] == 3).Value;
        Close.Absolute(picture, model.Decode(latents, null), 1e-3);
    }

    /// <summary>The whole model in bf16, as a processor with such arithmetic runs it: the same path on every machine, only slower where there is none.</summary>
    [Fact]
    public void Bfloat16StaysNearFullPrecision()
    {
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        var path = LoadedModel.Path("sd1-formats", "micro.fp16.safetensors");
        using var full = LoadedModel.Load(path);
        using var half = DiffusionModel.Load(Checkpoint.Open(path), new LoadOptions(), new NumberFormat(ScalarType.BFloat16, ScalarType.BFloat16), CPU);
        var golden = Goldens.Tensors("sd1-formats/goldens.safetensors");

        var ids = full_like(zeros(1, 77), 49407).to(ScalarType.Int64);
        Assert.Equal(ScalarType.BFloat16, half.Text.call(ids).dtype);
        Near(full.Text.call(ids), half.Text.call(ids).to(ScalarType.Float32), "text encoder");
        Near(full.Predict(golden["unet.x"], 500, golden["unet.context"], null), half.Predict(golden["unet.x"], 500, golden["unet.context"], null), "UNet");
        Near(full.Decode(golden["vae.z_scaled"], null), half.Decode(golden["vae.z_scaled"], null), "decoder");

        static void Near(Tensor expected, Tensor actual, string what)
        {
            var error = (actual - expected).norm().item<float>() / expected.norm().item<float>();
            Assert.True(error < 0.05, $"{what}: the relative error is {error:p1}");
        }
    }

    /// <summary>Tiles blend: the result nowhere strays far from the whole decode, though group norms see other neighbours.</summary>
    [Fact]
    public void TiledDecodeBlendsWithoutSeams()
    {
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        using var model = LoadedModel.Load(LoadedModel.Path("sd1"));
        using var generator = new Generator(1);
        var latents = randn([1, 4, 40, 24], generator: generator);
        var (whole, tiled) = (model.Decode(latents, null), model.Decode(latents, 16));
        Assert.Equal(whole.shape, tiled.shape);
        // A seam would be a jump between neighbouring rows that the whole picture does not have.
        static double LargestJump(Tensor picture) => (picture[.., .., 1.., ..] - picture[.., .., ..^1, ..]).abs().mean([0L, 1L, 3L]).max().item<float>();
        Assert.True(LargestJump(tiled) <= 1.25 * LargestJump(whole), $"{LargestJump(tiled)} against {LargestJump(whole)}");
    }
}
