using System.Globalization;
using System.Text.Json;
using Easel.Cli;
using Easel.Tests.Models;
using Easel.Tests.Support;
using Easel.Tests.Weights;
using Easel.Weights.Formats;
using static TorchSharp.torch;

namespace Easel.Tests.Cli;

/// <summary>Guards models that are made of others: each tensor is what AUTOMATIC1111's merger, or a LoRA merged by its authors, makes it.</summary>
public sealed class MergeTests : IDisposable
{
    private const string In = "model.diffusion_model.input_blocks.0.0.weight", Out = "model.diffusion_model.out.2.weight",
        Text = "cond_stage_model.transformer.text_model.final_layer_norm.weight", Schedule = "betas", OnlyFirst = "first_stage_model.own.weight",
        Places = "cond_stage_model.transformer.text_model.embeddings.position_ids";

    private readonly TemporaryFolder _folder = new();
    private readonly TorchSharp.DisposeScope _scope = NewDisposeScope();
    private readonly Generator _generator = new(4, CPU);

    public void Dispose()
    {
        _generator.Dispose();
        _scope.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void TwoGiveTheirWeightedSum()
    {
        var (a, b) = (Model("a", first: true), Model("b"));
        var merged = Merged("merge", "a", "b", "--weight", "0.3");
        foreach (var name in (string[])[In, Out, Text]) Close.Absolute(a[name] * 0.7 + b[name] * 0.3, merged[name], 1e-6, name);
        foreach (var name in (string[])[Schedule, OnlyFirst, Places]) Close.Absolute(a[name], merged[name], 0, name);
        Assert.Equal(a.Keys.Order(), merged.Keys.Order());
        Close.Absolute((a[Out] + b[Out]) / 2, Merged("merge", "a", "b")[Out], 1e-6);

        using var file = TensorFile.Open(_folder.Path("out.safetensors"));
        var recipe = JsonDocument.Parse(file.Metadata["sd_merge_recipe"]).RootElement;
        Assert.Equal("Weighted sum", recipe.GetProperty("interp_method").GetString());
        Assert.Equal(["a", "b"], recipe.GetProperty("models").EnumerateArray().Select(name => name.GetString()));
    }

    [Fact]
    public void ThreeAddADifference()
    {
        var (a, b, c) = (Model("a"), Model("b"), Model("c"));
        var merged = Merged("merge", "a", "b", "c", "--weight", "0.8", "--precision", "fp32");
        Close.Absolute(a[In] + (b[In] - c[In]) * 0.8, merged[In], 1e-6);
        Close.Absolute(a[In] + b[In] - c[In], Merged("merge", "a", "b", "c")[In], 1e-6);
    }

    [Fact]
    public void BlocksCountByThemselves()
    {
        var (a, b) = (Model("a"), Model("b"));
        var each = string.Join(',', Enumerable.Range(0, 25).Select(i => (i / 100.0).ToString(CultureInfo.InvariantCulture)));
        var merged = Merged("merge", "a", "b", "--weight", "0.5", "--block-weights", each);
        Close.Absolute(a[In], merged[In], 0);                        // IN00
        Close.Absolute(a[Out] * 0.76 + b[Out] * 0.24, merged[Out], 1e-6); // with OUT11
        Close.Absolute((a[Text] + b[Text]) / 2, merged[Text], 1e-6); // the base
        Close.Absolute(a[Text] * 0.1 + b[Text] * 0.9, Merged("merge", "a", "b", "--block-weights", "0.9," + each)[Text], 1e-6);
    }

    [Fact]
    public void AModelThatSeesAMaskTakesWhatBothHave()
    {
        var (a, b) = (Model("a", channels: 9), Model("b"));
        var merged = Merged("merge", "a", "b", "--weight", "0.5")[In];
        Close.Absolute((a[In][.., ..4] + b[In]) / 2, merged[.., ..4], 1e-6);
        Close.Absolute(a[In][.., 4..], merged[.., 4..], 0);
        Assert.Contains("the one that sees more must come first", Refused("merge", "b", "a"));
    }

    [Fact]
    public void FamiliesAreNotMixed()
    {
        var second = LoadedModel.Path("sd2", config: "config-v.yaml");
        var refusal = Command.Run("merge", LoadedModel.Path("sd1"), second, _folder.Path("out.safetensors"));
        Assert.Equal(ExitCodes.BadInput, refusal.Code);
        Assert.Contains("is a Stable Diffusion 1 model and", refusal.Error);
        Assert.Contains("a Stable Diffusion 2 model; only models of one family can be merged.", refusal.Error);

        Model("a");
        Model("narrow", width: 5);
        Assert.Contains($"{In} is [6, 4, 3, 3] in the one and [5, 4, 3, 3] in the other", Refused("merge", "a", "narrow"));
        SafeTensorsWriter.Write(_folder.Path("other.safetensors"), new Dictionary<string, Tensor> { ["lora_unet_x"] = ones(1) });
        Assert.Contains("no tensor in common", Refused("merge", "a", "other"));
        Assert.Contains("Block weights can be one of NONE", Refused("merge", "a", "a", "--block-weights", "1,2"));
        Assert.False(File.Exists(_folder.Path("out.safetensors")));
    }

    [Fact]
    public void AnAutoencoderIsPutIn()
    {
        var (model, output) = (LoadedModel.Path("sd1-formats", "micro.fp16.safetensors"), _folder.Path("out.safetensors"));
        var vae = Goldens.Path("layouts/diffusers-sd1-micro/vae/diffusion_pytorch_model.safetensors");
        var other = Goldens.Tensors(vae).ToDictionary(t => t.Key, t => t.Value.to(ScalarType.Float32) + 1);
        SafeTensorsWriter.Write(_folder.Path("vae.safetensors"), other);
        Assert.Equal(ExitCodes.Ok, Command.Run("merge", model, output, "--vae", _folder.Path("vae.safetensors"), "--precision", "fp32").Code);

        var (before, after) = (Goldens.Tensors(model), Goldens.Tensors(output));
        var query = "first_stage_model.encoder.mid.attn_1.q.weight"; // a matrix in the one and a convolution in the other
        Close.Absolute(before[query].to(ScalarType.Float32) + 1, after[query], 1e-6);
        Close.Absolute(before[In].to(ScalarType.Float32), after[In], 0);
    }

    /// <summary>A LoRA that is baked in makes the weights that its goldens tell, from a file and from a folder.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ALoraIsBakedIn(bool isFolder)
    {
        var goldens = Goldens.Tensors("layouts/lora-kohya.goldens.safetensors");
        var strength = goldens["multiplier"].item<float>().ToString(CultureInfo.InvariantCulture);
        var model = isFolder ? Goldens.Path("layouts/diffusers-sd1-micro") : LoadedModel.Path("sd1-formats", "micro.fp16.safetensors");
        var (output, lora) = (_folder.Path("out.safetensors"), Goldens.Path("layouts/lora-kohya.fp16.safetensors"));
        Assert.Equal(ExitCodes.Ok, Command.Run("convert", model, output, "--lora", $"{lora}:{strength}", "--precision", "fp32").Code);

        var merged = Goldens.Tensors(output);
        const string Fc = "text_model.encoder.layers.0.mlp.fc1.weight", Query = "mid_block.attentions.0.transformer_blocks.0.attn1.to_q.weight";
        Close.Absolute(goldens["merged.text." + Fc], merged["cond_stage_model.transformer." + Fc], 1e-6);
        Close.Absolute(goldens["merged.unet." + Query], merged["model.diffusion_model.middle_block.1.transformer_blocks.0.attn1.to_q.weight"], 1e-6);
        Assert.Equal(ExitCodes.BadInput, Command.Run("convert", model, output, "--force", "--lora", model).Code);
    }

    /// <summary>What a LoRA of some rank made of a model is found again as a LoRA of that rank.</summary>
    [Fact]
    public void ALoraIsExtracted()
    {
        var (model, lora) = (LoadedModel.Path("sd1-formats", "micro.fp16.safetensors"), Goldens.Path("layouts/lora-kohya.fp16.safetensors"));
        var (tuned, found, again) = (Path.Combine(Path.GetDirectoryName(model)!, $"{Guid.NewGuid():N}.safetensors"), _folder.Path("lora.safetensors"),
            _folder.Path("again.safetensors"));
        try
        {
            Assert.Equal(ExitCodes.Ok, Command.Run("convert", model, tuned, "--lora", lora, "--precision", "fp32").Code);
            Assert.Equal(ExitCodes.Ok, Command.Run("extract", model, tuned, found, "--rank", "8", "--precision", "fp32").Code);
            Assert.Equal(ExitCodes.Ok, Command.Run("convert", model, again, "--lora", found, "--precision", "fp32").Code);
            var (expected, actual) = (Goldens.Tensors(tuned), Goldens.Tensors(again));
            foreach (var name in expected.Keys.Where(name => name.EndsWith(".weight", StringComparison.Ordinal)))
                Close.Absolute(expected[name], actual[name], 1e-5, name);
            Assert.Contains("do not differ", Command.Run("extract", model, model, found, "--force").Error);
        }
        finally
        {
            File.Delete(tuned);
        }
    }

    private Dictionary<string, Tensor> Model(string name, int channels = 4, int width = 6, bool first = false)
    {
        var tensors = new Dictionary<string, Tensor>
        {
            [In] = randn([width, channels, 3, 3], generator: _generator),
            [Out] = randn([4, 6, 3, 3], generator: _generator),
            [Text] = randn([8], generator: _generator),
            [Schedule] = randn([5], generator: _generator),
            [Places] = arange(7, dtype: ScalarType.Int64),
        };
        if (first) tensors[OnlyFirst] = randn([3, 3], generator: _generator);
        SafeTensorsWriter.Write(_folder.Path(name + ".safetensors"), tensors);
        return tensors;
    }

    private Dictionary<string, Tensor> Merged(string command, params string[] words)
    {
        var (code, _, error) = Run(command, words);
        Assert.True(code == ExitCodes.Ok, error);
        return Goldens.Tensors(_folder.Path("out.safetensors"));
    }

    private string Refused(string command, params string[] words)
    {
        File.Delete(_folder.Path("out.safetensors"));
        var (code, _, error) = Run(command, words);
        Assert.Equal(ExitCodes.BadInput, code);
        return error;
    }

    private (int Code, string Out, string Error) Run(string command, string[] words)
    {
        var models = words.TakeWhile(word => !word.StartsWith('-')).ToList();
        return Command.Run([command, .. models.Select(name => _folder.Path(name + ".safetensors")), _folder.Path("out.safetensors"), "--force",
            .. words.Skip(models.Count)]);
    }
}
