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
        (ModelKind.Other, "an IP-Adapter, which shows a checkpoint a picture and is not used alone", ["to_k_ip.", "image_proj.&ip_adapter."]),
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
        // Whole models of other makes, by a tensor that only they have.
        (ModelKind.Other, "a Z-Image model, which Easel does not draw with", ["cap_pad_token", "all_x_embedder.2-1."]),
        (ModelKind.Other, "a Lumina model, which Easel does not draw with", ["noise_refiner.0.attention.", "cap_embedder.1.weight"]),
        (ModelKind.Other, "a Qwen-Image model, which Easel does not draw with", ["transformer_blocks.0.img_mod.1.", "txt_norm.weight&img_mlp"]),
        (ModelKind.Other, "a Chroma model, which Easel does not draw with", ["distilled_guidance_layer."]),
        (ModelKind.Other, "a HunyuanVideo model, which makes films and which Easel does not run",
            ["txt_in.individual_token_refiner.", "individual_token_refiner."]),
        (ModelKind.Other, "a Flux.2 model, which Easel does not draw with", ["double_stream_modulation_img."]),
        (ModelKind.Other, "a Flux model, which Easel does not draw with", ["double_blocks.", "single_transformer_blocks.0."]),
        (ModelKind.Other, "a Stable Diffusion 3 model, which Easel does not draw with", ["joint_blocks.", "attn.add_k_proj.&pos_embed.proj."]),
        (ModelKind.Other, "an AuraFlow model, which Easel does not draw with", ["double_layers.0.attn.", "cond_seq_linear.", "joint_transformer_blocks.0."]),
        (ModelKind.Other, "a Stable Cascade model, which Easel does not draw with", ["clip_txt_mapper.", "effnet_mapper.", "clip_mapper.weight"]),
        (ModelKind.Other, "an LTX-Video model, which makes films and which Easel does not run",
            ["patchify_proj.", "adaln_single.&caption_projection.&proj_in.weight"]),
        (ModelKind.Other, "a PixArt model, which Easel does not draw with", ["t_block.1.weight&y_embedder.", "adaln_single.&caption_projection."]),
        (ModelKind.Other, "a Hunyuan-DiT model, which Easel does not draw with", ["mlp_t5.0.", "text_embedder.linear_1.&pooler."]),
        (ModelKind.Other, "a Wan model, which makes films and which Easel does not run", ["head.modulation&self_attn.", "text_embedding.0.&patch_embedding."]),
        (ModelKind.Other, "a Mochi model, which makes films and which Easel does not run", ["t5_yproj."]),
        (ModelKind.Other, "a Cosmos model, which Easel does not run", ["blocks.block0.blocks.0."]),
        (ModelKind.Other, "a HiDream model, which Easel does not draw with", ["caption_projection.0.linear.", "double_stream_blocks.0."]),
        (ModelKind.Other, "a SANA model, which Easel does not draw with", ["caption_norm.&attn1.", "attention_y_norm."]),
        (ModelKind.Other, "a Stable Video Diffusion model, which makes films and which Easel does not run", [".time_stack.", "temporal_transformer_blocks."]),
        (ModelKind.Other, "a Stable Audio model, which makes sounds", ["rotary_pos_emb.inv_freq"]),
        // What steers or extends a checkpoint.
        (ModelKind.Control, "a ControlNet-LLLite, which steers a checkpoint and is not used alone", ["lllite_"]),
        (ModelKind.Control, "a T2I-Adapter, which steers a checkpoint and is not used alone",
            ["^body.0.block1.", "^body.0.in_conv.", "^body.0.body.0.block1.", "^adapter.body.0.", "body.0.resnets.0.block1."]),
        (ModelKind.Other, "a Control-LoRA, a smaller ControlNet, which Easel does not use", ["lora_controlnet"]),
        (ModelKind.Control, "a ControlNet, which steers a checkpoint and is not used alone",
            ["control_model.", "controlnet_cond_embedding.", "^input_hint_block."]),
        (ModelKind.Control, "an IP-Adapter, which steers a checkpoint by a picture and is not used alone", ["^ip_adapter.&^image_proj."]),
        (ModelKind.Other, "a motion module (AnimateDiff), which makes films of a checkpoint", ["motion_modules."]),
        (ModelKind.Other, "a hypernetwork, which Easel does not use",
            ["^768.0.linear", "^320.0.linear", "^640.0.linear", "^1280.0.linear", "^768.0.0.", "^320.0.0."]),
        // What works on pictures.
        (ModelKind.FaceRestorer, "a face restorer (GFPGAN)", ["stylegan_decoder."]),
        (ModelKind.FaceRestorer, "a face restorer (CodeFormer, whose weights are under the S-Lab License 1.0: not for commercial use)",
            ["idx_pred_layer.", "fuse_convs_dict."]),
        (ModelKind.Other, "a face detector (RetinaFace)", ["ClassHead.0.", "BboxHead.0."]),
        (ModelKind.Upscaler, "an upscaler of the kind HAT", [".residual_group.overlap_attn."]),
        (ModelKind.Other, "an upscaler of the kind Swin2SR, which Easel does not use", [".residual_group.&cpb_mlp."]),
        (ModelKind.Upscaler, "an upscaler of the kind SwinIR", [".residual_group.blocks.0."]),
        (ModelKind.Upscaler, "an upscaler of the kind DAT",
            ["layers.0.blocks.0.attn.attns.", "attn.attn_mask_0", "layers.0.blocks.0.ffn.sg."]),
        (ModelKind.Upscaler, "an upscaler of the kind SPAN", ["block_1.c1_r."]),
        (ModelKind.Upscaler, "an upscaler of the kind Real-CUGAN", ["unet1.conv1.conv."]),
        (ModelKind.Upscaler, "an upscaler of the kind PLKSR",
            ["^feats.0.&feats.1.lk.", "^feats.1.channe_mixer.", "^feats.1.channel_mixer."]),
        (ModelKind.Other, "an upscaler of the kind OmniSR, which Easel does not use", ["residual_layer.0.residual_layer."]),
        (ModelKind.Other, "a Depth Anything estimator, which Easel does not use", ["depth_head."]),
        (ModelKind.Other, "a segmenter (Segment Anything)", ["mask_decoder.&image_encoder.", "prompt_encoder."]),
        // Encoders.
        (ModelKind.Other, "a whole CLIP model; the half of it that reads can be a checkpoint's text encoder", ["vision_model.encoder.&text_model.encoder.",
            "^visual.transformer.&^transformer.resblocks."]),
        (ModelKind.Other, "a CLIP vision tower, which looks at pictures for an IP-Adapter", ["vision_model.", "^visual.transformer.", "visual_projection."]),
        (ModelKind.Other, "a T5 text encoder, as newer models read with", ["encoder.block.0.layer.0.SelfAttention."]),
        (ModelKind.Other, "a language model, as newer models read with", ["layers.0.self_attn.k_proj.&layers.0.mlp.gate_proj."]),
        (ModelKind.Embedding, "a textual-inversion embedding for Stable Diffusion XL, which adds a word to a checkpoint and is not used alone",
            ["^clip_g$&^clip_l$"]),
        (ModelKind.Embedding, "a textual-inversion embedding, which adds a word to a checkpoint and is not used alone", ["string_to_param", "^emb_params$"]),
        (ModelKind.Upscaler, "an ESRGAN upscaler", ["RRDB_trunk.", ".rdb1.conv1", "^model.1.sub.0.RDB1.", "^body.0.weight$&^body.1.weight$"]),
        (ModelKind.Upscaler, "an upscaler of the kind RDN", ["^blocks.0.convs.0.&^blocks.0.fuse."]),
        (ModelKind.Tool, "a face finder, which comes with Easel", ["^conv1.depthwise.&^conv8."]),
        (ModelKind.Tool, "a finder of a face's points, which comes with Easel", ["^dense0.conv0.&^fc."]),
        (ModelKind.Tool, "a finder of people, which comes with Easel", ["^ups.0.squeeze1.&^stem."]),
        (ModelKind.Tool, "a safety filter, which comes with Easel", ["^blocks.0.depthwise.conv.&^dense3."]),
        (ModelKind.Checkpoint, "a checkpoint", ["^model.diffusion_model."]),
        (ModelKind.DepthEstimator, "a MiDaS depth estimator", ["scratch.refinenet"]),
        (ModelKind.Autoencoder, "an autoencoder (VAE) alone", ["^first_stage_model.decoder.up", "^decoder.up.", "^decoder.up_blocks.", "^vae.decoder.up"]),
        (ModelKind.Other, "a part of a checkpoint, without a UNet", ["^first_stage_model.", "^cond_stage_model.", "^conditioner.embedders."]),
        (ModelKind.TinyAutoencoder, "a tiny autoencoder (TAESD)",
            ["^taesd_", "^decoder.layers.", "^encoder.layers.", "^decoder.3.conv.", "^encoder.1.conv.", "^1.weight$&^3.conv.", "^0.weight$&^1.conv."]),
        (ModelKind.Other, "a text encoder alone, which a checkpoint reads with", ["text_model.encoder.", "transformer.resblocks.0."]),
        (ModelKind.Other, "a UNet of a layout that Easel does not know", ["down_blocks.", "input_blocks."]),
    ];

    /// <summary>What programs that train networks for pictures put before the names of all tensors.</summary>
    public static readonly IReadOnlyList<string> Wrappers =
        ["params_ema.", "params-ema.", "params.", "model_state_dict.", "state_dict.", "model.", "net.", "module.", "netG."];

    /// <summary>What the file is; null where nothing in it is known.</summary>
    public static FileKind? Of(TensorFile file) =>
        Unwrapped(file).Select(keys => Of((IReadOnlyCollection<string>)[.. keys.Select(key => key.Name)])).FirstOrDefault(found => found is not null);

    /// <summary>The tensors of a file as they are called, and then without each of the wrappers that there are: the names, and the file's own.</summary>
    public static IEnumerable<IReadOnlyList<(string Name, string Key)>> Unwrapped(TensorFile file)
    {
        yield return [.. file.Tensors.Keys.Select(key => (key, key))];
        foreach (var wrapper in Wrappers)
        {
            var within = file.Tensors.Keys.Where(key => key.StartsWith(wrapper, StringComparison.Ordinal)).Select(key => (key[wrapper.Length..], key)).ToList();
            if (within.Count > 0) yield return within;
        }
    }

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
    /// <param name="kind">The kind of that; one that is of the kind and was refused is of a make that Easel does not read.</param>
    public static CheckpointException IsNo(TensorFile file, string wanted, ModelKind kind) => new(Of(file) is not { } found ? $"{file.Path} is no {wanted}."
        : kind != ModelKind.Other && found.Kind == kind ? $"{file.Path} is {found.What}, but of a make that Easel does not read."
        : $"{file.Path} is no {wanted} but {found.What}.");

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
