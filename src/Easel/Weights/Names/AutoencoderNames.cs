using System.Globalization;

namespace Easel.Weights.Names;

/// <summary>From the names of our autoencoder's parameters, which are those of diffusers, back to those of the original single file.</summary>
internal static class AutoencoderNames
{
    private static readonly (string Ours, string Original)[] Parts =
    [
        (".mid_block.attentions.0.group_norm.", ".mid.attn_1.norm."),
        (".mid_block.attentions.0.to_q.", ".mid.attn_1.q."), (".mid_block.attentions.0.to_k.", ".mid.attn_1.k."),
        (".mid_block.attentions.0.to_v.", ".mid.attn_1.v."), (".mid_block.attentions.0.to_out.0.", ".mid.attn_1.proj_out."),
        (".mid_block.resnets.0.", ".mid.block_1."), (".mid_block.resnets.1.", ".mid.block_2."),
        (".conv_norm_out.", ".norm_out."), (".conv_shortcut.", ".nin_shortcut."),
        (".resnets.", ".block."), (".downsamplers.0.conv.", ".downsample.conv."), (".upsamplers.0.conv.", ".upsample.conv."),
    ];

    /// <summary>The original name of a parameter; the original numbers the decoder's <paramref name="levels"/> from the finest.</summary>
    public static string Original(string name, int levels)
    {
        var parts = name.Split('.');
        if (parts is ["encoder", "down_blocks", ..]) parts[1] = "down";
        if (parts is ["decoder", "up_blocks", ..]) (parts[1], parts[2]) = ("up", $"{levels - 1 - int.Parse(parts[2], CultureInfo.InvariantCulture)}");
        return Parts.Aggregate(string.Join('.', parts), (text, part) => text.Replace(part.Ours, part.Original));
    }

    /// <summary>Whether a parameter is a matrix of the attention, which the original keeps as a 1x1 convolution.</summary>
    public static bool IsProjection(string name) => name.Contains(".mid_block.attentions.0.to_") && name.EndsWith(".weight", StringComparison.Ordinal);
}
