namespace Easel.Weights.Names;

/// <summary>How files name the text encoder's tensors.</summary>
internal static class TextNames
{
    /// <summary>OpenAI's CLIP as transformers stores it; before version 4.2x without "text_model.". Of a whole CLIP model the half that sees is passed over as
    /// any stranger is.</summary>
    public static NameTable Clip { get; } = new(ClipRows) { IsWhole = true };

    /// <summary>The same; where it is OpenCLIP's tower, which stable-diffusion.cpp gives these names, query, key and value are one tensor still.</summary>
    public static NameTable ClipOf(IReadOnlyCollection<string> names) => !names.Any(JoinsProjections) ? Clip : new(
    [
        .. ClipRows,
        .. from layer in Enumerable.Range(0, NameTable.Count(names, "text_model.encoder.layers."))
           from kind in (string[])["weight", "bias"]
           from part in Enumerable.Range(0, 3)
           let attention = $"text_model.encoder.layers.{layer}.self_attn"
           select new NameRow($"{attention}.in_proj.{kind}", $"{attention}.{"qkv"[part]}_proj.{kind}", part, Parts: 3),
        new("text_model.text_projection", "text_projection.weight", IsTransposed: true),
    ])
    { IsWhole = true };

    /// <summary>Whether a tensor is query, key and value in one, under a name of transformers' kind.</summary>
    public static bool JoinsProjections(string name) => name.Contains(".self_attn.in_proj.", StringComparison.Ordinal);

    private static IEnumerable<NameRow> ClipRows =>
    [
        .. from part in (string[])["embeddings", "encoder", "final_layer_norm"]
           from name in (string[])[$"text_model.{part}", part]
           select new NameRow(name, $"text_model.{part}"),
        new("text_projection", "text_projection"), new("logit_scale", null),
        new("text_model.embeddings.position_ids", null), new("embeddings.position_ids", null),
    ];

    /// <summary>Whether a tensor belongs to OpenCLIP's tower and not to what diffusers keeps of it, which programs turn back into OpenCLIP's names.</summary>
    public static bool IsOfWholeTower(string name) =>
        name.EndsWith(".text_projection", StringComparison.Ordinal) || name.EndsWith(".logit_scale", StringComparison.Ordinal);

    /// <summary>OpenCLIP's text tower. Query, key and value are one tensor there.</summary>
    public static NameTable OpenClip(IReadOnlyCollection<string> names) => OpenClip(NameTable.Count(names, "transformer.resblocks."));

    /// <inheritdoc cref="OpenClip(IReadOnlyCollection{string})"/>
    public static NameTable OpenClip(int layers)
    {
        List<NameRow> rows =
        [
            new("token_embedding", "text_model.embeddings.token_embedding"),
            new("positional_embedding", "text_model.embeddings.position_embedding.weight"), new("ln_final", "text_model.final_layer_norm"),
            new("text_projection", "text_projection.weight", IsTransposed: true), new("logit_scale", null), new("attn_mask", null),
        ];
        for (var layer = 0; layer < layers; layer++)
        {
            var (stored, own) = ($"transformer.resblocks.{layer}", $"text_model.encoder.layers.{layer}");
            rows.AddRange(
            [
                new($"{stored}.ln_1", $"{own}.layer_norm1"), new($"{stored}.ln_2", $"{own}.layer_norm2"),
                new($"{stored}.mlp.c_fc", $"{own}.mlp.fc1"), new($"{stored}.mlp.c_proj", $"{own}.mlp.fc2"),
                new($"{stored}.attn.out_proj", $"{own}.self_attn.out_proj"),
            ]);
            foreach (var kind in (string[])["weight", "bias"])
                for (var part = 0; part < 3; part++)
                    rows.Add(new($"{stored}.attn.in_proj_{kind}", $"{own}.self_attn.{"qkv"[part]}_proj.{kind}", part, Parts: 3));
        }
        return new NameTable(rows) { IsWhole = true };
    }
}
