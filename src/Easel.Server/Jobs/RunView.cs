using Easel.Imaging;

namespace Easel.Server.Jobs;

/// <summary>Turns what the generator tells into progress, time left and previews.</summary>
internal sealed class RunView(IRunSink sink, ServerMetrics metrics)
{
    /// <summary>Between two previews, so that they cost nothing beside the drawing.</summary>
    private static readonly TimeSpan PreviewPause = TimeSpan.FromMilliseconds(250);

    private long _lastPreview, _lastStep = Stopwatch.GetTimestamp();

    public void Show(GenerationProgress progress)
    {
        if (progress is { Stage: GenerationStage.Sampling, Part: 0 })
        {
            var now = Stopwatch.GetTimestamp();
            if (progress.Step > 1) metrics.Step(Stopwatch.GetElapsedTime(_lastStep, now));
            _lastStep = now;
        }
        var stage = progress.Stage switch
        {
            GenerationStage.Encoding => JobStage.Encoding,
            GenerationStage.Decoding => JobStage.Decoding,
            _ => JobStage.Sampling
        };
        var job = new JobProgress(stage, progress.Batch, progress.BatchCount, progress.Step, progress.StepCount, progress.Share, progress.Left?.TotalSeconds);
        sink.Report(job, PreviewOf(progress));
    }

    private byte[]? PreviewOf(GenerationProgress progress)
    {
        if (progress.Preview is not { } preview || !sink.WantsPreview) return null;
        var now = Stopwatch.GetTimestamp();
        if (_lastPreview != 0 && Stopwatch.GetElapsedTime(_lastPreview, now) < PreviewPause && progress.Step < progress.StepCount) return null;
        _lastPreview = now;
        var pictures = preview();
        return ImageFile.Encode(ImageGrid.Make(pictures, (int)Math.Ceiling(Math.Sqrt(pictures.Count))), ImageFormat.Png);
    }
}
