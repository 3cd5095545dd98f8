namespace Easel.Weights;

/// <summary>Says what a readable file of tensors is when it is not the checkpoint of a model that Easel draws with.</summary>
internal static class ModelKind
{
    /// <summary>Signs by which files are known, the most telling first: a part of a tensor's name, and what such a file is.</summary>
    private static readonly (string Sign, string Kind)[] Signs =
    [
        ("lora_unet_", "a LoRA, which is added to a checkpoint and not used alone"),
        ("lora_te_", "a LoRA, which is added to a checkpoint and not used alone"),
        (".lora_A.", "a LoRA, which is added to a checkpoint and not used alone"),
        (".lora_down.", "a LoRA, which is added to a checkpoint and not used alone"),
        (".lora.down.", "a LoRA, which is added to a checkpoint and not used alone"),
        ("hada_w1_a", "a LyCORIS adapter, which is added to a checkpoint and not used alone"),
        ("conditioner.embedders.", "a Stable Diffusion XL checkpoint, which Easel does not run yet"),
        ("double_blocks.", "a Flux checkpoint, which Easel does not run"),
        ("joint_blocks.", "a Stable Diffusion 3 checkpoint, which Easel does not run"),
        ("control_model.", "a ControlNet, which steers a checkpoint and is not used alone"),
        ("controlnet_cond_embedding.", "a ControlNet, which steers a checkpoint and is not used alone"),
        ("string_to_param", "a textual-inversion embedding, which adds a word to a checkpoint and is not used alone"),
        ("emb_params", "a textual-inversion embedding, which adds a word to a checkpoint and is not used alone"),
        ("RRDB_trunk.", "an ESRGAN upscaler"),
        (".rdb1.conv1", "an ESRGAN upscaler"),
        ("scratch.refinenet", "a MiDaS depth estimator"),
        ("first_stage_model.", "an autoencoder or a part of a checkpoint, without a UNet"),
        ("decoder.up.", "an autoencoder (VAE) alone"),
        ("decoder.mid_block.", "an autoencoder (VAE) alone"),
        ("text_model.encoder.", "a text encoder alone"),
        ("down_blocks.", "a UNet alone, out of a diffusers folder: name the folder itself"),
    ];

    /// <summary>What the file is, to follow "is"; null where nothing in it is known.</summary>
    public static string? Describe(IEnumerable<string> keys)
    {
        var all = keys as ICollection<string> ?? [.. keys];
        foreach (var (sign, kind) in Signs)
            if (all.Any(key => key.Contains(sign, StringComparison.Ordinal))) return kind;
        // A file that holds nothing but one or two vectors as wide as a text encoder's is a textual inversion under its own word's name.
        return all.Count is 1 or 2 && !all.Any(key => key.Contains('.')) ? "perhaps a textual-inversion embedding: it holds only " + string.Join(", ", all) : null;
    }
}
