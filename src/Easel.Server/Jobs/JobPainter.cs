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
    /// <returns>What the person should be told.</returns>
    public IReadOnlyList<string> Paint(JobRequest job, GenerationRequest request, IRunSink sink) =>
        job.Task == JobTask.Enlarge ? Enlarge(job, request.InitImage!, sink) : Draw(job, request, sink);

    private IReadOnlyList<string> Draw(JobRequest job, GenerationRequest request, IRunSink sink)
    {
        var told = 0.0;
        var generator = model.Generator(library.Checkpoint(job.Model), job.Vae is { } vae ? library.Vae(vae) : null, share =>
        {
            sink.Token.ThrowIfCancellationRequested();
            if (share - told < 0.02) return;
            sink.Report(new JobProgress(JobStage.Loading, Share: told = share));
        });
        sink.Token.ThrowIfCancellationRequested();
        var stamp = model.Stamp!;
        var view = new RunView(sink, metrics);
        return generator.Generate(request, view.Show, sink.Token, image => sink.Picture(image.Index, image.Image, () => stamp.MetadataOf(image))).Remarks;
    }

    private IReadOnlyList<string> Enlarge(JobRequest job, RgbImage picture, IRunSink sink)
    {
        var (name, scale) = (job.Model!, job.Scale ?? PlainEnlargement.DefaultScale);
        if (PlainEnlargement.IsOne(name))
        {
            var plain = Resized(picture, Side(job.Request.Width, picture.Width * scale), Side(job.Request.Height, picture.Height * scale),
                PlainEnlargement.FilterOf(name));
            Keep(plain, scale);
            return [];
        }
        var upscaler = model.Upscaler(library.Upscaler(name));
        scale = job.Scale ?? upscaler.Scale;
        var (width, height) = (Side(job.Request.Width, picture.Width * scale), Side(job.Request.Height, picture.Height * scale));
        var enlarged = upscaler.UpscaleTo(picture, width, height, cancel: sink.Token,
            onTile: (done, all) => sink.Report(new JobProgress(JobStage.Enlarging, Step: done, StepCount: all, Share: (double)done / all)));
        Keep(enlarged, scale);
        return [];

        void Keep(RgbImage image, double by) => sink.Picture(0, image, () => new ImageMetadata(EnlargedText(job.Parameters, name, by)));

        static int Side(int? asked, double scaled) => Math.Max(1, asked ?? (int)Math.Round(scaled));

        static RgbImage Resized(RgbImage image, int width, int height, ResampleFilter filter) =>
            (image.Width, image.Height) == (width, height) ? image : Resampling.Resize(image, width, height, filter);
    }

    /// <summary>The text of an enlarged picture, under the names that AUTOMATIC1111 has for it.</summary>
    private static string EnlargedText(string? parameters, string upscaler, double scale)
    {
        var text = Infotext.Parse(parameters ?? "");
        return (text with
        {
            Settings =
            [
                .. text.Settings,
                KeyValuePair.Create("Postprocess upscale by", scale.ToString(CultureInfo.InvariantCulture)),
                KeyValuePair.Create("Postprocess upscaler", upscaler),
            ],
        }).ToString();
    }
}
