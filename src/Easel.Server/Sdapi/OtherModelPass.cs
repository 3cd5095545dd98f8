using Easel.Imaging;
using Easel.Server.Jobs;
using Easel.Server.Library;
using Easel.Server.Storage;

namespace Easel.Server.Sdapi;

/// <summary>
/// A second pass that another model draws (hr_checkpoint_name), so that its jobs are apart: each picture of the first is enlarged and drawn over, with the
/// noise of its own seed. Latents of one model mean nothing to another; where they were to be enlarged, pictures are.
/// </summary>
/// <param name="Upscaler">"lanczos", "nearest", the default or the name of a network.</param>
/// <param name="Model">The model's name.</param>
/// <param name="Request">What is drawn over each picture.</param>
internal sealed record OtherModelPass(string Upscaler, string Model, GenerationRequest Request)
{
    private const string SameModel = "Use same checkpoint";

    /// <summary>The pass that a body asks for; null where the model of the first draws it too.</summary>
    public static OtherModelPass? Of(TextToImageBody body, JobRequest first, ModelLibrary library, ServerLimits limits)
    {
        if (!first.Request.HasSecondPass || body.HrCheckpointName is null or "" or "None" or SameModel) return null;
        var (own, other) = (library.Checkpoint(first.Model), library.Checkpoint(body.HrCheckpointName));
        if (own.Name == other.Name) return null;
        var request = first.Request.With(own.Model!.Defaults);
        var (width, height) = request.SizeOfSecondPass(request.Width ?? own.Model.Defaults.Size, request.Height ?? own.Model.Defaults.Size)!.Value;
        var isPlain = GenerationRequest.Enlargers.Contains(request.HiresUpscaler, StringComparer.OrdinalIgnoreCase);
        if (GenerationRequest.LatentEnlargers.Contains(request.HiresUpscaler, StringComparer.OrdinalIgnoreCase))
            body.Notes.Add($"Pictures were enlarged in place of latents, which hr_checkpoint_name {other.Name} could not read.");
        // All steps of the second pass run: they are the last of a longer schedule.
        var steps = request.HiresSteps ?? request.Steps!.Value;
        var all = (int)Math.Clamp(steps / Math.Clamp(request.Strength, 0.001, 0.999), steps, limits.Steps);
        return new OtherModelPass(
            GenerationRequest.IsDefaultEnlarger(request.HiresUpscaler) ? request.HiresUpscaler
                : !isPlain ? library.Upscaler(request.HiresUpscaler).Name
                : PlainEnlargement.IsOne(request.HiresUpscaler) ? request.HiresUpscaler.ToLowerInvariant() : PlainEnlargement.Lanczos,
            other.Name,
            Without(request) with
            {
                Width = width,
                Height = height,
                Steps = all,
                Strength = request.Strength == 0 ? 0 : (steps - 0.5) / all,
                Sampler = request.HiresSampler ?? request.Sampler,
                Schedule = request.HiresSchedule ?? (request.HiresSampler is null ? request.Schedule : null),
                Prompt = request.HiresPrompt ?? request.Prompt,
                NegativePrompt = request.HiresNegativePrompt ?? request.NegativePrompt,
                GuidanceScale = request.HiresGuidanceScale ?? request.GuidanceScale,
                BatchSize = 1,
            });
    }

    /// <returns>The jobs of the second pass. The pictures of the first are in the gallery's trash then.</returns>
    public async Task<IReadOnlyList<Job>> RunAsync(SdapiTask task, IReadOnlyList<JobRequest> requests, Gallery gallery, CancellationToken aborted)
    {
        var count = requests.Sum(request => request.Request.BatchSize);
        task.Expected = requests.Count + (PlainEnlargement.IsOne(Upscaler) ? 0 : count) + count;
        // The mark is written into what is kept; drawing over it would only blur it.
        var first = await task.RunAsync([.. requests.Select(job => job with { Request = Without(job.Request) with { Watermark = false } })], aborted);
        var pictures = first.SelectMany(job => job.Pictures.Select((id, place) => (Id: id, job.Request.Request, Place: place))).ToList();
        try
        {
            if (task.Interrupted) return [];
            var enlarged = new List<RgbImage>();
            foreach (var picture in pictures)
            {
                enlarged.Add(await EnlargedAsync(task, ImageFile.Load(new MemoryStream(gallery.Read(picture.Id)), "the picture"), gallery, aborted));
                if (task.Interrupted) return [];
            }
            return await task.RunAsync([.. pictures.Zip(enlarged, (picture, image) => Second(requests[0], picture.Request, picture.Place, image))], aborted);
        }
        finally
        {
            foreach (var picture in pictures) gallery.Delete(picture.Id);
        }
    }

    private static GenerationRequest Without(GenerationRequest request) => request with { HiresScale = null, HiresWidth = null, HiresHeight = null };

    private JobRequest Second(JobRequest job, GenerationRequest first, int place, RgbImage picture) => job with
    {
        Model = Model,
        Request = Request with
        {
            InitImage = picture,
            Seed = first.VariationStrength > 0 ? first.Seed : unchecked(first.Seed + place),
            VariationSeed = unchecked(first.VariationSeed + place),
        },
    };

    private async Task<RgbImage> EnlargedAsync(SdapiTask task, RgbImage image, Gallery gallery, CancellationToken aborted)
    {
        var (width, height) = (Request.Width!.Value, Request.Height!.Value);
        if (PlainEnlargement.IsOne(Upscaler)) return Resampling.Fit(image, width, height, ImageFit.Crop, PlainEnlargement.FilterOf(Upscaler));
        var scale = Math.Max((double)width / image.Width, (double)height / image.Height);
        var request = new JobRequest { Task = JobTask.Enlarge, Model = Upscaler, Scale = scale, Request = new GenerationRequest { InitImage = image } };
        var jobs = await task.RunAsync([request], aborted);
        if (jobs[0].Pictures is not [var id]) return image; // it was interrupted
        var enlarged = ImageFile.Load(new MemoryStream(gallery.Read(id)), "the picture");
        gallery.Delete(id);
        return Resampling.Fit(enlarged, width, height, ImageFit.Crop);
    }
}
