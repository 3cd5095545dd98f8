using Easel.Cli;
using Easel.Imaging;
using Easel.Pipeline;
using Easel.Sampling;
using Easel.Tests.Cli;
using Easel.Tests.Imaging;
using Easel.Tests.Models;
using Easel.Tests.Support;
using Easel.Tests.Weights;
using Easel.Weights;
using Easel.Weights.Formats;
using static TorchSharp.torch;

namespace Easel.Tests;

/// <summary>Guards what people do with Stable Diffusion XL beside text to image, from a file to pixels: pictures, masks, second passes, LoRAs under every
/// name, learned words, marks in files, conversions.</summary>
public sealed class SdxlTaskTests : IDisposable
{
    private const string UNet = "model.diffusion_model.", ClipL = "conditioner.embedders.0.transformer.", BigG = "conditioner.embedders.1.model.";

    private static readonly string Model = LoadedModel.Path("sdxl");
    private static readonly string Kohya = Goldens.Path("sdxl/lora-kohya.safetensors");

    private static readonly GenerationRequest Plain = new()
    {
        Prompt = "a photograph of an astronaut riding a horse",
        NegativePrompt = "blurry, low quality",
        Width = 128,
        Height = 64,
        Steps = 4,
        Seed = 7,
        Sampler = "euler",
        GuidanceScale = 4,
        Watermark = false,
    };

    private readonly TemporaryFolder _folder = new();
    private readonly TorchSharp.DisposeScope _scope = NewDisposeScope();

