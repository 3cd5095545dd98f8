using Easel.Models;
using Easel.Models.Control;

namespace Easel.Weights;

/// <summary>Reads the shapes of networks that steer a UNet off their tensors, and off the UNet what these do not say.</summary>
internal static class ControlShapes
{
    /// <summary>Of any weight: more is no network, and products of sides stay numbers.</summary>
    private const int LargestSide = 1 << 18;

    /// <summary>A ControlNet's shape. It is a copy of half of a UNet, whose heads its tensors do not tell: they are the UNet's.</summary>
    public static ControlNetConfig ControlNet(StateDict tensors, UNetConfig unet, string path)
    {
        var conv_in = Sized(tensors, "conv_in.weight", path);
        var hint = Sized(tensors, "controlnet_cond_embedding.conv_in.weight", path);
        var levels = tensors.CountChildren("down_blocks.");
        if (levels is 0 or > 8) throw new CheckpointException($"{path} holds a ControlNet with {levels} resolution levels; 1 to 8 are possible.");
        var channels = Enumerable.Range(0, levels).Select(i => (int)Sized(tensors, $"down_blocks.{i}.resnets.0.conv1.weight", path)[0]).ToList();
        const string Middle = "mid_block.attentions.0.", Key = "transformer_blocks.0.attn2.to_k.weight";
        // The smallest have transformers in one level only.
        var prompted = tensors.Slots.Keys.Where(name => name.EndsWith(Key, StringComparison.Ordinal)).Order(StringComparer.Ordinal).FirstOrDefault()
            ?? throw new CheckpointException($"{path} holds a ControlNet that does not attend to the prompt, which is none that Easel knows.");
        var projection = tensors.Shape(prompted[..^Key.Length] + "proj_in.weight") ?? [];
        var encoder = new UNetConfig
        {
            InChannels = (int)conv_in[1],
            OutChannels = (int)conv_in[1],
            Channels = channels,
            BlocksPerLevel = tensors.CountChildren("down_blocks.0.resnets."),
            ContextWidth = (int)Sized(tensors, prompted, path, 2)[1],
            LinearProjections = projection.Length == 2,
            VectorWidth = (int)(tensors.Shape("add_embedding.linear_1.weight")?[1] ?? 0),
            Attention = [.. Enumerable.Range(0, levels).Select(i => Attention($"down_blocks.{i}.attentions.0.", i, unet.Attention.ElementAtOrDefault(i)))],
            MiddleAttention = Attention(Middle, levels - 1, unet.MiddleAttention),
            MiddleBlocks = Math.Max(1, tensors.CountChildren("mid_block.resnets.")),
        };
        return new ControlNetConfig(encoder, (int)hint[1],
        [
            (int)hint[0],
            .. Enumerable.Range(0, tensors.CountChildren("controlnet_cond_embedding.blocks.") / 2)
                .Select(i => (int)Sized(tensors, $"controlnet_cond_embedding.blocks.{2 * i + 1}.weight", path)[0]),
        ], Union(tensors));

        AttentionLevel Attention(string prefix, int level, AttentionLevel? same)
        {
            var width = channels[level];
            var heads = level < unet.Channels.Count && unet.Channels[level] == width ? same?.Heads ?? 0 : 0;
            return new AttentionLevel(tensors.CountChildren(prefix + "transformer_blocks."), heads > 0 ? heads : Math.Max(1, width / 64), SelfAttention: true);
        }
    }

    /// <summary>A T2I-Adapter's shape.</summary>
    public static T2iAdapterConfig Adapter(StateDict tensors, string path)
    {
        var levels = tensors.CountChildren("body.");
        if (levels is 0 or > 8) throw new CheckpointException($"{path} holds a T2I-Adapter with {levels} levels; 1 to 8 are possible.");
        var isLight = tensors.Shape("conv_in.weight") is null;
        var inputs = (int)Sized(tensors, isLight ? "body.0.in_conv.weight" : "conv_in.weight", path)[1];
        // 64 pixels of 1 or 3 channels, or, in SDXL, 256 of them.
        var (hint, shrink) = inputs switch { 64 => (1, 8), 192 => (3, 8), 256 => (1, 16), 768 => (3, 16), _ => (0, 0) };
        if (hint == 0) throw new CheckpointException($"{path} holds a T2I-Adapter of {inputs} channels in; 64, 192, 256 and 768 are known.");
        var blocks = tensors.CountChildren("body.0.resnets.");
        return new T2iAdapterConfig(hint, shrink, Each(isLight ? "out_conv.weight" : "resnets.0.block1.weight"), blocks,
            isLight ? Each("resnets.0.block1.weight") : null);

        List<int> Each(string name) => [.. Enumerable.Range(0, levels).Select(i => (int)Sized(tensors, $"body.{i}.{name}", path)[0])];
    }

