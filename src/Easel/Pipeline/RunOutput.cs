using Easel.Imaging;

namespace Easel.Pipeline;

/// <summary>What a run has made and found worth saying, kept when it is begun anew.</summary>
/// <param name="finish">What is done to each picture before it is given out, and may be remarked here; null for nothing.</param>
internal sealed class RunOutput(Action<GeneratedImage>? onImage, Func<GeneratedImage, RunOutput, GeneratedImage>? finish = null)
{
    private readonly List<GeneratedImage> _images = [];
    private readonly List<string> _remarks = [];

    public IReadOnlyList<GeneratedImage> Images => _images;

    public IReadOnlyList<string> Remarks => _remarks;

    public void Add(GeneratedImage image)
    {
        if (finish is not null) image = finish(image, this);
        _images.Add(image);
        onImage?.Invoke(image);
    }

    public void Remark(params IEnumerable<string?> sentences) => _remarks.AddRange(sentences.OfType<string>().Distinct().Except(_remarks).ToList());
}

/// <summary>Tells how far a batch is, and ends it where that is asked for.</summary>
internal sealed record BatchProgress(Action<GenerationProgress>? OnProgress, Pace Pace, CancellationToken Cancel, int Batch, int Batches, int Steps)
{
    /// <summary>Steps of the passes before this one, which count with its own.</summary>
    public int Before { get; init; }

    public void Report(GenerationStage stage, int step, Func<IReadOnlyList<RgbImage>>? preview = null, double part = 0)
    {
        Cancel.ThrowIfCancellationRequested();
        OnProgress?.Invoke(Pace.Timed(new GenerationProgress(stage, Batch, Batches, Before + step, Steps, preview, part)));
    }
}
