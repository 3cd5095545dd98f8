using Easel.Models.Upscaling;

namespace Easel.Weights;

/// <summary>Reads the shapes of SwinIR, HAT and DAT off their tensors; null for what is none of them.</summary>
internal static class TransformerUpscalers
{
    private const int LargestWindow = 64, JpegWindow = 7;

    public static UpscalerSpec? SwinIr(StateDict tensors, string path) => Windowed(tensors, path, "SwinIR", isHat: false);

    public static UpscalerSpec? Hat(StateDict tensors, string path) => Windowed(tensors, path, "HAT", isHat: true);

    public static UpscalerSpec? Dat(StateDict tensors, string path)
    {
        const string First = "layers.0.blocks.0.attn.";
        if (tensors.Shape("before_RG.1.weight") is null || tensors.Shape(First + "attns.0.pos.pos3.2.weight") is null) return null;
        if (Shell(tensors, path, "DAT") is not { } shell || WindowOf(tensors, First + "attns.0.rpe_biases") is not { } window) return null;
        var groups = new List<Func<Module<Tensor, Tensor>>>();
        for (var i = 0; i < tensors.CountChildren("layers."); i++)
        {
            // The blocks that look at channels have a number for each head; where there is none of them, what looks at pixels has half of the heads.
            var heads = tensors.Shape($"layers.{i}.blocks.1.attn.temperature") is [var all, ..] ? all
                : tensors.Shape($"layers.{i}.blocks.0.attn.attns.0.pos.pos3.2.weight") is [var half, _] ? 2 * half : 0;
            if (heads < 2 || heads % 2 != 0 || shell.Features % heads != 0) return null;
            if (tensors.Shape($"layers.{i}.blocks.0.ffn.fc1.weight") is not [var inner, var to] || to != shell.Features) return null;
            var config = new DatGroupConfig(shell.Features, heads, window, tensors.CountChildren($"layers.{i}.blocks."), inner,
                tensors.Shape(First + "qkv.bias") is not null)
            {
                Number = i,
                End = EndOf(tensors, $"layers.{i}.conv"),
            };
            groups.Add(() => new DatGroup(config));
        }
        return Spec(shell with { IsDat = true, HasFirstNorm = true, Groups = groups });
    }

    private static UpscalerSpec? Windowed(StateDict tensors, string path, string make, bool isHat)
    {
        const string First = "layers.0.residual_group.", Attention = "blocks.0.attn.", Overlap = "overlap_attn.", Table = "relative_position_bias_table";
        if (tensors.Shape(First + Attention + Table) is not [var ways, _] || tensors.Shape(First + Overlap + Table) is not null != isHat) return null;
        if (Shell(tensors, path, make) is not { } shell || Side(ways) is not { } side || side % 2 == 0) return null;
        side = (side + 1) / 2;
        if (tensors.Shape("absolute_pos_embed") is not null)
            throw new CheckpointException($"{path} is an upscaler of the kind {make} that knows one size of picture only (absolute_pos_embed), which "
                + "Easel does not read.");
        var groups = new List<Func<Module<Tensor, Tensor>>>();
        for (var i = 0; i < tensors.CountChildren("layers."); i++)
        {
            var group = $"layers.{i}.residual_group.";
            if (tensors.Shape(group + Attention + Table) is not [_, var heads] || heads < 1 || shell.Features % heads != 0) return null;
            if (tensors.Shape(group + "blocks.0.mlp.fc1.weight") is not [var inner, var to] || to != shell.Features) return null;
            int? reach = null;
            (long, long)? convolutions = null;
            if (isHat)
            {
                if (tensors.Shape(group + Overlap + Table) is not [var relations, _] || Side(relations) is not { } both) return null;
                reach = both + 1 - side;
                if (reach < side || (reach - side) % 2 != 0) return null;
                if (tensors.Shape(group + "blocks.0.conv_block.cab.0.weight") is not [var narrow, var into, 3, 3] || into != shell.Features
                    || tensors.Shape(group + "blocks.0.conv_block.cab.3.attention.1.weight") is not [var squeezed, var of, 1, 1] || of != shell.Features)
                    return null;
                convolutions = (narrow, squeezed);
            }
            var config = new WindowGroupConfig(shell.Features, heads, side, tensors.CountChildren(group + "blocks."), inner,
                tensors.Shape(First + Attention + "qkv.bias") is not null)
            {
                Convolutions = convolutions,
                Reach = reach,
                End = EndOf(tensors, $"layers.{i}.conv"),
            };
            groups.Add(() => new WindowGroup(config));
        }
        return Spec(shell with
        {
            HasFirstNorm = tensors.Shape("patch_embed.norm.weight") is not null,
            Groups = groups,
            Multiple = side * shell.Unshuffle,
            Range = !isHat && side == JpegWindow ? 255 : 1, // no other networks have these windows
        });
    }