    /// <summary>An IP-Adapter's shape.</summary>
    public static IpAdapterConfig IpAdapter(StateDict tensors, string path)
    {
        var layers = tensors.CountChildren("ip_adapter.");
        var widths = Enumerable.Range(0, layers).Select(i => Sized(tensors, $"ip_adapter.{i}.to_k_ip.weight", path, 2)).ToList();
        if (widths.Count == 0) throw new CheckpointException($"{path} holds an IP-Adapter without layers.");
        if (tensors.Slots.Keys.Any(name => name.EndsWith("_lora.down.weight", StringComparison.Ordinal))
            || tensors.Shape("image_proj.proj.2.weight") is not null && tensors.Shape("image_proj.norm.weight") is not null)
            throw new CheckpointException($"{path} is an IP-Adapter for faces, which needs a network that knows faces; Easel uses those for whole pictures.");
        var (context, outer) = ((int)widths[0][1], widths.Select(width => width[0]).ToList());
        if (tensors.Shape("image_proj.queries.latents") is [_, var tokens, var inner])
        {
            var resampler = new ResamplerConfig((int)inner, (int)Sized(tensors, "image_proj.layers.0.to_q.weight", path, 2)[0],
                tensors.CountChildren("image_proj.layers."), (int)Sized(tensors, "image_proj.layers.0.linear_1.weight", path, 2)[0]);
            return new IpAdapterConfig((int)Sized(tensors, "image_proj.proj_in.weight", path, 2)[1], context, (int)tokens, resampler, outer);
        }
        if (tensors.Shape("image_proj.proj.0.weight") is [_, var wide]) return new((int)wide, context, 1, null, outer) { IsPerceptron = true };
        var whole = Sized(tensors, "image_proj.proj.weight", path, 2);
        return new IpAdapterConfig((int)whole[1], context, (int)whole[0] / context, null, outer);
    }

    /// <summary>The shapes of a ControlNet-LLLite's parts.</summary>
    /// <param name="layers">The layers that they steer, as the file names them.</param>
    public static IReadOnlyList<LllitePart> Lllite(StateDict tensors, IReadOnlyList<string> layers, string path) => [.. layers.Select((layer, i) =>
    {
        var down = tensors.Shape($"parts.{i}.down.0.weight") is { Length: 2 } linear ? linear
            : throw new CheckpointException($"{path} is a ControlNet-LLLite that steers {layer}, which is no linear layer; "
                + "Easel uses those that steer linear ones.");
        var hint = Sized(tensors, $"parts.{i}.conditioning1.0.weight", path)[0];
        var depth = tensors.Shape($"parts.{i}.conditioning1.4.weight") is not null ? 3
            : Sized(tensors, $"parts.{i}.conditioning1.2.weight", path)[^1] == 4 ? 2 : 1;
        return new LllitePart(layer[Names.ControlNames.Lllite.Length..], (int)down[1], (int)hint * 2, (int)down[0], depth);
    })];

    /// <summary>The vision tower's shape.</summary>
    /// <param name="heads">Attention heads where a configuration says them; 16 in all that are in use.</param>
    public static ClipVisionConfig Vision(StateDict tensors, int? heads, string? activation, string path)
    {
        var patches = Sized(tensors, "vision_model.embeddings.patch_embedding.weight", path);
        var places = Sized(tensors, "vision_model.embeddings.position_embedding.weight", path, 2);
        var (width, patch) = ((int)patches[0], (int)patches[2]);
        var counted = heads ?? 16;
        if (counted <= 0 || width % counted != 0)
            throw new CheckpointException($"{path} would have {counted} attention heads over a width of {width}, which do not divide.");
        // OpenAI's own tower, of width 1024, was trained with the quicker activation.
        var isQuick = activation is null ? width == 1024 : activation == "quick_gelu";
        return new ClipVisionConfig(width, tensors.CountChildren("vision_model.encoder.layers."), counted,
            (int)Sized(tensors, "vision_model.encoder.layers.0.mlp.fc1.weight", path, 2)[0], patch, (int)Math.Round(Math.Sqrt(places[0] - 1)) * patch,
            (int)Sized(tensors, "visual_projection.weight", path, 2)[0], isQuick ? TextActivation.QuickGelu : TextActivation.Gelu);
    }

    /// <summary>The family whose UNets have a ControlNet's shape, to follow "for".</summary>
    public static string FamilyOf(UNetConfig made) =>
        (ModelFamily.Of(new UNetSigns(made.InChannels, made.InChannels, made.ContextWidth, made.LinearProjections, HasClasses: false, made.VectorWidth,
            _ => false), ModelFamily.All)?.Name ?? "a model that Easel does not know")
        + $" (levels of {string.Join(", ", made.Channels)}, context of {made.ContextWidth})";

    /// <summary>The family whose UNets an IP-Adapter fits, to follow "for".</summary>
    public static string FamilyOf(IpAdapterConfig made) =>
        (made.ContextWidth switch { 768 => "Stable Diffusion 1", 1024 => "Stable Diffusion 2", 2048 => "Stable Diffusion XL", _ => "another model" })
        + $" ({made.LayerWidths.Count} layers, context of {made.ContextWidth})";

    private static UnionConfig? Union(StateDict tensors)
    {
        if (tensors.Shape("union.tasks.task_embedding") is not [var types, var channels]) return null;
        var inputs = tensors.Shape("union.control_add_embedding.linear_1.weight") is [_, var wide] ? wide : types * 256;
        return new UnionConfig((int)types, (int)(inputs / types), tensors.CountChildren("union.transformer_layes."), channels % 8 == 0 ? 8 : 1);
    }

    private static long[] Sized(StateDict tensors, string name, string path, int rank = 4) =>
        tensors.Shape(name) is { } shape && shape.Length == rank && shape.All(side => side is > 0 and <= LargestSide)
            ? shape : throw new CheckpointException($"{path} does not fit: its tensor {name} is missing or of a shape that it cannot be.");
}
