using Easel.Models;
using Easel.Models.Midas;

namespace Easel.Weights;

/// <summary>Reads the shape of each network off the shapes of its tensors, so that a tiny model loads as a real one does.</summary>
internal static class Shapes
{
    private const string Middle = "mid_block.attentions.0.";

    /// <summary>The UNet's shape and its family.</summary>
    /// <exception cref="CheckpointException">It is of no family that Easel knows, or tensors that must be there are not.</exception>
    public static (UNetConfig Config, ModelFamily Family) UNet(StateDict tensors, ModelSettings settings, IReadOnlyList<ModelFamily> families, string path)
    {
        var conv_in = Require(tensors, "conv_in.weight", 4, path);
        var conv_out = Require(tensors, "conv_out.weight", 4, path);
        var levels = tensors.CountChildren("down_blocks.");
        if (levels is 0 or > 8) throw new CheckpointException($"{path} holds a UNet with {levels} resolution levels; 1 to 8 are possible.");
        var channels = Enumerable.Range(0, levels).Select(i => (int)Require(tensors, $"down_blocks.{i}.resnets.0.conv1.weight", 4, path)[0]).ToList();

        // Any transformer tells what all have in common. The one in the middle is asked first, and missed where there is none: not every network has a middle.
        var some = Enumerable.Range(0, levels).Reverse().Select(i => $"down_blocks.{i}.attentions.0.").Prepend(Middle)
            .FirstOrDefault(prefix => tensors.Shape(prefix + "proj_in.weight") is not null, Middle);
        var proj_in = Require(tensors, some + "proj_in.weight", 2, path);
        var context = Require(tensors, some + "transformer_blocks.0.attn2.to_k.weight", 2, path)[1];
        var labels = tensors.Shape("class_embedding.weight");
        var hasClasses = tensors.Slots.Keys.Any(name => name.StartsWith("class_embedding.", StringComparison.Ordinal));
        var vector = tensors.Shape("add_embedding.linear_1.weight") is [_, var told] ? (int)told : 0;

        var signs = new UNetSigns((int)conv_in[1], (int)conv_out[0], (int)context, LinearProjections: proj_in.Length == 2, HasClasses: hasClasses,
            vector, name => tensors.Shape(name) is not null);
        var family = ModelFamily.Of(signs, families)
            ?? throw new CheckpointException($"{path} is a diffusion model with {conv_in[1]} channels in and {conv_out[0]} out, which is none that Easel knows "
                + "(4 in: text to image; 9: inpainting; 5: depth; 7 with noise levels: x4 upscaler).");

        var blocks = tensors.CountChildren("down_blocks.0.resnets.");
        var upDepths = Enumerable.Range(0, levels).Select(i => Depths($"up_blocks.{levels - 1 - i}.", blocks + 1)).ToList();
        var attention = Enumerable.Range(0, levels).Select(i => Attention($"down_blocks.{i}.attentions.0.", i)).ToList();
        if (Enumerable.Range(0, levels).Any(i => Depths($"down_blocks.{i}.", blocks).Any(depth => depth != attention[i].Depth)))
            throw new CheckpointException($"{path} holds a UNet whose transformers within one level differ on the way down, as in no UNet that Easel knows.");

        var config = new UNetConfig
        {
            InChannels = (int)conv_in[1],
            OutChannels = (int)conv_out[0],
            Channels = channels,
            BlocksPerLevel = blocks,
            ContextWidth = (int)context,
            LinearProjections = proj_in.Length == 2,
            ClassCount = (int)(labels?[0] ?? 0),
            VectorWidth = vector,
            GuidanceWidth = (int)(tensors.Shape("time_embedding.cond_proj.weight") is [_, var width] ? width : 0),
            Attention = attention,
            UpDepths = Enumerable.Range(0, levels).All(i => upDepths[i].All(depth => depth == attention[i].Depth)) ? null : upDepths,
            MiddleBlocks = tensors.CountChildren("mid_block.resnets."),
            MiddleAttention = Attention(Middle, levels - 1) with { SelfAttention = LooksAtItself(Middle, levels - 1, true) },
        };
        return (config, family);

        AttentionLevel Attention(string prefix, int level) => tensors.CountChildren(prefix + "transformer_blocks.") is var depth and > 0 ? new(
            depth,
            Heads(level),
            LooksAtItself(prefix, level, !(settings.DisabledSelfAttention?.ElementAtOrDefault(level) ?? (family.OuterLevelsSeeThePromptOnly
                && level < levels - 1)))) : new(0, 0, SelfAttention: true);

        // How deep the transformers of a level are: as many as there are residual blocks, or none.
        List<int> Depths(string level, int count)
        {
            var found = tensors.CountChildren(level + "resnets.");
            var depths = Enumerable.Range(0, found).Select(i => tensors.CountChildren($"{level}attentions.{i}.transformer_blocks.")).ToList();
            return found == count && (depths.All(depth => depth == 0) || depths.All(depth => depth > 0)) ? depths
                : throw new CheckpointException($"{path} holds a UNet with {found} residual blocks in {level.TrimEnd('.')}, "
                    + $"{depths.Count(depth => depth > 0)} of them with a transformer, where the shape of its first level asks for {count} alike.");
        }

        // Where the widths of picture and prompt happen to be equal the tensors cannot tell, and the configuration or the family must.
        bool LooksAtItself(string prefix, int level, bool otherwise) =>
            tensors.Shape(prefix + "transformer_blocks.0.attn1.to_k.weight") is { Length: 2 } key && channels[level] != context ? key[1] == channels[level]
                : otherwise;

        long Heads(int level)
        {
            var heads = settings.Heads is { } given ? given[Math.Min(level, given.Count - 1)]
                : settings.HeadWidth is { } width ? channels[level] / width
                : family.Heads > 0 ? family.Heads
                : channels[level] / family.HeadWidth;
            if (heads > 0 && channels[level] % heads == 0) return heads;
            throw new CheckpointException($"{path} would have {heads} attention heads over {channels[level]} channels, which do not divide; "
                + "a configuration file beside it, or the one of LoadOptions.Config, can say how many it has.");
        }
    }

