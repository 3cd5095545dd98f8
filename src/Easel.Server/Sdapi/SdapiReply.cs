using Easel.Imaging;
using Easel.Server.Jobs;
using Easel.Server.Json;
using Easel.Server.Library;
using Easel.Server.Security;
using Easel.Server.Storage;

namespace Easel.Server.Sdapi;

/// <summary>What is sent for finished pictures.</summary>
internal sealed class SdapiReply(SdapiOptions options, ModelLibrary library, Gallery gallery, ServerOptions server, IHttpContextAccessor http)
{
    /// <summary>The answer to txt2img and img2img.</summary>
    public IResult Of(DrawingBody body, IReadOnlyList<JobRequest> requests, IReadOnlyList<Job> jobs, DateTimeOffset started)
    {
        var shown = body.Grid is { HasPictures: false } ? jobs.Take(1) : jobs;
        var pictures = shown.SelectMany(job => job.Pictures).Select(gallery.Find).OfType<Picture>().ToList();
        var overrides = DrawingJobs.Overrides(body);
        var files = body.SendImages ? pictures.Select(picture => gallery.Read(picture.Id)).ToList() : [];
        var hints = body.SendImages ? Hints(body, requests, pictures) : [];
        if (body is ImageToImageBody { Script: Loopback } && pictures.Count > 1 && options.SendsGrid(overrides))
        {
            if (body.SendImages) files.Insert(0, InARow(files, pictures[0].Parameters));
            pictures.Insert(0, pictures[0]); // what is told of the row is what is told of its first picture
        }
        return SdapiJson.Answer(new
        {
            images = files.Select(file => Encode(file, overrides)).Concat(hints).ToList(),
            parameters = Parameters(body, requests[0]),
            info = JsonSerializer.Serialize(Info(body, requests, pictures, [.. body.Notes, .. Remarks(jobs)], started),
                SdapiJson.Options),
        });
    }

    /// <summary>Pictures side by side, as the web UI has them precede what was drawn in rounds.</summary>
    private static byte[] InARow(IReadOnlyList<byte[]> files, string? told)
    {
        var pictures = files.Select(file => ImageFile.Load(new MemoryStream(file), "the picture")).ToList();
        var row = new RgbImage(pictures.Sum(picture => picture.Width), pictures.Max(picture => picture.Height));
        var x = 0;
        foreach (var picture in pictures)
        {
            row = row.Paste(picture, x, 0);
            x += picture.Width;
        }
        return ImageFile.Encode(row, ImageFormat.Png, told is null ? null : new ImageMetadata(told));
    }

    private IEnumerable<string> Remarks(IReadOnlyList<Job> jobs) =>
        MachinePaths.Told(http.HttpContext!, jobs).SelectMany(job => job.Remarks).Distinct();

    /// <summary>The hints that units of ControlNets were given, which follow the pictures.</summary>
    private IEnumerable<string> Hints(DrawingBody body, IReadOnlyList<JobRequest> requests, List<Picture> pictures) =>
        body.Grid is not null || pictures is not [var first, ..] ? []
        : ControlScript.Maps(body, requests[0].Request, first.Width, first.Height, server.Load.DepthModel)
            .Select(hint => Encode(ImageFile.Encode(hint, ImageFormat.Png), DrawingJobs.Overrides(body)));

    /// <summary>A PNG as base64 in the format that the settings name.</summary>
    public string Encode(byte[] png, JsonObject overrides)
    {
        var (format, quality, lossless, withText) = options.Format(overrides);
        if (format == ImageFormat.Png && withText) return Convert.ToBase64String(png);
        var metadata = withText ? ImageFile.ReadMetadata(new MemoryStream(png), "the picture") : null;
        return Convert.ToBase64String(ImageFile.Encode(ImageFile.Load(new MemoryStream(png), "the picture"), format, metadata, quality, lossless));
    }

