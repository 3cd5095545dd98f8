using Easel.Imaging;

namespace Easel.Models;

/// <summary>The space in which a family draws: what its autoencoder makes of pixels.</summary>
internal sealed record LatentSpace
{
    /// <summary>Channels of a latent.</summary>
    public int Channels { get; init; } = 4;

    /// <summary>Pixels along a side for each latent position.</summary>
    public int PixelsPerPosition { get; init; } = 8;

    /// <summary>The autoencoder's latents are multiplied by this, so that they have about unit variance.</summary>
    public required double Scale { get; init; }

    /// <summary>What is taken from the autoencoder's latents before they are multiplied.</summary>
    public double Shift { get; init; }

    /// <summary>How much of red, green and blue each channel carries, channel by channel, for previews without any network; null where nobody has measured
    /// it.</summary>
    public IReadOnlyList<float>? Colours { get; init; }

    /// <summary>What is added to that mixture of red, green and blue.</summary>
    public IReadOnlyList<float> ColourShift { get; init; } = [0, 0, 0];

    /// <summary>The tiny autoencoder that was distilled for these latents, by name; null where there is none.</summary>
    public string? TinyAutoencoder { get; init; }

    /// <summary>Parts of the names under which people know autoencoders for it that are files of their own: nothing in such a file tells what it is
    /// for.</summary>
    public IReadOnlyList<string> AutoencoderNames { get; init; } = [];

    /// <summary>Stable Diffusion 1 and 2. The colours were measured for SD 1.4 by Kevin Turner
    /// (discuss.huggingface.co/t/decoding-latents-to-rgb-without-upscaling/23204) and again for SD 1.5 by torridgristle, whose numbers InvokeAI uses
    /// (invokeai/app/util/step_callback.py, SD1_5_LATENT_RGB_FACTORS).</summary>
    public static LatentSpace StableDiffusion { get; } = new()
    {
        Scale = 0.18215,
        Colours = [0.3444f, 0.1385f, 0.0670f, 0.1247f, 0.4027f, 0.1494f, -0.3192f, 0.2513f, 0.2103f, -0.1307f, -0.1874f, -0.7445f],
        TinyAutoencoder = "TAESD",
        AutoencoderNames = ["vae-ft-mse", "vae-ft-ema", "kl-f8-anime"],
    };

    /// <summary>Stable Diffusion XL. The colours are those that ComfyUI's comfy/latent_formats.py gives for it.</summary>
    public static LatentSpace StableDiffusionXl { get; } = new()
    {
        Scale = 0.13025,
        Colours = [0.3651f, 0.4232f, 0.4341f, -0.2533f, -0.0042f, 0.1068f, 0.1076f, 0.1111f, -0.0362f, -0.3165f, -0.2492f, -0.2188f],
        ColourShift = [0.1084f, -0.0175f, -0.0011f],
        TinyAutoencoder = "TAESDXL",
        AutoencoderNames = ["sdxl"],
    };

    /// <summary>The x4 upscaler, whose autoencoder is another. The colours are those that ComfyUI's comfy/latent_formats.py gives for it.</summary>
    public static LatentSpace Upscaler { get; } = new()
    {
        PixelsPerPosition = 4,
        Scale = 0.08333,
        Colours = [-0.2340f, -0.3863f, -0.3257f, 0.0994f, 0.0885f, -0.0908f, -0.2833f, -0.2349f, -0.3741f, 0.2523f, -0.0055f, -0.1651f],
    };

    /// <summary>The space that an autoencoder is for by the name of its file; null where that does not say.</summary>
    internal static LatentSpace? CalledAfter(string name) => ((LatentSpace[])[StableDiffusion, StableDiffusionXl])
        .FirstOrDefault(space => space.AutoencoderNames.Any(part => name.Contains(part, StringComparison.OrdinalIgnoreCase)));

    /// <summary>Whether latents of the one are latents of the other.</summary>
    internal bool IsSameAs(LatentSpace other) =>
        (Channels, PixelsPerPosition, Scale, Shift) == (other.Channels, other.PixelsPerPosition, other.Scale, other.Shift);

    /// <summary>The autoencoder's own latents as the UNet sees them.</summary>
    internal Tensor ToUNet(Tensor latents) => (Shift == 0 ? latents : latents - Shift) * Scale;

    /// <summary>Latents that the UNet has made as the autoencoder takes them.</summary>
    internal Tensor ToAutoencoder(Tensor latents) => Shift == 0 ? latents / Scale : latents / Scale + Shift;

    /// <summary>Small pictures of a batch of latents, one pixel for each position, as a fixed mixture of colours; null where there is no such
    /// mixture.</summary>
    /// <param name="latents">[n, <see cref="Channels"/>, h, w], as the UNet sees them, any floating type, on any device.</param>
    internal IReadOnlyList<RgbImage>? Preview(Tensor latents)
    {
        if (Colours is null) return null;
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var factors = tensor([.. Colours], [Channels, 3]);
        var colours = latents.detach().to(ScalarType.Float32).cpu().permute(0, 2, 3, 1).matmul(factors); // [n, h, w, 3], about [-1, 1]
        return ImageTensor.ToImages((colours + tensor([.. ColourShift])).permute(0, 3, 1, 2));
    }

    /// <summary>This space for a model of the family whose tensors say that its latents are others: what is known of the family's colours does not hold for
    /// them.</summary>
    internal LatentSpace As(int channels, int? pixelsPerPosition, double? scale)
    {
        var space = this with { PixelsPerPosition = pixelsPerPosition ?? PixelsPerPosition, Scale = scale ?? Scale };
        return channels == Channels ? space : space with { Channels = channels, Colours = null, TinyAutoencoder = null };
    }
}
