using Easel.Weights.Names;

namespace Easel.Weights;

/// <summary>The networks that checkpoints hold.</summary>
internal enum CheckpointNetwork
{
    /// <summary>Removes noise.</summary>
    UNet,

    /// <summary>Pixels to latents and back.</summary>
    Autoencoder,

    /// <summary>Words to vectors.</summary>
    Text,
}

/// <summary>One network's place in a layout of checkpoints.</summary>
/// <param name="Place">What the names of its tensors begin with in a single file; its folder among a model's.</param>
/// <param name="NamesOf">How they go on there, from what they all are.</param>
internal sealed record CheckpointPart(CheckpointNetwork Network, string Place, Func<IReadOnlyCollection<string>, NameTable> NamesOf)
{
    /// <summary>Whether it is the place of OpenCLIP's tower as its makers keep it, whose last layer SD 2 does not use.</summary>
    public bool IsWholeTower { get; init; }

    /// <summary>Whether a text tower of these names has the layers that the diffusion model does not use.</summary>
    public bool IsWhole(IReadOnlyCollection<string> keys) =>
        IsWholeTower && keys.Any(TextNames.IsOfWholeTower) || keys.Any(TextNames.JoinsProjections);

    /// <summary>Which of a network's kind it is, where a model has several: the place of a text encoder among them.</summary>
    public int Number { get; init; }
}

/// <summary>The layouts in which checkpoints lie on disk: one row for each place where a network may be.</summary>
internal static class CheckpointLayout
{
    /// <summary>The original single file.</summary>
    public static IReadOnlyList<CheckpointPart> Original { get; } =
    [
        new(CheckpointNetwork.UNet, "model.diffusion_model.", UNetNames.Of),
        new(CheckpointNetwork.Autoencoder, "first_stage_model.", AutoencoderNames.Of),
        new(CheckpointNetwork.Text, "cond_stage_model.transformer.", TextNames.ClipOf),
        new(CheckpointNetwork.Text, "cond_stage_model.model.", TextNames.OpenClip) { IsWholeTower = true },
        new(CheckpointNetwork.Text, "cond_stage_model.1.transformer.", TextNames.ClipOf) { Number = 1 },
        new(CheckpointNetwork.Text, "conditioner.embedders.0.transformer.", _ => TextNames.Clip),
        new(CheckpointNetwork.Text, "conditioner.embedders.0.model.", TextNames.OpenClip) { IsWholeTower = true },
        new(CheckpointNetwork.Text, "conditioner.embedders.1.model.", TextNames.OpenClip) { IsWholeTower = true, Number = 1 },
    ];

    /// <summary>Where the networks of a single file are: at their usual places, all perhaps behind what a program has put before every name; and what is not
    /// there wherever its names are found.</summary>
    public static IReadOnlyList<CheckpointPart> In(IReadOnlyCollection<string> names)
    {
        const string First = "input_blocks.0.0.weight";
        var wrapper = Before(names, Original[0].Place + First).FirstOrDefault("");
        var parts = Original.Select(part => part with { Place = wrapper + part.Place })
            .Where(part => names.Any(name => name.StartsWith(part.Place, StringComparison.Ordinal))).ToList();
        if (!Has(CheckpointNetwork.UNet))
        {
            var places = Before(names, "output_blocks.0.0.in_layers.0.weight").Where(place => names.Contains(place + "time_embed.0.weight"))
                .Concat(Before(names, "up_blocks.0.resnets.0.norm1.weight").Where(place => names.Contains(place + "time_embedding.linear_1.weight")));
            parts.AddRange(places.Take(1).Select(place => Original[0] with { Place = place }));
        }
        if (!Has(CheckpointNetwork.Autoencoder)) parts.AddRange(AutoencodersIn(names).Take(1));
        if (!Has(CheckpointNetwork.Text)) parts.AddRange(TextTowersIn(names).Take(1));
        return parts;

        bool Has(CheckpointNetwork network) => parts.Any(part => part.Network == network);
    }