    /// <summary>The request with its defaults filled in; pictures are sent back only where that was asked for.</summary>
    private JsonObject Parameters(DrawingBody body, JobRequest first)
    {
        var sent = JsonSerializer.SerializeToNode(body, body.GetType(), SdapiJson.Options)!.AsObject();
        var request = Asked(body, first);
        sent["refiner_switch_at"] = null; // as there, where no refiner is named
        foreach (var knob in Knobs.All.Where(knob => knob.SdapiName is not null && (knob.Needs != KnobNeeds.Refiner || request.Refiner is not null)))
            if (body is ImageToImageBody ? !knob.Property.StartsWith("Hires", StringComparison.Ordinal)
                : knob.Needs is KnobNeeds.Nothing or KnobNeeds.Start or KnobNeeds.SecondPass or KnobNeeds.Detail
                    or KnobNeeds.Refiner or KnobNeeds.FaceRestorer)
                sent[knob.SdapiName!] = KnobJson.Write(knob, request);
        if (body is not ImageToImageBody image) return sent;
        sent.Remove("include_init_images");
        if (!image.IncludeInitImages) (sent["init_images"], sent["mask"]) = (null, null);
        return sent;
    }

    private ModelEntry? ModelOf(JobRequest request) => request.Model is { } name ? library.Find(name, ModelUse.Checkpoint) : library.Default;

    /// <summary>What a body asks for, with what the model decides filled in.</summary>
    private GenerationRequest Asked(DrawingBody body, JobRequest first) =>
        ModelOf(first)?.Defaults is { } defaults ? body.Request.With(defaults) : body.Request;

    private object Info(DrawingBody body, IReadOnlyList<JobRequest> requests, List<Picture> pictures, IReadOnlyList<string> comments, DateTimeOffset started)
    {
        var (first, count) = (requests[0], requests.Sum(request => request.Request.BatchSize));
        var (seed, subseed) = (first.Request.Seed!.Value, first.Request.VariationSeed ?? Random.Shared.NextInt64(1L << 32));
        var varies = first.Request.VariationStrength > 0; // pictures share the seed then
        var (model, request) = (ModelOf(first), Asked(body, first));
        var script = (body as ImageToImageBody)?.Script;
        var asDrawn = body.Grid is not null || script is not null || PromptLines.Is(body.ScriptName);
        if (asDrawn) count = pictures.Count;
        return new
        {
            prompt = request.Prompt,
            all_prompts = !asDrawn ? Enumerable.Repeat(request.Prompt, count) : pictures.Select(picture => picture.Prompt),
            negative_prompt = request.NegativePrompt,
            all_negative_prompts = !asDrawn ? Enumerable.Repeat(request.NegativePrompt, count)
                : pictures.Select(picture => picture.NegativePrompt),
            seed,
            all_seeds = !asDrawn ? Enumerable.Range(0, count).Select(i => varies ? seed : unchecked(seed + i))
                : pictures.Select(picture => picture.Seed ?? seed),
            subseed,
            all_subseeds = Enumerable.Range(0, count).Select(i => unchecked(subseed + i)),
            subseed_strength = first.Request.VariationStrength,
            width = request.Width ?? pictures.FirstOrDefault()?.Width ?? model?.NativeSize,
            height = request.Height ?? pictures.FirstOrDefault()?.Height ?? model?.NativeSize,
            sampler_name = request.Sampler is { } sampler ? SamplerInfo.Resolve(sampler).Sampler.DisplayName : null,
            cfg_scale = request.GuidanceScale,
            steps = request.Steps,
            batch_size = request.BatchSize,
            restore_faces = request.Detail == DetailKind.Faces || first.Request.FaceRestorer is not null,
            face_restoration_model = first.Request.FaceRestorer,
            sd_model_name = model?.Name,
            sd_model_hash = model?.Hash,
            sd_vae_name = first.Vae,
            sd_vae_hash = (string?)null,
            seed_resize_from_w = first.Request.SeedResizeWidth ?? -1,
            seed_resize_from_h = first.Request.SeedResizeHeight ?? -1,
            denoising_strength = body is ImageToImageBody or TextToImageBody { EnableHr: true } ? request.Strength : (double?)null,
            comments = string.Join('\n', comments),
            extra_generation_params = script?.Told.ToDictionary() ?? [],
            index_of_first_image = body.Grid is not null || script is Loopback && pictures.Count > 1 && pictures[0].Id == pictures[1].Id ? 1 : 0,
            infotexts = pictures.Select(picture => picture.Parameters ?? ""),
            styles = body.Styles,
            job_timestamp = SdapiTasks.Timestamp(started),
            clip_skip = first.Request.ClipSkip,
            is_using_inpainting_conditioning = model?.Model is { TakesMask: true },
            version = $"Easel {typeof(SdapiReply).Assembly.GetName().Version?.ToString(3)}",
        };
    }
}
