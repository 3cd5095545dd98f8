using Easel.Imaging;
using Easel.Metadata;
using Easel.Sampling;
using Request = Easel.GenerationRequest;

namespace Easel;

/// <summary>
/// The table of knobs: a row for each property of <see cref="GenerationRequest"/>. To add a knob, add the property, its use, and a row here; every shell has it
/// then. What is special about a knob stands in its row. The order is that of the text in pictures.
/// </summary>
public static partial class Knobs
{
    private static readonly KnobChoice[] Fits =
    [
        new(ImageFit.Crop, "crop", Infotext: "Crop", Code: 1), new(ImageFit.Pad, "pad", Infotext: "Pad", Code: 2), new(ImageFit.Stretch, "stretch",
            Infotext: "Stretch", Code: 0), new(ImageFit.Latent, "latent", Infotext: "Latent", Code: 3),
    ];

    private static readonly KnobChoice[] Fills =
    [
        new(MaskFill.Original, "original", Code: 1), new(MaskFill.Noise, "noise", "latent-noise", "latent noise", 2),
        new(MaskFill.Blur, "blur", "fill", "fill", 0), new(MaskFill.Nothing, "nothing", "latent-nothing", "latent nothing", 3),
    ];

    private static readonly KnobChoice[] Levels =
    [
        new(FastLevel.Exact, "exact", "none off"), new(FastLevel.Light, "light"), new(FastLevel.Medium, "medium"), new(FastLevel.Strong, "strong"),
    ];

    private static readonly KnobChoice[] Likes =
    [
        new(NoiseLike.PerPicture, "per-picture"), new(NoiseLike.CompVis, "compvis"), new(NoiseLike.A1111Gpu, "a1111-gpu"),
        new(NoiseLike.Diffusers, "diffusers"),
    ];

    /// <summary>A request in which no knob was turned.</summary>
    internal static Request Untouched { get; } = new();

