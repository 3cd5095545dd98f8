using System.Globalization;
using Easel.Models;

namespace Easel.Weights.Names;

/// <summary>From the names of our layers back to those of the original single-file layout: the inverse of <see cref="KeyLayout.OriginalUNet"/>.</summary>
internal static class OriginalNames
{
    /// <summary>What the original calls a layer of the UNet: "input_blocks.1.1.proj_in" for "down_blocks.0.attentions.0.proj_in".</summary>
    public static string UNetLayer(string name, UNetConfig config)
    {
        var stage = config.BlocksPerLevel + 1;
        var parts = name.Split('.');
        return parts switch
        {
            ["conv_in"] => "input_blocks.0.0",
            ["conv_norm_out"] => "out.0",
            ["conv_out"] => "out.2",
            ["class_embedding"] => "label_emb",
            ["time_embedding", "linear_1"] => "time_embed.0",
            ["time_embedding", "linear_2"] => "time_embed.2",
            ["down_blocks", var level, "downsamplers", ..] => $"input_blocks.{(Number(level) + 1) * stage}.0.op",
            ["down_blocks", var level, var kind, var index, .. var inner] => $"input_blocks.{1 + Number(level) * stage + Number(index)}.{Inner(kind, inner)}",
            ["mid_block", "attentions", _, .. var inner] => "middle_block.1." + string.Join('.', inner),
            ["mid_block", "resnets", var index, .. var inner] => $"middle_block.{2 * Number(index)}." + Resnet(inner),
            // The upsampler comes after the level's last residual block, and after its transformer where there is one.
            ["up_blocks", var level, "upsamplers", ..] => $"output_blocks.{(Number(level) + 1) * stage - 1}.{(HasTransformers(Number(level)) ? 2 : 1)}.conv",
            ["up_blocks", var level, var kind, var index, .. var inner] => $"output_blocks.{Number(level) * stage + Number(index)}.{Inner(kind, inner)}",
            _ => name,
        };

        static int Number(string part) => int.Parse(part, CultureInfo.InvariantCulture);

        bool HasTransformers(int upLevel) => config.Attention[config.Channels.Count - 1 - upLevel].Depth > 0;

        static string Inner(string kind, string[] inner) => kind == "attentions" ? "1." + string.Join('.', inner) : "0." + Resnet(inner);

        static string Resnet(string[] inner) => inner[0] switch
        {
            "norm1" => "in_layers.0",
            "conv1" => "in_layers.2",
            "time_emb_proj" => "emb_layers.1",
            "norm2" => "out_layers.0",
            "conv2" => "out_layers.3",
            "conv_shortcut" => "skip_connection",
            var other => other,
        };
    }
}
