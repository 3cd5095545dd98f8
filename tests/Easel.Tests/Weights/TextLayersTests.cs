using Easel.Models;
using Easel.Weights;
using Easel.Weights.Formats;
using Easel.Weights.Names;
using static TorchSharp.torch;

namespace Easel.Tests.Weights;

/// <summary>Guards which layers of a text encoder count: those that the diffusion model was trained with, whatever a file has kept of the tower and under
/// whatever names.</summary>
public sealed class TextLayersTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    /// <param name="family">The family of the UNet: 1 or 2.</param>
    /// <param name="layout">"open_clip" as its makers keep it, "turned" as diffusers' script writes its folders back, "transformers" for its names.</param>
    /// <param name="config">A configuration beside the file; null for none.</param>
    /// <param name="used">The layers that run.</param>
    [Theory]
    [InlineData(2, "open_clip", 1024, 24, null, 23)]
    [InlineData(2, "open_clip", 1024, 23, null, 23)]
    [InlineData(2, "turned", 1024, 24, null, 23)]
    [InlineData(2, "turned", 1024, 23, null, 23)]
    [InlineData(2, "transformers", 1024, 24, null, 23)]
    [InlineData(2, "transformers", 1024, 23, null, 23)]
    [InlineData(2, "transformers", 1024, 23, """{"num_hidden_layers":23}""", 23)]
    [InlineData(2, "transformers", 1024, 24, """{"num_hidden_layers":24}""", 23)]
    [InlineData(2, "transformers", 1024, 23, """{"num_hidden_layers":22}""", 22)]
    [InlineData(2, "open_clip", 64, 6, """{"open_clip_text_cfg":{"layers":6}}""", 5)]
    [InlineData(2, "open_clip", 64, 5, """{"open_clip_text_cfg":{"layers":6}}""", 5)]
    [InlineData(2, "turned", 64, 5, """{"open_clip_text_cfg":{"layers":6}}""", 5)]
    [InlineData(2, "transformers", 64, 6, """{"open_clip_text_cfg":{"layers":6}}""", 5)]
    [InlineData(2, "open_clip", 64, 6, null, 5)]
    [InlineData(2, "turned", 64, 5, null, 5)]
    [InlineData(2, "transformers", 64, 5, null, 5)]
    [InlineData(2, "transformers", 64, 5, """{"num_hidden_layers":5}""", 5)]
    [InlineData(1, "transformers", 768, 12, null, 12)]
    [InlineData(1, "transformers", 768, 11, null, 11)]
    [InlineData(1, "transformers", 768, 12, """{"num_hidden_layers":11}""", 11)]
    [InlineData(1, "transformers", 64, 3, null, 3)]
    public void AreThoseTheModelWasTrainedWith(int family, string layout, int width, int stored, string? config, int used)
    {
        var text = Text(family, layout, width, stored, config);
        Assert.Equal((stored, used), (text.Layers, Math.Min(text.Layers, text.UsedLayers ?? text.Layers)));
    }

    /// <summary>Where the last layer was left out, clip skip counts from where it was: of twelve the last but one is the eleventh.</summary>
    [Fact]
    public void ClipSkipCountsFromTheEndOfTheWholeTower() => Assert.Equal(12, Text(1, "transformers", 768, 11, null).UsedLayers);

    public void Dispose() => _folder.Dispose();

    private ClipTextConfig Text(int family, string layout, int width, int layers, string? config)
    {
        using var scope = NewDisposeScope();
        var openClip = layout != "transformers";
        var tensors = new Dictionary<string, Tensor>
        {
            [openClip ? "token_embedding.weight" : "text_model.embeddings.token_embedding.weight"] = zeros(2, width),
            [openClip ? "positional_embedding" : "text_model.embeddings.position_embedding.weight"] = zeros(2, width),
        };
        for (var i = 0; i < layers; i++)
            tensors[openClip ? $"transformer.resblocks.{i}.mlp.c_fc.weight" : $"text_model.encoder.layers.{i}.mlp.fc1.weight"] = zeros(1, width);
        if (layout == "open_clip") tensors["text_projection"] = zeros(width, 1);
        var path = _folder.Path("text.safetensors");
        SafeTensorsWriter.Write(path, tensors);
        if (config is not null) File.WriteAllText(_folder.Path("text_config.json"), config);

        using var file = TensorFile.Open(path);
        var part = CheckpointLayout.Original.Last(part => part.Network == CheckpointNetwork.Text && part.IsWholeTower == openClip);
        var (names, own) = (part.NamesOf([.. file.Tensors.Keys]), new StateDict());
        foreach (var key in file.Tensors.Keys) own.Add(names, key, file, key);
        var spec = family == 1 ? TextEncoderSpec.ClipL : TextEncoderSpec.OpenClipH;
        var isWhole = openClip && file.Tensors.Keys.Any(key => TextNames.IsOfWholeTower("." + key));
        return Shapes.Text(own, isWhole, spec, ModelSettings.Beside(path, null).Text(part.Place, spec.Key), path);
    }
}
