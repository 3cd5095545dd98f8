using Easel.Imaging;
using Easel.Server.Errors;
using Easel.Server.Jobs;
using Easel.Server.Library;
using Easel.Server.Storage;
using static Easel.Server.Errors.ServerException;

namespace Easel.Server.Sdapi;

/// <summary>What a body asks for, as one job for each batch. What Easel does not do is refused: another picture than was meant would be worse.</summary>
internal sealed class DrawingJobs(SdapiOptions options, StyleLibrary styles, ServerOptions server, PictureReader pictures, JobRules rules,
    ModelLibrary library)
{
    public IReadOnlyList<JobRequest> Of(ref TextToImageBody body)
    {
        var told = Metadata.Infotext.Parse(body.Infotext ?? "");
        var enlarges = body.EnableHr || (told["Hires upscale"] ?? told["Hires resize"]) is not null;
        body = Common(body);
        var request = body.Request;
        if (body is { FirstphaseWidth: > 0, FirstphaseHeight: > 0 })
        {
            // An older way to ask for a second pass: width and height are those of what comes of it.
            request = request with
            {
                HiresWidth = request.Width,
                HiresHeight = request.Height,
                Width = body.FirstphaseWidth / GenerationRequest.SideStep * GenerationRequest.SideStep,
                Height = body.FirstphaseHeight / GenerationRequest.SideStep * GenerationRequest.SideStep,
            };
        }
        request = enlarges ? Enlarged(request, body.Notes) : Without(Without(request, KnobNeeds.SecondPass), KnobNeeds.Start) with
        {
            HiresScale = null,
            HiresWidth = null,
            HiresHeight = null,
        };
        return Batches(body, Without(request, KnobNeeds.Picture), [null]); // a strength is the second pass's
    }

    public IReadOnlyList<JobRequest> Of(ref ImageToImageBody body)
    {
        body = Common(body);
        if (body.InitImages is not { Count: > 0 } init) throw new ServerException(Status404NotFound, "Init image not found");
        if (body.LatentMask is { Length: > 0 }) throw Lacking("latent_mask", "null");
        if (!body.MaskRound) body.Notes.Add("mask_round was passed over: whatever the mask touches is drawn anew.");
        var named = init.Count == 1 ? "the picture in init_images" : "a picture in init_images";
        var begun = init.Select(picture => pictures.Load(SentPicture.Open(picture, named), named)).ToList();
        var mask = string.IsNullOrEmpty(body.Mask) ? null : pictures.LoadMask(SentPicture.Open(body.Mask, "the mask"), "the mask");
        var request = mask is null ? Without(body.Request, KnobNeeds.Mask) : body.Request;
        if (PictureScript.Of(body, library) is { } script) return Rounds(body, script, request, begun, mask);
        // Several pictures are a batch there, each with a seed of its own.
        return Batches(body, begun.Count == 1 ? request : request with { BatchSize = 1 },
            [.. begun.Select<RgbImage, Func<GenerationRequest, GenerationRequest>>(picture => one => mask is null ? one with { InitImage = picture }
                : Masked(one with { InitImage = picture }, mask))]);
    }

    /// <summary>What the first round of a script draws; how often it is done is the body's.</summary>
    private IReadOnlyList<JobRequest> Rounds(ImageToImageBody body, PictureScript script, GenerationRequest request, List<RgbImage> begun, GrayImage? mask)
    {
        if (begun.Count > 1) body.Notes.Add($"The script {body.ScriptName} took the first of the {begun.Count} pictures; the others were passed over.");
        var drawn = (long)body.Request.BatchCount * script.Rounds;
        if (drawn > server.Limits.Images) throw Refused($"The number of pictures is {drawn}; this server allows {server.Limits.Images}.");
        body.Script = script;
        if (script is Outpainting outpainting)
        {
            if (mask is not null) body.Notes.Add("Outpainting mk2 draws what is added and nothing else; the mask was passed over.");
            return Batches(body, outpainting.Applied(Without(request, KnobNeeds.Mask), begun[0]) with { BatchCount = 1 }, [null]);
        }
        if (script is TiledRedraw)
        {
            if (mask is not null) body.Notes.Add("SD upscale draws the whole picture anew; the mask was passed over.");
            var size = library.Checkpoint(options.Checkpoint(Overrides(body))).Model!.Defaults.Size;
            request = Without(request, KnobNeeds.Mask) with { Width = request.Width ?? size, Height = request.Height ?? size };
            mask = null;
        }
        else
        {
            request = request with { BatchSize = 1 };
        }
        return Batches(body, request with { BatchCount = 1 },
            [one => mask is null ? one with { InitImage = begun[0] } : Masked(one with { InitImage = begun[0] }, mask)]);
    }

    /// <summary>The settings of a second pass, where nothing said is nothing asked for.</summary>
    private GenerationRequest Enlarged(GenerationRequest request, List<string> notes) => request with
    {
        HiresScale = (request.HiresWidth ?? request.HiresHeight) is null ? request.HiresScale : null,
        HiresSampler = Given(request.HiresSampler),
        HiresSchedule = Given(request.HiresSchedule),
        HiresPrompt = Given(request.HiresPrompt),
        HiresNegativePrompt = Given(request.HiresNegativePrompt),
        HiresUpscaler = Given(request.HiresUpscaler) is { } named ? SdapiUpscalers.Meant(named, library, notes) : GenerationRequest.LatentEnlargers[0],
    };

    private static string? Given(string? text) => string.IsNullOrWhiteSpace(text) ? null : text;

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

    /// <param name="begun">What makes the request of each of a batch's pictures that begin from one of their own; a single null where none does.</param>
    private List<JobRequest> Batches(DrawingBody body, GenerationRequest request, IReadOnlyList<Func<GenerationRequest, GenerationRequest>?> begun)
    {
        if (PromptLines.Of(body) is { } lines) return Lines(body, lines, request, begun);
        var overrides = Overrides(body);
        body.Notes.AddRange(options.Check(overrides));
        var (prompt, negative, unknown) = styles.Apply(request.Prompt, request.NegativePrompt, body.Styles);
        body.Notes.AddRange(unknown.Select(name => $"There is no prompt style \"{name}\" here; it was passed over."));
        var styled = options.Turned(request, overrides, body.Named) with
        {
            Prompt = prompt,
            NegativePrompt = negative,
            Like = options.Noise(overrides),
            Controls = ControlScript.Units(body, pictures),
        };
        if (styled.SeedResizeWidth is null != styled.SeedResizeHeight is null) styled = styled with { SeedResizeWidth = null, SeedResizeHeight = null };
        if (body is ImageToImageBody { Script: not Loopback } && options.FixesSteps(overrides)) styled = WithAllSteps(styled);
        styled = styled.WithSeeds();
        try
        {
            // Some clients send an eta with every sampler.
            if (styled is { Sampler: { } name, Eta: > 0 } && !SamplerInfo.Resolve(name).Sampler.AcceptsEta) styled = styled with { Eta = null };
            styled.Validate();
        }
        catch (InvalidRequestException e) when (Knobs.Find(e.Field)?.Property is nameof(styled.Sampler) or nameof(styled.HiresSampler))
        {
            throw new ServerException(Status400BadRequest, $"Sampler not found: {e.Message}", e);
        }
        var count = (long)styled.BatchSize * styled.BatchCount * begun.Count;
        if (count > server.Limits.Images) throw Refused($"The number of pictures is {count}; this server allows {server.Limits.Images}.");
        var job = new JobRequest { Model = options.Checkpoint(overrides), Vae = options.Vae(overrides), Request = styled };
        if (ScriptGrid.Of(body, styled, styles) is not { } script) return Split(job, begun);
        rules.CheckGrid(script.Layout, script.IsMatrix ? 1 : (int)count);
        if (script.IsMatrix) job = job with { Request = styled with { BatchSize = 1, BatchCount = 1 } };
        var cells = script.Grid.Cells(new GridCell(job.Request, job.Model, job.Vae));
        var draws = script.HasOwnSeeds && request.Seed is null; // "keep -1 for seeds"
        body.Grid = script with
        {
            Places = [.. cells.Select(cell => Split(new JobRequest
            {
                Model = cell.Model,
                Vae = cell.Vae,
                Request = draws ? (cell.Request with { Seed = null }).WithSeeds() : cell.Request,
            }, begun))],
        };
        return [.. body.Grid.Places.SelectMany(jobs => jobs)];
    }

    /// <summary>The jobs of each line of a script's text.</summary>
    private List<JobRequest> Lines(DrawingBody body, PromptLines script, GenerationRequest request,
        IReadOnlyList<Func<GenerationRequest, GenerationRequest>?> begun)
    {
        var jobs = new List<JobRequest>();
        var notes = body.Notes.ToList();
        foreach (var line in script.Requests(request, notes))
        {
            var overrides = (JsonObject)Overrides(body).DeepClone();
            if (line.Model is { } model) overrides["sd_model_checkpoint"] = library.Checkpoint(model).Name;
            jobs.AddRange(Batches(body with { ScriptName = null, Named = new HashSet<string>([.. body.Named, .. line.Named]), OverrideSettings = overrides },
                line.Request, begun));
            var count = jobs.Sum(job => (long)job.Request.BatchSize);
            if (count > server.Limits.Images) throw Refused($"The number of pictures is {count}; this server allows {server.Limits.Images}.");
        }
        notes.AddRange(body.Notes);
        body.Notes.Clear();
        body.Notes.AddRange(notes.Distinct()); // each line was looked at for itself
        return jobs;
    }

    /// <summary>A request whose steps are all done: they are the last of a longer schedule.</summary>
    private GenerationRequest WithAllSteps(GenerationRequest request)
    {
        if (request.Steps is not { } steps || steps < 1 || request.Strength <= 0) return request;
        var all = (int)Math.Clamp(steps / Math.Min(request.Strength, 0.999), steps, Math.Max(steps, server.Limits.Steps));
        return request with { Steps = all, Strength = (steps - 0.5) / all };
    }

    /// <summary>A job for each batch.</summary>
    private static List<JobRequest> Split(JobRequest job, IReadOnlyList<Func<GenerationRequest, GenerationRequest>?> begun)
    {
        var (whole, single) = (job.Request, job.Request with { BatchCount = 1 });
        return
        [
            .. Enumerable.Range(0, whole.BatchCount).SelectMany(number => begun.Select((picture, place) =>
            {
                var one = Shifted(single, (long)number * whole.BatchSize * begun.Count + place);
                return job with { Request = picture?.Invoke(one) ?? one };
            })),
        ];
    }

    /// <summary>A request as it is so many pictures later.</summary>
    private static GenerationRequest Shifted(GenerationRequest request, long pictures) => request.VariationStrength > 0
        ? request with { VariationSeed = unchecked(request.VariationSeed + pictures) } : request with { Seed = unchecked(request.Seed + pictures) };

    private T Common<T>(T body) where T : DrawingBody
    {
        body = AlwaysOnScripts.Apply(body);
        if (body.OverrideSettings is { } overrides) body = body with { OverrideSettings = options.Found(overrides, body.Notes) };
        if (body.RestoreFaces == true && body.Request.FaceRestorer is null)
        {
            var restorer = options.FaceRestorer(Overrides(body));
            body = body with
            {
                Request = restorer is null ? body.Request with { Detail = DetailKind.Faces }
                : body.Request with { FaceRestorer = restorer.Name }
            };
            if (restorer is null) body.Notes.Add("restore_faces was done as a detail pass: the model itself draws each face anew.");
        }
        if (body.FirstpassImage is { Length: > 0 }) throw Lacking("firstpass_image", "null");
        body = body with { Request = body.Request with { Refiner = Given(body.Request.Refiner) } };
        if (body.DisableExtraNetworks && body.Request.Prompt.Contains("<lora:", StringComparison.OrdinalIgnoreCase))
            throw Refused("disable_extra_networks is set, but the prompt calls a LoRA; take the one or the other out.");
        if (body.ScriptName is { Length: > 0 } script && !script.Equals("None", StringComparison.OrdinalIgnoreCase) && !ScriptGrid.Is(script)
            && !PromptLines.Is(script) && !(body is ImageToImageBody && PictureScript.Is(script)))
        {
            if (PictureScript.Is(script)) throw Refused($"The script '{script}' begins from a picture: it belongs to img2img.");
            string[] names = [PromptLines.Name, .. ScriptGrid.Names, .. body is ImageToImageBody ? PictureScript.Names : []];
            throw Refused($"Script '{script}' not found: here Easel has {string.Join(", ", names.Order(StringComparer.Ordinal))}.");
        }
        return InfotextFields.Apply(body);
    }

    private static ServerException Lacking(string setting, string only) => Refused($"Easel does not do what {setting} asks for; it can only be {only}.");
}
