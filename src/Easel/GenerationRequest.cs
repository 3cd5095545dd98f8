using System.Text.Json.Serialization;
using Easel.Imaging;

namespace Easel;

/// <summary>Whose way of turning a seed into noise is followed.</summary>
public enum NoiseLike
{
    /// <summary>Each picture has its own stream from its own seed (seed, seed + 1, ...): picture k is the same alone as in a batch, on every device.</summary>
    PerPicture,

    /// <summary>One stream for the whole run, as in the scripts of CompVis and Stability AI: the same integer gives the same pictures as there, batch by
    /// batch.</summary>
    CompVis,

    /// <summary>Each picture has its own stream of CUDA's Philox generator, as AUTOMATIC1111 draws on an NVIDIA card.</summary>
    A1111Gpu,

    /// <summary>One stream for the whole run, as diffusers' pipelines draw from a generator on the CPU.</summary>
    Diffusers,
}

/// <summary>What stands under the mask before drawing begins.</summary>
public enum MaskFill
{
    /// <summary>The picture's surroundings, blurred into the masked region (AUTOMATIC1111's "fill").</summary>
    Blur,

    /// <summary>What was there ("original").</summary>
    Original,

    /// <summary>Noise ("latent noise").</summary>
    Noise,

    /// <summary>Nothing ("latent nothing").</summary>
    Nothing,
}

/// <summary>Pixels to add around a picture, in which the model draws on.</summary>
/// <param name="Left">Pixels at the left, 0 or more.</param>
/// <param name="Top">Pixels at the top.</param>
/// <param name="Right">Pixels at the right.</param>
/// <param name="Bottom">Pixels at the bottom.</param>
public sealed record Margins(int Left = 0, int Top = 0, int Right = 0, int Bottom = 0)
{
    /// <summary>Whether anything is added.</summary>
    [JsonIgnore]
    public bool Any => Left + Top + Right + Bottom > 0;

    /// <summary>Reads margins as people type them: <c>left=128,top=64</c> or <c>all=64</c>. Null where that cannot be read.</summary>
    internal static Margins? TryParse(string text)
    {
        var margins = new Margins();
        foreach (var part in text.Split(',', StringSplitOptions.TrimEntries))
        {
            var pair = part.Split(['=', ':']);
            if (pair.Length != 2 || !int.TryParse(pair[1], NumberStyles.None, CultureInfo.InvariantCulture, out var pixels)) return null;
            switch (pair[0].ToLowerInvariant())
            {
                case "left": margins = margins with { Left = pixels }; break;
                case "top": margins = margins with { Top = pixels }; break;
                case "right": margins = margins with { Right = pixels }; break;
                case "bottom": margins = margins with { Bottom = pixels }; break;
                case "all": margins = new Margins(pixels, pixels, pixels, pixels); break;
                default: return null;
            }
        }
        return margins;
    }

    /// <summary>Refuses margins that no picture can have.</summary>
    /// <exception cref="InvalidRequestException">One is too wide, or there is nothing to extend.</exception>
    internal void Validate(RgbImage? picture)
    {
        foreach (var margin in (int[])[Left, Top, Right, Bottom])
            if (margin is < 0 or > GenerationRequest.LargestSide)
                throw Knobs.Find(nameof(GenerationRequest.Extend))!.Refused($"is {margin}; it must be from 0 to {GenerationRequest.LargestSide} pixels.");
        if (Any && picture is null)
            throw new InvalidRequestException(nameof(GenerationRequest.Extend), "Margins need a picture to extend: give an input picture too.");
    }
}

/// <summary>
/// Everything that decides a picture, beside the model. Immutable; what to do follows from what is set: a picture in <see cref="InitImage"/> makes it image to
/// image, a <see cref="Mask"/> inpainting.
/// </summary>
public sealed record GenerationRequest
{
    /// <summary>What to draw. More than one prompt are drawn in turn, <see cref="BatchSize"/> at a time; a single one fills each batch.</summary>
    public IReadOnlyList<string> Prompts { get; init; } = Unsaid;

    /// <summary>The same list in every request that says nothing, so that a shell can tell it from an empty prompt.</summary>
    private static readonly IReadOnlyList<string> Unsaid = [""];

