using Easel.Models.Faces;
using Easel.Weights.Formats;

namespace Easel.Weights;

/// <summary>A file with a network that mends faces.</summary>
internal static class FaceMenderFile
{
    public const string GfpganName = "GFPGAN", CodeFormerName = "CodeFormer";

    private const int Smallest = 16, Largest = 512; // sides at which CodeFormer mixes in what it sees

    /// <summary>Loads it, with what finds faces and their points.</summary>
    /// <exception cref="CheckpointException">It is something else or damaged, or the tools that come with Easel are not there.</exception>
    public static FaceMender Load(TensorFile file, ScalarType type, Device device)
    {
        var (tensors, spec) = Recognised(file) ?? throw FileKind.IsNo(file, "face restorer", ModelKind.FaceRestorer);
        var network = spec.Build();
        tensors.Load(network, spec.Name, type, device);
        return new FaceMender(spec, network, ToolFile.Faces(), ToolFile.FacePoints(), type, device);
    }

    /// <summary>What a file holds: "GFPGAN" or "CodeFormer"; null where it is neither.</summary>
    public static string? NameIn(TensorFile file) => Recognised(file)?.Spec.Name;

    private static (StateDict Tensors, FaceMenderSpec Spec)? Recognised(TensorFile file)
    {
        foreach (var keys in FileKind.Unwrapped(file))
        {
            var tensors = new StateDict();
            foreach (var (name, key) in keys) tensors.Add(name, new Slot(file, key));
            if ((Gfpgan(tensors) ?? CodeFormer(tensors)) is { } spec) return (tensors, spec);
        }
        return null;
    }

    private static FaceMenderSpec? Gfpgan(StateDict tensors) => GfpganShape(tensors) is { Side: FaceFrame.Side } config
        ? new FaceMenderSpec(GfpganName, () => new GfpganNet(config)) : null;

    internal static GfpganConfig? GfpganShape(StateDict tensors)
    {
        if (tensors.Shape("conv_body_first.weight") is not [var first, 3, 1, 1]) return null;
        if (tensors.Shape("stylegan_decoder.constant_input.weight") is not [1, var start, 4, 4]) return null;
        if (tensors.Shape("stylegan_decoder.style_conv1.modulated_conv.modulation.weight") is not [var modulated, var style] || modulated != start) return null;
        var levels = tensors.CountChildren("conv_body_down.");
        if (levels is < 1 or > 8) return null;
        var (inner, outer) = (new List<long> { first }, new List<long> { start });
        for (var i = 0; i < levels; i++)
        {
            if (tensors.Shape($"conv_body_down.{i}.conv2.weight") is not [var narrowing, var from, 3, 3] || from != inner[^1]) return null;
            inner.Add(narrowing);
            if (tensors.Shape($"stylegan_decoder.style_convs.{2 * i}.modulated_conv.weight") is not [1, var drawn, var before, 3, 3]) return null;
            if (before != outer[^1]) return null;
            outer.Add(drawn);
        }
        if (tensors.Shape("condition_scale.0.2.weight") is not [var steered, ..] || tensors.Shape("final_linear.bias") is not [var styles]) return null;
        return new GfpganConfig(inner, outer, style, StylesEach: styles != style, SteersHalf: 2 * steered == outer[1]);
    }

    private static FaceMenderSpec? CodeFormer(StateDict tensors) =>
        CodeFormerShape(tensors) is { } config && config.Channels.All(channels => channels % config.Groups == 0)
            ? new FaceMenderSpec(CodeFormerName, () => new CodeFormerNet(config)) : null;

    internal static CodeFormerConfig? CodeFormerShape(StateDict tensors)
    {
        if (tensors.Shape("quantize.embedding.weight") is not [> 0 and var codes, var latent]) return null;
        if (tensors.Shape("position_emb") is not [16 * 16, var width]) return null;
        if (tensors.Shape("ft_layers.0.linear1.weight") is not [var inner, var into] || into != width) return null;
        var channels = new List<long>();
        var from = tensors.Shape("encoder.blocks.0.weight") is [var first, 3, 3, 3] ? first : 0;
        for (var level = 0; level < 6; level++)
        {
            if (tensors.Shape($"encoder.blocks.{1 + 3 * level}.conv1.weight") is not [var made, var before, 3, 3] || before != from) return null;
            channels.Add(from = made);
        }
        var fused = new List<int>();
        for (var side = Smallest; side <= Largest; side *= 2)
            if (tensors.Shape($"fuse_convs_dict.{side.ToString(CultureInfo.InvariantCulture)}.scale.0.weight") is not null) fused.Add(side);
        return new CodeFormerConfig(channels, latent, codes, width, inner, tensors.CountChildren("ft_layers."), fused);
    }
}
