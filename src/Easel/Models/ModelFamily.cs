using Easel.Imaging;
using Easel.Sampling;

namespace Easel.Models;

/// <summary>What a UNet sees beside the noisy latents.</summary>
internal enum BesideInput
{
    /// <summary>What is to be drawn anew, at latent size: 1 channel.</summary>
    Mask,

    /// <summary>The latents of the picture with what is to be drawn anew greyed out.</summary>
    MaskedPicture,

    /// <summary>A depth map, each picture's own range to [-1, 1]: 1 channel.</summary>
    Depth,

    /// <summary>The small picture itself, under noise of a level that the network is told: 3 channels.</summary>
    SmallPicture,
}

/// <summary>The original repositories whose scripts' habits go with a model.</summary>
internal enum OriginalScripts
{
    /// <summary>github.com/CompVis/stable-diffusion.</summary>
    CompVis,

    /// <summary>github.com/Stability-AI/stablediffusion.</summary>
    Stability,

    /// <summary>github.com/Stability-AI/generative-models.</summary>
    GenerativeModels,
}

/// <summary>What a network is told of a picture as a whole, beside what the prompt says.</summary>
internal enum PictureFact
{
    /// <summary>Height and width of the picture that a training picture was made from.</summary>
    OriginalSize,

    /// <summary>How far from its top and from its left it was cut.</summary>
    Crop,

    /// <summary>Height and width that it was brought to.</summary>
    TargetSize,

    /// <summary>How beautiful people found it, about 1 to 10.</summary>
    AestheticScore,
}

/// <summary>What a UNet's tensors say about its family.</summary>
/// <param name="InChannels">Channels in: those of the latents and what stands beside them.</param>
/// <param name="LinearProjections">Whether its transformers project with linear layers and not with 1x1 convolutions.</param>
/// <param name="Has">Whether there is a tensor of a name.</param>
/// <param name="VectorWidth">Width of the vector that it is told of the picture as a whole; 0 where there is none.</param>
internal sealed record UNetSigns(int InChannels, int OutChannels, int ContextWidth, bool LinearProjections, bool HasClasses, int VectorWidth,
    Func<string, bool> Has);

/// <summary>All that a family of models has in common and its tensors do not say. The rest of Easel never asks which family a model is of; it reads a fact
/// here.</summary>
internal sealed record ModelFamily
{
    public required string Name { get; init; }

    /// <summary>Whether a UNet is of this family, beside having as many channels in as the latents and <see cref="Beside"/> need.</summary>
    internal Func<UNetSigns, bool> Recognises { get; init; } = _ => true;

    /// <summary>The space it draws in.</summary>
    public LatentSpace Latent { get; init; } = LatentSpace.StableDiffusion;

    /// <summary>Its text encoders, in the order in which their vectors stand side by side.</summary>
    public required IReadOnlyList<TextEncoderSpec> TextEncoders { get; init; }

    /// <summary>What the UNet is told of the picture as a whole, in this order, behind the text encoders' own vectors.</summary>
    public IReadOnlyList<PictureFact> Facts { get; init; } = [];

    /// <summary>Whether its makers give the network zeros where there is no negative prompt, and not an empty prompt's vectors.</summary>
    public bool NegativeMayBeZero { get; init; }

    /// <summary>Whether it only finishes what another model began, and draws nothing by itself.</summary>
    public bool Refines { get; init; }

    /// <summary>The sizes in pixels, width and height, in which it was trained, where there were several; none where any size is as good.</summary>
    public IReadOnlyList<(int Width, int Height)> TrainedSizes { get; init; } = [];

    /// <summary>Whether the numbers inside its autoencoder grow too large for fp16.</summary>
    public bool AutoencoderOverflows { get; init; }

    /// <summary>How the UNet sees noise. It does not say what is predicted where members of the family differ and the model itself must be asked.</summary>
    public NoiseModel Noise { get; init; } = new(NoiseSchedule.FromBetas(BetaSchedule.ScaledLinear, 0.00085, 0.012), PredictionType.Epsilon);

    /// <summary>Attention heads at every level of the UNet; 0 where the width of a head is fixed instead.</summary>
    public int Heads { get; init; }

    /// <summary>Width of an attention head of the UNet, where it is fixed.</summary>
    public int HeadWidth { get; init; } = 64;

    /// <summary>Whether the transformers of all levels but the coarsest attend to the prompt alone, twice, and never from position to position.</summary>
    public bool OuterLevelsSeeThePromptOnly { get; init; }

    /// <summary>What the UNet sees beside the latents, in the order of its channels.</summary>
    public IReadOnlyList<BesideInput> Beside { get; init; } = [];

    /// <summary>Whether a picture that is given is what drawing begins from, as far as the strength leaves of it.</summary>
    public bool BeginsFromPicture { get; init; } = true;

    /// <summary>Whether at full strength drawing begins from noise alone.</summary>
    public bool ForgetsAtFullStrength { get; init; }

