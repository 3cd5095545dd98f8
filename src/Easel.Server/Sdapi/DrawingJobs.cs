using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Nodes;
using Easel.Imaging;
using Easel.Sampling;
using Easel.Server.Errors;
using Easel.Server.Jobs;
using Easel.Server.Library;
using static Easel.Server.Errors.ServerException;

namespace Easel.Server.Sdapi;

/// <summary>What a body asks for, as one job for each batch. What Easel does not do is refused: another picture than was meant would be worse.</summary>
internal sealed class DrawingJobs(SdapiOptions options, ServerOptions server)
{
    /// <summary>The jobs of a txt2img.</summary>
    /// <exception cref="EaselException">It asks for something that cannot be done.</exception>
    public IReadOnlyList<JobRequest> Of(TextToImageBody body)
    {
        CheckCommon(body);
        return Batches(body, new GenerationRequest { Width = body.Width, Height = body.Height });
    }

    /// <summary>The jobs of an img2img.</summary>
    /// <exception cref="EaselException">It asks for something that cannot be done.</exception>
    public IReadOnlyList<JobRequest> Of(ImageToImageBody body)
    {
        CheckCommon(body);
        if (body.InitImages is not { Count: > 0 } init) throw new ServerException(StatusCodes.Status404NotFound, "Init image not found");
        if (init.Count > 1) throw Refused($"init_images holds {init.Count} pictures; Easel begins from one, so send a request for each.");
        if (body.InitialNoiseMultiplier is not (null or 1)) throw Lacking("initial_noise_multiplier", "1");
        if (body.LatentMask is not null) throw Lacking("latent_mask", "null");
        if (!body.MaskRound) throw Lacking("mask_round", "true");
        if (body.InpaintingFill is < 0 or > 3)
            throw Refused($"inpainting_fill is {body.InpaintingFill}; it must be 0 (fill), 1 (original), 2 (latent noise) or 3 (latent nothing).");
        var fit = body.ResizeMode switch
        {
            0 => ImageFit.Stretch,
            1 => ImageFit.Crop,
            2 => ImageFit.Pad,
            3 => throw Refused("resize_mode 3, which enlarges latents, is not something that Easel does; choose 0 (stretch), 1 (crop) or 2 (fill)."),
            _ => throw Refused($"resize_mode is {body.ResizeMode}; it must be 0 (stretch), 1 (crop) or 2 (fill)."),
        };
        var picture = SentPicture.Load(init[0], "the picture in init_images");
        var request = new GenerationRequest { InitImage = picture, Strength = body.DenoisingStrength, Width = body.Width, Height = body.Height, Fit = fit };
        return Batches(body, string.IsNullOrEmpty(body.Mask) ? request : Masked(body, request, SentPicture.LoadMask(body.Mask, "the mask")));
    }

    /// <summary>The overrides of a request's settings.</summary>
    public static JsonObject Overrides(DrawingBody body) => body.OverrideSettings ?? [];

    private static GenerationRequest Masked(ImageToImageBody body, GenerationRequest request, GrayImage mask)
    {
        var blur = body.MaskBlur ?? body.MaskBlurX ?? 4;
        if (body.MaskBlur is null && body.MaskBlurX != body.MaskBlurY) throw Refused("mask_blur_x and mask_blur_y differ; Easel blurs a mask alike in both directions.");
        request = request with
        {
            MaskBlur = blur,
            InvertMask = body.InpaintingMaskInvert != 0,
            Fill = (MaskFill)body.InpaintingFill,
            OnlyMasked = body.InpaintFullRes,
            OnlyMaskedPadding = body.InpaintFullResPadding,
        };
        if (body.InpaintFullRes) return request with { Mask = Fitted(mask, request.InitImage!.Width, request.InitImage.Height, request.Fit) };
        // There, picture and mask are brought to the size asked for first, and the result has that size; here a masked picture keeps its own.
        CheckSides(body);
        var picture = Resampling.Fit(request.InitImage!, body.Width, body.Height, request.Fit);
        return request with { InitImage = picture, Mask = Fitted(mask, body.Width, body.Height, request.Fit), Width = null, Height = null };
    }

    private static GrayImage Fitted(GrayImage mask, int width, int height, ImageFit fit) =>
        (mask.Width, mask.Height) == (width, height) ? mask : Resampling.Fit(mask.ToRgb(), width, height, fit).ToGray();