    /// <summary>Every knob.</summary>
    public static IReadOnlyList<Knob> All { get; } =
    [
        new(nameof(Request.Prompts))
        {
            Label = "Prompt", Help = "what to draw; may also stand alone, without --prompt", Flags = ["--prompt", "-p"],
            SdapiName = "prompt", OpenAiName = "prompt", McpName = "prompt", Tell = _ => null,
            Check = r => { if (r.Prompts.Count == 0) throw new InvalidRequestException(nameof(r.Prompts),
                "There is no prompt: give one, even an empty one."); },
        },
        new(nameof(Request.NegativePrompt))
        {
            Label = "Negative prompt", Help = "what not to draw", Flags = ["--negative", "-n", "--negative-prompt"],
            SdapiName = "negative_prompt", OpenAiName = "negative_prompt", McpName = "negative_prompt", Tell = _ => null,
        },
        new(nameof(Request.Steps))
        {
            Label = "Steps", Noun = "number of steps", Help = "sampling steps: more take longer and are finer", Flags = ["--steps"],
                ScriptFlags = ["--ddim_steps"],
            InfotextKey = "Steps", SdapiName = "steps", OpenAiName = "steps", McpName = "steps",
            Range = (1, 1000), DefaultFrom = DefaultFrom.Model, IsTold = Always,
        },
        new(nameof(Request.StepsBefore))
        {
            Label = "Steps before", Noun = "number of steps before", Help = "steps of an earlier pass, from which the prompt's changes are counted",
            InfotextKey = "Steps before", OnPage = false, Range = (0, 1000),
        },
        new(nameof(Request.Sampler))
        {
            Label = "Sampler", Help = "the way in which noise is removed", Flags = ["--sampler"], ValueName = "NAME",
            InfotextKey = "Sampler", SdapiName = "sampler_name", OpenAiName = "sampler", McpName = "sampler",
            Values = () => Samplers.All.Select(sampler => sampler.Name), DefaultFrom = DefaultFrom.Model,
            Tell = told => Samplers.Get(told.Request.Sampler!).DisplayName, Take = (r, text) => r with { Sampler = text["Sampler"] ?? "Euler a" },
            Check = r => { if (r.Sampler is { } name) _ = Samplers.Resolve(name); },
        },
        new(nameof(Request.Schedule))
        {
            Label = "Schedule", Noun = "noise schedule", Help = "how the noise levels are spaced", Flags = ["--schedule", "--scheduler"], ValueName = "NAME",
            InfotextKey = "Schedule type", SdapiName = "scheduler", OpenAiName = "schedule", McpName = "schedule",
            NoneWords = [Schedules.Automatic], Values = () => Schedules.All.Select(schedule => schedule.Name), DefaultFrom = DefaultFrom.Sampler,
            Tell = told => ScheduleOf(told.Request).DisplayName,
            Check = r => { if (r.Schedule is { } name && !Schedules.IsAutomatic(name)) _ = Schedules.Get(name); },
        },
        new(nameof(Request.GuidanceScale))
        {
            Label = "Guidance", Noun = "guidance scale", Help = "how strongly the prompt pulls; at 1 the negative prompt is not looked at, in half the time",
            Flags = ["--cfg", "--guidance", "--cfg-scale"], ScriptFlags = ["--scale"],
            InfotextKey = "CFG scale", SdapiName = "cfg_scale", OpenAiName = "guidance", McpName = "guidance",
            Range = (0, 100), Step = 0.5, DefaultFrom = DefaultFrom.Model, IsTold = Always,
        },
        new(nameof(Request.GuidanceRescale))
        {
            Label = "Cfg rescale", Help = "how far guidance is brought back to the spread of the prompt's own answer, against glare, 0 to 1",
                Flags = ["--cfg-rescale"],
            InfotextKey = "CFG Rescale", SdapiName = "cfg_rescale", OpenAiName = "guidance_rescale", McpName = "guidance_rescale", Range = (0, 1), Step = 0.05,
        },
        new(nameof(Request.Seed))
        {
            Label = "Seed", Help = "the number that makes the same picture again; 'random' or -1 draws one", Flags = ["--seed", "-s"], ValueName = "S",
            InfotextKey = "Seed", SdapiName = "seed", OpenAiName = "seed", McpName = "seed", NoneWords = ["random", "-1"], DefaultFrom = DefaultFrom.Chance,
            Tell = told => Text(IsOneRun(told.Request) ? told.Request.Seed : told.Image.Seed),
        },
        .. Variations,
        new(nameof(Request.Width))
        {
            Label = "Width", Help = "width in pixels, a multiple of 8", Flags = ["--width", "-W"], ScriptFlags = ["--W"],
            InfotextKey = "Size", SdapiName = "width", McpName = "width", DefaultFrom = DefaultFrom.Picture,
            Range = (64, Request.LargestSide), MultipleOf = Request.SideStep, Step = 64, Unit = " pixels",
            Tell = told => told.Size, Take = (r, text) => RequestInfotext.SizeIn(text) is { } size ? r with { Width = size.Width, Height = size.Height } : r,
        },
        new(nameof(Request.Height))
        {
            Label = "Height", Help = "height in pixels, a multiple of 8", Flags = ["--height", "-H"], ScriptFlags = ["--H"],
            SdapiName = "height", McpName = "height", DefaultFrom = DefaultFrom.Picture,
            Range = (64, Request.LargestSide), MultipleOf = Request.SideStep, Step = 64, Unit = " pixels",
        },
        new(nameof(Request.ExactSize))
        {
            Label = "Exact size", Help = "have a model of small pictures draw a larger size itself, and not at its own size to be enlarged then",
            Flags = ["--exact-size"], InfotextKey = "Exact size", SdapiName = "exact_size", OpenAiName = "exact_size", McpName = "exact_size",
        },
        new(nameof(Request.InitImage))
        {
            Label = "Input picture", Help = "the picture to begin from", Flags = ["--init-img", "-i", "--init"], ValueName = "FILE", McpName = "image",
        },
        new(nameof(Request.Strength))
        {
            Label = "Strength", Help = "how far the result may stray from the input picture or the first pass, 0 to 1", Flags = ["--strength"],
            InfotextKey = "Denoising strength", SdapiName = "denoising_strength", OpenAiName = "strength", McpName = "strength",
            Range = (0, 1), Step = 0.05, Needs = KnobNeeds.Start, IsTold = r => r.InitImage is not null || r.HasSecondPass,
        },
        new(nameof(Request.NoiseMultiplier))
        {
            Label = "Noise multiplier", Help = "the scale of the noise laid over the input picture to begin with", Flags = ["--noise-multiplier"],
            InfotextKey = "Noise multiplier", SdapiName = "initial_noise_multiplier", Range = (0, 2), Step = 0.01, Needs = KnobNeeds.Picture,
        },
        .. Hires,
        .. Detail,
        new(nameof(Request.ClipSkip))
        {
            Label = "Clip skip", Help = "stop the text encoder so many layers before its end; 1 is none", Flags = ["--clip-skip"],
            InfotextKey = "Clip skip", OpenAiName = "clip_skip", McpName = "clip_skip", SdapiName = "clip_skip", Range = (1, 12),
        },
        new(nameof(Request.Fit))
        {
            Label = "Fit", Help = "how the input picture is brought to the asked size", Flags = ["--fit"], Choices = Fits,
            InfotextKey = "Fit", SdapiName = "resize_mode", Needs = KnobNeeds.Picture,
        },
        new(nameof(Request.Extend))
        {
            Label = "Extend", Noun = "margin", Help = "draw on beyond the picture's edges (also right, bottom, all)", Flags = ["--extend"],
                ValueName = "left=128,top=64",
            InfotextKey = "Extend", Needs = KnobNeeds.Picture,
            Tell = told => told.Request.Extend is { Any: true } margins ? $"{margins.Left} {margins.Top} {margins.Right} {margins.Bottom}"
                : null, Take = RequestInfotext.WithMargins,
            Check = r => r.Extend.Validate(r.InitImage),
        },
        new(nameof(Request.NoiseLevel))
        {
            Label = "Noise level", Help = "noise added to the small picture before it is enlarged; most models take up to 350", Flags = ["--noise-level"],
            InfotextKey = "Noise level", SdapiName = "noise_level", McpName = "noise_level", Range = (0, 1000), Needs = KnobNeeds.Upscaler,
        },
        new(nameof(Request.Mask))
        {
            Label = "Mask", Help = "white is drawn anew, black is kept; without one the picture's transparency counts", Flags = ["--mask"], ValueName = "FILE",
                McpName = "mask",
            Needs = KnobNeeds.Picture, Check = r => RequireSameSize(r, nameof(r.Mask), "mask", r.Mask?.Width, r.Mask?.Height),
        },
        new(nameof(Request.MaskOf))
        {
            Label = "Mask of", Noun = "subject of the mask", Help = "what of the picture is found and drawn anew where there is no mask", Flags = ["--mask-of"],
            Choices = [new(MaskSubject.None, "none"), new(MaskSubject.Person, "person", "people"), new(MaskSubject.Background, "background")],
            InfotextKey = "Mask of", SdapiName = "mask_of", OpenAiName = "mask_of", McpName = "mask_of", Needs = KnobNeeds.Picture, OnPage = false,
        },
        new(nameof(Request.MaskBlur))
        {
            Label = "Mask blur", Help = "softness of the mask's edge in pixels", Flags = ["--mask-blur"],
            InfotextKey = "Mask blur", SdapiName = "mask_blur", Range = (0, 64), Needs = KnobNeeds.Mask, IsTold = r => r.Mask is not null,
        },
        new(nameof(Request.InvertMask))
        {
            Label = "Invert mask", Help = "draw the black part instead", Flags = ["--invert-mask"],
            InfotextKey = "Mask mode", InfotextWord = "Inpaint not masked", SdapiName = "inpainting_mask_invert", Needs = KnobNeeds.Mask,
        },
        new(nameof(Request.Fill))
        {
            Label = "Masked content", Noun = "content under the mask", Help = "what stands under the mask at first", Flags = ["--fill"], Choices = Fills,
            InfotextKey = "Masked content", SdapiName = "inpainting_fill", Needs = KnobNeeds.Mask,
        },
        new(nameof(Request.OnlyMasked))
        {
            Label = "Only the masked part", Help = "draw the masked part alone, enlarged, and put it back", Flags = ["--only-masked"],
            InfotextKey = "Inpaint area", InfotextWord = "Only masked", SdapiName = "inpaint_full_res", Needs = KnobNeeds.Mask,
        },
        new(nameof(Request.OnlyMaskedPadding))
        {
            Label = "Padding", Noun = "padding around the mask", Help = "pixels around the masked part that are seen with it where it is drawn alone",
                Flags = ["--padding"],
            InfotextKey = "Masked area padding", SdapiName = "inpaint_full_res_padding", Range = (0, 1024), Step = 8, Needs = KnobNeeds.Mask,
            IsTold = r => r is { Mask: not null, OnlyMasked: true },
        },
        new(nameof(Request.Depth))
        {
            Label = "Depth map", Help = "a depth map for a depth model, near is bright", Flags = ["--depth"], ValueName = "FILE", InfotextKey = "Depth map",
            Needs = KnobNeeds.DepthModel, Tell = told => told.Request is { InitImage: not null, Depth: not null } ? "given" : null, Take = (r, _) => r,
            Check = r => RequireSameSize(r, nameof(r.Depth), "depth map", r.Depth?.Width, r.Depth?.Height),
        },
        new(nameof(Request.Controls))
        {
            Label = "Control", Noun = "control", Help = "steer by a picture through a ControlNet, T2I-Adapter or IP-Adapter; may be given several times",
            Flags = ["--control"], ValueName = "NET=PICTURE[,KIND][:STRENGTH][@START-END]", OnPage = false, InfotextKey = ControlInfotext.NameOf(0),
            Tell = told => told.Request.Controls is [var first, ..] ? ControlInfotext.TextOf(first) : null,
            Take = (r, text) => r with { Controls = ControlInfotext.Read(text) }, Check = CheckControls,
        },
        .. Sizes,
        .. Refining,
        new(nameof(Request.Like))
        {
            Label = "Seeds like", Noun = "kind of noise", Help = "whose noise a seed stands for", Flags = ["--like"], Choices = Likes,
            InfotextKey = "RNG", Tell = told => told.Request.Like == NoiseLike.A1111Gpu ? null : "CPU",
            Take = (r, text) => r with
            {
                Like = text["Like"] switch { "compvis" => NoiseLike.CompVis, "diffusers" => NoiseLike.Diffusers, _ => null as NoiseLike? }
                    ?? (text["RNG"] == "CPU" ? NoiseLike.PerPicture : NoiseLike.A1111Gpu),
            },
        },
        new(nameof(Request.Eta))
        {
            Label = "Eta", Group = "Sampling, finely",
            Help = "fresh noise in each step of DDIM and ancestral samplers, 0 to 1", Flags = ["--eta"], ScriptFlags = ["--ddim_eta"],
            InfotextKey = "Eta", SdapiName = "eta", Range = (0, 1), Step = 0.1, DefaultFrom = DefaultFrom.Sampler,
        },
        new(nameof(Request.Churn))
        {
            Label = "Churn", Group = "Sampling, finely",
            Help = "noise added before the steps of euler, heun and dpm_2 (S_churn)", Flags = ["--churn"], InfotextKey = "Sigma churn",
            SdapiName = "s_churn", OpenAiName = "churn", McpName = "churn", Range = (0, 100),
        },
        new(nameof(Request.ChurnMin))
        {
            Label = "Churn from", Noun = "lowest noise level of churn", Help = "the lowest noise level at which churn acts (S_tmin)", Flags = ["--churn-min"],
            InfotextKey = "Sigma tmin", SdapiName = "s_tmin", OpenAiName = "churn_min", McpName = "churn_min", Range = (0, 1000), OnPage = false,
        },
        new(nameof(Request.ChurnMax))
        {
            Label = "Churn to", Noun = "highest noise level of churn", Help = "the highest noise level at which churn acts (S_tmax); 0 for all",
            Flags = ["--churn-max"], InfotextKey = "Sigma tmax", SdapiName = "s_tmax", OpenAiName = "churn_max", McpName = "churn_max", Range = (0, 1000),
                OnPage = false,
            NoneWords = ["0"], // as A1111 says "without end"
        },
        new(nameof(Request.NoiseScale))
        {
            Label = "Noise scale", Group = "Sampling, finely",
            Help = "the scale of all noise that a sampler adds (S_noise)", Flags = ["--noise-scale"], InfotextKey = "Sigma noise",
            SdapiName = "s_noise", OpenAiName = "noise_scale", McpName = "noise_scale", Range = (0, 2), Step = 0.01,
        },
        new(nameof(Request.Order))
        {
            Label = "Order", Group = "Sampling, finely",
            Noun = "order of the sampler", Help = "the order of a multistep or adaptive sampler", Flags = ["--order"], InfotextKey = "Order",
            SdapiName = "order", OpenAiName = "order", McpName = "order", Range = (1, 4), DefaultFrom = DefaultFrom.Sampler,
        },
        new(nameof(Request.Rho))
        {
            Label = "Rho", Group = "Sampling, finely",
            Help = "the exponent of the karras and polyexponential schedules", Flags = ["--rho"], InfotextKey = "Schedule rho",
            SdapiName = "rho", OpenAiName = "rho", McpName = "rho", Range = (0.1, 20), Step = 0.1, DefaultFrom = DefaultFrom.Sampler, NoneWords = ["0"],
        },
        new(nameof(Request.SigmaMin))
        {
            Label = "Lowest noise", Group = "Sampling, finely",
            Noun = "lowest noise level", Help = "the lowest noise level above 0 of a schedule", Flags = ["--sigma-min"],
            InfotextKey = "Schedule min sigma", SdapiName = "sigma_min", OpenAiName = "sigma_min", McpName = "sigma_min", Range = (0.001, 1000), Step = 0.01,
            DefaultFrom = DefaultFrom.Model, NoneWords = ["0"],
        },
        new(nameof(Request.SigmaMax))
        {
            Label = "Highest noise", Group = "Sampling, finely",
            Noun = "highest noise level", Help = "the highest noise level of a schedule", Flags = ["--sigma-max"],
            InfotextKey = "Schedule max sigma", SdapiName = "sigma_max", OpenAiName = "sigma_max", McpName = "sigma_max", Range = (0.001, 1000), Step = 0.1,
            DefaultFrom = DefaultFrom.Model, NoneWords = ["0"],
        },
        new(nameof(Request.GuidanceMinSigma))
        {
            Label = "Guidance from", Group = "Sampling, finely", Noun = "lowest noise level of full guidance",
            Help = "below this noise level guidance acts in every other step only, which saves time; 0 for none", Flags = ["--guidance-min-sigma"],
            InfotextKey = "NGMS", SdapiName = "s_min_uncond", OpenAiName = "guidance_min_sigma", McpName = "guidance_min_sigma", Range = (0, 1000), Step = 0.1,
        },
        new(nameof(Request.Tiling))
        {
            Label = "Tiling", Help = "opposite edges of the picture meet without a seam", Flags = ["--tiling"],
            InfotextKey = "Tiling", SdapiName = "tiling", OpenAiName = "tiling", McpName = "tiling",
        },
        new(nameof(Request.Few))
        {
            Label = "Few steps", Noun = "number of few steps", Help = "draw in so few steps, with a LoRA made for that out of the folder of LoRAs; 4 by itself",
            Flags = ["--few"], AloneMeans = 4, InfotextKey = "Few steps", SdapiName = "few_steps", OpenAiName = "few_steps", McpName = "few_steps",
            Range = (1, 16),
        },
        new(nameof(Request.Fast))
        {
            Label = "Fast", Noun = "level of leaving out work", Help = "leave out work, for a picture that differs a little", Flags = ["--fast"],
                Choices = Levels,
            InfotextKey = "Fast", SdapiName = "fast", OpenAiName = "fast", McpName = "fast",
        },
        new(nameof(Request.BatchSize))
        {
            Label = "At once", Noun = "number of pictures in a batch", Help = "how many pictures are drawn at once", Flags = ["--batch"],
                ScriptFlags = ["--n_samples"], OnPage = false,
            InfotextKey = "Batch size", SdapiName = "batch_size", Range = (1, 64), IsTold = IsOneRun, Take = (r, _) => r,
        },
        new(nameof(Request.BatchCount))
        {
            Label = "Pictures", Noun = "number of batches", Help = "how many batches", ScriptFlags = ["--n_iter"],
            SdapiName = "n_iter", OpenAiName = "n", McpName = "count", Range = (1, 10_000),
        },
        new(nameof(Request.FixedCode))
        {
            Label = "Fixed code", Help = "begin every batch from the same noise", ScriptFlags = ["--fixed_code"], OnPage = false, InfotextKey = "Fixed code",
        },
        new(nameof(Request.Literal))
        {
            Label = "Literal prompt", Help = "take the prompt as it stands: no (weights), cut at 75 tokens", Flags = ["--literal"], CanBeTakenBack = true,
            InfotextKey = "Literal", SdapiName = "literal", OpenAiName = "literal", McpName = "literal",
        },
        new(nameof(Request.Watermark))
        {
            Label = "Watermark", Help = "leave out the invisible watermark", Flags = ["--no-watermark"], InfotextKey = "Watermark", InfotextWord = "none",
            SdapiName = "watermark", OpenAiName = "watermark", McpName = "watermark",
        },
    ];

