using Easel.Imaging;
using static TorchSharp.torch;

namespace Easel.Models;

/// <summary>
/// A quick look at a picture in the making without any network: each latent position becomes one pixel, its colour a fixed mixture of the four latent channels.
/// </summary>
internal static class LatentPreview
{
    /// <summary>Channels of the latents that the mixture is for.</summary>
    internal const int Channels = 4;

    // How much of red, green and blue each latent channel carries in the autoencoder of SD 1 and 2. Measured for SD 1.4 by Kevin Turner
    // (discuss.huggingface.co/t/decoding-latents-to-rgb-without-upscaling/23204) and again for SD 1.5 by torridgristle, whose numbers InvokeAI uses
    // (invokeai/app/util/step_callback.py, SD1_5_LATENT_RGB_FACTORS).
    private static readonly float[] Factors =
    [
        0.3444f, 0.1385f, 0.0670f,
        0.1247f, 0.4027f, 0.1494f,
        -0.3192f, 0.2513f, 0.2103f,
        -0.1307f, -0.1874f, -0.7445f,
    ];

    /// <summary>The pictures of a batch of latents, an eighth of their final size along each side.</summary>
    /// <param name="latents">[n, 4, h, w], scaled as the UNet sees them, any floating type, on any device.</param>
    /// <exception cref="EaselException">The tensor has another shape.</exception>
    public static IReadOnlyList<RgbImage> Of(Tensor latents)
    {
        if (latents.dim() != 4 || latents.shape[1] != Channels)
            throw new EaselException($"Latents to preview have the shape [n, 4, height, width], not [{string.Join(", ", latents.shape)}].");
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var factors = tensor(Factors, [Channels, 3]);
        var colours = latents.detach().to(ScalarType.Float32).cpu().permute(0, 2, 3, 1).matmul(factors); // [n, h, w, 3], about [-1, 1]
        return ImageTensor.ToImages(colours.permute(0, 3, 1, 2));
    }
}
