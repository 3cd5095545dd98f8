namespace Easel.Models;

/// <summary>How a family uses a text encoder: what the encoder's tensors do not say.</summary>
internal sealed record TextEncoderSpec
{
    /// <summary>What files that speak of several text encoders call this one; null where a model has no other.</summary>
    public string? Key { get; init; }

    /// <summary>The token that fills a prompt up.</summary>
    public required int PadToken { get; init; }

    /// <summary>The activation that the encoder was trained with.</summary>
    public required TextActivation Activation { get; init; }

    /// <summary>Width and number of layers of the whole tower, by which it is known whatever a file has kept of it; 0 where that does not matter.</summary>
    public int Width { get; init; }

    /// <inheritdoc cref="Width"/>
    public int Layers { get; init; }

    /// <summary>Layers at the end of the whole tower that are not used.</summary>
    public int SkippedLayers { get; init; }

    /// <summary>Whether diffusers, and what is made of its folders, leaves the layers out that are not used.</summary>
    public bool IsCutByDiffusers { get; init; }

    /// <summary>Whether the tower's final norm follows the last layer that is used.</summary>
    public bool HasFinalNorm { get; init; } = true;

    /// <summary>Whether the whole tower's answer at the end of the text, normed and projected, is a vector for the prompt as a whole.</summary>
    public bool Pools { get; init; }

    /// <summary>Whether people may stop it at an earlier layer ("clip skip").</summary>
    public bool TakesClipSkip { get; init; } = true;

    /// <summary>OpenAI's CLIP ViT-L/14, the text encoder of SD 1: pads with the end of the text.</summary>
    public static TextEncoderSpec ClipL { get; } = new()
    {
        PadToken = 49407,
        Activation = TextActivation.QuickGelu,
        Width = 768,
        Layers = 12,
    };

    /// <summary>OpenCLIP ViT-H/14, the text encoder of SD 2, up to its last layer but one ("penultimate").</summary>
    public static TextEncoderSpec OpenClipH { get; } = new()
    {
        PadToken = 0,
        Activation = TextActivation.Gelu,
        Width = 1024,
        Layers = 24,
        SkippedLayers = 1,
        IsCutByDiffusers = true,
    };

    /// <summary>The first text encoder of SDXL: CLIP ViT-L/14 up to its last layer but one, without the final norm. The layer is the model's own, whatever
    /// clip skip is asked for, as in AUTOMATIC1111.</summary>
    public static TextEncoderSpec ClipLOfXl { get; } = ClipL with { Key = "clip_l", SkippedLayers = 1, HasFinalNorm = false, TakesClipSkip = false };

    /// <summary>The second text encoder of SDXL and the only one of its refiner: OpenCLIP ViT-bigG/14, likewise, and what it says of the whole.</summary>
    public static TextEncoderSpec OpenClipBigG { get; } = new()
    {
        Key = "clip_g",
        PadToken = 0,
        Activation = TextActivation.Gelu,
        Width = 1280,
        Layers = 32,
        SkippedLayers = 1,
        HasFinalNorm = false,
        Pools = true,
        TakesClipSkip = false,
    };
}