    /// <summary>The only prompt.</summary>
    public string Prompt
    {
        get => Prompts.Count > 0 ? Prompts[0] : "";
        init => Prompts = [value];
    }

    /// <summary>What not to draw. Empty by default.</summary>
    public string NegativePrompt { get; init; } = "";

    /// <summary>Width in pixels, a multiple of 8 from 64 to 8192; null for the input picture's or the model's own.</summary>
    public int? Width { get; init; }

    /// <summary>Height in pixels, a multiple of 8 from 64 to 8192; null for the input picture's or the model's own.</summary>
    public int? Height { get; init; }

    /// <summary>Whether a model that was made for small pictures draws the asked size itself, for which it was never taught. Default false: it draws at the
    /// size it knows, of the asked shape, and that is enlarged to the asked one.</summary>
    public bool ExactSize { get; init; }

    /// <summary>Sampling steps, 1 to 1000; null for as many as suit the model.</summary>
    public int? Steps { get; init; }

    /// <summary>Steps of an earlier pass that this one goes on from, 0 to 1000: the parts of a prompt that change on the way are counted from its start, as
    /// AUTOMATIC1111 counts them in its highres fix. What changes at a part of the steps (0.5) has changed then, and 1.5 is half way through this pass.
    /// Default 0.</summary>
    public int StepsBefore { get; init; }

    /// <summary>Name of the sampler, in Easel's spelling or another program's; null for the one that suits the model.</summary>
    public string? Sampler { get; init; }

    /// <summary>Name of the noise schedule; null for the one that suits the sampler.</summary>
    public string? Schedule { get; init; }

    /// <summary>How strongly the prompt pulls, 0 to 100; at 1 the negative prompt is not looked at and each step costs half. Null for what suits the
    /// model.</summary>
    public double? GuidanceScale { get; init; }

    /// <summary>
    /// How far guidance is brought back to the spread of the answer to the prompt, against the glare of a high scale, 0 to 1 ("Common Diffusion Noise Schedules
    /// and Sample Steps are Flawed", arXiv 2305.08891, section 3.4). Default 0.
    /// </summary>
    public double GuidanceRescale { get; init; }

    /// <summary>Share of fresh noise in each step of DDIM and of ancestral samplers, 0 to 1; null for the sampler's own.</summary>
    public double? Eta { get; init; }

    /// <summary>Noise added before the steps of euler, heun, heunpp2 and dpm_2 (S_churn of Karras et al. 2022, algorithm 2), 0 to 100. Default 0.</summary>
    public double Churn { get; init; }

    /// <summary>The lowest noise level at which <see cref="Churn"/> acts (S_tmin), 0 to 1000. Default 0.</summary>
    public double ChurnMin { get; init; }

    /// <summary>The highest noise level at which <see cref="Churn"/> acts (S_tmax), 0 to 1000; null for all.</summary>
    public double? ChurnMax { get; init; }

    /// <summary>The scale of all noise that a sampler adds (S_noise), 0 to 2. Default 1.</summary>
    public double NoiseScale { get; init; } = 1;

    /// <summary>The order of a multistep or adaptive sampler, 1 to 4; null for the sampler's own.</summary>
    public int? Order { get; init; }

    /// <summary>The exponent of the karras and polyexponential schedules, 0.1 to 20; null for the schedule's own.</summary>
    public double? Rho { get; init; }

    /// <summary>The lowest noise level above 0 of schedules that are made from a range, 0.001 to 1000; null for the model's.</summary>
    public double? SigmaMin { get; init; }

    /// <summary>The highest noise level of schedules that are made from a range, 0.001 to 1000; null for the model's.</summary>
    public double? SigmaMax { get; init; }

    /// <summary>Steps of a run in few steps, 1 to 16, with a LoRA made for that: one that the prompt calls, or else the one in the folder of LoRAs that suits
    /// the model and this number best. A model that was itself made for few steps needs none. Null for a run in as many steps as the model takes.</summary>
    public int? Few { get; init; }

    /// <summary>The noise level below which guidance acts in every other evaluation only, which saves that part of the time, 0 to 1000 (AUTOMATIC1111's
    /// "negative guidance minimum sigma"). Default 0: it acts always.</summary>
    public double GuidanceMinSigma { get; init; }

