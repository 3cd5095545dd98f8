namespace Easel.Models;

/// <summary>How a family uses a text encoder: what the encoder's tensors do not say.</summary>
internal sealed record TextEncoderSpec
{
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
}
