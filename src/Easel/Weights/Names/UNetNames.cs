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

    /// <summary>The layout of diffusers, which is ours.</summary>
    private static NameTable Diffusers { get; } = new(from part in (string[])["conv_in", "time_embedding", "class_embedding", "add_embedding", "down_blocks",
        "mid_block", "up_blocks", "conv_norm_out", "conv_out"]
                                                      select new NameRow(part, part))
    { IsWhole = true };

    /// <summary>The original layout or that of diffusers, whichever these names are of.</summary>
    public static NameTable Of(IReadOnlyCollection<string> names) =>
        names.Any(name => name.StartsWith("input_blocks.", StringComparison.Ordinal)) ? Original(names) : Diffusers;

    /// <summary>The original single-file layout, openaimodel.py, for a UNet of this shape: its blocks numbered one after the other.</summary>
    public static NameTable Original(UNetConfig config)
    {
        var (levels, blocks) = (config.Channels.Count, config.BlocksPerLevel);
        List<Place> down = [], up = [];
        for (var level = 0; level < levels; level++)
        {
            for (var i = 0; i < blocks; i++) down.Add(new(down.Count + 1, IsBlock: true, null));
            if (level < levels - 1) down.Add(new(down.Count + 1, IsBlock: false, "0.op"));
            for (var i = 0; i <= blocks; i++)
                up.Add(new(up.Count, IsBlock: true, i < blocks || level == levels - 1 ? null
                    : config.UpAttention(levels - 1 - level, i).Depth > 0 ? "2.conv" : "1.conv"));
        }
        return Original(down, up);
    }

    /// <summary>The same, for the UNet whose tensors have these names: where one level ends and the next begins they tell. Numbers may be left out, as in a
    /// network of fewer blocks that was given the names of a larger one.</summary>
    private static NameTable Original(IReadOnlyCollection<string> names) => Original(Places(names, "input_blocks.", "op").Where(place => place.Number > 0),
        Places(names, "output_blocks.", "conv"));

    /// <summary>A numbered place in the original's lists of blocks.</summary>
    /// <param name="IsBlock">Whether a residual block is there, perhaps with a transformer.</param>
    /// <param name="Resampler">What changes the resolution behind it and ends a level; null where nothing does.</param>
    private readonly record struct Place(int Number, bool IsBlock, string? Resampler);

    private static List<Place> Places(IReadOnlyCollection<string> names, string list, string resampler)
    {
        var places = new SortedDictionary<int, Place>();
        foreach (var name in names)
        {
            if (!name.StartsWith(list, StringComparison.Ordinal)) continue;
            if (NameTable.Number(name.AsSpan(list.Length)) is not (< NameTable.Most and var number)) continue;
            var place = places.GetValueOrDefault(number, new Place(number, IsBlock: false, null));
            places[number] = name[list.Length..].Split('.', 4) switch
            {
                [_, "0", "in_layers", ..] => place with { IsBlock = true },
                [_, var part, var kind, ..] when kind == resampler => place with { Resampler = $"{part}.{kind}" },
                _ => place,
            };
        }
        return [.. places.Values];
    }

    private static NameTable Original(IEnumerable<Place> down, IEnumerable<Place> up)
    {
        List<NameRow> rows =
        [
            new("input_blocks.0.0", "conv_in"), new("out.0", "conv_norm_out"), new("out.2", "conv_out"),
            new("time_embed.0", "time_embedding.linear_1"), new("time_embed.2", "time_embedding.linear_2"),
            new("time_embed.cond_proj", "time_embedding.cond_proj"), new("label_emb", "class_embedding"),
            new("label_emb.0.0", "add_embedding.linear_1"), new("label_emb.0.2", "add_embedding.linear_2"),
            new("middle_block.1", "mid_block.attentions.0"),
            .. Block("middle_block.0", "mid_block.resnets.0"), .. Block("middle_block.2", "mid_block.resnets.1"),
            .. Levels("input_blocks", down, "down_blocks", "downsamplers"), .. Levels("output_blocks", up, "up_blocks", "upsamplers"),
        ];
        return new NameTable(rows) { IsWhole = true };

        static IEnumerable<NameRow> Levels(string list, IEnumerable<Place> places, string levels, string resamplers)
        {
            var (level, block) = (0, 0);
            foreach (var (number, isBlock, resampler) in places)
            {
                var (stored, own) = ($"{list}.{number}", $"{levels}.{level}");
                if (isBlock)
                {
                    foreach (var row in Block($"{stored}.0", $"{own}.resnets.{block}")) yield return row;
                    yield return new($"{stored}.1", $"{own}.attentions.{block++}");
                }
                if (resampler is null) continue;
                yield return new($"{stored}.{resampler}", $"{own}.{resamplers}.0.conv");
                (level, block) = (level + 1, 0);
            }
        }

        static IEnumerable<NameRow> Block(string stored, string own) =>
            Resnet.Select(part => new NameRow($"{stored}.{part.Stored}", $"{own}.{part.Own}"));
    }
}