    private static readonly Dictionary<string, Knob> ByProperty = All.ToDictionary(knob => knob.Property, StringComparer.OrdinalIgnoreCase);

    /// <summary>The knob of a property of <see cref="GenerationRequest"/>, in any case; null where it has none, as
    /// <see cref="GenerationRequest.Prompt"/>.</summary>
    public static Knob? Find(string property) => ByProperty.GetValueOrDefault(property == nameof(Request.Prompt) ? nameof(Request.Prompts) : property);

    /// <summary>What is turned and does nothing, since there is nothing for it to act on: one sentence each.</summary>
    internal static IEnumerable<string> NotHonoured(Request request, ModelInfo model)
    {
        foreach (var knob in All.Where(knob => knob.Needs != KnobNeeds.Nothing && !knob.IsDefault(request)))
        {
            var missing = knob.Needs switch
            {
                KnobNeeds.Picture when request.InitImage is null => "an input picture",
                KnobNeeds.Start when request is { InitImage: null, HasSecondPass: false } => "an input picture or a second pass",
                KnobNeeds.SecondPass when !request.HasSecondPass => "a second pass",
                KnobNeeds.Detail when request.Detail == DetailKind.None => "a detail pass",
                KnobNeeds.Mask when request.Mask is null && !request.Extend.Any => "a mask",
                KnobNeeds.DepthModel when !model.TakesDepth => "a model that looks at depth",
                KnobNeeds.Upscaler when model.Enlarges == 1 => "a model that enlarges",
                KnobNeeds.SizedModel when !model.TakesSizes => "a model that is told of sizes",
                KnobNeeds.Refiner when request.Refiner is null => "a refiner",
                KnobNeeds.FaceRestorer when request.FaceRestorer is null => "a face restorer",
                _ => null,
            };
            if (missing is not null) yield return $"The {knob.Noun} does nothing here: it needs {missing}.";
        }
    }

