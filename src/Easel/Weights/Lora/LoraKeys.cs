namespace Easel.Weights.Lora;

/// <summary>Which network of a model an adapter's tensor is for.</summary>
internal enum LoraPlace
{
    /// <summary>The UNet.</summary>
    UNet,

    /// <summary>The text encoder, or the first of two.</summary>
    Text,

    /// <summary>The second text encoder.</summary>
    SecondText,
}

/// <summary>The names of an adapter's tensors. Whatever their layout, a layer comes out as the name of one of our parameters' layers (diffusers' and
/// transformers' names, or for the UNet the original's) with "_" for each ".", which is how kohya-ss/sd-scripts writes it: other layouts can be brought to that
/// form, but it cannot be undone without the network.</summary>
internal static partial class LoraKeys
{
    /// <summary>Before the name of an embedding that travels in the file, its own name and its key.</summary>
    public const string Embedding = "bundle_emb.";

    // In this order: the longer of two that begin alike comes first. Null: what follows tells.
    private static readonly (string Prefix, LoraPlace? Place)[] Prefixes =
    [
        ("lora_unet_", LoraPlace.UNet), ("lora_te_", LoraPlace.Text), ("lora_te1_", LoraPlace.Text), ("lora_te2_", LoraPlace.SecondText),
        ("lycoris_", LoraPlace.UNet),
        ("base_model.model.unet.", LoraPlace.UNet), ("base_model.model.text_encoder_2.", LoraPlace.SecondText),
        ("base_model.model.text_encoder.", LoraPlace.Text), ("base_model.model.", null),
        ("unet.", LoraPlace.UNet), ("text_encoder_2.", LoraPlace.SecondText), ("text_encoder.", LoraPlace.Text),
        ("text_encoders.clip_l.transformer.", LoraPlace.Text), ("text_encoders.clip_g.transformer.", LoraPlace.SecondText),
        ("clip_l.", LoraPlace.Text), ("clip_g.", LoraPlace.SecondText),
        ("model.diffusion_model.", LoraPlace.UNet), ("diffusion_model.", LoraPlace.UNet),
    ];

    /// <summary>Takes a name apart; null where it is no part of an adapter.</summary>
    /// <returns>The network, the layer with "_" for ".", and which part of its change the tensor is, as kohya-ss/sd-scripts and LyCORIS call it
    /// ("lora_up").</returns>
    public static (LoraPlace Place, string Layer, string Part)? Parse(string key)
    {
        if (Tensor().Match(key) is not { Success: true } match) return null;
        var module = match.Groups["module"].Value;
        LoraPlace? place = null;
        foreach (var (prefix, its) in Prefixes)
        {
            if (!module.StartsWith(prefix, StringComparison.Ordinal)) continue;
            (module, place) = (module[prefix.Length..], its);
            break;
        }

        var layer = module.Replace(".processor.", ".").Replace('.', '_');
        place ??= layer.StartsWith("text_model_", StringComparison.Ordinal) ? LoraPlace.Text : LoraPlace.UNet;
        // diffusers once stored the changes of attention under names of their own.
        if (layer.EndsWith("_to_out", StringComparison.Ordinal)) layer += "_0";
        if (place != LoraPlace.UNet) layer = TextAttention().Replace(layer, m => $"_self_attn_{m.Groups[1].Value.Replace("_0", "")}_proj");

        return (place.Value, layer, match.Groups["lora"].Value switch
        {
            "down" or "A" => "lora_down",
            "up" or "B" => "lora_up",
            "mid" => "lora_mid",
            _ => match.Groups["part"].Value,
        });
    }

    [GeneratedRegex(@"^(?<module>.+?)(?:(?:\.lora_(?:linear_layer\.)?|\.lora\.|_lora\.)(?<lora>down|up|mid|A|B)(?:\.\w+)?\.weight"
        + @"|(?:\.lora|_lora)?\.(?<part>alpha)|\.(?<part>lora_magnitude_vector)(?:\.\w+)*"
        + @"|\.(?<part>[ab][12]|bm)\.weight"
        + @"|\.(?<part>hada_(?:w[12]_[ab]|t[12])|lokr_(?:w[12](?:_[ab])?|t2)|scale|scalar|on_input|weight|oft_blocks|rescale"
        + @"|diff|diff_b|w_norm|b_norm|dora_scale))$")]
    private static partial Regex Tensor();

    [GeneratedRegex("_self_attn_to_(q|k|v|out_0)$")]
    private static partial Regex TextAttention();
}
