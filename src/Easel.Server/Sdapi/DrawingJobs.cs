using Easel.Imaging;
using Easel.Server.Errors;
using Easel.Server.Jobs;
using Easel.Server.Library;
using Easel.Server.Storage;
using static Easel.Server.Errors.ServerException;

namespace Easel.Server.Sdapi;

/// <summary>What a body asks for, as one job for each batch. What Easel does not do is refused: another picture than was meant would be worse.</summary>
internal sealed class DrawingJobs(SdapiOptions options, ServerOptions server, PictureReader pictures)
{
    private const string Init = "the picture in init_images";

    public IReadOnlyList<JobRequest> Of(TextToImageBody body)
    {
        CheckCommon(body);
        return Batches(body, Without(body.Request, KnobNeeds.Picture)); // a strength is the second pass's
    }

    public IReadOnlyList<JobRequest> Of(ImageToImageBody body)
    {
        CheckCommon(body);
        if (body.InitImages is not { Count: > 0 } init) throw new ServerException(Status404NotFound, "Init image not found");
        if (init.Count > 1) throw Refused($"init_images holds {init.Count} pictures; Easel begins from one, so send a request for each.");
        if (body.InitialNoiseMultiplier is not (null or 1)) throw Lacking("initial_noise_multiplier", "1");
        if (body.LatentMask is not null) throw Lacking("latent_mask", "null");
        if (!body.MaskRound) throw Lacking("mask_round", "true");
        var request = body.Request with { InitImage = pictures.Load(SentPicture.Open(init[0], Init), Init) };
        return Batches(body, string.IsNullOrEmpty(body.Mask) ? Without(request, KnobNeeds.Mask)
            : Masked(request, pictures.LoadMask(SentPicture.Open(body.Mask, "the mask"), "the mask")));
    }

    public static JsonObject Overrides(DrawingBody body) => body.OverrideSettings ?? [];

    private static GenerationRequest Masked(GenerationRequest request, GrayImage mask)
    {
        var picture = request.InitImage!;
        if (!request.OnlyMasked && request is { Width: { } width, Height: { } height })
        {
            // There, picture and mask are brought to the size asked for first, and the result has that size; here a masked picture keeps its own.
            request.Validate();
            picture = Resampling.Fit(picture, width, height, request.Fit);
            request = request with { Width = null, Height = null };
        }
        return request with { InitImage = picture, Mask = Fitted(mask, picture.Width, picture.Height, request.Fit) };
    }

    /// <summary>A request without the settings of what is not there: clients send them always.</summary>
    private static GenerationRequest Without(GenerationRequest request, KnobNeeds needs) =>
        Knobs.All.Where(knob => knob.Needs == needs && knob.Kind != KnobKind.Picture).Aggregate(request, (rest, knob) => knob.Set(rest, knob.Default));

    private static GrayImage Fitted(GrayImage mask, int width, int height, ImageFit fit) =>
        (mask.Width, mask.Height) == (width, height) ? mask : Resampling.Fit(mask.ToRgb(), width, height, fit).ToGray();

    private List<JobRequest> Batches(DrawingBody body, GenerationRequest request)
    {
        var overrides = Overrides(body);
        options.Check(overrides);
        var styled = request with
        {
            Prompt = PromptStyles.Apply(request.Prompt, body.Styles.ToHashSet()),
            ClipSkip = request.ClipSkip != DrawingBody.Silent.ClipSkip ? request.ClipSkip : options.ClipSkip(overrides),
            Like = options.Noise(overrides),
            Seed = request.Seed ?? Random.Shared.NextInt64(1L << 32),
            Controls = ControlScript.Units(body, pictures),
        };
        try
        {
            styled.Validate();
        }
        catch (InvalidRequestException e) when (Knobs.Find(e.Field)?.Property == nameof(styled.Sampler))
        {
            throw new ServerException(Status400BadRequest, $"Sampler not found: {e.Message}", e);
        }
        var count = (long)styled.BatchSize * styled.BatchCount;
        if (count > server.Limits.Images) throw Refused($"The number of pictures is {count}; this server allows {server.Limits.Images}.");
        var job = new JobRequest
        {
            Model = options.Checkpoint(overrides),
            Vae = options.Vae(overrides),
            Request = styled with { BatchCount = 1 },
        };
        return
        [
            .. Enumerable.Range(0, styled.BatchCount)
                .Select(number => job with { Request = job.Request with { Seed = unchecked(styled.Seed + (long)number * styled.BatchSize) } }),
        ];
    }

    private static void CheckCommon(DrawingBody body)
    {
        if (body.RestoreFaces == true) throw Lacking("restore_faces", "false");
        if (body.Tiling == true) throw Lacking("tiling", "false");
        if (body.SubseedStrength != 0) throw Lacking("subseed_strength", "0");
        if (body.SeedResizeFromH > 0 || body.SeedResizeFromW > 0) throw Lacking("seed_resize_from_h or _w", "-1");
        if (body.SMinUncond is not (null or 0)) throw Lacking("s_min_uncond", "0");
        if (body.FirstpassImage is not null) throw Lacking("firstpass_image", "null");
        if (body.RefinerCheckpoint is not (null or "" or "None") && body.RefinerSwitchAt is not >= 1) throw Lacking("refiner_checkpoint", "None");
        if (body.DisableExtraNetworks && body.Request.Prompt.Contains("<lora:", StringComparison.OrdinalIgnoreCase))
            throw Refused("disable_extra_networks is set, but the prompt calls a LoRA; take the one or the other out.");
        if (body.Styles.FirstOrDefault(name => name.Length > 0 && PromptStyles.All.All(style => style.Name != name)) is { } style)
            throw Refused($"There is no prompt style \"{style}\" here; /sdapi/v1/prompt-styles lists those there are.");
        if (body.ScriptName is { Length: > 0 } script and not "None") throw Refused($"Script '{script}' not found: Easel has no scripts.");
        // Some clients always name a script and give it nothing to do.
        var scripts = body.AlwaysonScripts.Where(named => !ControlScript.Is(named.Key))
            .Where(named => named.Value is not JsonObject script || script["args"] is not JsonArray { Count: 0 });
        if (scripts.FirstOrDefault().Key is { } always) throw Refused($"always on script {always} not found: Easel has no scripts.");
        if (!string.IsNullOrEmpty(body.Infotext))
            throw Refused("Easel does not take settings from infotext; png-info reads it, and its values can be sent one by one.");
    }

    private static ServerException Lacking(string setting, string only) => Refused($"Easel does not do what {setting} asks for; it can only be {only}.");
}
