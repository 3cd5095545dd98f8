using Easel.Imaging;
using Easel.Server.Jobs;
using Easel.Server.Library;
using Easel.Server.Storage;
using static Easel.Server.Errors.ServerException;

namespace Easel.Server.Sdapi;

/// <summary>
/// The second pass of txt2img: each picture is enlarged and drawn over, with the noise of its own seed. AUTOMATIC1111 does the same with every upscaler that
/// works on pixels; those that work on latents are refused.
/// </summary>
/// <param name="Upscaler">"lanczos", "nearest" or the name of a network.</param>
/// <param name="Request">What is drawn over each picture; width and height are multiples of 8.</param>
internal sealed record HiresFix(string Upscaler, GenerationRequest Request)
{
    /// <summary>The second pass that a body asks for; null where it asks for none.</summary>
    public static HiresFix? Of(TextToImageBody body, JobRequest first, ModelLibrary library)
    {
        if (!body.EnableHr) return null;
        if (body.FirstphaseWidth > 0 || body.FirstphaseHeight > 0)
            throw Refused("Easel does not take firstphase_width and firstphase_height; width and height are those of the first pass.");
        if (body.HrCheckpointName is not (null or "" or "Use same checkpoint"))
            throw Refused("Easel draws both passes with one model; hr_checkpoint_name can only be \"Use same checkpoint\".");
        var upscaler = body.HrUpscaler ?? "Latent";
        if (upscaler.StartsWith("Latent", StringComparison.OrdinalIgnoreCase))
            throw Refused($"The hr_upscaler \"{upscaler}\" enlarges latents, which Easel does not do; choose one that GET /sdapi/v1/upscalers lists.");
        if (upscaler.Equals(Extras.None, StringComparison.OrdinalIgnoreCase)) upscaler = PlainEnlargement.Lanczos;
        if (!PlainEnlargement.IsOne(upscaler)) upscaler = library.Upscaler(upscaler).Name;
        if (body.HrSecondPassSteps < 0) throw Refused($"hr_second_pass_steps is {body.HrSecondPassSteps}; it must be 0, for as many as in the first, or more.");
        var defaults = library.Checkpoint(first.Model).Model!.Defaults;
        var asked = body.Request.With(defaults);
        var (width, height) = SizeOf(body, defaults.Size);
        return new HiresFix(upscaler, first.Request with
        {
            Width = width,
            Height = height,
            Strength = asked.Strength,
            Steps = body.HrSecondPassSteps > 0 ? body.HrSecondPassSteps : asked.Steps,
            StepsBefore = asked.Steps ?? 0,
            Sampler = Given(body.HrSamplerName, "Use same sampler") ?? asked.Sampler,
            Schedule = Given(body.HrScheduler, "Use same scheduler") ?? asked.Schedule,
            Prompt = Given(body.HrPrompt) ?? asked.Prompt,
            NegativePrompt = Given(body.HrNegativePrompt) ?? asked.NegativePrompt,
            BatchSize = 1,
        });
    }

    private int Width => Request.Width!.Value;
    private int Height => Request.Height!.Value;

    /// <summary>Checks what can be checked before the first pass is drawn.</summary>
    public void Check(JobRequest first, ServerLimits limits)
    {
        Second(first, null, 0).Request.Validate();
        if ((long)Width * Height > limits.Pixels)
            throw Refused($"The number of pixels of the second pass is {(long)Width * Height}; this server allows {limits.Pixels}.");
        if (Request.Steps > limits.Steps) throw Refused($"The number of steps of the second pass is {Request.Steps}; this server allows {limits.Steps}.");
    }

    /// <returns>The jobs of the second pass. The pictures of the first are in the gallery's trash then.</returns>
    public async Task<IReadOnlyList<Job>> RunAsync(SdapiTask task, IReadOnlyList<JobRequest> requests, Gallery gallery, CancellationToken aborted)
    {
        var count = requests.Sum(request => request.Request.BatchSize);
        var enlarging = PlainEnlargement.IsOne(Upscaler) ? 0 : count;
        task.Expected = requests.Count + enlarging + count;
        // The mark is written into what is kept; drawing over it would only blur it.
        var first = await task.RunAsync([.. requests.Select(request => request with { Request = request.Request with { Watermark = false } })], aborted);
        var pictures = first.SelectMany(job => job.Pictures
            .Select((id, place) => (Id: id, job.Request, Seed: unchecked(job.Request.Request.Seed!.Value + place)))).ToList();
        try
        {
            if (task.Interrupted) return [];
            var enlarged = new List<RgbImage>();
            foreach (var picture in pictures)
            {
                var image = ImageFile.Load(new MemoryStream(gallery.Read(picture.Id)), "the picture");
                enlarged.Add(PlainEnlargement.IsOne(Upscaler) ? Resampling.Fit(image, Width, Height, ImageFit.Crop, PlainEnlargement.FilterOf(Upscaler))
                    : await EnlargedAsync(task, image, gallery, aborted));
                if (task.Interrupted) return [];
            }
            return await task.RunAsync([.. pictures.Zip(enlarged, (picture, image) => Second(picture.Request, image, picture.Seed))], aborted);
        }
        finally
        {
            foreach (var picture in pictures) gallery.Delete(picture.Id);
        }
    }

    private async Task<RgbImage> EnlargedAsync(SdapiTask task, RgbImage image, Gallery gallery, CancellationToken aborted)
    {
        var scale = Math.Max((double)Width / image.Width, (double)Height / image.Height);
        var request = new JobRequest { Task = JobTask.Enlarge, Model = Upscaler, Scale = scale, Request = new GenerationRequest { InitImage = image } };
        var jobs = await task.RunAsync([request], aborted);
        if (jobs[0].Pictures is not [var id]) return image; // it was interrupted
        var enlarged = ImageFile.Load(new MemoryStream(gallery.Read(id)), "the picture");
        gallery.Delete(id);
        return Resampling.Fit(enlarged, Width, Height, ImageFit.Crop);
    }

    private JobRequest Second(JobRequest first, RgbImage? picture, long seed) => first with { Request = Request with { InitImage = picture, Seed = seed } };

    /// <summary>Where only one side is given the other follows; where both are, what is too much is cut off.</summary>
    private static (int, int) SizeOf(TextToImageBody body, int own)
    {
        var (wide, high) = (body.Request.Width ?? own, body.Request.Height ?? own);
        if (body.HrResizeX < 0 || body.HrResizeY < 0) throw Refused("hr_resize_x and hr_resize_y must be 0 or more.");
        if (body is { HrResizeX: 0, HrResizeY: 0 } && body.HrScale is not (>= 1 and <= 16))
            throw Refused($"hr_scale is {body.HrScale}; it must be from 1 to 16.");
        var (width, height) = (body.HrResizeX, body.HrResizeY) switch
        {
            (0, 0) => ((int)(wide * body.HrScale), (int)(high * body.HrScale)),
            (0, var y) => (wide * y / high, y),
            (var x, 0) => (x, high * x / wide),
            var both => both,
        };
        return (width / 8 * 8, height / 8 * 8);
    }

    private static string? Given(string? value, string same = "") => string.IsNullOrEmpty(value) || value == same ? null : value;
}
