using Easel.Imaging;

namespace Easel.Cli.Options;

/// <summary>How the files of a run are named.</summary>
internal enum Naming
{
    Described, // 00000-42-a-cat.png
    Samples, // samples/00000.png, as the scripts of CompVis and Stability AI
    PerPrompt, // a_cat/seed_42_00000.png, as optimizedSD
}

/// <summary>
/// What holds where the command line is silent. One row for Easel's own ways, and one for each original script: its defaults, its noise and its names of files.
/// The numbers are those of the scripts' own argument parsers.
/// </summary>
internal sealed record Profile
{
    public string? Prompt { get; init; } // the prompt that stands in where none is given; null where one must be
    public GenerationRequest Request { get; init; } = new(); // the knobs as the script has them
    public int? Side { get; init; } // width and height of a picture from text; null for the model's own
    public int? InputStep { get; init; } // input pictures are brought down to sides that are multiples of this; null leaves it to the library

    public bool Grid { get; init; }
    public Naming Naming { get; init; } = Naming.Described;
    public string OutputFolder { get; init; } = "outputs";

    private const string VirusMonster = "a painting of a virus monster playing guitar";

    public static Profile General { get; } = new();

    /// <summary>CompVis/stable-diffusion, scripts/txt2img.py.</summary>
    public static Profile CompVisText { get; } = new()
    {
        Prompt = VirusMonster,
        Request = new()
        {
            BatchSize = 3,
            BatchCount = 2,
            Steps = 50,
            Sampler = "ddim",
            GuidanceScale = 7.5,
            Eta = 0,
            Seed = 42,
            Like = NoiseLike.CompVis,
            Literal = true,
        },
        Side = 512,
        Grid = true,
        Naming = Naming.Samples,
        OutputFolder = "outputs/txt2img-samples",
    };

    /// <summary>CompVis/stable-diffusion, scripts/img2img.py, which writes no watermark.</summary>
    public static Profile CompVisImage { get; } = CompVisText with
    {
        Request = CompVisText.Request with { BatchSize = 2, BatchCount = 1, GuidanceScale = 5, Strength = 0.75, Watermark = false, Fit = ImageFit.Stretch },
        Side = null,
        OutputFolder = "outputs/img2img-samples",
    };

    /// <summary>Stability-AI/stablediffusion, scripts/txt2img.py.</summary>
    public static Profile StabilityText { get; } = CompVisText with
    {
        Prompt = "a professional photograph of an astronaut riding a triceratops",
        Request = CompVisText.Request with { BatchCount = 3, GuidanceScale = 9 },
    };

    /// <summary>Stability-AI/stablediffusion, scripts/img2img.py.</summary>
    public static Profile StabilityImage { get; } = CompVisImage with
    {
        Request = CompVisImage.Request with { GuidanceScale = 9, Strength = 0.8, Watermark = true },
        InputStep = 64,
    };

    /// <summary>Stability-AI/generative-models, sgm/inference/api.py, in the files of the scripts that came before it.</summary>
    public static Profile GenerativeText { get; } = CompVisText with
    {
        Request = CompVisText.Request with
        {
            BatchSize = 1,
            BatchCount = 1,
            Sampler = "dpmpp_2m",
            Schedule = "sgm_uniform",
            GuidanceScale = 6,
            Eta = null,
        },
        Side = null,
    };

    /// <summary>The same from a picture.</summary>
    public static Profile GenerativeImage { get; } = GenerativeText with
    {
        Request = GenerativeText.Request with { Strength = 1, Fit = ImageFit.Stretch },
        InputStep = 64,
        OutputFolder = "outputs/img2img-samples",
    };

    /// <summary>basujindal/stable-diffusion, optimizedSD/optimized_txt2img.py: each picture has its own seed, and neither a mark nor a grid is made.</summary>
    public static Profile OptimizedText { get; } = CompVisText with
    {
        Request = CompVisText.Request with { BatchSize = 5, BatchCount = 1, Sampler = "plms", Seed = null, Like = NoiseLike.PerPicture, Watermark = false },
        Grid = false,
        Naming = Naming.PerPrompt,
    };

    /// <summary>basujindal/stable-diffusion, optimizedSD/optimized_img2img.py.</summary>
    public static Profile OptimizedImage { get; } = OptimizedText with
    {
        Request = OptimizedText.Request with { Sampler = "ddim", Strength = 0.75, Fit = ImageFit.Stretch },
        Side = null,
        InputStep = 64,
        OutputFolder = "outputs/img2img-samples",
    };

    /// <summary>Stability-AI/stablediffusion, scripts/gradio/depth2img.py.</summary>
    public static Profile DepthDemo { get; } = General with
    {
        Prompt = "",
        Request = new() { Steps = 50, Sampler = "ddim", GuidanceScale = 9, Eta = 0, Strength = 0.9 },
    };

    /// <summary>Stability-AI/stablediffusion, scripts/gradio/inpainting.py.</summary>
    public static Profile InpaintDemo { get; } = DepthDemo with
    {
        Request = DepthDemo.Request with { BatchSize = 4, Steps = 45, GuidanceScale = 10, Eta = 1, Strength = 1 },
    };

    /// <summary>Stability-AI/stablediffusion, scripts/gradio/superresolution.py.</summary>
    public static Profile UpscaleDemo { get; } = DepthDemo with
    {
        Request = DepthDemo.Request with { Steps = 75, GuidanceScale = 10 },
    };

    /// <summary>The row for a command line, once the model is known, or, before, for a model of the first generation.</summary>
    public static Profile For(DrawSettings settings, ModelInfo? model = null)
    {
        // The repositories sign their pictures differently, and by that their models are told apart.
        var (isSecond, isXl) = (model?.Watermark == WatermarkMark.StableDiffusion2, model?.Watermark == WatermarkMark.StableDiffusionXl);
        var fromPicture = settings.Task == DrawTask.Image || settings is { Task: DrawTask.Draw, Init: not null };
        return settings.Task switch
        {
            DrawTask.Depth => Demo(DepthDemo),
            DrawTask.Inpaint => Demo(InpaintDemo),
            DrawTask.Upscale => Demo(UpscaleDemo),
            _ when settings.IsOptimized => fromPicture ? OptimizedImage : OptimizedText,
            _ when !settings.IsScript => General,
            _ when isXl => fromPicture ? GenerativeImage : GenerativeText,
            _ when isSecond => fromPicture ? StabilityImage : StabilityText,
            _ => fromPicture ? CompVisImage : CompVisText,
        };

        // The demos are web pages and have no files of their own to name; asked for in the scripts' words they draw as the originals do.
        Profile Demo(Profile demo) => settings.IsScript
            ? demo with { Request = demo.Request with { Like = NoiseLike.CompVis, Literal = true, Fit = ImageFit.Stretch } } : demo;
    }
}
