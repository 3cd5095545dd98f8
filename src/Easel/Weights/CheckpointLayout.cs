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
}

/// <summary>The layouts in which checkpoints lie on disk: one row for each place where a network may be.</summary>
internal static class CheckpointLayout
{
    /// <summary>The original single file.</summary>
    public static IReadOnlyList<CheckpointPart> Original { get; } =
    [
        new(CheckpointNetwork.UNet, "model.diffusion_model.", UNetNames.Of),
        new(CheckpointNetwork.Autoencoder, "first_stage_model.", AutoencoderNames.Of),
        new(CheckpointNetwork.Text, "cond_stage_model.transformer.", _ => TextNames.Clip),
        new(CheckpointNetwork.Text, "cond_stage_model.model.", TextNames.OpenClip) { IsWholeTower = true },
    ];

    /// <summary>A folder in the layout of diffusers.</summary>
    public static IReadOnlyList<CheckpointPart> Diffusers { get; } =
    [
        new(CheckpointNetwork.UNet, "unet", UNetNames.Of),
        new(CheckpointNetwork.Autoencoder, "vae", AutoencoderNames.Of),
        new(CheckpointNetwork.Text, "text_encoder", _ => TextNames.Clip),
    ];

    /// <summary>The name and the shape that a parameter has in the original single file.</summary>
    public static (string Name, long[] Shape) ToOriginal(CheckpointNetwork network, NameTable names, string own, long[] shape)
    {
        var (name, isConvolution) = names.Stored(own);
        var place = Original.First(part => part.Network == network).Place;
        return (place + name, isConvolution && shape is [var rows, var columns] ? [rows, columns, 1, 1] : shape);
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