    /// <summary>Whether a picture to begin from always spares a step, as the original demo's rule has it, even at full strength.</summary>
    public bool StrengthBelowSteps { get; init; }

    /// <summary>Whether the original demo draws the noise to begin from with NumPy, and all else with torch.</summary>
    public bool StartsFromNumpy { get; init; }

    /// <summary>Pixels out for each pixel of the input picture, along a side.</summary>
    public int Enlarges { get; init; } = 1;

    /// <summary>Side in positions of the tiles through which the UNet sees latents, for a model whose picture may be of any size; null for the whole at
    /// once.</summary>
    public int? UNetTile { get; init; }

    /// <summary>The side in pixels that the model was trained at.</summary>
    public int NativeSize { get; init; } = 512;

    /// <summary>Whether the network is told the guidance scale and guides itself by it, so that it is never asked about the negative prompt.</summary>
    public bool GuidesItself { get; init; }

    /// <summary>The guidance scale that suits the model where nobody asks for another.</summary>
    public double GuidanceScale { get; init; } = 7.5;

    /// <summary>Sampling steps that suit the model.</summary>
    public int Steps { get; init; } = 25;

    /// <summary>The sampler that suits the model.</summary>
    public string Sampler { get; init; } = "dpmpp_2m";

    /// <summary>The noise schedule that suits the model; null for the sampler's own.</summary>
    public string? Schedule { get; init; }

    /// <summary>Width of the vectors of a prompt that a model's UNet attends to.</summary>
    public int ContextWidth { get; init; }

    /// <summary>What people call the way in which it was made to draw in few steps; null for an ordinary model.</summary>
    public string? FewSteps { get; init; }

    /// <summary>What the model decides where nobody asks for something else.</summary>
    public ModelDefaults Defaults => new(Steps, GuidanceScale, Sampler, Schedule, NativeSize);

    /// <summary>Whose scripts' habits go with the model.</summary>
    public OriginalScripts Scripts { get; init; } = OriginalScripts.CompVis;

    /// <summary>The original's img2img.py cuts the sides of its input down to multiples of this many pixels.</summary>
    public int ScriptStep { get; init; } = 32;

    /// <summary>The mark that the original's scripts hide in its pictures.</summary>
    public WatermarkMark Watermark { get; init; } = WatermarkMark.StableDiffusion1;

    /// <summary>Whether nothing can be drawn without a picture.</summary>
    public bool NeedsPicture => Beside.Contains(BesideInput.SmallPicture);

    /// <summary>Whether it was trained to be shown a mask and what lies under it.</summary>
    public bool TakesMask => Beside.Contains(BesideInput.Mask);

    /// <summary>Whether it looks at a depth map.</summary>
    public bool TakesDepth => Beside.Contains(BesideInput.Depth);

    /// <summary>Pixels of the canvas along a side for each latent position. What is enlarged is drawn at the size of the small picture.</summary>
    public int PixelsPerLatent => Latent.PixelsPerPosition / Enlarges;

    /// <summary>How often a picture that is given passes through the encoder.</summary>
    internal int PicturesEncoded => (BeginsFromPicture ? 1 : 0) + Beside.Count(input => input == BesideInput.MaskedPicture);

    /// <summary>SD 1.1-1.5: github.com/CompVis/stable-diffusion configs/stable-diffusion/v1-inference.yaml.</summary>
    public static ModelFamily Sd1 { get; } = new()
    {
        Name = "Stable Diffusion 1",
        Recognises = unet => unet is { LinearProjections: false, HasClasses: false, VectorWidth: 0 },
        TextEncoders = [TextEncoderSpec.ClipL],
        Heads = 8,
    };

    /// <summary>SD 1.5 inpainting: github.com/runwayml/stable-diffusion configs/stable-diffusion/v1-inpainting-inference.yaml.</summary>
    public static ModelFamily Sd1Inpainting { get; } = Inpainting(Sd1);

    /// <summary>SD 2.0 and 2.1: github.com/Stability-AI/stablediffusion configs/stable-diffusion/v2-inference.yaml (base: eps at 512) and v2-inference-v.yaml
    /// (v at 768).</summary>
    public static ModelFamily Sd2 { get; } = new()
    {
        Name = "Stable Diffusion 2",
        Recognises = unet => unet is { LinearProjections: true, HasClasses: false, VectorWidth: 0 },
        TextEncoders = [TextEncoderSpec.OpenClipH],
        Noise = Sd1.Noise with { Prediction = null },
        Scripts = OriginalScripts.Stability,
        ScriptStep = 64,
        Watermark = WatermarkMark.StableDiffusion2,
    };

    /// <summary>SD 2 inpainting: configs/stable-diffusion/v2-inpainting-inference.yaml.</summary>
    public static ModelFamily Sd2Inpainting { get; } = Inpainting(Sd2);

    /// <summary>SD 2 depth to image: configs/stable-diffusion/v2-midas-inference.yaml.</summary>
    public static ModelFamily Sd2Depth { get; } = Sd2 with
    {
        Name = "Stable Diffusion 2 depth",
        Noise = Sd1.Noise,
        Beside = [BesideInput.Depth],
        ForgetsAtFullStrength = true,
        StrengthBelowSteps = true,
    };

