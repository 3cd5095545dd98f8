using Easel.Imaging;
using Easel.Models;

namespace Easel;

/// <summary>What a model decides about a picture where nobody asks for something else. The same in every shell.</summary>
/// <param name="Steps">Sampling steps.</param>
/// <param name="GuidanceScale">How strongly the prompt pulls.</param>
/// <param name="Sampler">Name of the sampler.</param>
/// <param name="Schedule">Name of the noise schedule; null for the sampler's own.</param>
/// <param name="Size">Side in pixels of a picture: what the model was trained at.</param>
public sealed record ModelDefaults(int Steps, double GuidanceScale, string Sampler, string? Schedule, int Size);

/// <summary>A model as a value: what it is, what it takes and what it decides. Told without its weights being read.</summary>
public sealed record ModelInfo
{
    /// <summary>The family's name: "Stable Diffusion 1".</summary>
    public required string Family { get; init; }

    /// <summary>What the model decides where a request says nothing.</summary>
    public required ModelDefaults Defaults { get; init; }

    /// <summary>What the UNet predicts; null where it is only known once the model is loaded.</summary>
    public PredictionType? Prediction { get; init; }

    /// <summary>Whether it cannot draw without an input picture, as an upscaler cannot.</summary>
    public bool NeedsPicture { get; init; }

    /// <summary>Whether it was trained to be shown a mask and what lies under it. Other models inpaint too, with less regard for the surroundings.</summary>
    public bool TakesMask { get; init; }

    /// <summary>Whether it looks at a depth map.</summary>
    public bool TakesDepth { get; init; }

    /// <summary>Pixels out for each pixel of the input picture, along a side: 4 for the x4 upscaler, 1 for all others.</summary>
    public int Enlarges { get; init; } = 1;

    /// <summary>Channels of its latents.</summary>
    public int LatentChannels { get; init; } = 4;

    /// <summary>Pixels along a side that each position of its latents stands for.</summary>
    public int PixelsPerPosition { get; init; } = 8;

    /// <summary>The mark that the original's scripts hide in its pictures.</summary>
    public required WatermarkMark Watermark { get; init; }

    internal static ModelInfo Of(ModelFamily family, PredictionType? prediction) => new()
    {
        Family = family.Name,
        Defaults = family.Defaults,
        Prediction = prediction ?? family.Noise.Prediction,
        NeedsPicture = family.NeedsPicture,
        TakesMask = family.TakesMask,
        TakesDepth = family.TakesDepth,
        Enlarges = family.Enlarges,
        LatentChannels = family.Latent.Channels,
        PixelsPerPosition = family.Latent.PixelsPerPosition,
        Watermark = family.Watermark,
    };
}
