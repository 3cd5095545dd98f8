using Easel.Models;
using Easel.Pipeline;
using Easel.Runtime;
using Easel.Sampling;
using Easel.Tests.Support;
using Easel.Weights;
using static TorchSharp.torch;

namespace Easel.Tests.Models;

/// <summary>
/// Guards every network against what the original code computes with the same tiny weights (tests/goldens/README.md: producers and tolerances).
/// </summary>
public sealed class NetworkTests(LoadedModels models) : IClassFixture<LoadedModels>
{
    [Fact]
    public void ClipTextModelGivesTheReferencesHiddenStates()
    {
        var model = models.Of("sd1");
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        var golden = Goldens.Tensors("sd1/text.safetensors");
        for (var p = 0; p < 5; p++)
        {
            var ids = golden[$"p{p}.ids"];
            Close.Absolute(golden[$"p{p}.embedding"], model.Texts[0].call(ids), 1e-4, $"p{p}.embedding");
            Close.Absolute(golden[$"p{p}.clip_skip2"], model.Texts[0].Encode(ids, clipSkip: 2), 1e-4, $"p{p}.clip_skip2");
            if (p > 1) continue;
            var states = model.Texts[0].HiddenStates(ids);
            for (var j = 0; j < states.Count; j++) Close.Absolute(golden[$"p{p}.hidden_states.{j}"], states[j], 1e-4, $"p{p}.hidden_states.{j}");
        }
    }

    [Fact]
    public void OpenClipTextModelGivesTheReferencesVectors()
    {
        var model = models.Of("sd2", "config-v.yaml");
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        var golden = Goldens.Tensors("sd2/text.safetensors");
        var prompts = golden.Keys.Where(k => k.EndsWith(".ids", StringComparison.Ordinal)).Select(k => k[..^4]).ToList();
        Assert.NotEmpty(prompts);
        foreach (var p in prompts)
        {
            var ids = golden[$"{p}.ids"];
            Close.Absolute(golden[$"{p}.embedding_penultimate"], model.Texts[0].call(ids), 1e-4, $"{p}.embedding_penultimate");
            var states = model.Texts[0].HiddenStates(ids);
            for (var j = 0; golden.TryGetValue($"{p}.resblock_out.{j}", out var expected); j++)
                Close.Absolute(expected, states[j + 1], 1e-4, $"{p}.resblock_out.{j}");
        }
    }

    [Theory]
    [InlineData("sd1", "config.yaml")]
    [InlineData("sd2", "config-v.yaml")]
    public void UNetGivesTheReferencesPrediction(string area, string config)
    {
        var model = models.Of(area, config);
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        var golden = Goldens.Tensors($"{area}/unet.safetensors");
        for (var i = 0; golden.TryGetValue($"case{i}.x", out var x); i++)
        {
            var expected = golden[$"case{i}.out"];
            var actual = model.UNet.call(x, golden[$"case{i}.t"].to(ScalarType.Float32), golden[$"case{i}.context"], null);
            Close.Absolute(expected, actual, 1e-3 * Math.Max(1, expected.abs().max().item<float>()) / 10, $"{area} case{i}");
        }
        var sinusoids = golden["timestep_embedding.out"];
        Close.Absolute(sinusoids, TimestepEmbedding.Sinusoids(golden["timestep_embedding.t"], (int)sinusoids.shape[1]), 1e-4);
    }

