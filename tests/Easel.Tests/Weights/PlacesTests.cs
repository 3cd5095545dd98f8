using Easel.Tests.Models;
using Easel.Tests.Support;
using Easel.Weights;
using Easel.Weights.Formats;
using static TorchSharp.torch;

namespace Easel.Tests.Weights;

/// <summary>Guards that a network is found whatever stands before its names, and that one which a file lacks can be named apart.</summary>
public sealed class PlacesTests : IDisposable
{
    private const string UNet = "model.diffusion_model.", Vae = "first_stage_model.", Text = "cond_stage_model.transformer.";

    private readonly TemporaryFolder _folder = new();

    [Theory]
    [InlineData("module.model.diffusion_model.", "module.first_stage_model.", "module.cond_stage_model.transformer.")]
    [InlineData("diffusion_model.", "vae.", "text_encoder.")]
    [InlineData("unet.", "first_stage_model.", "cond_stage_model.clip_l.transformer.")]
    [InlineData("", "vae.", "te.")]
    [InlineData("model.diffusion_model.", "first_stage_model.", "cond_stage_model.")]
    [InlineData("model.diffusion_model.", "first_stage_model.", "conditioner.embedders.9.transformer.")]
    public void NetworksAreFoundBehindAnything(string unet, string vae, string text)
    {
        using var whole = Checkpoint.Open(Written("whole", UNet, Vae, Text));
        using var other = Checkpoint.Open(Written("other", unet, vae, text));
        Assert.Equal(Names(whole), Names(other));
        Assert.Null(other.Passed);
    }

    [Fact]
    public void WhatIsMissingCanBeNamedApart()
    {
        var model = Goldens.Path("layouts/diffusers-sd1-micro");
        var whole = Written("whole", UNet, Vae, Text);
        var (alone, words) = (Written("unet", UNet, null, null), Written("words", null, null, "te."));
        using (var bare = Checkpoint.Open(alone)) Assert.Equal((0, 0), (Names(bare).Text, Names(bare).Autoencoder));
        using var expected = Checkpoint.Open(whole);
        foreach (var (text, vae) in ((string, string)[])[(words, whole), (whole, model), (model, System.IO.Path.Combine(model, "vae"))])
        {
            using var put = Checkpoint.Open(alone, new LoadOptions { TextEncoder = text, Vae = vae });
            Assert.Equal(Names(expected), Names(put));
        }
        var told = Assert.Throws<CheckpointException>(() => Checkpoint.Open(alone, new LoadOptions { TextEncoder = alone })).Message;
        Assert.StartsWith($"{alone} is no text encoder (CLIP)", told, StringComparison.Ordinal);
    }

    /// <summary>A UNet of Stable Diffusion XL alone, as its few-step models are shared, reads with the two encoders of another file.</summary>
    [Fact]
    public void BothTextEncodersComeFromOneFile()
    {
        var model = LoadedModel.Path("sdxl");
        using var own = Checkpoint.Open(model);
        using var named = Checkpoint.Open(model, new LoadOptions { TextEncoder = model });
        Assert.Equal(own.Texts.Select(text => (text.Config, text.Tensors.Count)), named.Texts.Select(text => (text.Config, text.Tensors.Count)));
    }

    public void Dispose() => _folder.Dispose();

    private static (int UNet, int Autoencoder, int Text) Names(Checkpoint checkpoint) =>
        (checkpoint.UNetTensors.Count, checkpoint.AutoencoderTensors.Count, checkpoint.Texts.Sum(text => text.Tensors.Count));

    private string Written(string name, string? unet, string? vae, string? text)
    {
        using var scope = NewDisposeScope();
        using var file = TensorFile.Open(LoadedModel.Path("sd1-formats", "micro.fp16.safetensors"));
        var tensors = new Dictionary<string, Tensor>();
        foreach (var key in file.Tensors.Keys)
            foreach (var (place, other) in ((string, string?)[])[(UNet, unet), (Vae, vae), (Text, text)])
                if (key.StartsWith(place, StringComparison.Ordinal) && other is not null) tensors[other + key[place.Length..]] = file.View(key);
        var path = _folder.Path(name + ".safetensors");
        SafeTensorsWriter.Write(path, tensors);
        foreach (var beside in (string[])["config.yaml", "text_config.json"])
            if (!File.Exists(_folder.Path(beside))) File.Copy(Goldens.Path("sd1-formats/" + beside), _folder.Path(beside));
        return path;
    }
}
