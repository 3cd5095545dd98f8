namespace Easel.Models.Control;

/// <summary>What other networks add to a UNet on its way. Tensors have a row for each of the call's, or one for all, and are of the format that the UNet runs
/// in.</summary>
internal sealed class ControlSignals
{
    /// <summary>A ControlNet's, added to the skip connections in the order in which they are laid down; empty for nothing.</summary>
    public IReadOnlyList<Tensor> Skips { get; init; } = [];

    /// <summary>A ControlNet's, added to what the middle gives; null for nothing.</summary>
    public Tensor? Middle { get; init; }

    /// <summary>A T2I-Adapter's, added to what each level gives on the way down, finest first; one more, where its size fits, to what the middle
    /// gives.</summary>
    public IReadOnlyList<Tensor> Levels { get; init; } = [];

    /// <summary>An IP-Adapter's pictures, to which cross-attentions attend beside the prompt.</summary>
    public IReadOnlyList<PicturePrompt> Pictures { get; init; } = [];

    /// <summary>What is done to what some linear layers are given, as a ControlNet-LLLite does.</summary>
    public IReadOnlyList<(Linear Layer, Func<Tensor, Tensor> Before)> Layers { get; init; } = [];

    /// <summary>Has the layers steered until that is disposed of.</summary>
    public IDisposable SteerLayers()
    {
        foreach (var (layer, before) in Layers)
        {
            var earlier = layer.Before;
            layer.Before = earlier is null ? before : x =>
            {
                using var once = earlier(x);
                return before(once);
            };
        }
        return new Steered(Layers);
    }

    private sealed class Steered(IReadOnlyList<(Linear Layer, Func<Tensor, Tensor> Before)> layers) : IDisposable
    {
        public void Dispose()
        {
            foreach (var (layer, _) in layers) layer.Before = null;
        }
    }

    /// <summary>The feature of a level; null where there is none.</summary>
    public Tensor? Level(int level) => Levels.ElementAtOrDefault(level);

    /// <summary>What the middle gives, with what is added to it.</summary>
    /// <param name="h">[rows, c, h, w], let go where something is added.</param> <param name="levels">Levels on the way down.</param>
    public Tensor AddToMiddle(Tensor h, int levels)
    {
        if (Level(levels) is { } feature && feature.shape.AsSpan(1).SequenceEqual(h.shape.AsSpan(1))) h = Sum(h, feature);
        return Middle is { } middle ? Sum(h, middle) : h;

        static Tensor Sum(Tensor h, Tensor added)
        {
            using (h) return Added(h, added);
        }
    }

    /// <summary>The sum of a picture and what is added to it, which is brought to the picture's size where a side that was odd came out otherwise: by the
    /// nearest position, as other programs do.</summary>
    /// <param name="added">[rows or 1, c, h, w]; where a side is 1 it holds for all positions.</param>
    public static Tensor Added(Tensor h, Tensor added)
    {
        using var scope = NewDisposeScope();
        var fits = added.shape.AsSpan(2).SequenceEqual(h.shape.AsSpan(2)) || added.shape is [_, _, 1, 1];
        return (h + (fits ? added : functional.interpolate(added, h.shape[2..], mode: InterpolationMode.Nearest))).MoveToOuterDisposeScope();
    }
}
