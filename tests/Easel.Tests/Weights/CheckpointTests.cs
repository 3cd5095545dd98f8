using Easel.Pipeline;
using Easel.Runtime;
using Easel.Tests.Models;
using Easel.Tests.Support;
using Easel.Text;
using Easel.Weights;
using Easel.Weights.Formats;
using static TorchSharp.torch;

namespace Easel.Tests.Weights;

/// <summary>Guards that one model gives one answer from whatever container it comes, and that a file which is no model is called by its name.</summary>
public sealed class CheckpointTests
{
    [Theory]
    [InlineData("micro.fp16.ckpt", false)]
    [InlineData("micro.fp16.legacy.ckpt", false)]
    [InlineData("micro.fp16.safetensors", false)]
    [InlineData("micro.fp32.ema.ckpt", false)]
    [InlineData("micro.fp32.ema.ckpt", true)]
    public void EveryContainerGivesTheSameModel(string file, bool ema)
    {
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        using var model = LoadedModel.Load(LoadedModel.Path("sd1-formats", file), ema);
        AssertMicro(model, ema);
    }

    [Fact]
    public void ADiffusersFolderGivesTheSameModel()
    {
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        using var model = LoadedModel.Load(Goldens.Path("layouts/diffusers-sd1-micro"));
        AssertMicro(model, ema: false);
    }

    /// <summary>Older exports of diffusers named the attention's projections query, key, value and proj_attn.</summary>
    [Fact]
    public void AnAutoencoderUnderItsOlderNamesGivesTheSamePicture()
    {
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        var older = new LoadOptions { Vae = Goldens.Unpacked("layouts/diffusers-sd1-micro/vae/older-names.safetensors") };
        using var model = LoadedNetworks.Load(Checkpoint.Open(Goldens.Path("layouts/diffusers-sd1-micro"), older), older,
            new NumberFormat(ScalarType.Float32, ScalarType.Float32), CPU);
        AssertMicro(model, ema: false);
    }

    /// <summary>Every tensor's name in a diffusers export is the name of one of our parameters, and the original name maps to it.</summary>
    [Theory]
    [InlineData("sd1-micro", "sd1-formats", "micro.fp16.safetensors")]
    [InlineData("sd1", "sd1", "model.fp16.safetensors")]
    [InlineData("sd2", "sd2", "model.fp16.safetensors")]
    public void TheKeyTableIsThatOfDiffusers(string name, string area, string file)
    {
        using var checkpoint = Checkpoint.Open(LoadedModel.Path(area, file, config: null));
        var models = Goldens.Json("layouts/diffusers-keymap.json").GetProperty("models").GetProperty(name);
        var compared = 0;
        foreach (var (component, tensors) in new[] { ("unet", checkpoint.UNetTensors), ("vae", checkpoint.AutoencoderTensors),
            ("text_encoder", checkpoint.Texts[0].Tensors) })
        {
            if (!models.TryGetProperty(component, out var map)) continue;
            foreach (var entry in map.EnumerateObject())
            {
                if (entry.Name.EndsWith("position_ids", StringComparison.Ordinal)) continue;
                Assert.True(tensors.Slots.TryGetValue(entry.Name, out var slot), $"{component}: nothing is mapped to {entry.Name}");
                // The file says which original tensors hold these values; OpenCLIP's fused projections hold them in parts and are not listed so.
                var sources = entry.Value.GetProperty("from").EnumerateArray().Select(source => source.GetString()!.Split(' ', '[')[0]).ToList();
                if (sources.Count > 0) Assert.Contains(slot.Key, sources);
                compared++;
            }
        }
        Assert.True(compared > 500, $"only {compared} names were compared");
    }

    [Theory]
    [InlineData("sd1", "Stable Diffusion 1")]
    [InlineData("sd2", "Stable Diffusion 2")]
    [InlineData("inpaint", "Stable Diffusion 1 inpainting")]
    [InlineData("depth", "Stable Diffusion 2 depth")]
    [InlineData("x4upscaler", "Stable Diffusion x4 upscaler")]
    public void TheFamilyComesFromTheTensors(string area, string name)
    {
        using var checkpoint = Checkpoint.Open(LoadedModel.Path(area, config: null));
        Assert.Equal(name, checkpoint.Family.Name);
    }

    [Theory]
    [InlineData("config-v.yaml", PredictionType.V)]
    [InlineData("config-base.yaml", PredictionType.Epsilon)]
    public void AConfigurationSaysWhatIsPredicted(string config, PredictionType expected)
    {
        using var checkpoint = Checkpoint.Open(LoadedModel.Path("sd2", config: null), Goldens.Path($"sd2/{config}"));
        Assert.Equal(expected, checkpoint.Prediction);
    }

