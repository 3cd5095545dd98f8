using System.Text.Json;
using System.Text.Json.Nodes;
using Easel.Imaging;
using Easel.Sampling;
using Easel.Server.Jobs;
using Easel.Server.Library;
using Easel.Server.Storage;

namespace Easel.Server.Sdapi;

/// <summary>What is sent for finished pictures.</summary>
internal sealed class SdapiReply(SdapiOptions options, ModelLibrary library, Gallery gallery)
{
    /// <summary>The answer to txt2img and img2img.</summary>
    /// <param name="body">The request.</param>
    /// <param name="requests">What was asked of the queue for it.</param>
    /// <param name="jobs">The jobs whose pictures are sent, over.</param>
    /// <param name="started">When it was asked for.</param>
    public IResult Of(DrawingBody body, IReadOnlyList<JobRequest> requests, IReadOnlyList<Job> jobs, DateTimeOffset started)
    {
        var pictures = jobs.SelectMany(job => job.Pictures).Select(gallery.Find).OfType<Picture>().ToList();
        var overrides = DrawingJobs.Overrides(body);
        return SdapiJson.Answer(new
        {
            images = body.SendImages ? pictures.Select(picture => Encode(gallery.Read(picture.Id), overrides)).ToList() : [],
            parameters = Parameters(body),
            info = JsonSerializer.Serialize(Info(body, requests, pictures, started), SdapiJson.Options),
        });
    }

    /// <summary>A PNG as base64 in the format that the settings name.</summary>
    public string Encode(byte[] png, JsonObject overrides)
    {
        var (format, quality, lossless, withText) = options.Format(overrides);
        if (format == ImageFormat.Png && withText) return Convert.ToBase64String(png);
        var metadata = withText ? ImageFile.ReadMetadata(new MemoryStream(png), "the picture") : null;
        return Convert.ToBase64String(ImageFile.Encode(ImageFile.Load(new MemoryStream(png), "the picture"), format, metadata, quality, lossless));
    }

    /// <summary>The request with its defaults filled in; pictures are sent back only where that was asked for.</summary>
    private static JsonObject Parameters(DrawingBody body)
    {
        var sent = JsonSerializer.SerializeToNode(body, body.GetType(), SdapiJson.Options)!.AsObject();
        if (body is not ImageToImageBody image) return sent;
        sent.Remove("include_init_images");
        if (!image.IncludeInitImages) (sent["init_images"], sent["mask"]) = (null, null);
        return sent;
    }

    private object Info(DrawingBody body, IReadOnlyList<JobRequest> requests, List<Picture> pictures, DateTimeOffset started)
    {
        var (first, count) = (requests[0], requests.Sum(request => request.Request.BatchSize));
        var (seed, subseed) = (first.Request.Seed!.Value, body.Subseed == -1 ? Random.Shared.NextInt64(1L << 32) : body.Subseed);
        var model = first.Model is { } name ? library.Find(name, ModelUse.Checkpoint) : library.Default;
        return new
        {
            prompt = body.Prompt,
            all_prompts = Enumerable.Repeat(body.Prompt, count),
            negative_prompt = body.NegativePrompt,
            all_negative_prompts = Enumerable.Repeat(body.NegativePrompt, count),
            seed,
            all_seeds = Enumerable.Range(0, count).Select(i => unchecked(seed + i)),
            subseed,
            all_subseeds = Enumerable.Range(0, count).Select(i => unchecked(subseed + i)),
            subseed_strength = 0,
            width = body.Width,
            height = body.Height,
            sampler_name = Samplers.Get(first.Request.Sampler!).DisplayName,
            cfg_scale = body.CfgScale,
            steps = body.Steps,
            batch_size = body.BatchSize,
            restore_faces = false,
            face_restoration_model = (string?)null,
            sd_model_name = model?.Name,
            sd_model_hash = model?.Hash,
            sd_vae_name = first.Vae,
            sd_vae_hash = (string?)null,
            seed_resize_from_w = body.SeedResizeFromW,
            seed_resize_from_h = body.SeedResizeFromH,
            denoising_strength = body is ImageToImageBody or TextToImageBody { EnableHr: true } ? body.DenoisingStrength : (double?)null,
            extra_generation_params = new Dictionary<string, string>(),
            index_of_first_image = 0,
            infotexts = pictures.Select(picture => picture.Parameters ?? ""),
            styles = body.Styles,
            job_timestamp = SdapiTasks.Timestamp(started),
            clip_skip = first.Request.ClipSkip,
            is_using_inpainting_conditioning = model?.Info is { TakesMask: true },
            version = $"Easel {typeof(SdapiReply).Assembly.GetName().Version?.ToString(3)}",
        };
    }
}