    /// <summary>The x4 upscaler: configs/stable-diffusion/x4-upscaling.yaml.</summary>
    public static ModelFamily X4Upscaler { get; } = Sd2 with
    {
        Name = "Stable Diffusion x4 upscaler",
        Recognises = unet => unet is { LinearProjections: true, HasClasses: true },
        Latent = LatentSpace.Upscaler,
        Noise = new(NoiseSchedule.FromBetas(BetaSchedule.ScaledLinear, 0.0001, 0.02), PredictionType.V),
        Heads = 8,
        OuterLevelsSeeThePromptOnly = true,
        Beside = [BesideInput.SmallPicture],
        BeginsFromPicture = false,
        StartsFromNumpy = true,
        Enlarges = 4,
        UNetTile = 128, // what it was trained at
    };

    /// <summary>SDXL and what people made of it: github.com/Stability-AI/generative-models configs/inference/sd_xl_base.yaml.</summary>
    public static ModelFamily Sdxl { get; } = new()
    {
        Name = "Stable Diffusion XL",
        Recognises = unet => unet is { LinearProjections: true, VectorWidth: > 6 * FactWidth } && !unet.Has("down_blocks.0.attentions.0.proj_in.weight"),
        Latent = LatentSpace.StableDiffusionXl,
        TextEncoders = [TextEncoderSpec.ClipLOfXl, TextEncoderSpec.OpenClipBigG],
        Facts = [PictureFact.OriginalSize, PictureFact.Crop, PictureFact.TargetSize],
        NegativeMayBeZero = true,
        AutoencoderOverflows = true, // diffusers' configuration of it says force_upcast
        NativeSize = 1024,
        // "SDXL: Improving Latent Diffusion Models for High-Resolution Image Synthesis", arXiv 2307.01952, appendix I: those between 1:2 and 2:1.
        TrainedSizes =
        [
            (704, 1408), (704, 1344), (768, 1344), (768, 1280), (832, 1216), (832, 1152), (896, 1152), (896, 1088), (960, 1088), (960, 1024), (1024, 1024),
            (1024, 960), (1088, 960), (1088, 896), (1152, 896), (1152, 832), (1216, 832), (1280, 768), (1344, 768), (1344, 704), (1408, 704),
        ],
        GuidanceScale = 6,
        Scripts = OriginalScripts.GenerativeModels,
        ScriptStep = 64,
        Watermark = WatermarkMark.StableDiffusionXl,
    };

    /// <summary>The refiner of SDXL, which finishes what its base began: configs/inference/sd_xl_refiner.yaml.</summary>
    public static ModelFamily SdxlRefiner { get; } = Sdxl with
    {
        Name = "Stable Diffusion XL refiner",
        Recognises = unet => unet.LinearProjections && unet.VectorWidth == unet.ContextWidth + 5 * FactWidth,
        TextEncoders = [TextEncoderSpec.OpenClipBigG],
        Facts = [PictureFact.OriginalSize, PictureFact.Crop, PictureFact.AestheticScore],
        NegativeMayBeZero = false,
        Refines = true,
    };

    /// <summary>SDXL inpainting, as diffusers trained it: the mask and the picture under it, as SD 1's.</summary>
    public static ModelFamily SdxlInpainting { get; } = Inpainting(Sdxl) with { StartsFromNumpy = false };

    /// <summary>Every family, those with the rarer signs first.</summary>
    public static IReadOnlyList<ModelFamily> All { get; } = [Sd1, Sd1Inpainting, Sd2, Sd2Inpainting, Sd2Depth, X4Upscaler, SdxlRefiner, Sdxl, SdxlInpainting];

    /// <summary>Width of the sinusoids in which a UNet is told one number of a <see cref="PictureFact"/>.</summary>
    internal const int FactWidth = 256;

    /// <summary>Numbers that the UNet is told of the picture as a whole.</summary>
    internal int FactNumbers => Facts.Sum(fact => fact == PictureFact.AestheticScore ? 1 : 2);

    /// <summary>The first of <paramref name="families"/> that a UNet is of; null where it is of none.</summary>
    internal static ModelFamily? Of(UNetSigns unet, IEnumerable<ModelFamily> families) =>
        families.FirstOrDefault(family => unet.InChannels == unet.OutChannels + family.BesideChannels(unet.OutChannels) && family.Recognises(unet));

    private int BesideChannels(int latentChannels) => Beside.Sum(input => input switch
    {
        BesideInput.MaskedPicture => latentChannels,
        BesideInput.SmallPicture => 3,
        _ => 1,
    });

    private static ModelFamily Inpainting(ModelFamily plain) => plain with
    {
        Name = plain.Name + " inpainting",
        Noise = Sd1.Noise,
        Beside = [BesideInput.Mask, BesideInput.MaskedPicture],
        ForgetsAtFullStrength = true,
        StartsFromNumpy = true,
    };
}