    /// <summary>
    /// Block by block: a fault shows where it is made. SD 1's transformers project with convolutions and SD 2's with linear layers; both models have several
    /// channels to a group, so that the norms do not hide the time embedding.
    /// </summary>
    [Theory]
    [InlineData("sd1", "config.yaml")]
    [InlineData("sd2", "config-v.yaml")]
    public void EveryBlockOfTheUNetGivesTheReferencesNumbers(string area, string config)
    {
        var model = models.Of(area, config);
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        var golden = new Blocks(Goldens.Tensors($"{area}/unet.safetensors"), "case0.block.", expected => 1e-4 * expected.abs().max().item<float>());
        var (unet, shape) = (new Parts(model.UNet), model.UNet.Config);
        var context = golden.Of("case0.context");

        var embedded = unet.Call("time_embedding", TimestepEmbedding.Sinusoids(golden.Of("case0.t").to(ScalarType.Float32), shape.Channels[0]));
        golden.Check("time_embed", embedded);
        var time = nn.functional.silu(embedded);

        var skips = new Stack<Tensor>();
        var number = 0;
        var h = Down(unet.Call("conv_in", golden.Of("case0.x")));
        InsideOfTheFirstBlocks(h);
        for (var level = 0; level < shape.Channels.Count; level++)
        {
            for (var i = 0; i < shape.BlocksPerLevel; i++) h = Down(Block($"down_blocks.{level}", i, h, $"input_blocks.{number}"));
            if (level < shape.Channels.Count - 1) h = Down(unet.Call($"down_blocks.{level}.downsamplers.0", h));
        }

        golden.Check("middle_block.0", h = unet.Resnet("mid_block.resnets.0", h, time));
        golden.Check("middle_block.1", h = unet.Transformer("mid_block.attentions.0", h, context));
        golden.Check("middle_block.2", h = unet.Resnet("mid_block.resnets.1", h, time));
        golden.Check("middle_block", h);

        number = 0;
        for (var level = 0; level < shape.Channels.Count; level++)
        {
            for (var i = 0; i <= shape.BlocksPerLevel; i++)
            {
                h = Block($"up_blocks.{level}", i, cat([h, skips.Pop()], 1), $"output_blocks.{number}");
                if (i == shape.BlocksPerLevel && level < shape.Channels.Count - 1) h = unet.Enlarge($"up_blocks.{level}.upsamplers.0", h);
                golden.Check($"output_blocks.{number++}", h);
            }
        }
        golden.Check("out", unet.Call("conv_out", nn.functional.silu(unet.Call("conv_norm_out", h))));
        golden.AssertAllRead();

        Tensor Down(Tensor output)
        {
            golden.Check($"input_blocks.{number++}", output);
            skips.Push(output);
            return output;
        }

        Tensor Block(string ours, int i, Tensor x, string original)
        {
            var y = unet.Resnet($"{ours}.resnets.{i}", x, time);
            if (golden.Has(original + ".0")) golden.Check(original + ".0", y);
            if (!unet.Has($"{ours}.attentions.{i}")) return y;
            y = unet.Transformer($"{ours}.attentions.{i}", y, context);
            if (golden.Has(original + ".1")) golden.Check(original + ".1", y);
            return y;
        }

        void InsideOfTheFirstBlocks(Tensor x)
        {
            const string Resnet = "down_blocks.0.resnets.0.", Transformer = "down_blocks.0.attentions.0.", Layer = Transformer + "transformer_blocks.0.";
            var convolved = unet.Call(Resnet + "conv1", nn.functional.silu(unet.Call(Resnet + "norm1", x)));
            var shift = unet.Call(Resnet + "time_emb_proj", time);
            golden.Check("input_blocks.1.0.in_layers", convolved);
            golden.Check("input_blocks.1.0.emb_layers", shift);
            var shifted = unet.Call(Resnet + "norm2", convolved + shift.unsqueeze(-1).unsqueeze(-1));
            golden.Check("input_blocks.1.0.out_layers", unet.Call(Resnet + "conv2", nn.functional.silu(shifted)));

            var normal = unet.Call(Transformer + "norm", golden.Of("case0.block.input_blocks.1.0"));
            var tokens = shape.LinearProjections ? unet.Call(Transformer + "proj_in", Tokens(normal)) : Tokens(unet.Call(Transformer + "proj_in", normal));
            golden.Check("input_blocks.1.1.transformer_blocks.0", unet.Transformer(Layer[..^1], tokens.clone(), context));
            var first = unet.Call(Layer + "norm1", tokens);
            golden.Check("input_blocks.1.1.transformer_blocks.0.norm1", first);
            var attended = unet.Attention(Layer + "attn1", first, null);
            golden.Check("input_blocks.1.1.transformer_blocks.0.attn1", attended);
            var prompted = unet.Attention(Layer + "attn2", unet.Call(Layer + "norm2", tokens + attended), context);
            golden.Check("input_blocks.1.1.transformer_blocks.0.attn2", prompted);
            golden.Check("input_blocks.1.1.transformer_blocks.0.ff", unet.Call(Layer + "ff", unet.Call(Layer + "norm3", tokens + attended + prompted)));

            static Tensor Tokens(Tensor picture) => picture.flatten(2).transpose(1, 2).contiguous();
        }
    }

