using Easel.Models;
using Easel.Runtime;
using Easel.Weights;
using static TorchSharp.torch;

namespace Easel.Pipeline;

/// <summary>Which of a model's networks are in memory together.</summary>
internal enum Residency
{
    /// <summary>All, from loading to the end.</summary>
    Together,

    /// <summary>The text encoder goes when the prompt is read; a later prompt loads it again. The least for a model whose text encoder is large.</summary>
    TextGoes,

    /// <summary>Each is loaded when its turn comes and goes before the next.</summary>
    OneAtATime,
}

/// <summary>What of a model decides how much memory it takes.</summary>
/// <param name="UNet">The UNet's shape.</param>
/// <param name="Autoencoder">The autoencoder's shape; null where there is none.</param>
/// <param name="UNetValues">Values of its weights, and those of the other two.</param>
internal sealed record ModelSize(ModelFamily Family, UNetConfig UNet, AutoencoderConfig? Autoencoder, ClipTextConfig? Text,
    long UNetValues, long AutoencoderValues, long TextValues)
{
    /// <summary>The size of a model on disk.</summary>
    public static ModelSize Of(Checkpoint checkpoint)
    {
        var (unet, autoencoder, text) = checkpoint.ParameterCounts;
        return new ModelSize(checkpoint.Family, checkpoint.UNet, checkpoint.Autoencoder, checkpoint.Text, unet, autoencoder, text);
    }

    /// <summary>Values of all weights.</summary>
    public long Values => UNetValues + AutoencoderValues + TextValues;

    /// <summary>Bytes of weights.</summary>
    public static double Bytes(long values, NumberFormat format) => (double)values * (format.Kept == ScalarType.Float32 ? 4 : 2);
}
