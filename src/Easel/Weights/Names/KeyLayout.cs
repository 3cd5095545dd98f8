using System.Text.RegularExpressions;

namespace Easel.Weights.Names;

/// <summary>
/// The key tables: from the names under which tensors are stored to the names of our parameters, which are those of diffusers and transformers.
/// Each function takes a stored name without its component's prefix and returns null where the tensor belongs to no parameter.
/// </summary>
internal static partial class KeyLayout
{
    /// <summary>The UNet of the original single-file layout. <paramref name="blocksPerLevel"/> tells where one level ends and the next begins.</summary>
    public static string? OriginalUNet(string key, int blocksPerLevel)
    {
        var stage = blocksPerLevel + 1;
        var parts = key.Split('.');
        switch (parts[0])
        {
            case "input_blocks" when parts.Length > 3 && parts[1] == "0":
                return "conv_in." + parts[3];
            case "input_blocks" when parts.Length > 3 && int.TryParse(parts[1], out var n):
                var (level, index) = ((n - 1) / stage, (n - 1) % stage);
                return index == blocksPerLevel
                    ? $"down_blocks.{level}.downsamplers.0.conv.{parts[^1]}"
                    : $"down_blocks.{level}." + Member(parts, index);
            case "middle_block" when parts.Length > 2:
                return parts[1] == "1" ? "mid_block.attentions.0." + Rest(parts, 2) : $"mid_block.resnets.{(parts[1] == "0" ? 0 : 1)}." + Resnet(Rest(parts, 2));
            case "output_blocks" when parts.Length > 3 && int.TryParse(parts[1], out var m):
                return parts[3] == "conv" && parts[2] != "0"
                    ? $"up_blocks.{m / stage}.upsamplers.0.conv.{parts[^1]}"
                    : $"up_blocks.{m / stage}." + Member(parts, m % stage);
            case "time_embed":
                return $"time_embedding.linear_{(parts[1] == "0" ? 1 : 2)}.{parts[^1]}";
            case "label_emb":
                return "class_embedding." + parts[^1];
            case "out":
                return (parts[1] == "0" ? "conv_norm_out." : "conv_out.") + parts[^1];
            default:
                return key; // unknown: the strict load names it
        }

        static string Member(string[] parts, int index) => parts[2] == "0" ? $"resnets.{index}." + Resnet(Rest(parts, 3)) : $"attentions.{index}." + Rest(parts, 3);

        static string Resnet(string inner) => inner
            .Replace("in_layers.0.", "norm1.").Replace("in_layers.2.", "conv1.")
            .Replace("emb_layers.1.", "time_emb_proj.")
            .Replace("out_layers.0.", "norm2.").Replace("out_layers.3.", "conv2.")
            .Replace("skip_connection.", "conv_shortcut.");

        static string Rest(string[] parts, int from) => string.Join('.', parts, from, parts.Length - from);
    }

    /// <summary>Residual blocks in each level of an original UNet: the first downsampling comes right after them.</summary>
    public static int OriginalBlocksPerLevel(IEnumerable<string> keys)
    {
        var blocks = keys.Select(key => InputBlock().Match(key)).Where(match => match.Success).ToList();
        var downsamplers = blocks.Where(match => match.Groups[2].Value == "op").Select(match => int.Parse(match.Groups[1].Value)).ToList();
        return downsamplers.Count > 0 ? downsamplers.Min() - 1 : blocks.Select(match => int.Parse(match.Groups[1].Value)).DefaultIfEmpty(0).Max();
    }

    /// <summary>The autoencoder of the original layout. <paramref name="levels"/>: the original numbers the decoder's levels from the finest, we from the first to run.</summary>
    public static string? OriginalAutoencoder(string key, int levels)
    {
        if (key.StartsWith("loss.", StringComparison.Ordinal) || key.StartsWith("model_ema.", StringComparison.Ordinal)) return null;
        key = key
            .Replace(".norm_out.", ".conv_norm_out.").Replace(".nin_shortcut.", ".conv_shortcut.")
            .Replace(".mid.block_1.", ".mid_block.resnets.0.").Replace(".mid.block_2.", ".mid_block.resnets.1.")
            .Replace(".mid.attn_1.", ".mid_block.attentions.0.")
            .Replace(".attentions.0.norm.", ".attentions.0.group_norm.").Replace(".attentions.0.proj_out.", ".attentions.0.to_out.0.")
            .Replace(".attentions.0.q.", ".attentions.0.to_q.").Replace(".attentions.0.k.", ".attentions.0.to_k.").Replace(".attentions.0.v.", ".attentions.0.to_v.");
        key = EncoderLevel().Replace(key, match => $"encoder.down_blocks.{match.Groups[1].Value}.");
        key = DecoderLevel().Replace(key, match => $"decoder.up_blocks.{levels - 1 - int.Parse(match.Groups[1].Value)}.");
        return key.Replace(".block.", ".resnets.").Replace(".downsample.conv.", ".downsamplers.0.conv.").Replace(".upsample.conv.", ".upsamplers.0.conv.");
    }

    /// <summary>The autoencoder of a diffusers folder, whose older exports named the attention's projections otherwise.</summary>
    public static string? DiffusersAutoencoder(string key) => key
        .Replace(".attentions.0.query.", ".attentions.0.to_q.").Replace(".attentions.0.key.", ".attentions.0.to_k.")
        .Replace(".attentions.0.value.", ".attentions.0.to_v.").Replace(".attentions.0.proj_attn.", ".attentions.0.to_out.0.");

    /// <summary>OpenAI's CLIP as transformers stores it; before version 4.2x without "text_model.".</summary>
    public static string? ClipText(string key)
    {
        if (key.EndsWith("position_ids", StringComparison.Ordinal) || key.StartsWith("text_projection", StringComparison.Ordinal)) return null;
        return key.StartsWith("text_model.", StringComparison.Ordinal) ? key : "text_model." + key;
    }

    /// <summary>OpenCLIP's text tower. Query, key and value are one tensor there: the name of each part, in order, is returned.</summary>
    public static IReadOnlyList<string> OpenClipText(string key)
    {
        if (key is "text_projection" or "logit_scale" or "attn_mask" or "text_projection.weight") return [];
        if (key == "positional_embedding") return ["text_model.embeddings.position_embedding.weight"];
        if (key == "token_embedding.weight") return ["text_model.embeddings.token_embedding.weight"];
        if (key.StartsWith("ln_final.", StringComparison.Ordinal)) return ["text_model.final_layer_norm." + key["ln_final.".Length..]];

        key = key.Replace("transformer.resblocks.", "text_model.encoder.layers.")
            .Replace(".ln_1.", ".layer_norm1.").Replace(".ln_2.", ".layer_norm2.")
            .Replace(".mlp.c_fc.", ".mlp.fc1.").Replace(".mlp.c_proj.", ".mlp.fc2.")
            .Replace(".attn.out_proj.", ".self_attn.out_proj.");
        foreach (var kind in (string[])["weight", "bias"])
        {
            var fused = ".attn.in_proj_" + kind;
            if (key.EndsWith(fused, StringComparison.Ordinal)) return [.. "qkv".Select(part => $"{key[..^fused.Length]}.self_attn.{part}_proj.{kind}")];
        }
        return [key];
    }

    [GeneratedRegex(@"input_blocks\.(\d+)\.0\.(op|in_layers)\.")]
    private static partial Regex InputBlock();

    [GeneratedRegex(@"^encoder\.down\.(\d+)\.")]
    private static partial Regex EncoderLevel();

    [GeneratedRegex(@"^decoder\.up\.(\d+)\.")]
    private static partial Regex DecoderLevel();
}
