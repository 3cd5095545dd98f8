namespace Easel.Weights.Names;

/// <summary>How files name the tensors of networks that steer a UNet.</summary>
internal static class ControlNames
{
    /// <summary>A ControlNet in the original layout, less what stands before all names ("control_model.").</summary>
    public static NameTable Original(IReadOnlyCollection<string> names) => UNetNames.Of(names).With(
    [
        .. Enumerable.Range(0, NameTable.Count(names, "zero_convs.")).Select(i => new NameRow($"zero_convs.{i}.0", $"controlnet_down_blocks.{i}")),
        new("middle_block_out.0", "controlnet_mid_block"),
        new("label_emb.0.0", "add_embedding.linear_1"), new("label_emb.0.2", "add_embedding.linear_2"),
        .. Hint(NameTable.Count(names, "input_hint_block.")),
    ]);

    /// <summary>A ControlNet as diffusers stores it, one that knows several kinds of hints among them.</summary>
    public static NameTable Diffusers(IReadOnlyCollection<string> names)
    {
        List<NameRow> rows =
        [
            new("task_embedding", "union.tasks.task_embedding"), new("spatial_ch_projs", "union.spatial_ch_projs"),
            new("control_add_embedding", "union.control_add_embedding"),
        ];
        for (var layer = 0; layer < NameTable.Count(names, "transformer_layes."); layer++)
        {
            var (stored, own) = ($"transformer_layes.{layer}", $"union.transformer_layes.{layer}");
            rows.AddRange([new($"{stored}.attn.out_proj", $"{own}.out_proj"), new($"{stored}.mlp", own), new(stored, own)]);
            foreach (var kind in (string[])["weight", "bias"])
                for (var part = 0; part < 3; part++) rows.Add(new($"{stored}.attn.in_proj_{kind}", $"{own}.{"qkv"[part]}_proj.{kind}", part, Parts: 3));
        }
        return new NameTable(rows);
    }

    /// <summary>A T2I-Adapter as diffusers stores it, less "adapter." before all names, or as TencentARC does, who number the blocks of all levels of a full
    /// adapter in one row.</summary>
    /// <param name="blocks">Residual blocks in each level.</param>
    public static NameTable Adapter(IReadOnlyCollection<string> names, int blocks)
    {
        List<NameRow> rows = [];
        for (var i = 0; i < NameTable.Count(names, "body."); i++)
        {
            for (var inner = 0; inner < NameTable.Count(names, $"body.{i}.body."); inner++)
                rows.Add(new($"body.{i}.body.{inner}", $"body.{i}.resnets.{inner}"));
            if (!names.Contains($"body.{i}.block1.weight")) continue;
            rows.AddRange(
            [
                new($"body.{i}.in_conv", $"body.{i / blocks}.in_conv"), new($"body.{i}.block1", $"body.{i / blocks}.resnets.{i % blocks}.block1"),
                new($"body.{i}.block2", $"body.{i / blocks}.resnets.{i % blocks}.block2"),
            ]);
        }
        return new NameTable(rows);
    }

    /// <summary>An IP-Adapter: its layers have odd numbers, since those between them attend to the picture that is drawn.</summary>
    public static NameTable IpAdapter(IReadOnlyCollection<string> names)
    {
        List<NameRow> rows = [new("image_proj.latents", "image_proj.queries.latents")];
        var numbers = names.Where(name => name.StartsWith("ip_adapter.", StringComparison.Ordinal))
            .Select(name => NameTable.Number(name.AsSpan("ip_adapter.".Length))).OfType<int>().Distinct().Order().ToList();
        rows.AddRange(numbers.Select((number, place) => new NameRow($"ip_adapter.{number}", $"ip_adapter.{place}")));
        for (var layer = 0; layer < NameTable.Count(names, "image_proj.layers."); layer++)
        {
            var (stored, own) = ($"image_proj.layers.{layer}", $"image_proj.layers.{layer}");
            rows.AddRange(
            [
                new($"{stored}.0", own), new($"{stored}.1.0", $"{own}.norm3"), new($"{stored}.1.1", $"{own}.linear_1"),
                new($"{stored}.1.3", $"{own}.linear_2"),
            ]);
        }
        return new NameTable(rows);
    }

    /// <summary>What names of ControlNet-LLLites begin with.</summary>
    public const string Lllite = "lllite_unet_";

    /// <summary>The layers that a ControlNet-LLLite steers, in the order of its parts.</summary>
    public static IReadOnlyList<string> LlliteLayers(IEnumerable<string> names) => [.. names.Where(name => name.StartsWith(Lllite, StringComparison.Ordinal))
        .Select(name => name.Split('.')[0]).Distinct().Order(StringComparer.Ordinal)];

    /// <summary>A ControlNet-LLLite.</summary>
    public static NameTable LlliteParts(IReadOnlyCollection<string> names) => new(LlliteLayers(names).Select((layer, i) => new NameRow(layer, $"parts.{i}")));

    /// <summary>CLIP's vision tower as transformers stores it.</summary>
    public static NameTable Vision { get; } = new(
        new("vision_model.embeddings.class_embedding", "vision_model.embeddings.whole.class_embedding"),
        new("vision_model.embeddings.position_ids", null), new("text_model", null), new("text_projection", null), new("logit_scale", null));

    /// <summary>The convolutions over a hint, which the original numbers with the activations between them.</summary>
    private static IEnumerable<NameRow> Hint(int count)
    {
        for (var i = 0; i < count; i += 2)
        {
            var own = i == 0 ? "conv_in" : i >= count - 1 ? "conv_out" : $"blocks.{i / 2 - 1}";
            yield return new($"input_hint_block.{i}", $"controlnet_cond_embedding.{own}");
        }
    }
}
