using Easel.Models;

namespace Easel.Training;

/// <summary>The values that training begins from: PyTorch's own, and zero where the original begins a residual branch with nothing.</summary>
internal static class FirstValues
{
    // in both layers that bring the prompt's values in, so that they are not drowned in the noise that comes through the convolutions
    private const double PromptGain = 2;

    /// <param name="name">The layer's name with its network before it: "unet.down_blocks.0.resnets.0.conv2".</param>
    /// <param name="own">Which of its parameters: "weight" or "bias".</param>
    public static void Fill(Tensor view, string name, Layer layer, string own, Generator generator)
    {
        using var scope = NewDisposeScope();
        if (IsSilentAtFirst(name)) view.zero_();
        else if (layer is GroupNorm or LayerNorm) view.fill_(own == "weight" ? 1 : 0);
        else if (layer is Embedding) view.normal_(0, name.Contains("position", StringComparison.Ordinal) ? 0.01 : 0.02, generator);
        else if (own == "bias" && TellsPlaces(layer, name)) view.normal_(0, 1, generator);
        else
        {
            var weight = layer.named_parameters().Single(p => p.name == "weight").parameter.shape;
            var bound = 1 / Math.Sqrt(weight.Skip(1).Aggregate(1.0, (product, side) => product * side)); // Kaiming uniform with a = √5
            var gain = name.Contains(".attn2.to_v", StringComparison.Ordinal) || name.Contains(".attn2.to_out", StringComparison.Ordinal) ? PromptGain : 1;
            view.uniform_(-gain * bound, gain * bound, generator);
        }
    }

    /// <summary>
    /// Whether a layer's bias shows the layers behind it where the edges are. A UNet is told places by nothing but the zeros around each picture, and those
    /// differ only from what is not zero: with biases near it a network learns colours from words at once and shapes hardly at all.
    /// </summary>
    private static bool TellsPlaces(Layer layer, string name) =>
        layer is Conv2d or DoubledConv2d && name.StartsWith("unet.", StringComparison.Ordinal) && layer.named_parameters().First().parameter.shape[^1] == 3;

    /// <summary>zero_module in openaimodel.py and attention.py: the last convolution of residual blocks and of the UNet, and a transformer's way out.</summary>
    private static bool IsSilentAtFirst(string name) => name.StartsWith("unet.", StringComparison.Ordinal)
        && (name.EndsWith(".conv2", StringComparison.Ordinal) || name.EndsWith(".proj_out", StringComparison.Ordinal) || name == "unet.conv_out");
}