    /// <summary>A picture that cannot be drawn without the ones before it.</summary>
    internal static bool IsOneRun(Request request) => request.IsOneStream || request.FixedCode;

    private static bool Always(Request request) => true;

    private static void CheckControls(Request request)
    {
        if (request.Controls.Count > ControlUnit.Most)
            throw new InvalidRequestException(nameof(request.Controls),
                $"There are {request.Controls.Count} controls; at most {ControlUnit.Most} are possible.");
        foreach (var unit in request.Controls)
        {
            unit.Validate();
            if (unit.Picture is null && request.InitImage is null)
                throw new InvalidRequestException(nameof(request.Controls),
                    $"The control {unit.Name} has no picture to go by: give it one, or an input picture.");
        }
    }

    private static string? Text(long? number) => number?.ToString(System.Globalization.CultureInfo.InvariantCulture);

    private static Schedule ScheduleOf(Request request)
    {
        var (sampler, named) = Samplers.Resolve(request.Sampler!);
        return Schedules.For(sampler, named, request.Schedule);
    }

    private static void RequireSameSize(Request request, string property, string noun, int? width, int? height)
    {
        if (width is null) return;
        if (request.InitImage is not { } picture)
        {
            if (property == nameof(request.Mask)) throw new InvalidRequestException(property, "A mask needs a picture to lie on: give an input picture too.");
        }
        else if ((width, height) != (picture.Width, picture.Height))
        {
            throw new InvalidRequestException(property,
                $"The {noun} is {width}x{height} but the picture is {picture.Width}x{picture.Height}; they must be of one size.");
        }
    }
}