    /// <summary>How much work may be left out, at the price of a picture that differs a little. Default <see cref="FastLevel.Exact"/>: none.</summary>
    public FastLevel Fast { get; init; } = FastLevel.Exact;

    /// <summary>The seed, any 64-bit integer, 0 included; null for a random one, which the result reports.</summary>
    public long? Seed { get; init; }

    /// <summary>How far the noise to begin from is turned towards that of <see cref="VariationSeed"/>, 0 to 1. Above 0 the pictures of a run share their
    /// seed and have variation seeds of their own. Default 0.</summary>
    public double VariationStrength { get; init; }

    /// <summary>The seed of the other noise, any 64-bit integer; null for a random one, which the request of the result reports.</summary>
    public long? VariationSeed { get; init; }

    /// <summary>Width in pixels of the picture whose noise a seed is to give, laid into the middle of this one's, 8 to 8192; null for none. Goes with
    /// <see cref="SeedResizeHeight"/>.</summary>
    public int? SeedResizeWidth { get; init; }

    /// <summary>Height in pixels of the picture whose noise a seed is to give, 8 to 8192; null for none.</summary>
    public int? SeedResizeHeight { get; init; }

    /// <summary>What is added to the seed for all noise after that which is begun from (AUTOMATIC1111's "eta noise seed delta"), any 32-bit integer.
    /// Default 0.</summary>
    public int NoiseSeedDelta { get; init; }

    /// <summary>Whether the picture's opposite edges meet without a seam. Default false.</summary>
    public bool Tiling { get; init; }

    /// <summary>Whose noise a seed stands for. Default <see cref="NoiseLike.PerPicture"/>.</summary>
    public NoiseLike Like { get; init; } = NoiseLike.PerPicture;

    /// <summary>Whether every batch begins from the same noise (the scripts' <c>--fixed_code</c>). Default false.</summary>
    public bool FixedCode { get; init; }

    /// <summary>Pictures drawn together, 1 to 64. Default 1.</summary>
    public int BatchSize { get; init; } = 1;

    /// <summary>How often the prompts are drawn, 1 to 10000. Default 1.</summary>
    public int BatchCount { get; init; } = 1;

    /// <summary>Whether one stream of noise serves the whole run.</summary>
    internal bool IsOneStream => Like is NoiseLike.CompVis or NoiseLike.Diffusers;

    /// <summary>How many pictures there will be.</summary>
    public int PictureCount => BatchCount * (Prompts.Count == 1 ? BatchSize : Prompts.Count);

    /// <summary>The text encoder's layers counted from the end at which to stop, 1 to 12; 1 is the layer that the model was trained on. Default 1.</summary>
    public int ClipSkip { get; init; } = 1;

    /// <summary>Width in pixels of the picture that this one is told to be made from, 1 to 16384, for models that are told of sizes (SDXL, arXiv
    /// 2307.01952, section 2.2); null for the drawn picture's.</summary>
    public int? OriginalWidth { get; init; }

    /// <summary>Height in pixels of the picture that this one is told to be made from, 1 to 16384, for models that are told of sizes (SDXL, arXiv
    /// 2307.01952, section 2.2); null for the drawn picture's.</summary>
    public int? OriginalHeight { get; init; }

    /// <summary>Pixels that are told to be cut off at the left, 0 to 16384, for models that are told of sizes (SDXL, arXiv 2307.01952, section 2.2).</summary>
    public int CropLeft { get; init; }

    /// <summary>Pixels that are told to be cut off at the top, 0 to 16384, for models that are told of sizes (SDXL, arXiv 2307.01952, section 2.2).</summary>
    public int CropTop { get; init; }

    /// <summary>Width in pixels that the picture is told to have, 1 to 16384, for models that are told of sizes (SDXL, arXiv 2307.01952, section 2.2);
    /// null for the drawn picture's.</summary>
    public int? TargetWidth { get; init; }

    /// <summary>Height in pixels that the picture is told to have, 1 to 16384, for models that are told of sizes (SDXL, arXiv 2307.01952, section 2.2);
    /// null for the drawn picture's.</summary>
    public int? TargetHeight { get; init; }

