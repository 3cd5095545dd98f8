namespace Easel.Weights.Lora;

/// <summary>The parts of which a LoRA's change to one layer is made.</summary>
internal enum LoraPart
{
    /// <summary>From the layer's inputs to the few channels between ("lora_down", "lora_A").</summary>
    Down,

    /// <summary>From the few channels to the layer's outputs ("lora_up", "lora_B").</summary>
    Up,

    /// <summary>A convolution between the two, where a convolution's change is so decomposed ("lora_mid").</summary>
    Mid,

    /// <summary>The number that, divided by the count of channels between, scales the change.</summary>
    Alpha,
}

/// <summary>The names of a LoRA's tensors. Whatever their layout, a layer comes out as the name of one of our parameters' layers (diffusers' and transformers'
/// names, or for the UNet the original's) with "_" for each ".", which is how kohya-ss/sd-scripts writes it: other layouts can be brought to that form, but it
/// cannot be undone without the network.</summary>
internal static partial class LoraKeys
{
    // In this order: the longer of two that begin alike comes first.
    private static readonly (string Prefix, bool? Text)[] Prefixes =
    [
        ("lora_unet_", false), ("lora_te_", true), ("lora_te1_", true),
        ("base_model.model.unet.", false), ("base_model.model.text_encoder.", true), ("base_model.model.", null),
        ("unet.", false), ("text_encoder.", true), ("model.diffusion_model.", false), ("diffusion_model.", false),
    ];

    /// <summary>Takes a name apart; null where it is no part of a LoRA.</summary>
    /// <returns>Whether the layer is the text encoder's, the layer with "_" for ".", and which part of its change the tensor is.</returns>
    public static (bool Text, string Layer, LoraPart Part)? Parse(string key)
    {
        if (Tensor().Match(key) is not { Success: true } match) return null;
        var module = match.Groups["module"].Value;
        bool? text = null;
        foreach (var (prefix, isText) in Prefixes)
        {
            if (!module.StartsWith(prefix, StringComparison.Ordinal)) continue;
            (module, text) = (module[prefix.Length..], isText);
            break;
        }

        var layer = module.Replace(".processor.", ".").Replace('.', '_');
        var isTextEncoder = text ?? layer.StartsWith("text_model_", StringComparison.Ordinal);
        // diffusers once stored the changes of attention under names of their own.
        if (layer.EndsWith("_to_out", StringComparison.Ordinal)) layer += "_0";
        if (isTextEncoder) layer = TextAttention().Replace(layer, m => $"_self_attn_{m.Groups[1].Value.Replace("_0", "")}_proj");

        return (isTextEncoder, layer, match.Groups["part"].Value switch
        {
            "down" or "A" => LoraPart.Down,
            "up" or "B" => LoraPart.Up,
            "mid" => LoraPart.Mid,
            _ => LoraPart.Alpha,
        });
    }

    [GeneratedRegex(@"^(?<module>.+?)(?:(?:\.lora_(?:linear_layer\.)?|\.lora\.|_lora\.)(?<part>down|up|mid|A|B)(?:\.\w+)?\.weight|(?:\.lora|_lora)?\."
        + "(?<part>alpha))$")]
    private static partial Regex Tensor();

    [GeneratedRegex("_self_attn_to_(q|k|v|out_0)$")]
    private static partial Regex TextAttention();
}
