using Easel.Imaging;
using Easel.Sampling;

namespace Easel.Models;

/// <summary>What a diffusion model was trained to be given beside the noisy latent and the prompt.</summary>
public enum ModelTask
{
    /// <summary>Nothing: text to image, image to image.</summary>
    Plain,

    /// <summary>A mask and the masked picture's latent (5 channels more).</summary>
    Inpainting,

    /// <summary>A depth map (1 channel more).</summary>
    Depth,

    /// <summary>A low-resolution picture (3 channels more) and the level of noise added to it.</summary>
    Upscaler,
}

/// <summary>
/// All that a family of models has in common and its tensors do not say. The rest of Easel never asks which family a model is of; it reads a fact here.
/// </summary>
internal sealed record ModelFamily
{
    /// <summary>The name people use.</summary>
    public required string Name { get; init; }

    /// <summary>What the model takes beside latent and prompt.</summary>
    public ModelTask Task { get; init; } = ModelTask.Plain;

    /// <summary>The side in pixels that the model was trained at.</summary>
    public int NativeSize { get; init; } = 512;

    /// <summary>The guidance scale that suits the model where nobody asks for another.</summary>
    public double GuidanceScale { get; init; } = 7.5;

    /// <summary>Sampling steps that suit the model.</summary>
    public int Steps { get; init; } = 25;

    /// <summary>The sampler that suits the model.</summary>
    public string Sampler { get; init; } = "dpmpp_2m";

    /// <summary>What the model decides where nobody asks for something else.</summary>
    public ModelDefaults Defaults => new(Steps, GuidanceScale, Sampler, null, NativeSize);

    /// <summary>Latents are multiplied by this after encoding, so that they have about unit variance.</summary>
    public double LatentScale { get; init; } = 0.18215;

    /// <summary>What the UNet predicts; null where members of the family differ and the model itself must be asked.</summary>
    public PredictionType? Prediction { get; init; } = PredictionType.Epsilon;

    /// <summary>First beta of the training schedule (square-root-linear).</summary>
    public double BetaStart { get; init; } = 0.00085;

    /// <summary>Last beta of the training schedule.</summary>
    public double BetaEnd { get; init; } = 0.012;

    /// <summary>Token that fills the prompt up to 77: end-of-text for OpenAI's CLIP, 0 for OpenCLIP.</summary>
    public int PadToken { get; init; } = 49407;

    /// <summary>Attention heads at every level of the UNet; 0 where the width of a head is fixed instead.</summary>
    public int Heads { get; init; }

    /// <summary>Width of an attention head of the UNet, where it is fixed.</summary>
    public int HeadWidth { get; init; } = 64;

    /// <summary>The original's img2img.py cuts the sides of its input down to multiples of this many pixels.</summary>
    public int ScriptStep { get; init; } = 32;

    /// <summary>The mark that the original's scripts hide in its pictures.</summary>
    public WatermarkMark Watermark { get; init; } = WatermarkMark.StableDiffusion1;

    /// <summary>SD 1.1-1.5: github.com/CompVis/stable-diffusion configs/stable-diffusion/v1-inference.yaml.</summary>
    public static ModelFamily Sd1 { get; } = new() { Name = "Stable Diffusion 1", Heads = 8 };

    /// <summary>SD 1.5 inpainting: github.com/runwayml/stable-diffusion configs/stable-diffusion/v1-inpainting-inference.yaml.</summary>
    public static ModelFamily Sd1Inpainting { get; } = Sd1 with { Name = "Stable Diffusion 1 inpainting", Task = ModelTask.Inpainting };

    /// <summary>SD 2.0 and 2.1: github.com/Stability-AI/stablediffusion configs/stable-diffusion/v2-inference.yaml (base: eps at 512) and v2-inference-v.yaml (v at 768).</summary>
    public static ModelFamily Sd2 { get; } = new() { Name = "Stable Diffusion 2", Prediction = null, PadToken = 0, ScriptStep = 64, Watermark = WatermarkMark.StableDiffusion2 };

    /// <summary>SD 2 inpainting: configs/stable-diffusion/v2-inpainting-inference.yaml.</summary>
    public static ModelFamily Sd2Inpainting { get; } = Sd2 with { Name = "Stable Diffusion 2 inpainting", Task = ModelTask.Inpainting, Prediction = PredictionType.Epsilon };

    /// <summary>SD 2 depth to image: configs/stable-diffusion/v2-midas-inference.yaml.</summary>
    public static ModelFamily Sd2Depth { get; } = Sd2 with { Name = "Stable Diffusion 2 depth", Task = ModelTask.Depth, Prediction = PredictionType.Epsilon };

    /// <summary>The x4 upscaler: configs/stable-diffusion/x4-upscaling.yaml.</summary>
    public static ModelFamily X4Upscaler { get; } = Sd2 with
    {
        Name = "Stable Diffusion x4 upscaler",
        Task = ModelTask.Upscaler,
        Prediction = PredictionType.V,
        LatentScale = 0.08333,
        BetaStart = 0.0001,
        BetaEnd = 0.02,
        Heads = 8,
    };

    /// <summary>The family of a UNet, from what its tensors say; null where Easel knows none.</summary>
    internal static ModelFamily? Of(int inChannels, int outChannels, bool linearProjections, bool hasClasses) => (inChannels - outChannels, linearProjections, hasClasses) switch
    {
        (0, false, false) => Sd1,
        (5, false, false) => Sd1Inpainting,
        (0, true, false) => Sd2,
        (5, true, false) => Sd2Inpainting,
        (1, true, false) => Sd2Depth,
        (3, true, true) => X4Upscaler,
        _ => null,
    };
}
