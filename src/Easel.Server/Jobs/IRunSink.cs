using Easel.Imaging;

namespace Easel.Server.Jobs;

/// <summary>Where goes what comes of a run: into the queue and onto the disk of this machine, or through the farm to the server.</summary>
internal interface IRunSink
{
    CancellationToken Token { get; }

    /// <summary>Whether a preview would be looked at.</summary>
    bool WantsPreview { get; }

    void Report(JobProgress progress, byte[]? preview = null);

    /// <param name="text">Makes the text that goes into the file; it may take a while.</param>
    void Picture(int index, RgbImage image, Func<ImageMetadata> text);
}

/// <summary>The sink of a run on this machine.</summary>
internal sealed class OwnSink(JobQueue queue, PictureWriter writer, JobRun run) : IRunSink
{
    public CancellationToken Token => run.Token;

    public bool WantsPreview => queue.WantsPreview(run);

    public void Report(JobProgress progress, byte[]? preview = null) => queue.Report(run, progress, preview);

    public void Picture(int index, RgbImage image, Func<ImageMetadata> text) => writer.Add(run, index, image, text);
}