    [Theory]
    [InlineData("sd1", "config.yaml")]
    [InlineData("sd2", "config-v.yaml")]
    public void EveryBlockOfTheAutoencoderGivesTheReferencesNumbers(string area, string config)
    {
        var model = models.Of(area, config);
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        var golden = new Blocks(Goldens.Tensors($"{area}/vae.safetensors"), "blocks.", _ => 1e-3);
        var (vae, shape) = (new Parts(model.Autoencoder), model.Autoencoder.Config);
        var levels = shape.Channels.Count;

        var h = Checked("encoder.conv_in", vae.Call("encoder.conv_in", golden.Of("blocks.encoder_input")));
        for (var level = 0; level < levels; level++)
        {
            var (ours, original) = ($"encoder.down_blocks.{level}", $"encoder.down.{level}");
            for (var i = 0; i < shape.BlocksPerLevel; i++) h = Checked($"{original}.block.{i}", vae.Resnet($"{ours}.resnets.{i}", h, null));
            if (level < levels - 1) h = Checked(original + ".downsample", vae.Call(ours + ".downsamplers.0", h));
        }
        h = Checked("encoder.norm_out", vae.Call("encoder.conv_norm_out", Middle("encoder", h)));
        Checked("quant_conv", vae.Call("quant_conv", vae.Call("encoder.conv_out", nn.functional.silu(h))));

        h = Checked("post_quant_conv", vae.Call("post_quant_conv", golden.Of("dec.z_scaled") / golden.Of("scale_factor")));
        h = Middle("decoder", Checked("decoder.conv_in", vae.Call("decoder.conv_in", h)));
        for (var level = levels - 1; level >= 0; level--)
        {
            var (ours, original) = ($"decoder.up_blocks.{levels - 1 - level}", $"decoder.up.{level}"); // the original counts from the finest
            for (var i = 0; i <= shape.BlocksPerLevel; i++) h = Checked($"{original}.block.{i}", vae.Resnet($"{ours}.resnets.{i}", h, null));
            if (level > 0) h = Checked(original + ".upsample", vae.Enlarge(ours + ".upsamplers.0", h));
        }
        Checked("decoder.norm_out", vae.Call("decoder.conv_norm_out", h));
        golden.AssertAllRead();

        Tensor Middle(string half, Tensor x)
        {
            x = Checked(half + ".mid.block_1", vae.Resnet(half + ".mid_block.resnets.0", x, null));
            x = Checked(half + ".mid.attn_1", vae.Call(half + ".mid_block.attentions.0", x));
            return Checked(half + ".mid.block_2", vae.Resnet(half + ".mid_block.resnets.1", x, null));
        }

        // Of the widest outputs only the first channels were kept.
        Tensor Checked(string name, Tensor output)
        {
            if (golden.Has(name)) golden.Check(name, output);
            else golden.Check(name + ".channels0to3", output[.., ..4]);
            return output;
        }
    }

    [Theory]
    [InlineData("inpaint")]
    [InlineData("x4upscaler")]
    public void UNetWithMoreInputsGivesTheReferencesPrediction(string area)
    {
        var model = models.Of(area);
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        var golden = Goldens.Tensors($"{area}/unet.safetensors");
        var actual = model.UNet.call(golden["x"], golden["t"].to(ScalarType.Float32), golden["context"], golden.GetValueOrDefault("y"));
        Close.Absolute(golden["out"], actual, 1e-4 * Math.Max(1, golden["out"].abs().max().item<float>()), area);
    }

