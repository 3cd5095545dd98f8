using Easel.Weights.Formats;

namespace Easel.Weights;

/// <summary>What a readable file of tensors is, told by the names of its tensors.</summary>
/// <param name="What">What people call it, to follow "is".</param>
internal sealed record FileKind(ModelKind Kind, string What)
{
    /// <summary>The kinds, the most telling first, each with the signs by any of which it is known: parts of a tensor's name, "^" for where it begins and "$"
    /// for where it ends; "&amp;" between two of which the file must have both.</summary>
    private static readonly (ModelKind Kind, string What, string[] Signs)[] Kinds =
    [
        (ModelKind.Other, "a LoRA for Stable Diffusion 3, which Easel does not use", ["lora_te3_", "lora&joint_blocks"]),
        (ModelKind.Other, "a LoRA for Flux, which Easel does not use", ["lora&double_blocks"]),
        (ModelKind.Other, "a LoRA for Stable Diffusion 3, Flux or the like, which Easel does not use",
            ["lora&transformer_blocks_0_attn_add_k_proj", "lora&transformer.transformer_blocks."]),
        (ModelKind.Other, "an adapter of the older kind of OFT, which Easel does not use", [".oft_diag$"]),
        (ModelKind.Lora, "a LoRA for Stable Diffusion XL, which is added to a checkpoint and not used alone", ["lora_te2_", "lora&text_encoder_2."]),
        (ModelKind.Lora, "a LyCORIS adapter of the kind LoHa, which is added to a checkpoint and not used alone", ["hada_w1"]),
        (ModelKind.Lora, "a LyCORIS adapter of the kind LoKr, which is added to a checkpoint and not used alone", ["lokr_w"]),
        (ModelKind.Lora, "a LyCORIS adapter of the kind (IA)³, which is added to a checkpoint and not used alone", [".on_input$"]),
        (ModelKind.Lora, "a LyCORIS adapter of the kind GLoRA, which is added to a checkpoint and not used alone", [".a1.weight$&.b2.weight$&alpha$"]),
        (ModelKind.Lora, "an adapter of the kind OFT, which is added to a checkpoint and not used alone", [".oft_blocks$"]),
        (ModelKind.Lora, "a LoRA of the kind DoRA, which is added to a checkpoint and not used alone", [".dora_scale$", ".lora_magnitude_vector"]),
        (ModelKind.Lora, "a full difference of weights, which is added to a checkpoint and not used alone", [".diff$", ".w_norm$"]),
        (ModelKind.Lora, "a LoRA, which is added to a checkpoint and not used alone",
            ["lora_unet_", "lora_te_", ".lora_A.", "lora_down.", "lora.down.", "lora_linear_layer.down."]),
        (ModelKind.Other, "a Stable Diffusion XL checkpoint, which Easel does not run yet", ["conditioner.embedders."]),
        (ModelKind.Other, "a Flux checkpoint, which Easel does not run", ["double_blocks."]),
        (ModelKind.Other, "a Stable Diffusion 3 checkpoint, which Easel does not run", ["joint_blocks."]),
        (ModelKind.Other, "a ControlNet, which steers a checkpoint and is not used alone", ["control_model.", "controlnet_cond_embedding."]),
        (ModelKind.Other, "an embedding for Stable Diffusion XL or a later model, which Easel does not run yet", ["^clip_g$", "^clip_l$"]),
        (ModelKind.Embedding, "a textual-inversion embedding, which adds a word to a checkpoint and is not used alone", ["string_to_param", "^emb_params$"]),
        (ModelKind.Upscaler, "an ESRGAN upscaler", ["RRDB_trunk.", ".rdb1.conv1", "^model.1.sub.0.RDB1.", "^body.0.weight$&^body.1.weight$"]),
        (ModelKind.Checkpoint, "a checkpoint", ["^model.diffusion_model."]),
        (ModelKind.DepthEstimator, "a MiDaS depth estimator", ["scratch.refinenet"]),
        (ModelKind.Autoencoder, "an autoencoder (VAE) alone", ["^first_stage_model.decoder.up", "^decoder.up.", "^decoder.up_blocks."]),
        (ModelKind.Other, "a part of a checkpoint, without a UNet", ["^first_stage_model.", "^cond_stage_model."]),
        (ModelKind.TinyAutoencoder, "a tiny autoencoder (TAESD)",
            ["^taesd_", "^decoder.layers.", "^encoder.layers.", "^decoder.3.conv.", "^encoder.1.conv.", "^1.weight$&^3.conv.", "^0.weight$&^1.conv."]),
        (ModelKind.Other, "a text encoder alone", ["text_model.encoder."]),
        (ModelKind.Other, "a UNet alone, out of a diffusers folder: name the folder itself", ["down_blocks."]),
    ];

    /// <summary>What the file is; null where nothing in it is known.</summary>
    public static FileKind? Of(TensorFile file) => Of((IReadOnlyCollection<string>)[.. file.Tensors.Keys]);

    public static FileKind? Of(IReadOnlyCollection<string> names)
    {
        foreach (var (kind, what, signs) in Kinds)
            if (signs.Any(sign => sign.Split('&').All(part => names.Any(name => Matches(name, part))))) return new FileKind(kind, what);
        // A file that holds nothing but one or two vectors as wide as a text encoder's is a textual inversion under its own word's name.
        return names.Count is 1 or 2 && !names.Any(name => name.Contains('.'))
            ? new FileKind(ModelKind.Embedding, "perhaps a textual-inversion embedding: it holds only " + string.Join(", ", names.Select(Quoted.Name)))
            : null;
    }

    /// <summary>Says that a file is not what it was taken for, and what it is.</summary>
    /// <param name="wanted">What it was taken for, to follow "is no".</param>
    public static CheckpointException IsNo(TensorFile file, string wanted) =>
        new($"{file.Path} is no {wanted}" + (Of(file) is { } kind ? $" but {kind.What}." : "."));

    private static bool Matches(ReadOnlySpan<char> name, ReadOnlySpan<char> sign)
    {
        var part = sign.Trim("^$");
        return (sign[0], sign[^1]) switch
        {
            ('^', '$') => name.SequenceEqual(part),
            ('^', _) => name.StartsWith(part),
            (_, '$') => name.EndsWith(part),
            _ => name.IndexOf(part) >= 0,
        };
    }
}