    [Theory]
    [InlineData("lora_unet_down_blocks_0_attentions_0_proj_in.lora_up.weight", "LoRA")]
    [InlineData("conditioner.embedders.0.transformer.text_model.final_layer_norm.weight", "without a UNet")]
    [InlineData("control_model.input_blocks.0.0.weight", "ControlNet")]
    [InlineData("something.else", "no Stable Diffusion checkpoint")]
    public void AFileThatIsNoCheckpointIsCalledByItsName(string key, string kind)
    {
        using var scope = NewDisposeScope();
        var path = System.IO.Path.Combine(Directory.CreateTempSubdirectory("easel-").FullName, "file.safetensors");
        SafeTensorsWriter.Write(path, new Dictionary<string, Tensor> { [key] = zeros(2, 2) });
        var refusal = Assert.Throws<CheckpointException>(() => Checkpoint.Open(path));
        Assert.Contains(kind, refusal.Message);
        Assert.Contains(path, refusal.Message);
    }

    [Fact]
    public void AStrictLoadNamesWhatIsMissingUnexpectedAndMisshaped()
    {
        using var scope = NewDisposeScope();
        using var file = TensorFile.Open(LoadedModel.Path("sd1-formats", "micro.fp16.safetensors"));
        var tensors = file.Tensors.Keys.ToDictionary(key => key, file.View);
        tensors.Remove("model.diffusion_model.out.2.bias");
        tensors["model.diffusion_model.time_embed.0.bias"] = zeros(3);
        tensors["model.diffusion_model.middle_block.1.more.weight"] = zeros(3);
        var path = System.IO.Path.Combine(Directory.CreateTempSubdirectory("easel-").FullName, "broken.safetensors");
        SafeTensorsWriter.Write(path, tensors);

        var refusal = Assert.Throws<CheckpointException>(() => LoadedModel.Load(path));
        Assert.Contains("1 missing (conv_out.bias)", refusal.Message);
        Assert.Contains("model.diffusion_model.middle_block.1.more.weight", refusal.Message);
        Assert.Contains("model.diffusion_model.time_embed.0.bias is [3] and should be [128]", refusal.Message);
    }

    /// <summary>What no network has a place for is passed over and told, and takes no weight's place: not by a name that begins alike, nor by another
    /// layout's.</summary>
    [Fact]
    public void StrangersArePassedOverAndTold()
    {
        using var scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        using var file = TensorFile.Open(LoadedModel.Path("sd1-formats", "micro.fp16.safetensors"));
        var tensors = file.Tensors.Keys.ToDictionary(key => key, file.View);
        string[] strangers =
        [
            "model.diffusion_model.time_embed.cond.weight", "model.diffusion_model.time_embedding.linear_2.weight", "model.diffusion_model.middle_block.1.x",
            "model.diffusion_model.input_blocks.1.0.conv1.weight", "cond_stage_model.transformer.vision_model.post_layernorm.weight",
            "cond_stage_model.transformer.encoder.layers.0.mlp.fc1.weight", "first_stage_model.decoder.mid_block.attentions.0.to_q.weight",
        ];
        foreach (var stranger in strangers) tensors[stranger] = ones(128, 128);
        var path = folder.Path("strangers.safetensors");
        SafeTensorsWriter.Write(path, tensors);
        foreach (var name in (string[])["config.yaml", "text_config.json"]) File.Copy(Goldens.Path("sd1-formats/" + name), folder.Path(name));

        using (var checkpoint = Checkpoint.Open(path))
        {
            Assert.Equal("model.diffusion_model.time_embed.2.weight", checkpoint.UNetTensors.Slots["time_embedding.linear_2.weight"].Key);
            Assert.Contains($"{strangers.Length - 1} (", checkpoint.Passed); // the one inside a transformer is known when the network is there
        }
        using var inference = inference_mode();
        using var model = LoadedModel.Load(path);
        Assert.Contains($"passed over: {strangers.Length} (", model.Checkpoint.Passed);
        AssertMicro(model, ema: false);
    }

    private static void AssertMicro(LoadedNetworks model, bool ema)
    {
        var golden = Goldens.Tensors("sd1-formats/goldens.safetensors");
        var predicted = model.UNet.call(golden["unet.x"], golden["unet.t"].to(ScalarType.Float32), golden["unet.context"], null);
        Close.Relative(golden[ema ? "unet.out_with_ema_weights" : "unet.out"], predicted, 1e-4, "UNet");
        var tokenizer = new ClipTokenizer();
        var ids = new[] { "a photograph of an astronaut riding a horse", "" }
            .SelectMany(p => tokenizer.Tokenize(p, model.Family.TextEncoders[0].PadToken).Ids.Select(id => (long)id)).ToArray();
        Close.Absolute(golden["text.embedding"], model.Texts[0].call(tensor(ids).view(2, 77)), 1e-4, "text encoder");
        Close.Absolute(golden["vae.image"], model.Decode(golden["vae.z_scaled"], null), 1e-3, "autoencoder");
    }
}