    /// <summary>The autoencoders among the names of a file.</summary>
    public static IReadOnlyList<CheckpointPart> AutoencodersIn(IReadOnlyCollection<string> names) =>
        [.. Before(names, "decoder.conv_in.weight").Where(place => names.Any(name => name.StartsWith(place + "decoder.up", StringComparison.Ordinal)))
            .Select(place => Original.First(part => part.Network == CheckpointNetwork.Autoencoder) with { Place = place })];

    /// <summary>The CLIP text towers among the names of a file, under transformers' names or OpenCLIP's.</summary>
    public static IReadOnlyList<CheckpointPart> TextTowersIn(IReadOnlyCollection<string> names)
    {
        var (clip, openClip) = (Original.First(part => part is { Network: CheckpointNetwork.Text, IsWholeTower: false }),
            Original.First(part => part is { Network: CheckpointNetwork.Text, IsWholeTower: true }));
        return
        [
            .. Before(names, "embeddings.token_embedding.weight").Where(place => names.Contains(place + "encoder.layers.0.mlp.fc1.weight"))
                .Select(place => clip with { Place = place.EndsWith("text_model.", StringComparison.Ordinal) ? place[..^"text_model.".Length] : place }),
            .. Before(names, "token_embedding.weight").Where(place => names.Contains(place + "transformer.resblocks.0.ln_1.weight"))
                .Select(place => openClip with { Place = place }),
        ];
    }

    /// <summary>What stands before a name wherever it ends one of these.</summary>
    private static IEnumerable<string> Before(IEnumerable<string> names, string name) => names
        .Where(one => one.EndsWith(name, StringComparison.Ordinal) && (one.Length == name.Length || one[^(name.Length + 1)] == '.'))
        .Select(one => one[..^name.Length]);

    /// <summary>The folder of the text encoder among those of a model.</summary>
    public const string TextFolder = "text_encoder";

    /// <summary>A folder in the layout of diffusers.</summary>
    public static IReadOnlyList<CheckpointPart> Diffusers { get; } =
    [
        new(CheckpointNetwork.UNet, "unet", UNetNames.Of),
        new(CheckpointNetwork.Autoencoder, "vae", AutoencoderNames.Of),
        new(CheckpointNetwork.Text, TextFolder, _ => TextNames.Clip),
        new(CheckpointNetwork.Text, TextFolder + "_2", _ => TextNames.Clip) { Number = 1 },
    ];

    /// <summary>The name and the shape that a parameter has in the original single file.</summary>
    public static (string Name, long[] Shape) ToOriginal(CheckpointNetwork network, NameTable names, string own, long[] shape)
    {
        var (name, isConvolution) = names.Stored(own);
        var place = Original.First(part => part.Network == network).Place;
        return (place + name, isConvolution && shape is [var rows, var columns] ? [rows, columns, 1, 1] : shape);
    }

    /// <summary>Where the original single file has a text encoder of a family, and how it names its tensors.</summary>
    /// <param name="number">Which of the family's.</param>
    /// <param name="layers">Layers of the tower.</param>
    public static (string Place, NameTable Names) TextPlace(Models.ModelFamily family, int number, int layers)
    {
        var spec = family.TextEncoders[number];
        var part = Original.First(part => part.Network == CheckpointNetwork.Text && part.Number == number && part.IsWholeTower == spec.Pools
            && part.Place.StartsWith("conditioner.", StringComparison.Ordinal) == spec.Key is not null);
        return (part.Place, spec.Pools ? TextNames.OpenClip(layers) : TextNames.Clip);
    }

    /// <summary>Before the names of averaged weights in a single file.</summary>
    public const string Averages = "model_ema.";

    /// <summary>The name under which a single file keeps the average of a parameter of the UNet (LitEma, ldm/modules/ema.py); null for what has none.</summary>
    public static string? Averaged(string key)
    {
        const string Live = "model.";
        return key.StartsWith(Live, StringComparison.Ordinal) ? Averages + key[Live.Length..].Replace(".", "") : null;
    }
}
