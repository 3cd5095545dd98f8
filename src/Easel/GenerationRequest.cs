using Easel.Imaging;
using Easel.Sampling;

namespace Easel;

/// <summary>Whose way of turning a seed into noise is followed.</summary>
public enum NoiseLike
{
    /// <summary>Each picture has its own stream from its own seed (seed, seed + 1, ...): picture k is the same alone as in a batch, on every device.</summary>
    PerPicture,

    /// <summary>One stream for the whole run, as in the scripts of CompVis and Stability AI: the same integer gives the same pictures as there, batch by batch.</summary>
    CompVis,

    /// <summary>Each picture has its own stream of CUDA's Philox generator, as AUTOMATIC1111 draws on an NVIDIA card.</summary>
    A1111Gpu,
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
    public bool Any => Left + Top + Right + Bottom > 0;
}

/// <summary>
/// Everything that decides a picture, beside the model. Immutable; what to do follows from what is set: a picture in <see cref="InitImage"/> makes it image to image,
/// a <see cref="Mask"/> inpainting.
/// </summary>
public sealed partial record GenerationRequest
{
    /// <summary>What to draw. More than one prompt are drawn in turn, <see cref="BatchSize"/> at a time; a single one fills each batch.</summary>
    public IReadOnlyList<string> Prompts { get; init; } = [""];

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

    /// <summary>Sampling steps, 1 to 1000; null for as many as suit the model.</summary>
    public int? Steps { get; init; }

    /// <summary>Name of the sampler, in Easel's spelling or another program's; null for the one that suits the model.</summary>
    public string? Sampler { get; init; }

    /// <summary>Name of the noise schedule; null for the one that suits the sampler.</summary>
    public string? Schedule { get; init; }

    /// <summary>How strongly the prompt pulls, 0 to 100; at 1 the negative prompt is not looked at and each step costs half. Null for what suits the model.</summary>
    public double? GuidanceScale { get; init; }

    /// <summary>Share of fresh noise in each step of DDIM and of ancestral samplers, 0 to 1; null for the sampler's own.</summary>
    public double? Eta { get; init; }

    /// <summary>How much work may be left out, at the price of a picture that differs a little. Default <see cref="FastLevel.Exact"/>: none.</summary>
    public FastLevel Fast { get; init; } = FastLevel.Exact;

    /// <summary>The seed, any 64-bit integer, 0 included; null for a random one, which the result reports.</summary>
    public long? Seed { get; init; }

    /// <summary>Whose noise a seed stands for. Default <see cref="NoiseLike.PerPicture"/>.</summary>
    public NoiseLike Like { get; init; } = NoiseLike.PerPicture;

    /// <summary>Whether every batch begins from the same noise (the scripts' <c>--fixed_code</c>). Default false.</summary>
    public bool FixedCode { get; init; }

    /// <summary>Pictures drawn together, 1 to 64. Default 1.</summary>
    public int BatchSize { get; init; } = 1;

    /// <summary>How often the prompts are drawn, 1 to 10000. Default 1.</summary>
    public int BatchCount { get; init; } = 1;

    /// <summary>The text encoder's layers counted from the end at which to stop, 1 to 12; 1 is the layer that the model was trained on. Default 1.</summary>
    public int ClipSkip { get; init; } = 1;

    /// <summary>Whether the prompt is taken as it stands: no weights, no editing, cut at 75 tokens, as the original scripts do. Default false.</summary>
    public bool Literal { get; init; }

    /// <summary>The picture to begin from, of any size; null for text to image.</summary>
    public RgbImage? InitImage { get; init; }

    /// <summary>How far the result may stray from <see cref="InitImage"/>: 0 returns it, 1 keeps only its size. Default 0.75.</summary>
    public double Strength { get; init; } = 0.75;

    /// <summary>How <see cref="InitImage"/> is brought to the asked size. Default <see cref="ImageFit.Crop"/>.</summary>
    public ImageFit Fit { get; init; } = ImageFit.Crop;

    /// <summary>The region to draw anew, as large as <see cref="InitImage"/>: white is drawn, black is kept to the bit. Null for the whole picture.</summary>
    public GrayImage? Mask { get; init; }

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

    /// <summary>Pixels to add around <see cref="InitImage"/> and draw in (outpainting).</summary>
    public Margins Extend { get; init; } = new();

    /// <summary>A depth map for a depth model, as large as <see cref="InitImage"/>, near is bright; null to have it estimated.</summary>
    public DepthImage? Depth { get; init; }