    /// <summary>Width in pixels of the picture that this one is told to be made from, for the negative prompt, 1 to 16384, for models that are told of
    /// sizes (SDXL, arXiv 2307.01952, section 2.2); null for that of the prompt.</summary>
    public int? NegativeOriginalWidth { get; init; }

    /// <summary>Height in pixels of the picture that this one is told to be made from, for the negative prompt, 1 to 16384, for models that are told of
    /// sizes (SDXL, arXiv 2307.01952, section 2.2); null for that of the prompt.</summary>
    public int? NegativeOriginalHeight { get; init; }

    /// <summary>Pixels that are told to be cut off at the left, for the negative prompt, 0 to 16384, for models that are told of sizes (SDXL, arXiv
    /// 2307.01952, section 2.2); null for that of the prompt.</summary>
    public int? NegativeCropLeft { get; init; }

    /// <summary>Pixels that are told to be cut off at the top, for the negative prompt, 0 to 16384, for models that are told of sizes (SDXL, arXiv
    /// 2307.01952, section 2.2); null for that of the prompt.</summary>
    public int? NegativeCropTop { get; init; }

    /// <summary>Width in pixels that the picture is told to have, for the negative prompt, 1 to 16384, for models that are told of sizes (SDXL, arXiv
    /// 2307.01952, section 2.2); null for that of the prompt.</summary>
    public int? NegativeTargetWidth { get; init; }

    /// <summary>Height in pixels that the picture is told to have, for the negative prompt, 1 to 16384, for models that are told of sizes (SDXL, arXiv
    /// 2307.01952, section 2.2); null for that of the prompt.</summary>
    public int? NegativeTargetHeight { get; init; }

    /// <summary>Another model, which does the last of the steps (SDXL, arXiv 2307.01952, section 2.5): its path or, where
    /// <see cref="LoadOptions.Refiners"/> is set, its name. It must draw in the same latents. Null for none.</summary>
    public string? Refiner { get; init; }

    /// <summary>The share of the steps after which <see cref="Refiner"/> takes over, 0 to 1; at 1 it never does. Where there is a second pass, the share of
    /// its steps, and the first is drawn without (AUTOMATIC1111's "hires fix refiner pass"). Default 0.8.</summary>
    public double RefinerAt { get; init; } = 0.8;

    /// <summary>How beautiful a refiner that is told so is told that the picture be, 0 to 10. Default 6.</summary>
    public double AestheticScore { get; init; } = 6;

    /// <summary>The same for the negative prompt. Default 2.5.</summary>
    public double NegativeAestheticScore { get; init; } = 2.5;

    /// <summary>Whether there are steps that another model does.</summary>
    [JsonIgnore]
    internal bool IsRefined => Refiner is not null && RefinerAt < 1;

    /// <summary>Whether the prompt is taken as it stands: no weights, no editing, cut at 75 tokens, as the original scripts do. Default false.</summary>
    public bool Literal { get; init; }

    /// <summary>The picture to begin from, of any size; null for text to image.</summary>
    public RgbImage? InitImage { get; init; }

    /// <summary>How far the result may stray from <see cref="InitImage"/>, or from the first pass where there is a second: 0 returns it, 1 keeps only its
    /// size. Default 0.75.</summary>
    public double Strength { get; init; } = 0.75;

    /// <summary>The scale of the noise that is laid over <see cref="InitImage"/> to begin with, 0 to 2 (AUTOMATIC1111's "noise multiplier for img2img").
    /// Default 1.</summary>
    public double NoiseMultiplier { get; init; } = 1;

    /// <summary>How <see cref="InitImage"/> is brought to the asked size. Default <see cref="ImageFit.Crop"/>.</summary>
    public ImageFit Fit { get; init; } = ImageFit.Crop;

    /// <summary>The region to draw anew, as large as <see cref="InitImage"/>: white is drawn, black is kept to the bit. Null for the whole picture.</summary>
    public GrayImage? Mask { get; init; }

    /// <summary>What of <see cref="InitImage"/> is found and masked where there is no <see cref="Mask"/>. Default <see cref="MaskSubject.None"/>.</summary>
    public MaskSubject MaskOf { get; init; }

    /// <summary>Standard deviation in pixels of the mask's soft edge, 0 to 64. Default 4.</summary>
    public double MaskBlur { get; init; } = 4;

