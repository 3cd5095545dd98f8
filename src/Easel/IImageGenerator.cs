namespace Easel;

/// <summary>Makes pictures from words with one model: what shells draw with, and what tests put in its place.</summary>
public interface IImageGenerator : IDisposable
{
    /// <summary>The model.</summary>
    ModelInfo Model { get; }

    /// <summary>Where the model runs: "cpu" or "cuda:0".</summary>
    string Device { get; }

    /// <summary>The number format in which the model runs.</summary>
    Precision Precision { get; }

    /// <summary>Tells what a run would take.</summary>
    /// <param name="request">What would be drawn.</param>
    /// <exception cref="InvalidRequestException">A setting cannot be honoured.</exception>
    RunPlan Plan(GenerationRequest request);

    /// <summary>Makes the pictures of a request.</summary>
    /// <param name="request">What to draw.</param>
    /// <param name="onProgress">Told after each step.</param>
    /// <param name="cancel">Ends the run within a step.</param>
    /// <param name="onImage">Given each picture as soon as it is done, before the next is begun.</param>
    /// <exception cref="InvalidRequestException">A setting cannot be honoured; nothing was drawn.</exception>
    /// <exception cref="EaselException">The run failed; the message says how.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    GenerationResult Generate(GenerationRequest request, Action<GenerationProgress>? onProgress = null, CancellationToken cancel = default,
        Action<GeneratedImage>? onImage = null);

    /// <summary>Makes the pictures of a request on a thread of its own. Requests that are made at the same time wait for each other, so that each is drawn
    /// alone.</summary>
    /// <param name="request">What to draw.</param>
    /// <param name="progress">Told after each step, with a preview that stays valid.</param>
    /// <param name="cancel">Ends the run within a step.</param>
    /// <param name="onImage">Given each picture as soon as it is done, on the thread that draws.</param>
    /// <exception cref="InvalidRequestException">A setting cannot be honoured; nothing was drawn.</exception>
    /// <exception cref="EaselException">The run failed; the message says how.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    Task<GenerationResult> GenerateAsync(GenerationRequest request, IProgress<GenerationProgress>? progress = null, CancellationToken cancel = default,
        Action<GeneratedImage>? onImage = null) => ImageGenerator.GenerateAsync(this, request, progress, cancel, onImage);
}