    /// <summary>Noise added to the small picture of the x4 upscaler, 0 to 350. Default 20.</summary>
    public int NoiseLevel { get; init; } = 20;

    /// <summary>Whether the invisible watermark of the original scripts is written. Default true; pictures of fewer than 256 x 256 pixels cannot carry it.</summary>
    public bool Watermark { get; init; } = true;

    /// <summary>Largest side in pixels that a picture may have.</summary>
    public const int LargestSide = 8192;

    /// <summary>The request with what the model decides filled in, where nothing else is asked for.</summary>
    internal GenerationRequest With(ModelDefaults model) => this with
    {
        Steps = Steps ?? model.Steps,
        GuidanceScale = GuidanceScale ?? model.GuidanceScale,
        // A schedule belongs to the sampler that it was chosen with.
        Schedule = Schedule ?? (Sampler is null ? model.Schedule : null),
        Sampler = Sampler ?? model.Sampler,
    };

    /// <summary>Checks every member that can be checked without a model.</summary>
    /// <exception cref="InvalidRequestException">A member is out of its range; the exception names it, its value and the range.</exception>
    public void Validate()
    {
        if (Steps is { } steps) Range(nameof(Steps), "number of steps", steps, 1, 1000);
        Range(nameof(BatchSize), "number of pictures in a batch", BatchSize, 1, 64);
        Range(nameof(BatchCount), "number of batches", BatchCount, 1, 10_000);
        if (GuidanceScale is { } scale) Range(nameof(GuidanceScale), "guidance scale", scale, 0, 100);
        Range(nameof(Strength), "strength", Strength, 0, 1);
        Range(nameof(ClipSkip), "clip skip", ClipSkip, 1, 12);
        Range(nameof(MaskBlur), "mask blur", MaskBlur, 0, 64);
        Range(nameof(OnlyMaskedPadding), "padding around the mask", OnlyMaskedPadding, 0, 1024);
        Range(nameof(NoiseLevel), "noise level", NoiseLevel, 0, 1000);
        if (Eta is { } eta) Range(nameof(Eta), "eta", eta, 0, 1);
        Side(nameof(Width), "width", Width);
        Side(nameof(Height), "height", Height);
        if (Sampler is { } sampler) _ = Samplers.Resolve(sampler);
        if (Schedule is { } schedule && Names.Key(schedule) != Schedules.Automatic) _ = Schedules.Get(schedule);
        foreach (var margin in (int[])[Extend.Left, Extend.Top, Extend.Right, Extend.Bottom]) Range(nameof(Extend), "margin", margin, 0, LargestSide);

        if (!Enum.IsDefined(Fast)) throw new InvalidRequestException(nameof(Fast), $"The level of leaving out work is {Fast}; it must be one of {string.Join(", ", Enum.GetNames<FastLevel>())}.");
        if (Prompts.Count == 0) throw new InvalidRequestException(nameof(Prompts), "There is no prompt: give one, even an empty one.");
        if (Mask is not null && InitImage is null) throw new InvalidRequestException(nameof(Mask), "A mask needs a picture to lie on: give an input picture too.");
        if (Extend.Any && InitImage is null) throw new InvalidRequestException(nameof(Extend), "Margins need a picture to extend: give an input picture too.");
        if (Mask is { } mask && InitImage is { } init && (mask.Width, mask.Height) != (init.Width, init.Height))
            throw new InvalidRequestException(nameof(Mask), $"The mask is {mask.Width}x{mask.Height} but the picture is {init.Width}x{init.Height}; they must be of one size.");
        if (Depth is { } depth && InitImage is { } picture && (depth.Width, depth.Height) != (picture.Width, picture.Height))
            throw new InvalidRequestException(nameof(Depth), $"The depth map is {depth.Width}x{depth.Height} but the picture is {picture.Width}x{picture.Height}; they must be of one size.");

        static void Range(string field, string name, double value, double least, double most)
        {
            if (!(value >= least && value <= most)) throw new InvalidRequestException(field, $"The {name} is {value:0.####}; it must be from {least:0} to {most:0}.");
        }

        static void Side(string field, string name, int? side)
        {
            if (side is not { } pixels) return;
            if (pixels is < 64 or > LargestSide) throw new InvalidRequestException(field, $"The {name} is {pixels}; it must be from 64 to {LargestSide} pixels.");
            if (pixels % 8 == 0) return;
            var below = pixels / 8 * 8;
            throw new InvalidRequestException(field, $"The {name} is {pixels}, which is not a multiple of 8; the nearest are {below} and {below + 8}.");
        }
    }
}