    /// <summary>Whether black is drawn and white kept. Default false.</summary>
    public bool InvertMask { get; init; }

    /// <summary>What stands under the mask before drawing. Default <see cref="MaskFill.Original"/>.</summary>
    public MaskFill Fill { get; init; } = MaskFill.Original;

    /// <summary>Whether only the masked region, enlarged to the whole size, is drawn and then put back. Default false.</summary>
    public bool OnlyMasked { get; init; }

    /// <summary>Pixels around the masked region that <see cref="OnlyMasked"/> takes in, 0 to 1024. Default 32.</summary>
    public int OnlyMaskedPadding { get; init; } = 32;

    /// <summary>What is found in each finished picture and drawn anew at the model's own size. Default <see cref="DetailKind.None"/>.</summary>
    public DetailKind Detail { get; init; }

    /// <summary>The prompt for what <see cref="Detail"/> draws; null for the picture's.</summary>
    public string? DetailPrompt { get; init; }

    /// <summary>How far what <see cref="Detail"/> draws may stray from what was there, 0 to 1. Default 0.4, as in ADetailer.</summary>
    public double DetailStrength { get; init; } = 0.4;

    /// <summary>How sure it must be that something is what <see cref="Detail"/> looks for, 0 to 1. Default 0.3, as in ADetailer.</summary>
    public double DetailConfidence { get; init; } = 0.3;

    /// <summary>A network that mends the faces of each finished picture (GFPGAN, CodeFormer), as <see cref="LoadOptions.FaceRestorers"/> finds it; null
    /// for none.</summary>
    public string? FaceRestorer { get; init; }

    /// <summary>How true the faces stay to what was drawn, 0 to 1, where <see cref="FaceRestorer"/> is a CodeFormer. Default 0.5.</summary>
    public double FaceFidelity { get; init; } = IUpscaler.DefaultFidelity;

    /// <summary>How many times wider and higher each picture is to become in a second pass, which enlarges it and draws it over as far as
    /// <see cref="Strength"/> goes (AUTOMATIC1111's hires fix), 1 to 16; null for no second pass, unless a side is given. For text to image only.</summary>
    public double? HiresScale { get; init; }

    /// <summary>Width in pixels after the second pass, 64 to 8192; null for what follows from the height or <see cref="HiresScale"/>.</summary>
    public int? HiresWidth { get; init; }

    /// <summary>Height in pixels after the second pass, 64 to 8192; null for what follows from the width or <see cref="HiresScale"/>.</summary>
    public int? HiresHeight { get; init; }

    /// <summary>What enlarges before the second pass: one of <see cref="Enlargers"/>, or an upscaling network as
    /// <see cref="LoadOptions.Upscalers"/> finds it. Default "Built-in": of the upscalers that come with Easel the one that enlarges so much.</summary>
    public string HiresUpscaler { get; init; } = SecondPass.DefaultEnlarger;

    /// <summary>Steps of the second pass, all of which run, 1 to 1000; null for as many as <see cref="Steps"/>.</summary>
    public int? HiresSteps { get; init; }

    /// <summary>The sampler of the second pass; null for that of the first.</summary>
    public string? HiresSampler { get; init; }

    /// <summary>The noise schedule of the second pass; null for that of the first.</summary>
    public string? HiresSchedule { get; init; }

    /// <summary>The prompt of the second pass; null for that of the first.</summary>
    public string? HiresPrompt { get; init; }

    /// <summary>The negative prompt of the second pass; null for that of the first.</summary>
    public string? HiresNegativePrompt { get; init; }

    /// <summary>The guidance scale of the second pass, 0 to 100; null for that of the first.</summary>
    public double? HiresGuidanceScale { get; init; }

    /// <summary>Whether there is a second pass.</summary>
    [JsonIgnore]
    public bool HasSecondPass => (HiresScale ?? HiresWidth ?? HiresHeight) is not null;

    /// <summary>Pixels to add around <see cref="InitImage"/> and draw in (outpainting).</summary>
    public Margins Extend { get; init; } = new();

    /// <summary>A depth map for a depth model, as large as <see cref="InitImage"/>, near is bright; null to have it estimated.</summary>
    public DepthImage? Depth { get; init; }