    private List<JobRequest> Batches(DrawingBody body, GenerationRequest request)
    {
        var overrides = Overrides(body);
        options.Check(overrides);
        CheckSides(body);
        if (body.BatchSize < 1 || body.NIter < 1) throw Refused("batch_size and n_iter must be 1 or more.");
        var count = (long)body.BatchSize * body.NIter;
        if (count > server.Limits.Images) throw Refused($"The number of pictures is {count}; this server allows {server.Limits.Images}.");
        var seed = body.Seed == -1 ? Random.Shared.NextInt64(1L << 32) : body.Seed;
        var job = new JobRequest
        {
            Model = options.Checkpoint(overrides),
            Vae = options.Vae(overrides),
            Request = request with
            {
                Prompt = PromptStyles.Apply(body.Prompt, body.Styles.ToHashSet()),
                NegativePrompt = body.NegativePrompt,
                Steps = body.Steps,
                Sampler = SamplerOf(body),
                Schedule = IsAutomatic(body.Scheduler) ? null : body.Scheduler,
                GuidanceScale = body.CfgScale,
                Eta = body.Eta,
                ClipSkip = options.ClipSkip(overrides),
                Like = options.Noise(overrides),
                BatchSize = body.BatchSize,
            },
        };
        job.Request.Validate();
        return [.. Enumerable.Range(0, body.NIter).Select(number => job with { Request = job.Request with { Seed = unchecked(seed + (long)number * body.BatchSize) } })];
    }

    /// <summary>The sampler that a body names.</summary>
    /// <exception cref="ServerException">There is none of that name (400).</exception>
    public static string SamplerOf(DrawingBody body)
    {
        var name = body.SamplerName is { Length: > 0 } given ? given : body.SamplerIndex;
        try
        {
            _ = Samplers.Resolve(name);
            return name;
        }
        catch (InvalidRequestException e)
        {
            throw new ServerException(StatusCodes.Status400BadRequest, $"Sampler not found: {e.Message}", e);
        }
    }

    private static void CheckCommon(DrawingBody body)
    {
        if (body.RestoreFaces == true) throw Lacking("restore_faces", "false");
        if (body.Tiling == true) throw Lacking("tiling", "false");
        if (body.SubseedStrength != 0) throw Lacking("subseed_strength", "0");
        if (body.SeedResizeFromH > 0 || body.SeedResizeFromW > 0) throw Lacking("seed_resize_from_h or _w", "-1");
        if (body.SMinUncond is not (null or 0)) throw Lacking("s_min_uncond", "0");
        if (body.SChurn is not (null or 0)) throw Lacking("s_churn", "0");
        if (body.STmin is not (null or 0)) throw Lacking("s_tmin", "0");
        if (body.STmax is not (null or 0 or double.PositiveInfinity)) throw Lacking("s_tmax", "0");
        if (body.SNoise is not (null or 1)) throw Lacking("s_noise", "1");
        if (body.FirstpassImage is not null) throw Lacking("firstpass_image", "null");
        if (body.RefinerCheckpoint is not (null or "" or "None") && body.RefinerSwitchAt is not >= 1) throw Lacking("refiner_checkpoint", "None");
        if (body.DisableExtraNetworks && body.Prompt.Contains("<lora:", StringComparison.OrdinalIgnoreCase))
            throw Refused("disable_extra_networks is set, but the prompt calls a LoRA; take the one or the other out.");
        if (body.Styles.FirstOrDefault(name => name.Length > 0 && PromptStyles.All.All(style => style.Name != name)) is { } style)
            throw Refused($"There is no prompt style \"{style}\" here; /sdapi/v1/prompt-styles lists those there are.");
        if (body.ScriptName is { Length: > 0 } script and not "None") throw Refused($"Script '{script}' not found: Easel has no scripts.");
        // Some clients always name a script and give it nothing to do.
        var scripts = body.AlwaysonScripts.Where(named => named.Value is not JsonObject script || script["args"] is not JsonArray { Count: 0 });
        if (scripts.FirstOrDefault().Key is { } always) throw Refused($"always on script {always} not found: Easel has no scripts.");
        if (!string.IsNullOrEmpty(body.Infotext)) throw Refused("Easel does not take settings from infotext; png-info reads it, and its values can be sent one by one.");
        if (!IsAutomatic(body.Scheduler)) _ = Schedules.Get(body.Scheduler!);
    }

    private static void CheckSides(DrawingBody body)
    {
        foreach (var (name, side) in (ReadOnlySpan<(string, int)>)[("width", body.Width), ("height", body.Height)])
            if (side % 8 != 0) throw Refused($"The {name} is {side}, which is not a multiple of 8; the nearest are {side / 8 * 8} and {side / 8 * 8 + 8}.");
    }

    /// <summary>Whether the sampler's own schedule is meant.</summary>
    public static bool IsAutomatic([NotNullWhen(false)] string? schedule) => string.IsNullOrEmpty(schedule) || schedule.Equals("automatic", StringComparison.OrdinalIgnoreCase);

    private static ServerException Lacking(string setting, string only) => Refused($"Easel does not do what {setting} asks for; it can only be {only}.");
}
