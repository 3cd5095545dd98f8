using Easel.Models;

namespace Easel.Weights.Names;

/// <summary>How files name the autoencoder's tensors.</summary>
internal static class AutoencoderNames
{
    /// <summary>The original layout, for an autoencoder of this shape.</summary>
    public static NameTable Original(AutoencoderConfig config) => Original(config.Channels.Count, config.BlocksPerLevel + 1);

    /// <summary>The original layout or that of diffusers, whichever these names are of.</summary>
    public static NameTable Of(IReadOnlyCollection<string> names) => NameTable.Count(names, "decoder.up.") is > 0 and var levels
        ? Original(levels, Enumerable.Range(0, levels).Max(level => NameTable.Count(names, $"decoder.up.{level}.block.")))
        : Diffusers;

    /// <summary>A diffusers folder, whose older exports named the attention's projections otherwise.</summary>
    private static NameTable Diffusers { get; } = new([.. Ends, new("encoder", "encoder"), new("decoder", "decoder"), ..
        from half in (string[])["encoder", "decoder"]
        from part in ((string, string)[])[("query", "to_q"), ("key", "to_k"), ("value", "to_v"), ("proj_attn", "to_out.0")]
        select new NameRow($"{half}.mid_block.attentions.0.{part.Item1}", $"{half}.mid_block.attentions.0.{part.Item2}")])
    { IsWhole = true };

    // What all layouts call the same, and what an autoencoder's training leaves in its file.
    private static IEnumerable<NameRow> Ends =>
    [
        .. from name in (string[])["encoder.conv_in", "encoder.conv_out", "decoder.conv_in", "decoder.conv_out", "quant_conv", "post_quant_conv"]
           select new NameRow(name, name),
        new("loss", null), new("model_ema", null),
    ];

    // The original numbers the decoder's levels from the finest, we from the first to run.
    private static NameTable Original(int levels, int blocks)
    {
        List<NameRow> rows = [.. Ends];
        foreach (var half in (string[])["encoder", "decoder"])
        {
            var (attention, own) = ($"{half}.mid.attn_1", $"{half}.mid_block.attentions.0");
            rows.AddRange(
            [
                new($"{half}.norm_out", $"{half}.conv_norm_out"),
                .. Block($"{half}.mid.block_1", $"{half}.mid_block.resnets.0"), .. Block($"{half}.mid.block_2", $"{half}.mid_block.resnets.1"),
                new($"{attention}.norm", $"{own}.group_norm"), new($"{attention}.q", $"{own}.to_q", IsConvolution: true),
                new($"{attention}.k", $"{own}.to_k", IsConvolution: true), new($"{attention}.v", $"{own}.to_v", IsConvolution: true),
                new($"{attention}.proj_out", $"{own}.to_out.0", IsConvolution: true),
            ]);
        }
        for (var level = 0; level < levels; level++)
        {
            var (down, up) = ($"encoder.down_blocks.{level}", $"decoder.up_blocks.{levels - 1 - level}");
            rows.AddRange(
            [
                new($"encoder.down.{level}.downsample.conv", $"{down}.downsamplers.0.conv"),
                new($"decoder.up.{level}.upsample.conv", $"{up}.upsamplers.0.conv"),
            ]);
            for (var i = 0; i < blocks; i++)
                rows.AddRange([.. Block($"encoder.down.{level}.block.{i}", $"{down}.resnets.{i}"),
                    .. Block($"decoder.up.{level}.block.{i}", $"{up}.resnets.{i}")]);
        }
        return new NameTable(rows) { IsWhole = true };

        static IEnumerable<NameRow> Block(string stored, string own) => [new($"{stored}.nin_shortcut", $"{own}.conv_shortcut"), new(stored, own)];
    }
}