    public static AutoencoderConfig Autoencoder(StateDict tensors, int? normGroups, string path)
    {
        var levels = tensors.CountChildren("encoder.down_blocks.");
        if (levels == 0 && tensors.CountChildren("decoder.up_blocks.") > 0)
            throw new CheckpointException($"{path} holds only the decoder of an autoencoder, and Easel needs its encoder as well.");
        if (levels is 0 or > 8) throw new CheckpointException($"{path} holds an autoencoder with {levels} resolution levels; 1 to 8 are possible.");
        return new AutoencoderConfig
        {
            Channels = [.. Enumerable.Range(0, levels).Select(i => (int)Require(tensors, $"encoder.down_blocks.{i}.resnets.0.conv1.weight", 4, path)[0])],
            LatentChannels = (int)Require(tensors, "post_quant_conv.weight", 4, path)[0],
            BlocksPerLevel = tensors.CountChildren("encoder.down_blocks.0.resnets."),
            NormGroups = normGroups ?? 32,
        };
    }

    /// <summary>The text encoder's shape.</summary>
    /// <param name="isWhole">Whether the layout is one that keeps the whole tower, with layers that the family does not use.</param>
    public static ClipTextConfig Text(StateDict tensors, bool isWhole, TextEncoderSpec spec, TextSettings settings, string path)
    {
        var tokens = Require(tensors, "text_model.embeddings.token_embedding.weight", 2, path);
        var positions = Require(tensors, "text_model.embeddings.position_embedding.weight", 2, path);
        var inner = Require(tensors, "text_model.encoder.layers.0.mlp.fc1.weight", 2, path);
        var width = (int)tokens[1];
        var heads = settings.Heads ?? Math.Max(1, width / 64);
        if (heads <= 0 || width % heads != 0)
            throw new CheckpointException($"{path} would have {heads} text attention heads over a width of {width}, which do not divide.");
        var layers = tensors.CountChildren("text_model.encoder.layers.");
        return new ClipTextConfig
        {
            Vocabulary = (int)tokens[0],
            Positions = (int)positions[0],
            Width = width,
            FeedForwardWidth = (int)inner[0],
            Layers = layers,
            Heads = heads,
            Activation = settings.Activation switch { null => spec.Activation, "quick_gelu" => TextActivation.QuickGelu, _ => TextActivation.Gelu },
            UsedLayers = UsedLayers(layers, width, isWhole, spec, settings),
            HasFinalNorm = spec.HasFinalNorm,
            PooledWidth = spec.Pools ? (int)Require(tensors, TextEncoderPart.Projection, 2, path)[0] : 0,
        };
    }

    /// <summary>The layers of a tower that the diffusion model was trained with. Files keep all of the tower, or only those, under names that do not tell. So
    /// what the tower was before anything was left out decides: by a configuration, by its width, and for a tiny model by what kind of file it is.</summary>
    private static int UsedLayers(int stored, int width, bool isWhole, TextEncoderSpec spec, TextSettings settings)
    {
        var whole = settings.TowerLayers ?? (width == spec.Width ? spec.Layers : (int?)null)
            ?? (isWhole || !spec.IsCutByDiffusers ? settings.Layers ?? stored : null);
        var used = whole - spec.SkippedLayers ?? settings.Layers ?? stored;
        return isWhole ? used : Math.Min(used, settings.Layers ?? used); // transformers runs no more than its configuration says
    }

    public static MidasConfig DepthEstimator(StateDict tensors, string path)
    {
        const string Backbone = "pretrained.model.patch_embed.backbone.";
        var stages = tensors.CountChildren(Backbone + "stages.");
        var positions = Sized("pretrained.model.tokens.pos_embed", 3);
        return new MidasConfig
        {
            StemChannels = Sized(Backbone + "stem.conv.weight", 4)[0],
            StageChannels = [.. Enumerable.Range(0, stages).Select(i => Sized($"{Backbone}stages.{i}.blocks.0.conv3.weight", 4)[0])],
            StageDepths = [.. Enumerable.Range(0, stages).Select(i => tensors.CountChildren($"{Backbone}stages.{i}.blocks."))],
            Width = positions[2],
            Depth = tensors.CountChildren("pretrained.model.blocks."),
            Grid = (long)Math.Sqrt(positions[1] - 1),
            Reassembled = (Sized("pretrained.act_postprocess3.layers.3.weight", 4)[0], Sized("pretrained.act_postprocess4.layers.3.weight", 4)[0]),
            Features = Sized("scratch.layer1_rn.weight", 4)[0],
            HeadChannels = Sized("scratch.output_conv.4.weight", 4)[1],
        };

        long[] Sized(string name, int rank) => tensors.Shape(name) is { } shape && shape.Length == rank
            ? shape
            : throw new CheckpointException($"The depth estimator in {path} does not fit: its tensor {name} is missing or of another rank than {rank}.");
    }

    private static long[] Require(StateDict tensors, string name, int atLeastRank, string path)
    {
        var shape = tensors.Shape(name)
            ?? throw new CheckpointException($"{path} lacks the tensor {name}, without which it is no model that Easel can draw with.");
        return shape.Length >= atLeastRank
            ? shape
            : throw new CheckpointException($"{path} holds the tensor {name} with shape [{string.Join(", ", shape)}], which has too few dimensions.");
    }
}
