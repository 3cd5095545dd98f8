namespace Easel;

// TorchSharp's scopes belong to a thread, so that what is awaited runs from beginning to end on one of its own.
public sealed partial class ImageGenerator
{
    /// <summary>Loads a model on a thread of its own.</summary>
    /// <param name="path">A <c>.ckpt</c>, <c>.safetensors</c>, <c>.pt</c> or <c>.bin</c> file in the original layout, or a diffusers folder.</param>
    /// <param name="options">Device, precision and the like; null for the best of this machine.</param>
    /// <param name="progress">Told the share loaded, 0 to 1.</param>
    /// <param name="cancel">Ends the loading; nothing of the model stays in memory.</param>
    /// <inheritdoc cref="Load(string, LoadOptions?, Action{double}?, CancellationToken)" path="/exception"/>
    public static Task<ImageGenerator> LoadAsync(
        string path, LoadOptions? options = null, IProgress<double>? progress = null, CancellationToken cancel = default) =>
        OnOwnThread(() => Load(path, options, progress is null ? null : progress.Report, cancel), cancel);

    /// <inheritdoc cref="IImageGenerator.GenerateAsync"/>
    public Task<GenerationResult> GenerateAsync(
        GenerationRequest request, IProgress<GenerationProgress>? progress = null, CancellationToken cancel = default,
            Action<GeneratedImage>? onImage = null) =>
        GenerateAsync(this, request, progress, cancel, onImage);

    internal static Task<GenerationResult> GenerateAsync(
        IImageGenerator generator, GenerationRequest request, IProgress<GenerationProgress>? progress, CancellationToken cancel,
            Action<GeneratedImage>? onImage) =>
        OnOwnThread(() => generator.Generate(request, progress is null ? null : told => progress.Report(WithPictures(told)), cancel, onImage), cancel);

    /// <summary>Progress whose preview is made already: the state of the batch is gone by the time that whoever posts it somewhere looks.</summary>
    private static GenerationProgress WithPictures(GenerationProgress told)
    {
        var pictures = told.Preview?.Invoke();
        return told with { Preview = pictures is null ? null : () => pictures };
    }

    private static Task<T> OnOwnThread<T>(Func<T> work, CancellationToken cancel) =>
        Task.Factory.StartNew(work, cancel, TaskCreationOptions.LongRunning | TaskCreationOptions.DenyChildAttach, TaskScheduler.Default);
}