    public void Dispose()
    {
        _scope.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void PicturesMasksMarginsAndSecondPasses()
    {
        using var generator = Load(Model);
        var picture = Drawn(generator, Plain);
        Assert.Equal(picture.Pixels, Drawn(generator, Plain).Pixels);

        var kept = Drawn(generator, Plain with { InitImage = picture, Strength = 0 });
        GeneratorTests.AssertOther(kept, Drawn(generator, Plain with { InitImage = picture, Strength = 0.8, Seed = 9 }), "a picture drawn over");

        var mask = new GrayImage(128, 64);
        mask.Pixels.AsSpan(0, 32 * 128).Fill(255); // the upper half
        var masked = Drawn(generator, Plain with { InitImage = picture, Mask = mask, MaskBlur = 0, Strength = 1, Seed = 9 });
        Assert.Equal(Lower(picture), Lower(masked));
        Assert.NotEqual(picture.Pixels, masked.Pixels);

        var extended = Drawn(generator, Plain with
        {
            Width = null,
            Height = null,
            InitImage = picture,
            Extend = new Margins(Bottom: 64),
            MaskBlur = 0,
            Strength = 1,
        });
        Assert.Equal((128, 128), (extended.Width, extended.Height));
        Assert.Equal(picture.Pixels[..(128 * 40 * 3)], extended.Pixels[..(128 * 40 * 3)]);

        var larger = Drawn(generator, Plain with { HiresScale = 1.5, Strength = 0.6 });
        Assert.Equal((192, 96), (larger.Width, larger.Height));

        static byte[] Lower(RgbImage image) => image.Pixels[(40 * 128 * 3)..];
    }

    /// <summary>An inpainting model whose extra channels weigh nothing is the plain model: with all of the picture masked it draws what that draws.</summary>
    [Fact]
    public void InpaintingModelsAreShownTheMask()
    {
        const string First = UNet + "input_blocks.0.0.weight";
        var inpainting = Copy("inpainting", file => file.Tensors.Keys.ToDictionary(key => key, key => key == First
            ? cat([file.View(First), zeros([file.View(First).shape[0], 5, 3, 3], file.View(First).dtype)], dim: 1) : file.View(key)));
        var request = Plain with { Like = NoiseLike.A1111Gpu }; // there the masked picture's own noise is not drawn
        var plain = Drawn(Load(Model), request);
        using var generator = Load(inpainting);
        Assert.Equal("Stable Diffusion XL inpainting", generator.Model.Family);
        Assert.True(generator.Model.TakesMask);
        var all = new GrayImage(128, 64);
        all.Pixels.AsSpan().Fill(255);
        var drawn = Drawn(generator, request with { InitImage = Pictures.Gradient(128, 64), Mask = all, MaskBlur = 0, Strength = 1 });
        GeneratorTests.AssertSame(plain, drawn, "the whole picture");
        Assert.Equal(plain.Pixels, Drawn(generator, request).Pixels);
    }

    /// <summary>Without a gap between a word of the vocabulary and a learned one of the same vectors, in both text encoders.</summary>
    [Fact]
    public void LearnedWordsAreReadByBothTextEncoders()
    {
        var horse = new Easel.Text.ClipTokenizer().Encode("horse").Single();
        using (var file = TensorFile.Open(Model))
        {
            Tensor Row(string name) => file.View(name)[horse..(horse + 1)].to(ScalarType.Float32).contiguous();
            SafeTensorsWriter.Write(_folder.Path("nag.safetensors"), new Dictionary<string, Tensor>
            {
                ["clip_l"] = Row(ClipL + "text_model.embeddings.token_embedding.weight"),
                ["clip_g"] = Row(BigG + "token_embedding.weight"),
            });
        }
        using var generator = ImageGenerator.Load(Model, new LoadOptions { Precision = Precision.Full, EmbeddingFolders = [_folder.Path()] });
        Assert.Equal(Drawn(generator, Plain).Pixels, Drawn(generator, Plain with { Prompt = Plain.Prompt.Replace("horse", "nag") }).Pixels);
        Assert.NotEqual(Drawn(generator, Plain).Pixels, Drawn(generator, Plain with { Prompt = Plain.Prompt.Replace("horse", "") }).Pixels);
    }

    /// <summary>As AUTOMATIC1111: SDXL's text encoders stop where they stop.</summary>
    [Fact]
    public void ClipSkipDoesNothingAndSaysSo()
    {
        using var generator = Load(Model);
        var skipped = generator.Generate(Plain with { ClipSkip = 4 });
        Assert.Equal(Drawn(generator, Plain).Pixels, skipped.Images[0].Image.Pixels);
        Assert.Contains(skipped.Remarks, remark => remark.Contains("Clip skip 4 does nothing here", StringComparison.Ordinal));
        Assert.DoesNotContain(generator.Generate(Plain with { ClipSkip = 2 }).Remarks, remark => remark.Contains("Clip skip", StringComparison.Ordinal));
    }

    /// <summary>Zeros in place of an empty negative prompt, where its makers' pipelines have them; elsewhere what the encoders say of nothing.</summary>
    [Theory]
    [InlineData(NoiseLike.PerPicture, true)]
    [InlineData(NoiseLike.Diffusers, false)]
    [InlineData(NoiseLike.CompVis, false)]
    public void AnEmptyNegativePromptIsReadOrZero(NoiseLike like, bool isRead)
    {
        using var generator = Load(Model);
        var request = Plain with { Like = like };
        var (empty, space) = (Drawn(generator, request with { NegativePrompt = "" }), Drawn(generator, request with { NegativePrompt = " " }));
        Assert.Equal(isRead, empty.Pixels.AsSpan().SequenceEqual(space.Pixels));
    }

    /// <summary>kohya-ss/sd-scripts' file, merged as the reference merges it: CLIP-L, bigG under transformers' names, the UNet under the original's.</summary>
    [Fact]
    public void ALoraIsMergedAsTheReferenceDoes()
    {
        using var baked = TensorFile.Open(Baked(Kohya));
        var goldens = Goldens.Tensors("sdxl/lora-kohya.goldens.safetensors");
        Assert.Equal(9, goldens.Count);
        foreach (var (name, expected) in goldens) Close.Absolute(expected, baked.View(name["merged.".Length..]), 2e-6, name);
    }

    [Theory]
    [InlineData("diffusers")]
    [InlineData("peft")]
    [InlineData("kohya, diffusers' blocks")]
    public void ALoraUnderOtherNamesIsTheSame(string style)
    {
        (string Kohya, string Diffusers)[] layers =
        [
            ("lora_te1_text_model_encoder_layers_0_self_attn_q_proj", "text_encoder.text_model.encoder.layers.0.self_attn.q_proj"),
            ("lora_te2_text_model_encoder_layers_1_self_attn_k_proj", "text_encoder_2.text_model.encoder.layers.1.self_attn.k_proj"),
            ("lora_te2_text_model_encoder_layers_0_mlp_fc2", "text_encoder_2.text_model.encoder.layers.0.mlp.fc2"),
            ("lora_unet_input_blocks_3_1_transformer_blocks_0_attn1_to_k", "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_k"),
            ("lora_unet_input_blocks_5_1_transformer_blocks_0_attn2_to_out_0", "unet.down_blocks.2.attentions.0.transformer_blocks.0.attn2.to_out.0"),
            ("lora_unet_middle_block_1_transformer_blocks_1_ff_net_0_proj", "unet.mid_block.attentions.0.transformer_blocks.1.ff.net.0.proj"),
            ("lora_unet_output_blocks_1_1_transformer_blocks_1_attn1_to_out_0", "unet.up_blocks.0.attentions.1.transformer_blocks.1.attn1.to_out.0"),
            ("lora_unet_output_blocks_3_1_proj_in", "unet.up_blocks.1.attentions.1.proj_in"),
        ];
        Dictionary<string, Tensor> ours = [], theirs = [];
        using (var file = TensorFile.Open(Kohya))
        {
            foreach (var (kohya, diffusers) in layers)
            {
                foreach (var part in (string[])["lora_down.weight", "lora_up.weight", "alpha"]) ours[$"{kohya}.{part}"] = file.View($"{kohya}.{part}");
                var (down, up) = (file.View(kohya + ".lora_down.weight"), file.View(kohya + ".lora_up.weight"));
                if (style == "kohya, diffusers' blocks")
                {
                    var place = kohya.StartsWith("lora_te", StringComparison.Ordinal) ? kohya : "lora_" + diffusers.Replace('.', '_');
                    (theirs[place + ".lora_down.weight"], theirs[place + ".lora_up.weight"]) = (down, up);
                    theirs[place + ".alpha"] = file.View(kohya + ".alpha");
                    continue;
                }
                // There is no alpha there: what it does is in the weights.
                var (first, second) = style == "peft" ? ("lora_A", "lora_B") : ("lora.down", "lora.up");
                (theirs[$"{diffusers}.{first}.weight"], theirs[$"{diffusers}.{second}.weight"]) = (down, up / 2);
            }
        }
        SafeTensorsWriter.Write(_folder.Path("ours.safetensors"), ours);
        SafeTensorsWriter.Write(_folder.Path("theirs.safetensors"), theirs);
        using var one = TensorFile.Open(Baked(_folder.Path("ours.safetensors")));
        using var other = TensorFile.Open(Baked(_folder.Path("theirs.safetensors")));
        Assert.Equal(one.Tensors.Keys.Order(), other.Tensors.Keys.Order());
        foreach (var key in one.Tensors.Keys) Close.Absolute(one.View(key), other.View(key), 1e-6, key);
        using var plain = TensorFile.Open(Model);
        Assert.Equal(8, one.Tensors.Keys.Count(key => plain.Tensors.ContainsKey(key)
            && !one.View(key).to(ScalarType.Float32).allclose(plain.View(key).to(ScalarType.Float32), 0, 1e-7)));
    }

    /// <summary>A prompt's tag draws what the baked model draws; a LoRA of another family is refused and both are named.</summary>
    [Fact]
    public void ATagDrawsAsTheBakedModel()
    {
        File.Copy(Kohya, _folder.Path("ink.safetensors"));
        File.Copy(Goldens.Path("layouts/lora-kohya.fp16.safetensors"), _folder.Path("old.safetensors"));
        using var generator = ImageGenerator.Load(Model, new LoadOptions { Precision = Precision.Full, LoraFolders = [_folder.Path()] });
        using var baked = Load(Baked(Kohya));
        GeneratorTests.AssertSame(Drawn(baked, Plain), Drawn(generator, Plain with { Prompt = Plain.Prompt + " <lora:ink:0.9>" }), "the LoRA");
        GeneratorTests.AssertSame(Drawn(Load(Model), Plain), Drawn(generator, Plain), "without it");
        var refused = Assert.Throws<CheckpointException>(() => generator.Generate(Plain with { Prompt = "a cat <lora:old:1>" }));
        Assert.StartsWith("The LoRA old is made for another model", refused.Message, StringComparison.Ordinal);
    }

    /// <summary>NoobAI's marks, and the same said by a folder's configuration.</summary>
    [Theory]
    [InlineData("v_pred", false)]
    [InlineData("v_pred ztsnr", true)]
    public void MarksTellWhatIsPredicted(string marks, bool endsInNoise)
    {
        var marked = Copy("marked", file => file.Tensors.Keys.ToDictionary(key => key, file.View), marks.Split(' '), ("modelspec.title", "mine"));
        using (var checkpoint = Checkpoint.Open(marked))
        {
            var noise = checkpoint.Noise();
            Assert.Equal(PredictionType.V, noise.Prediction);
            Assert.Equal(endsInNoise ? NoiseSchedule.TinyAlpha : 0.0046599, noise.Schedule.AlphasCumprod[^1], 1e-5);
            Assert.Empty(checkpoint.Remarks);
        }
        using var generator = Load(marked);
        Assert.NotEqual(Drawn(Load(Model), Plain).Pixels, Drawn(generator, Plain).Pixels);

        var folder = Folder("folder");
        Directory.CreateDirectory(Path.Combine(folder, "scheduler"));
        File.WriteAllText(Path.Combine(folder, "scheduler", "scheduler_config.json"),
            $$"""{"prediction_type": "v_prediction", "rescale_betas_zero_snr": {{(endsInNoise ? "true" : "false")}}}""");
        using var said = Load(folder);
        GeneratorTests.AssertSame(Drawn(generator, Plain), Drawn(said, Plain), "the folder");
    }

    /// <summary>What sees noise otherwise is refused by its name, and not drawn with wrongly.</summary>
    [Fact]
    public void ModelsOfEdmAreRefused()
    {
        foreach (var marks in (string[])["edm_mean edm_std", "edm_vpred.sigma_max edm_vpred.sigma_min"])
        {
            var marked = Copy("marked", file => file.Tensors.Keys.ToDictionary(key => key, file.View), marks.Split(' '));
            Assert.EndsWith("such as Playground 2.5 and CosXL, and Easel does not draw with those.",
                Assert.Throws<CheckpointException>(() => Checkpoint.Open(marked)).Message, StringComparison.Ordinal);
        }
        var folder = Folder("folder");
        Directory.CreateDirectory(Path.Combine(folder, "scheduler"));
        File.WriteAllText(Path.Combine(folder, "scheduler", "scheduler_config.json"), """{"_class_name": "EDMDPMSolverMultistepScheduler"}""");
        Assert.Contains("Playground", Assert.Throws<CheckpointException>(() => Checkpoint.Open(folder)).Message, StringComparison.Ordinal);
    }

    /// <summary>A folder becomes the file that it was made of, and a merge of the two is either.</summary>
    [Fact]
    public void FoldersConvertAndMerge()
    {
        var (folder, converted, merged) = (Folder("folder"), _folder.Path("converted.safetensors"), _folder.Path("merged.safetensors"));
        var (code, _, error) = Command.Run("convert", folder, converted);
        Assert.True(code == ExitCodes.Ok, error);
        (code, _, error) = Command.Run("merge", Model, folder, merged, "--weight", "0.3");
        Assert.True(code == ExitCodes.Ok, error);
        // Baked into the folder, a LoRA is what it is baked into the file.
        var (ofFile, ofFolder) = (Baked(Kohya), _folder.Path("baked-folder.safetensors"));
        (code, _, error) = Command.Run("convert", folder, ofFolder, "--precision", "fp32", "--lora", Kohya + ":0.9", "-q");
        Assert.True(code == ExitCodes.Ok, error);
        using (TensorFile one = TensorFile.Open(ofFile), other = TensorFile.Open(ofFolder))
            foreach (var key in other.Tensors.Keys) Close.Absolute(one.View(key), other.View(key), 1e-6, key);

        using var original = TensorFile.Open(Model);
        foreach (var path in (string[])[converted, merged])
        {
            using var made = TensorFile.Open(path);
            string[] networks = [UNet, "conditioner.", "first_stage_model."];
            foreach (var key in original.Tensors.Keys.Where(key => networks.Any(network => key.StartsWith(network, StringComparison.Ordinal))))
            {
                if (key.EndsWith("position_ids", StringComparison.Ordinal) || key.EndsWith("logit_scale", StringComparison.Ordinal)) continue;
                Assert.True(made.Tensors.ContainsKey(key), $"{path} lacks {key}");
                var expected = original.View(key).to(ScalarType.Float32);
                Close.Absolute(expected, made.View(key), 2e-3 * Math.Max(1e-3, expected.abs().max().item<float>()), key);
            }
        }
    }

    /// <summary>What does not fit is refused, and both are named.</summary>
    [Fact]
    public void FamiliesAreNotMixed()
    {
        var (code, _, error) = Command.Run("merge", Model, LoadedModel.Path("sd1"), _folder.Path("both.safetensors"));
        Assert.Equal(ExitCodes.BadInput, code);
        Assert.Contains("Stable Diffusion XL", error, StringComparison.Ordinal);
        Assert.Contains("Stable Diffusion 1", error, StringComparison.Ordinal);

        var vae = Directory.CreateDirectory(_folder.Path("vae")).FullName;
        File.Copy(Path.Combine(Folder("folder"), "vae", "diffusion_pytorch_model.fp16.safetensors"), Path.Combine(vae, "diffusion_pytorch_model.safetensors"));
        File.WriteAllText(Path.Combine(vae, "config.json"), """{"scaling_factor": 0.18215}""");
        var refused = Assert.Throws<CheckpointException>(() => Checkpoint.Open(Model, new LoadOptions { Vae = vae }));
        Assert.Contains("latents of another scale (0.18215) than those of", refused.Message, StringComparison.Ordinal);
        Assert.Contains("Stable Diffusion XL", refused.Message, StringComparison.Ordinal);

        // By the name that people know it by, where there is no configuration.
        foreach (var (model, name) in (ReadOnlySpan<(string, string)>)
            [(Model, "vae-ft-mse-840000-ema-pruned.safetensors"), (LoadedModel.Path("sd1"), "sdxl_vae.safetensors")])
        {
            File.Copy(Path.Combine(vae, "diffusion_pytorch_model.safetensors"), _folder.Path(name));
            Assert.Contains("latents of another scale", Assert.Throws<CheckpointException>(() =>
                Checkpoint.Open(model, new LoadOptions { Vae = _folder.Path(name) })).Message, StringComparison.Ordinal);
        }

        using var file = TensorFile.Open(Path.Combine(vae, "diffusion_pytorch_model.safetensors"));
        var wide = _folder.Path("wide.safetensors");
        SafeTensorsWriter.Write(wide, file.Tensors.Keys.ToDictionary(key => key, key => key switch
        {
            "post_quant_conv.weight" => zeros(16, 16, 1, 1),
            _ => file.View(key),
        }));
        Assert.Contains("makes latents of 16 channels", Assert.Throws<CheckpointException>(() =>
            Checkpoint.Open(Model, new LoadOptions { Vae = wide })).Message, StringComparison.Ordinal);
    }

    /// <summary>SDXL's autoencoder overflows in fp16 and works in fp32 there; the one that was mended does not, and is told apart by its configuration or by
    /// the name that it goes by.</summary>
    [Fact]
    public void TheAutoencoderNeverOverflows()
    {
        var (mended, folder) = (_folder.Path("sdxl_vae-fp16-fix.safetensors"), Folder("folder"));
        var own = Path.Combine(folder, "vae", "diffusion_pytorch_model.fp16.safetensors");
        File.Copy(own, mended);
        Assert.True(Overflows(Model, null));
        Assert.True(Overflows(Model, own));
        Assert.False(Overflows(Model, mended));
        Assert.True(Overflows(folder, null));
        foreach (var (upcast, overflows) in (ReadOnlySpan<(string, bool)>)[("true", true), ("false", false)])
        {
            File.WriteAllText(Path.Combine(folder, "vae", "config.json"), $$"""{"force_upcast": {{upcast}}, "scaling_factor": 0.13025}""");
            Assert.Equal(overflows, Overflows(folder, null));
            Assert.Equal(overflows, Overflows(Model, Path.Combine(folder, "vae")));
        }
        Assert.False(Overflows(LoadedModel.Path("sd1"), null));

        var half = new Easel.Runtime.NumberFormat(ScalarType.Float16, ScalarType.Float16);
        foreach (var (vae, type) in (ReadOnlySpan<(string?, ScalarType)>)[(null, ScalarType.Float32), (mended, ScalarType.Float16)])
        {
            var options = new LoadOptions { Vae = vae, PlainKernels = true }; // fp16 is a card's
            using var model = LoadedNetworks.Load(Checkpoint.Open(Model, options), options, half, CPU);
            Assert.Equal(type, model.AutoencoderFormat.Run);
            Assert.Equal(type, model.Autoencoder.parameters().First(parameter => parameter.device.type != TorchSharp.DeviceType.META).dtype);
            Assert.Equal(ScalarType.Float16, model.UNet.parameters().First(parameter => parameter.device.type != TorchSharp.DeviceType.META).dtype);
        }

        static bool Overflows(string model, string? vae)
        {
            using var checkpoint = Checkpoint.Open(model, new LoadOptions { Vae = vae });
            return checkpoint.AutoencoderOverflows;
        }
    }

    private static ImageGenerator Load(string model) => ImageGenerator.Load(model, new LoadOptions { Precision = Precision.Full });

    private static RgbImage Drawn(ImageGenerator generator, GenerationRequest request) => generator.Generate(request).Images[0].Image;

    private string Baked(string lora)
    {
        Beside();
        var baked = _folder.Path($"baked-{Guid.NewGuid():N}.safetensors");
        var (code, _, error) = Command.Run("convert", Model, baked, "--precision", "fp32", "--lora", lora + ":0.9", "-q");
        Assert.True(code == ExitCodes.Ok, error);
        return baked;
    }

    /// <summary>The model's file with other tensors, and marks that are none.</summary>
    private string Copy(string name, Func<TensorFile, Dictionary<string, Tensor>> tensors, string[]? marks = null, params (string, string)[] metadata)
    {
        Beside();
        using var file = TensorFile.Open(Model);
        var all = tensors(file);
        foreach (var mark in marks ?? []) all[mark] = zeros(0);
        SafeTensorsWriter.Write(_folder.Path(name + ".safetensors"), all, metadata: metadata.ToDictionary(pair => pair.Item1, pair => pair.Item2));
        return _folder.Path(name + ".safetensors");
    }

    /// <summary>How many heads its text encoders have no tensor tells.</summary>
    private void Beside() => File.Copy(Path.Combine(Path.GetDirectoryName(Model)!, "text_config.json"), _folder.Path("text_config.json"), overwrite: true);

    /// <summary>The model as diffusers lays it, with names of the fp16 variant.</summary>
    private string Folder(string name)
    {
        var folder = _folder.Path(name);
        using var model = Checkpoint.Open(Model);
        Write("unet/diffusion_pytorch_model", model.UNetTensors);
        Write("vae/diffusion_pytorch_model", model.AutoencoderTensors);
        foreach (var (place, heads, i) in (ReadOnlySpan<(string, int, int)>)[("text_encoder", 2, 0), ("text_encoder_2", 3, 1)])
        {
            Write(place + "/model", model.Texts[i].Tensors);
            File.WriteAllText(Path.Combine(folder, place, "config.json"), $$"""{"num_attention_heads": {{heads}}}""");
        }
        return folder;

        void Write(string to, StateDict tensors)
        {
            var path = Path.Combine(folder, to + ".fp16.safetensors");
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            SafeTensorsWriter.Write(path, tensors.Slots.ToDictionary(slot => slot.Key, slot => slot.Value.View().contiguous()));
        }
    }
}