    /// <summary>Pictures that steer drawing, each through a network of its own: at most <see cref="ControlUnit.Most"/>. None by default.</summary>
    public IReadOnlyList<ControlUnit> Controls { get; init; } = [];

    /// <summary>Noise added to the small picture of an upscaler, 0 to what the model was trained with (350 for the x4 upscaler), at most 1000. Default
    /// 20.</summary>
    public int NoiseLevel { get; init; } = 20;

    /// <summary>Whether the invisible watermark of the original scripts is written. Default true; pictures of fewer than 256 x 256 pixels cannot carry
    /// it.</summary>
    public bool Watermark { get; init; } = true;

    /// <summary>What enlarges before a second pass without a network of its own, by AUTOMATIC1111's names: latents in several ways, and pictures by
    /// resampling.</summary>
    public static IReadOnlyList<string> Enlargers => SecondPass.Enlargers;

    /// <summary>Whether a name of <see cref="Enlargers"/> means the upscalers that come with Easel.</summary>
    /// <param name="name">The name.</param>
    public static bool IsDefaultEnlarger(string name) => SecondPass.IsBuiltIn(name);

    /// <summary>Those of <see cref="Enlargers"/> that enlarge latents.</summary>
    public static IReadOnlyList<string> LatentEnlargers => SecondPass.LatentEnlargers;

    /// <summary>Largest side in pixels that a picture may have.</summary>
    public const int LargestSide = 8192;

    /// <summary>Sides of a picture are multiples of so many pixels.</summary>
    public const int SideStep = 8;

    /// <summary>The request with what the model decides filled in, where nothing else is asked for.</summary>
    /// <param name="model">What the model decides.</param>
    public GenerationRequest With(ModelDefaults model) => this with
    {
        Steps = Steps ?? model.Steps,
        GuidanceScale = GuidanceScale ?? model.GuidanceScale,
        // A schedule belongs to the sampler that it was chosen with.
        Schedule = Schedule ?? (Sampler is null ? model.Schedule : null),
        Sampler = Sampler ?? model.Sampler,
    };

    /// <summary>The size that the second pass draws; null where there is none.</summary>
    /// <param name="width">Width in pixels of the first pass.</param>
    /// <param name="height">Height in pixels of the first pass.</param>
    public (int Width, int Height)? SizeOfSecondPass(int width, int height) => SecondPass.SizeOf(this, width, height);

    /// <summary>The request with random seeds where it leaves them to chance, so that it says all that decides its pictures.</summary>
    public GenerationRequest WithSeeds() => this with
    {
        Seed = Seed ?? NextSeed(),
        VariationSeed = VariationSeed ?? (VariationStrength > 0 ? NextSeed() : null),
    };

    /// <summary>
    /// The request as runs of one batch each, which may be drawn apart, on several machines too: the same pictures to the bit, since each has noise of its own
    /// and is drawn together with the same others. A single run where one stream of noise serves all batches, or where there is no more than one.
    /// </summary>
    /// <returns>Each run with the place of its first picture among all.</returns>
    public IReadOnlyList<(int First, GenerationRequest Run)> Apart()
    {
        var whole = WithSeeds();
        var batches = Batch.Of(whole);
        if (batches.Count == 1 || Knobs.IsOneRun(whole)) return [(0, whole)];
        return [.. batches.Select(batch => (batch.First, whole with
        {
            Prompts = whole.Prompts.Count == 1 ? whole.Prompts : batch.Prompts,
            BatchSize = batch.Prompts.Count,
            BatchCount = 1,
            Seed = whole.VariationStrength > 0 ? whole.Seed : unchecked(whole.Seed + batch.First),
            VariationSeed = unchecked(whole.VariationSeed + batch.First),
        }))];
    }

    /// <summary>A random seed, as wide as other programs take.</summary>
    private static long NextSeed() => Random.Shared.NextInt64(1L << 32);

    /// <summary>Checks every member that can be checked without a model.</summary>
    /// <exception cref="InvalidRequestException">A member is out of its range; the exception names it, its value and the range.</exception>
    public void Validate()
    {
        foreach (var knob in Knobs.All) knob.Validate(this);
    }
}
