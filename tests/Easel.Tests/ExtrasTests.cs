using System.Security.Cryptography;
using Easel.Imaging;
using Easel.Metadata;
using Easel.Tests.Models;
using Easel.Tests.Support;
using Easel.Tests.Weights;
using Easel.Text;
using Easel.Weights;
using Easel.Weights.Formats;
using static TorchSharp.torch;

namespace Easel.Tests;

/// <summary>
/// Guards what changes a model on its way in, from a request or a command line to pixels: a LoRA, a learned word, another autoencoder, averaged weights, fewer
/// layers of the text encoder. Each must draw the picture of a model whose file was rewritten to be what the setting makes of it.
/// </summary>
public sealed class ExtrasTests : IDisposable
{
    private const string Lora = "lora-kohya.fp16";
    private static readonly string Layouts = Goldens.Path("layouts");
    private static readonly string Diffusers = Goldens.Path("layouts/diffusers-sd1-micro");
    private static readonly GenerationRequest Plain = new() { Prompt = "a house", Width = 64, Height = 64, Steps = 2, Seed = 5 };

    private readonly TemporaryFolder _folder = new();
    private readonly TorchSharp.DisposeScope _scope = NewDisposeScope();

    public void Dispose()
    {
        _scope.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void ALoraDrawsAsWeightsMergedByHand()
    {
        var words = $"a house<lora:{Lora}:0.8>";
        var drawn = BothWays.Draw(Diffusers, new LoadOptions { LoraFolders = [Layouts] }, Plain with { Prompt = words },
            [.. Line(words), "--lora-dir", Layouts]);

        var lora = Goldens.Tensors($"layouts/{Lora}.safetensors");
        var merged = 0;
        var model = Rewritten((network, tensors) =>
        {
            var prefix = network switch { "unet" => "lora_unet_", "text_encoder" => "lora_te_", _ => "none" };
            foreach (var (name, weight) in tensors.Where(t => t.Key.EndsWith(".weight", StringComparison.Ordinal)).ToList())
            {
                var layer = prefix + name[..^".weight".Length].Replace('.', '_');
                if (!lora.TryGetValue(layer + ".lora_up.weight", out var up)) continue;
                var down = lora[layer + ".lora_down.weight"].to(ScalarType.Float32);
                var scale = 0.8 * lora[layer + ".alpha"].to(ScalarType.Float32).item<float>() / down.shape[0];
                tensors[name] = weight.to(ScalarType.Float32) + scale * up.to(ScalarType.Float32).flatten(1).matmul(down.flatten(1)).view(weight.shape);
                merged++;
            }
        });
        Assert.Equal(lora.Keys.Count(key => key.EndsWith(".lora_up.weight", StringComparison.Ordinal)), merged);
        AssertSame(model, Plain, drawn);
        AssertOther(Diffusers, Plain, drawn);
    }

    [Fact]
    public void ALoraLeavesNoTraceInTheNextPicture()
    {
        using var generator = ImageGenerator.Load(Diffusers, new LoadOptions { Precision = Precision.Full, LoraFolders = [Layouts] });
        var before = generator.Generate(Plain).Images[0].Image.Pixels;
        generator.Generate(Plain with { Prompt = $"a house<lora:{Lora}:0.8>" });
        Assert.Equal(before, generator.Generate(Plain).Images[0].Image.Pixels);

        var without = generator.Generate(Plain with { Prompt = "a house<lora:nosuch:1>" });
        Assert.Equal(before, without.Images[0].Image.Pixels);
        var remark = Assert.Single(without.Remarks, remark => remark.Contains("nosuch"));
        Assert.Contains("drawn without it", remark);
        Assert.Contains(Lora, remark);
    }

    /// <summary>A file is found by its name with its folders, with its ending, and by the name that it was trained under.</summary>
    [Fact]
    public void ALoraIsFoundByEveryNameItHas()
    {
        Directory.CreateDirectory(_folder.Path("people", "old"));
        var tensors = Goldens.Tensors($"layouts/{Lora}.safetensors");
        SafeTensorsWriter.Write(_folder.Path("people", "renamed.safetensors"), tensors,
            metadata: new Dictionary<string, string> { ["ss_output_name"] = "neko" });
        File.Copy(_folder.Path("people", "renamed.safetensors"), _folder.Path("people", "old", "renamed.safetensors"));
        using var generator = ImageGenerator.Load(Diffusers, new LoadOptions { Precision = Precision.Full, LoraFolders = [_folder.Path()] });
        var (plain, expected) = (generator.Generate(Plain).Images[0].Image.Pixels, (byte[]?)null);
        foreach (var name in (string[])["people/renamed", "neko", " Renamed ", "people/old/renamed.safetensors"])
        {
            var drawn = generator.Generate(Plain with { Prompt = $"a house<lora:{name}:0.8>" });
            Assert.NotEqual(plain, drawn.Images[0].Image.Pixels);
            Assert.Equal(expected ??= drawn.Images[0].Image.Pixels, drawn.Images[0].Image.Pixels);
            Assert.Equal(!name.Contains('/'), drawn.Remarks.Any(remark => remark.Contains("is that of 2 LoRAs; people/renamed.safetensors is used")));
        }
    }

    /// <summary>A word that travels in a LoRA is known while the LoRA is called, and only then.</summary>
    [Fact]
    public void ALoraBringsItsWord()
    {
        var vectors = Goldens.Tensors("layouts/my-style.goldens.safetensors")["vectors"];
        var tensors = Goldens.Tensors($"layouts/{Lora}.safetensors");
        tensors["bundle_emb.mycat.string_to_param.*"] = vectors;
        SafeTensorsWriter.Write(_folder.Path("bundled.safetensors"), tensors);
        SafeTensorsWriter.Write(_folder.Path("mycat.safetensors"), new Dictionary<string, Tensor> { ["emb_params"] = vectors });
        string Words(double strength) => $"a mycat<lora:bundled:{strength}>";

        using var inside = ImageGenerator.Load(Diffusers, new LoadOptions { Precision = Precision.Full, LoraFolders = [_folder.Path()] });
        using var beside = ImageGenerator.Load(Diffusers,
            new LoadOptions { Precision = Precision.Full, LoraFolders = [Layouts], EmbeddingFolders = [_folder.Path()] });
        var drawn = inside.Generate(Plain with { Prompt = Words(0.8) });
        Assert.Empty(drawn.Remarks);
        // AUTOMATIC1111's hash of a LoRA is that of what lies behind the header.
        var file = File.ReadAllBytes(_folder.Path("bundled.safetensors"));
        var hash = Convert.ToHexStringLower(SHA256.HashData(file.AsSpan((8 + BitConverter.ToInt32(file))..)))[..12];
        var text = RequestInfotext.ToInfotext(drawn.Images[0], null, null);
        Assert.Contains($"Lora hashes: \"bundled: {hash}\"", text.ToString());
        // Where a file is called otherwise, the hash tells which it is.
        Directory.CreateDirectory(_folder.Path("elsewhere", "new"));
        File.Copy(_folder.Path("bundled.safetensors"), _folder.Path("elsewhere", "new", "name.safetensors"));
        var told = ModelFile.WithLorasOf(new PictureSettings("Easel", text), new LoadOptions { LoraFolders = [_folder.Path("elsewhere")] });
        Assert.Equal("a mycat<lora:new/name:0.8>", told.Text.Prompt);
        Assert.Equal(beside.Generate(Plain with { Prompt = $"a mycat<lora:{Lora}:0.8>" }).Images[0].Image.Pixels, drawn.Images[0].Image.Pixels);
        Assert.NotEqual(inside.Generate(Plain with { Prompt = "a mycat" }).Images[0].Image.Pixels,
            inside.Generate(Plain with { Prompt = Words(0) }).Images[0].Image.Pixels);
    }

    /// <summary>A LoRA that acts in some of the steps is the same as two models that take turns; the text encoder has it throughout.</summary>
    [Fact]
    public void ALoraActsInSomeOfTheSteps()
    {
        using var generator = ImageGenerator.Load(Diffusers, new LoadOptions { Precision = Precision.Full, LoraFolders = [Layouts] });
        byte[] Draw(string arguments, int steps = 4) =>
            generator.Generate(Plain with { Prompt = $"a house<lora:{Lora}:{arguments}>", Steps = steps, Sampler = "euler" }).Images[0].Image.Pixels;

        var whole = Draw("0.8");
        Assert.Equal(whole, Draw("0.8:step=1-5"));
        Assert.Equal(Draw("te=0.8:unet=0"), Draw("0.8:start=5"));
        Assert.Equal(Draw("te=0.8:unet=0"), Draw("0.8:stop=1"));
        var part = Draw("0.8:stop=0.5");
        Assert.NotEqual(whole, part);
        Assert.Equal(part, Draw("0.8:stop=3"));
        Assert.Equal(whole, Draw("0.8"));
    }

    /// <summary>Three vectors stand for three words whose rows of the vocabulary hold them.</summary>
    [Fact]
    public void ALearnedWordDrawsAsWordsOfTheVocabulary()
    {
        const string Words = "a house in My-Style.A1111 at night"; // in whatever case
        var drawn = BothWays.Draw(Diffusers, new LoadOptions { EmbeddingFolders = [Layouts] }, Plain with { Prompt = Words },
            [.. Line(Words), "--embeddings-dir", Layouts]);

        string[] others = ["zebra", "violin", "kiwi"];
        var (tokenizer, vectors) = (new ClipTokenizer(), Goldens.Tensors("layouts/my-style.goldens.safetensors")["vectors"]);
        var model = Rewritten((network, tensors) =>
        {
            if (network != "text_encoder") return;
            var table = tensors["text_model.embeddings.token_embedding.weight"].to(ScalarType.Float32);
            for (var i = 0; i < others.Length; i++) table[Assert.Single(tokenizer.Encode(others[i]))] = vectors[i];
            tensors["text_model.embeddings.token_embedding.weight"] = table;
        });
        AssertSame(model, Plain with { Prompt = "a house in zebra violin kiwi at night" }, drawn);
        AssertOther(Diffusers, Plain with { Prompt = Words }, drawn);
    }

    [Fact]
    public void AnotherAutoencoderDrawsAsInsideTheModel()
    {
        const string Prefix = "first_stage_model.";
        var model = LoadedModel.Path("sd1-formats", "micro.fp16.safetensors");
        var tensors = Goldens.Tensors(model);
        foreach (var layer in (string[])["encoder.conv_in.weight", "decoder.conv_out.weight"]) tensors[Prefix + layer] = tensors[Prefix + layer].flip(0) * -1;
        var inside = Written("sd1-formats", tensors);
        var alone = _folder.Path("vae.safetensors");
        var own = tensors.Where(t => t.Key.StartsWith(Prefix, StringComparison.Ordinal));
        SafeTensorsWriter.Write(alone, own.ToDictionary(t => t.Key[Prefix.Length..], t => t.Value));

        // From a picture, so that both halves have their part in it.
        var picture = Goldens.Path("sd1/images/init_0.png");
        var request = Plain with { InitImage = ImageFile.Load(picture), Strength = 0.75 };
        var drawn = BothWays.Draw(model, new LoadOptions { Vae = alone }, request, [.. Line("a house"), "--vae", alone, "-i", picture, "--strength", "0.75"]);
        AssertSame(inside, request, drawn);
        AssertOther(model, request, drawn);
    }

    [Fact]
    public void AveragedWeightsDrawAsTheOnlyOnes()
    {
        var model = LoadedModel.Path("sd1-formats", "micro.fp32.ema.ckpt");
        var drawn = BothWays.Draw(model, new LoadOptions { Ema = true }, Plain, [.. Line("a house"), "--ema"]);

        var tensors = new Dictionary<string, Tensor>();
        using (var file = TensorFile.Open(model))
        {
            foreach (var key in file.Tensors.Keys.Where(key => !key.StartsWith("model_ema.", StringComparison.Ordinal)))
            {
                var isAveraged = key.StartsWith("model.diffusion_model.", StringComparison.Ordinal);
                tensors[key] = file.View(isAveraged ? "model_ema." + key["model.".Length..].Replace(".", "") : key).clone();
            }
        }
        AssertSame(Written("sd1-formats", tensors), Plain, drawn);
        AssertOther(model, Plain, drawn);
    }

    /// <summary>To skip a layer is to have none: the text encoder's last norm follows the one before.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void SkippedLayersDrawAsLayersLeftOut(bool literal)
    {
        const string Words = "a (red:1.3) house";
        var model = LoadedModel.Path("sd1");
        var request = Plain with { Prompt = Words, Literal = literal };
        var drawn = BothWays.Draw(model, new LoadOptions(), request with { ClipSkip = 2 },
            [.. Line(Words), "--clip-skip", "2", .. literal ? (string[])["--literal"] : []]);

        var tensors = Goldens.Tensors(model);
        foreach (var key in tensors.Keys.Where(key => key.Contains("text_model.encoder.layers.11.", StringComparison.Ordinal)).ToList()) tensors.Remove(key);
        AssertSame(Written("sd1", tensors), request, drawn);
        AssertOther(model, request, drawn);
    }

    /// <summary>The latents of the original's own run, through the tiny decoder, which has goldens of its own.</summary>
    [Fact]
    public void TheTinyAutoencoderDecodes()
    {
        var (model, tiny, request) = (LoadedModel.Path("sd1"), Goldens.Unpacked("layouts/taesd_decoder.fp16.pth"), GeneratorTests.Reference(1));
        var drawn = BothWays.Draw(model, new LoadOptions { TinyVae = tiny }, request,
        [
            "txt2img", "--prompt", request.Prompt, "--negative", request.NegativePrompt, "--W", "64", "--H", "64", "--ddim_steps", "12",
            "--n_samples", "1", "--n_iter", "1", "--skip_grid", "--tiny-vae", tiny,
        ]);
        using var decoder = TinyVaeFile.Load(tiny, Easel.Models.LatentSpace.StableDiffusion, ScalarType.Float32, CPU);
        var picture = ImageTensor.ToImage(decoder.Decode(Goldens.Tensors("sd1/seeds.safetensors")["txt2img_ddim.seed42.n1.iter0.latent"]));
        GeneratorTests.AssertSame(picture, Assert.Single(drawn), "picture");

        using var generator = ImageGenerator.Load(model, new LoadOptions { Precision = Precision.Full, TinyVae = tiny });
        var previews = 0;
        generator.Generate(Plain, progress => previews += progress.Preview?.Invoke().Count(image => image.Width == 64) ?? 0);
        Assert.Equal(2, previews); // as large as the picture: a mixture of colours would be an eighth of it
    }

    /// <summary>Words for what <see cref="Plain"/> asks for.</summary>
    private static string[] Line(string prompt) => ["--prompt", prompt, "--width", "64", "--height", "64", "--steps", "2", "--seed", "5"];

    private static void AssertSame(string model, GenerationRequest request, IReadOnlyList<RgbImage> drawn) =>
        GeneratorTests.AssertSame(BothWays.Draw(model, new LoadOptions(), request)[0], drawn[0], "picture");

    private static void AssertOther(string model, GenerationRequest request, IReadOnlyList<RgbImage> drawn) =>
        GeneratorTests.AssertOther(BothWays.Draw(model, new LoadOptions(), request)[0], drawn[0], "the setting");

    /// <summary>A copy of the diffusers folder in fp32, each network's tensors changed.</summary>
    private string Rewritten(Action<string, Dictionary<string, Tensor>> change)
    {
        foreach (var file in Directory.EnumerateFiles(Diffusers, "*", SearchOption.AllDirectories))
        {
            var target = _folder.Path("model", Path.GetRelativePath(Diffusers, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            if (Path.GetExtension(file) == ".json") File.Copy(file, target);
            if (Path.GetExtension(file) != ".safetensors") continue;
            var tensors = Goldens.Tensors(file);
            change(Path.GetFileName(Path.GetDirectoryName(file)!), tensors);
            SafeTensorsWriter.Write(target, tensors, ScalarType.Float32);
        }
        return _folder.Path("model");
    }

    /// <summary>A single file of these tensors in fp32, beside the configuration of an area.</summary>
    private string Written(string area, Dictionary<string, Tensor> tensors)
    {
        File.Copy(Goldens.Path(area + "/config.yaml"), _folder.Path("rewritten.yaml"));
        File.Copy(Goldens.Path(area + "/text_config.json"), _folder.Path("text_config.json"));
        SafeTensorsWriter.Write(_folder.Path("rewritten.safetensors"), tensors, ScalarType.Float32);
        return _folder.Path("rewritten.safetensors");
    }
}
