namespace Easel.Cli;

/// <summary>From the names of our parameters, which are those of diffusers, back to those of the original single file: the inverse of the library's key tables.</summary>
internal static class OriginalNames
{
    private static readonly (string Ours, string Original)[] ResnetParts =
    [
        ("norm1.", "in_layers.0."), ("conv1.", "in_layers.2."), ("time_emb_proj.", "emb_layers.1."),
        ("norm2.", "out_layers.0."), ("conv2.", "out_layers.3."), ("conv_shortcut.", "skip_connection."),
    ];

    private static readonly (string Ours, string Original)[] AutoencoderParts =
    [
        (".mid_block.attentions.0.group_norm.", ".mid.attn_1.norm."), (".mid_block.attentions.0.to_q.", ".mid.attn_1.q."), (".mid_block.attentions.0.to_k.", ".mid.attn_1.k."),
        (".mid_block.attentions.0.to_v.", ".mid.attn_1.v."), (".mid_block.attentions.0.to_out.0.", ".mid.attn_1.proj_out."),
        (".mid_block.resnets.0.", ".mid.block_1."), (".mid_block.resnets.1.", ".mid.block_2."), (".conv_norm_out.", ".norm_out."), (".conv_shortcut.", ".nin_shortcut."),
        (".resnets.", ".block."), (".downsamplers.0.conv.", ".downsample.conv."), (".upsamplers.0.conv.", ".upsample.conv."),
    ];

    /// <summary>A parameter of the UNet.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="blocks">Residual blocks in each level.</param>
    /// <param name="shape">The shape of a parameter, or null where there is none: it tells whether a block has attention.</param>
    public static string UNet(string name, int blocks, Func<string, long[]?> shape)
    {
        var parts = name.Split('.');
        var stage = blocks + 1;
        return parts switch
        {
            ["conv_in", var leaf] => $"input_blocks.0.0.{leaf}",
            ["conv_norm_out", var leaf] => $"out.0.{leaf}",
            ["conv_out", var leaf] => $"out.2.{leaf}",
            ["time_embedding", "linear_1", var leaf] => $"time_embed.0.{leaf}",
            ["time_embedding", "linear_2", var leaf] => $"time_embed.2.{leaf}",
            ["class_embedding", var leaf] => $"label_emb.{leaf}",
            ["mid_block", "resnets", "0", ..] => "middle_block.0." + Resnet(parts[3..]),
            ["mid_block", "resnets", "1", ..] => "middle_block.2." + Resnet(parts[3..]),
            ["mid_block", "attentions", "0", ..] => "middle_block.1." + Join(parts[3..]),
            ["down_blocks", var level, "downsamplers", "0", "conv", var leaf] => $"input_blocks.{1 + Number(level) * stage + blocks}.0.op.{leaf}",
            ["down_blocks", var level, "resnets", var index, ..] => $"input_blocks.{1 + Number(level) * stage + Number(index)}.0." + Resnet(parts[4..]),
            ["down_blocks", var level, "attentions", var index, ..] => $"input_blocks.{1 + Number(level) * stage + Number(index)}.1." + Join(parts[4..]),
            ["up_blocks", var level, "upsamplers", "0", "conv", var leaf] =>
                $"output_blocks.{Number(level) * stage + blocks}.{(shape($"up_blocks.{level}.attentions.{blocks}.norm.weight") is null ? 1 : 2)}.conv.{leaf}",
            ["up_blocks", var level, "resnets", var index, ..] => $"output_blocks.{Number(level) * stage + Number(index)}.0." + Resnet(parts[4..]),
            ["up_blocks", var level, "attentions", var index, ..] => $"output_blocks.{Number(level) * stage + Number(index)}.1." + Join(parts[4..]),
            _ => name,
        };
    }

    /// <summary>A parameter of the autoencoder, whose decoder's levels the original numbers from the finest.</summary>
    public static string Autoencoder(string name, int levels)
    {
        var parts = name.Split('.');
        if (parts is ["encoder", "down_blocks", ..]) parts[1] = "down";
        if (parts is ["decoder", "up_blocks", ..]) (parts[1], parts[2]) = ("up", $"{levels - 1 - Number(parts[2])}");
        return AutoencoderParts.Aggregate(Join(parts), (text, part) => text.Replace(part.Ours, part.Original));
    }

    /// <summary>Whether a parameter is a matrix of the autoencoder's attention, which the original keeps as a convolution.</summary>
    public static bool IsAutoencoderProjection(string name) => name.Contains(".mid_block.attentions.0.to_") && name.EndsWith(".weight", StringComparison.Ordinal);

    private static string Resnet(string[] parts) => ResnetParts.Aggregate(Join(parts), (text, part) => text.Replace(part.Ours, part.Original));

    private static string Join(string[] parts) => string.Join('.', parts);

    private static int Number(string text) => int.Parse(text, System.Globalization.CultureInfo.InvariantCulture);
}
