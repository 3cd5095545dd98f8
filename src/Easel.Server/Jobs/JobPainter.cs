using Easel.Imaging;
using Easel.Metadata;
using Easel.Server.Library;

namespace Easel.Server.Jobs;

/// <summary>Does what a job asks for with the one model in memory; used on the thread that owns it alone.</summary>
internal sealed class JobPainter(ModelLibrary library, LoadedModel model, ServerMetrics metrics)
{
    /// <summary>Draws or enlarges.</summary>
    /// <param name="job">What is to be done, its models by their names in the library.</param>
    /// <param name="request">The request with its input pictures.</param>
    /// <param name="safety">What is done with explicit pictures at the least; this machine may do more of itself.</param>
    /// <returns>What the person should be told.</returns>
    public IReadOnlyList<string> Paint(JobRequest job, GenerationRequest request, IRunSink sink, SafetyAction safety = SafetyAction.Off) =>
        job.Task == JobTask.Enlarge ? Enlarge(job, request.InitImage!, sink) : Draw(job, request, sink, safety);

    private IReadOnlyList<string> Draw(JobRequest job, GenerationRequest request, IRunSink sink, SafetyAction safety)
    {
        var told = 0.0;
        var generator = model.Generator(library.Checkpoint(job.Model), job.Vae is { } vae ? library.Vae(vae) : null, share =>
        {
            sink.Token.ThrowIfCancellationRequested();
            if (share - told < 0.02) return;
            sink.Report(new JobProgress(JobStage.Loading, Share: told = share));
        }, safety);
        sink.Token.ThrowIfCancellationRequested();
        var stamp = model.Stamp!;
        var view = new RunView(sink, metrics);
        return generator.Generate(request, view.Show, sink.Token, image => sink.Picture(image.Index, image.Image, () => stamp.MetadataOf(image))).Remarks;
    }

    private IReadOnlyList<string> Enlarge(JobRequest job, RgbImage picture, IRunSink sink)
    {
        var (name, scale) = (job.Model!, job.Scale ?? PlainEnlargement.DefaultScale);
        var remarks = new List<string>();
        if (PlainEnlargement.IsOne(name))
        {
            var plain = Resized(picture, Side(job.Request.Width, picture.Width * scale), Side(job.Request.Height, picture.Height * scale),
                PlainEnlargement.FilterOf(name));
            return Keep(plain, scale);
        }
        var upscaler = model.Upscaler(library.Upscaler(name));
        scale = job.Scale ?? upscaler.Scale;
        if (upscaler.MendsFaces is not null)
        {
            var mended = Mended(picture, new FaceStep(name));
            return Keep(Resized(mended, Side(job.Request.Width, picture.Width * scale), Side(job.Request.Height, picture.Height * scale),
                ResampleFilter.Lanczos), scale);
        }
        var (width, height) = (Side(job.Request.Width, picture.Width * scale), Side(job.Request.Height, picture.Height * scale));
        var enlarged = upscaler.UpscaleTo(picture, width, height, cancel: sink.Token,
            onTile: (done, all) => sink.Report(new JobProgress(JobStage.Enlarging, Step: done, StepCount: all, Share: (double)done / all)));
        return Keep(enlarged, scale);

        IReadOnlyList<string> Keep(RgbImage image, double by)
        {
            foreach (var step in job.Faces) image = Mended(image, step);
            sink.Picture(0, image, () => new ImageMetadata(EnlargedText(job, name, by)));
            return remarks;
        }

        RgbImage Mended(RgbImage image, FaceStep step)
        {
            var restorer = model.Upscaler(library.FaceRestorer(step.Restorer));
            var (mended, faces) = restorer.MendFaces(image, step.Visibility, step.Fidelity, cancel: sink.Token,
                onFace: (done, all) => sink.Report(new JobProgress(JobStage.Enlarging, Step: done, StepCount: all, Share: (double)done / all)));
            if (faces == 0) remarks.Add("No face was found in the picture.");
            if (Upscaler.LicenceOf(restorer.MendsFaces) is { } licence) remarks.Add(licence);
            return mended;
        }

        static int Side(int? asked, double scaled) => Math.Max(1, asked ?? (int)Math.Round(scaled));

        static RgbImage Resized(RgbImage image, int width, int height, ResampleFilter filter) =>
            (image.Width, image.Height) == (width, height) ? image : Resampling.Resize(image, width, height, filter);
    }

    /// <summary>The text of an enlarged picture, under the names that AUTOMATIC1111 has for it.</summary>
    private static string EnlargedText(JobRequest job, string upscaler, double scale)
    {
        var text = Infotext.Parse(job.Parameters ?? "");
        return (text with
        {
            Settings =
            [
                .. text.Settings,
                KeyValuePair.Create("Postprocess upscale by", scale.ToString(CultureInfo.InvariantCulture)),
                KeyValuePair.Create("Postprocess upscaler", upscaler),
                .. job.Faces.SelectMany(step => (KeyValuePair<string, string>[])
                [
                    KeyValuePair.Create($"{step.Restorer} visibility", step.Visibility.ToString(CultureInfo.InvariantCulture)),
                    KeyValuePair.Create($"{step.Restorer} weight", step.Fidelity.ToString(CultureInfo.InvariantCulture)),
                ]),
            ],
        }).ToString();
    }
}