    /// <summary>What stands around the groups; null where it is none that is known.</summary>
    private static TransformerConfig? Shell(StateDict tensors, string path, string make)
    {
        if (tensors.Shape("conv_first.weight") is not [var features, var inputs, 3, 3]) return null;
        var unshuffle = inputs switch { 3 => 1, 12 => 2, 48 => 4, _ => 0 };
        if (inputs == 1) throw new CheckpointException($"{path} is an upscaler of the kind {make} for grey pictures, which Easel does not read.");
        if (unshuffle == 0) return null;
        var end = tensors.Shape("conv_before_upsample.0.weight") is not null
            ? tensors.Shape("conv_up1.weight") is not null ? TransformerEnd.Nearest : TransformerEnd.Shuffled
            : tensors.Shape("upsample.0.weight") is not null ? TransformerEnd.ShuffledAtOnce : TransformerEnd.SameSize;
        IReadOnlyList<int> steps = end switch
        {
            TransformerEnd.Nearest => [.. Enumerable.Range(1, 3).TakeWhile(i => tensors.Shape($"conv_up{i}.weight") is not null).Select(_ => 2)],
            TransformerEnd.Shuffled => [.. Enumerable.Range(0, 4).Select(i => tensors.Shape($"upsample.{2 * i}.weight")).TakeWhile(shape => shape is not null)
                .Select(shape => shape is [var made, var from, ..] && from > 0 ? (int)Math.Sqrt((double)made / from) : 0)],
            TransformerEnd.ShuffledAtOnce => [tensors.Shape("upsample.0.weight") is [var stacked, ..] ? UpscalerFile.Scale(stacked) ?? 0 : 0],
            _ => [],
        };
        var scale = steps.Aggregate(1, (product, step) => product * step);
        if (steps.Any(step => step is < 1 or > 16) || scale > 64 || scale % unshuffle != 0 || end == TransformerEnd.SameSize && unshuffle > 1) return null;
        return new TransformerConfig(features, end, steps)
        {
            Unshuffle = unshuffle,
            EndFeatures = tensors.Shape("conv_before_upsample.0.weight") is [var inner, var from, 3, 3] && from == features ? inner : 0,
            AfterBody = EndOf(tensors, "conv_after_body"),
            Groups = [],
        };
    }

    private static UpscalerSpec? Spec(TransformerConfig config) =>
        config.Groups.Count > 0 ? new UpscalerSpec(() => new TransformerUpscaler(config), config.Scale) : null;

    private static ResidualEnd EndOf(StateDict tensors, string name) => tensors.Shape(name + ".weight") is not null ? ResidualEnd.One
        : tensors.Shape(name + ".0.weight") is not null ? ResidualEnd.Three : ResidualEnd.None;

    /// <summary>The sides of the windows whose places a tensor lists, from the last of them.</summary>
    private static Window? WindowOf(StateDict tensors, string name)
    {
        if (tensors.Shape(name) is not [var count, 2] || count is < 1 or > 4 * LargestWindow * LargestWindow) return null;
        using var scope = NewDisposeScope();
        var last = tensors.Slots[name].View()[(int)count - 1].to(ScalarType.Float32).cpu().data<float>().ToArray();
        if (last.Any(side => !(side >= 0 && side < LargestWindow && Math.Floor(side) == side))) return null;
        var window = new Window((int)last[0] + 1, (int)last[1] + 1);
        return (2L * window.Height - 1) * (2 * window.Width - 1) == count ? window : null;
    }

    /// <summary>The root of a square number; null for others and for none that belongs to a window.</summary>
    private static int? Side(long square)
    {
        var side = (int)Math.Round(Math.Sqrt(Math.Max(0, square)));
        return side is > 0 and < 4 * LargestWindow && (long)side * side == square ? side : null;
    }
}
