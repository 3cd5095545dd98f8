using Easel.Models;

namespace Easel.Weights.Names;

/// <summary>How files name the UNet's tensors.</summary>
internal static class UNetNames
{
    // What a residual block is made of.
    private static readonly (string Stored, string Own)[] Resnet =
    [
        ("in_layers.0", "norm1"), ("in_layers.2", "conv1"), ("emb_layers.1", "time_emb_proj"), ("out_layers.0", "norm2"), ("out_layers.3", "conv2"),
        ("skip_connection", "conv_shortcut"),
    ];

    /// <summary>The original single-file layout, openaimodel.py, for a UNet of this shape.</summary>
    public static NameTable Original(UNetConfig config) =>
        Original(config.Channels.Count, config.BlocksPerLevel, upLevel => config.Attention[config.Channels.Count - 1 - upLevel].Depth > 0);

    /// <summary>The same, for the UNet whose tensors have these names: where one level ends and the next begins they tell.</summary>
    public static NameTable Original(IReadOnlyCollection<string> names)
    {
        var downsamplers = names.Where(name => name.StartsWith("input_blocks.", StringComparison.Ordinal) && name.Contains(".0.op."));
        var highest = NameTable.Count(names, "input_blocks.") - 1;
        var first = downsamplers.Select(name => NameTable.Number(name.AsSpan("input_blocks.".Length))).Min();
        var blocks = Math.Clamp(first - 1 ?? highest, 0, Math.Max(0, highest));
        return Original(levels: highest / (blocks + 1) + 1, blocks, hasTransformers: _ => true);
    }

    /// <param name="blocks">Residual blocks in each on the way down; there is one more on the way up.</param>
    /// <param name="hasTransformers">Whether a level on the way up, counted from the coarsest, has transformers, whose number the upsampler's follows.</param>
    private static NameTable Original(int levels, int blocks, Func<int, bool> hasTransformers)
    {
        var stage = blocks + 1;
        List<NameRow> rows =
        [
            new("input_blocks.0.0", "conv_in"), new("out.0", "conv_norm_out"), new("out.2", "conv_out"),
            new("time_embed.0", "time_embedding.linear_1"), new("time_embed.2", "time_embedding.linear_2"), new("label_emb", "class_embedding"),
            new("middle_block.1", "mid_block.attentions.0"),
            .. Block("middle_block.0", "mid_block.resnets.0"), .. Block("middle_block.2", "mid_block.resnets.1"),
        ];
        for (var level = 0; level < levels; level++)
        {
            for (var i = 0; i < stage; i++)
            {
                var (down, up) = ($"input_blocks.{1 + level * stage + i}", $"output_blocks.{level * stage + i}");
                if (i < blocks) rows.AddRange(
                    [.. Block(down + ".0", $"down_blocks.{level}.resnets.{i}"), new(down + ".1", $"down_blocks.{level}.attentions.{i}")]);
                else rows.Add(new(down + ".0.op", $"down_blocks.{level}.downsamplers.0.conv"));
                rows.AddRange([.. Block(up + ".0", $"up_blocks.{level}.resnets.{i}"), new(up + ".1", $"up_blocks.{level}.attentions.{i}")]);
            }
            var (last, after) = ($"output_blocks.{(level + 1) * stage - 1}", hasTransformers(level) ? 2 : 1);
            foreach (var place in (int[])[after, 3 - after]) rows.Add(new($"{last}.{place}.conv", $"up_blocks.{level}.upsamplers.0.conv"));
        }
        return new NameTable(rows);

        static IEnumerable<NameRow> Block(string stored, string own) =>
            Resnet.Select(part => new NameRow($"{stored}.{part.Stored}", $"{own}.{part.Own}")).Append(new NameRow(stored, own));
    }
}
