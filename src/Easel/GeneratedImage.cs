using Easel.Imaging;

namespace Easel;

/// <summary>A picture and what made it.</summary>
/// <param name="Image">The pixels.</param>
/// <param name="Request">The request, as it was carried out: the size and the seed are filled in.</param>
/// <param name="Prompt">The prompt of this picture.</param>
/// <param name="Seed">The seed that gives this picture: of its own, or of the whole run where one stream serves it (see
/// <see cref="NoiseLike.CompVis"/>).</param>
/// <param name="Index">The picture's place in the run, from 0.</param>
/// <param name="HasWatermark">Whether the picture carries the invisible watermark.</param>
public sealed record GeneratedImage(RgbImage Image, GenerationRequest Request, string Prompt, long Seed, int Index, bool HasWatermark)
{
    /// <summary>The request as it was asked for, where a size may have been left open.</summary>
    public GenerationRequest Asked { get; init; } = Request;

    /// <summary>The number format in which its model ran; null where none did.</summary>
    public Precision? Precision { get; init; }

    /// <summary>In how many bits its model's weights were kept.</summary>
    public WeightFormat Weights { get; init; } = WeightFormat.Full;

    /// <summary>What the safety filter did with it, as "blurred explicit 0.83"; null where it is off or had nothing to do.</summary>
    public string? Safety { get; init; }

    /// <summary>The LoRAs that were used, as the prompt calls them, each with the twelve digits by which AUTOMATIC1111's pictures name its file.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> LoraHashes { get; init; } = [];

    /// <summary>From which size and by what it was enlarged, in words, where its model was made for smaller pictures; null where it was drawn in its
    /// size.</summary>
    public string? Enlarged { get; init; }

    /// <summary>The refiner's name with its hash, as AUTOMATIC1111's pictures have it; null where none was used.</summary>
    internal string? RefinerTitle { get; init; }
}

/// <summary>What a run was, beside its pictures.</summary>
/// <param name="Images">The pictures, in order.</param>
/// <param name="Seed">The seed of the first picture, whether asked for or drawn.</param>
/// <param name="Remarks">What the person should be told: a size that was rounded, a prompt that was cut, a precision that had to be widened.</param>
public sealed record GenerationResult(IReadOnlyList<GeneratedImage> Images, long Seed, IReadOnlyList<string> Remarks);

/// <summary>What a run is doing.</summary>
public enum GenerationStage
{
    /// <summary>Encoding the prompt and the input pictures.</summary>
    Encoding,

    /// <summary>Removing noise, step by step.</summary>
    Sampling,

    /// <summary>Turning latents into pixels.</summary>
    Decoding,
}

/// <summary>How far a run has come. Handed to the callback after each step; its preview is valid during the call only.</summary>
/// <param name="Stage">What is being done.</param>
/// <param name="Batch">The batch, from 0.</param>
/// <param name="BatchCount">Batches in all.</param>
/// <param name="Step">Steps done in this batch.</param>
/// <param name="StepCount">Steps of each batch.</param>
/// <param name="Preview">Makes small pictures of the state of the batch; null while there is nothing to see.</param>
/// <param name="Part">The share done of the step, or of the decoding, that is running, 0 to 1: above 0 only where it is done in tiles.</param>
public readonly record struct GenerationProgress(GenerationStage Stage, int Batch, int BatchCount, int Step, int StepCount,
    Func<IReadOnlyList<RgbImage>>? Preview, double Part = 0)
{
    /// <summary>Time left in the whole run, judged by what it took so far, text encoding and decoding included; null before the first step.</summary>
    public TimeSpan? Left { get; init; }

    /// <summary>Seconds for a step lately; null before there is one.</summary>
    public double? SecondsPerStep { get; init; }

    /// <summary>Steps done in the whole run, the running one by its share.</summary>
    public double StepsDone => Batch * StepCount + Step + (Stage == GenerationStage.Sampling ? Part : 0);

    /// <summary>The share of the run's steps that is done, 0 to 1.</summary>
    public double Share => StepsDone / Math.Max(1, BatchCount * StepCount);
}