    [Theory]
    [InlineData("sd1", "config.yaml")]
    [InlineData("sd2", "config-v.yaml")]
    public void AutoencoderGivesTheReferencesMomentsAndPictures(string area, string config)
    {
        var model = models.Of(area, config);
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        var golden = Goldens.Tensors($"{area}/vae.safetensors");
        for (var i = 0; golden.TryGetValue($"enc{i}.input", out var pixels); i++)
        {
            var (mean, deviation) = model.Autoencoder.Encode(pixels);
            Close.Absolute(golden[$"enc{i}.mean"], mean, 1e-4, $"enc{i}.mean");
            Close.Absolute(golden[$"enc{i}.std"], deviation, 1e-4, $"enc{i}.std");
            Close.Absolute(golden[$"enc{i}.latent"], model.Family.Latent.Scale * (mean + deviation * golden[$"enc{i}.noise"]), 1e-4, $"enc{i}.latent");
            Close.Absolute(golden[$"enc{i}.reconstruction_of_mean"], model.Autoencoder.Decode(mean), 1e-3, $"enc{i}.reconstruction");
        }
        Close.Absolute(golden["dec.image"], model.Decode(golden["dec.z_scaled"], null), 1e-3, "dec.image");
    }

    [Fact]
    public void UpscalersAutoencoderGivesTheReferencesPicture()
    {
        var model = models.Of("x4upscaler");
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        var golden = Goldens.Tensors("x4upscaler/vae.safetensors");
        Assert.Equal(4, model.Autoencoder.Config.Factor);
        var latents = golden.Single(t => t.Value.shape[1] == 4).Value;
        var picture = golden.Single(t => t.Value.shape[1] == 3).Value;
        Close.Absolute(picture, model.Decode(latents, null), 1e-3);
    }

    /// <summary>
    /// The whole model in bf16, as a processor with such arithmetic runs it: the same path on every machine, only slower where there is none.
    /// </summary>
    [Fact]
    public void Bfloat16StaysNearFullPrecision()
    {
        var full = models.Of("sd1");
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        using var half = LoadedNetworks.Load(Checkpoint.Open(LoadedModel.Path("sd1")), new LoadOptions(),
            new NumberFormat(ScalarType.BFloat16, ScalarType.BFloat16), CPU);
        var (unet, vae) = (Goldens.Tensors("sd1/unet.safetensors"), Goldens.Tensors("sd1/vae.safetensors"));

        var ids = full_like(zeros(1, 77), 49407).to(ScalarType.Int64);
        Assert.Equal(ScalarType.BFloat16, half.Texts[0].call(ids).dtype);
        Near(full.Texts[0].call(ids), half.Texts[0].call(ids).to(ScalarType.Float32), "text encoder");
        var contexts = unet["case0.context"];
        var rows = Enumerable.Range(0, (int)contexts.shape[0]).Select(i => new GuidanceRow(i, new(contexts[i..(i + 1)], 1))).ToList();
        var call = new NetworkCall(unet["case0.x"], 500, default, rows);
        Near(full.Predict(call), half.Predict(call), "UNet");
        Near(full.Decode(vae["dec.z_scaled"], null), half.Decode(vae["dec.z_scaled"], null), "decoder");

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
        var model = models.Of("sd1");
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        using var generator = new Generator(1);
        var latents = randn([1, 4, 40, 24], generator: generator);
        var (whole, tiled) = (model.Decode(latents, null), model.Decode(latents, 16));
        Assert.Equal(whole.shape, tiled.shape);
        // A seam would be a jump between neighbouring rows that the whole picture does not have.
        static double LargestJump(Tensor picture) => (picture[.., .., 1.., ..] - picture[.., .., ..^1, ..]).abs().mean([0L, 1L, 3L]).max().item<float>();
        Assert.True(LargestJump(tiled) <= 1.25 * LargestJump(whole), $"{LargestJump(tiled)} against {LargestJump(whole)}");
    }
}
