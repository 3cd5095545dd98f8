using Easel.Imaging;
using Easel.Metadata;

namespace Easel.Extensions.AI;

/// <summary>
/// Draws for <see cref="IAIImageGenerator">Microsoft.Extensions.AI</see> with one model on the machine at hand. May be asked by many callers at once: it draws
/// one request after the other.
/// </summary>
/// <remarks>
/// <para>A picture among <see cref="ImageGenerationRequest.OriginalImages"/> is drawn over (<see cref="GenerationRequest.Strength"/> says how much); where
/// it is transparent, or white in a second picture named "mask", only there.</para>
/// <para>Every setting of <see cref="GenerationRequest"/> is reached by <see cref="ImageGenerationOptions.RawRepresentationFactory"/>, which gives the
/// request to start from, or by its name in <see cref="ImageGenerationOptions.AdditionalProperties"/>, such as "Seed" or "GuidanceScale".</para>
/// <para>A picture has its seed and its infotext in <see cref="AIContent.AdditionalProperties"/> as "seed" and "parameters", and the infotext in its file,
/// as on every other way. <see cref="ImageGenerationResponse.RawRepresentation"/> is the <see cref="GenerationResult"/> with its remarks.</para>
/// </remarks>
public sealed class EaselImageGenerator : IAIImageGenerator
{
    private readonly EaselOptions _options;
    private readonly LoadOptions _load;
    private readonly string _path;
    private readonly bool _owns;
    private readonly SemaphoreSlim _loading = new(1, 1);
    private IImageGenerator? _generator;
    private bool _disposed;

    /// <summary>A generator that loads its model when it is first asked for a picture.</summary>
    /// <param name="options">Names the model and the settings; null for the model of the package Easel.Sketch.</param>
    public EaselImageGenerator(EaselOptions? options = null)
    {
        _options = options ?? new EaselOptions();
        _load = _options.Load ?? new LoadOptions();
        _path = _options.Model ?? BuiltInModel.Path;
        _owns = true;
    }

    /// <summary>A generator that draws through one which is loaded already, and leaves it to whoever loaded it.</summary>
    /// <param name="generator">The loaded model.</param>
    /// <param name="options">Its model's path and load options, for what is written into pictures, and the settings.</param>
    public EaselImageGenerator(IImageGenerator generator, EaselOptions? options = null)
        : this(options) => (_generator, _owns) = (generator, false);

    /// <summary>Draws.</summary>
    /// <param name="request">The prompt, and pictures to draw over.</param>
    /// <param name="options">How many, how large, in which format, and any setting of Easel; null for the model's own.</param>
    /// <param name="cancellationToken">Ends the drawing after the step at hand.</param>
    /// <returns>One <see cref="DataContent"/> a picture.</returns>
    /// <exception cref="CheckpointException">The model is none that Easel can draw with.</exception>
    /// <exception cref="InvalidRequestException">A setting cannot be honoured; <see cref="InvalidRequestException.Field"/> names it.</exception>
    /// <exception cref="EaselException">There is not enough memory, or a picture given is none.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public async Task<ImageGenerationResponse> GenerateAsync(
        ImageGenerationRequest request, ImageGenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        var order = Order.Of(request, options, _options, this);
        var generator = await LoadedAsync(cancellationToken).ConfigureAwait(false);
        var result = await generator.GenerateAsync(order.Request, cancel: cancellationToken).ConfigureAwait(false);
        var stamp = Stamp(generator, cancellationToken);
        return new ImageGenerationResponse([.. result.Images.Select(image => (AIContent)Content(image, order.Format, stamp))])
        {
            RawRepresentation = result with { Remarks = [.. result.Remarks, .. order.Remarks] },
        };
    }

    /// <summary>Draws, and gives pictures while they become: for each batch as many in between as <see cref="ImageGenerationOptions.StreamingCount"/> says,
    /// then the finished ones.</summary>
    /// <inheritdoc cref="GenerateAsync"/>
    /// <returns>Pictures; "partial" in <see cref="AIContent.AdditionalProperties"/> is true for one that is not finished, and "share", 0 to 1, says how far it
    /// is.</returns>
    public async IAsyncEnumerable<DataContent> StreamAsync(ImageGenerationRequest request, ImageGenerationOptions? options = null,
        [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        var order = Order.Of(request, options, _options, this);
        var partial = options?.StreamingCount ?? 0;
        // Whoever stops listening ends the drawing.
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var generator = await LoadedAsync(ends.Token).ConfigureAwait(false);
        var stamp = Stamp(generator, ends.Token);
        var made = Channel.CreateUnbounded<DataContent>(new UnboundedChannelOptions { SingleReader = true });
        var drawing = Task.Run(async () =>
        {
            try
            {
                await generator.GenerateAsync(order.Request, new Partials(partial, made.Writer, order.Format, _options.Quality), ends.Token,
                    image => made.Writer.TryWrite(Content(image, order.Format, stamp))).ConfigureAwait(false);
                made.Writer.Complete();
            }
            catch (Exception e)
            {
                made.Writer.Complete(e);
            }
        }, CancellationToken.None);
        try
        {
            await foreach (var content in made.Reader.ReadAllAsync(cancellationToken).ConfigureAwait(false)) yield return content;
        }
        finally
        {
            await ends.CancelAsync().ConfigureAwait(false);
            await drawing.ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        if (serviceKey is not null) return null;
        if (serviceType == typeof(ImageGeneratorMetadata)) return new ImageGeneratorMetadata("easel", null, ModelId);
        if (serviceType.IsInstanceOfType(this)) return this;
        return serviceType.IsInstanceOfType(_generator) ? _generator : null;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        if (_owns) _generator?.Dispose();
        _loading.Dispose();
    }

    /// <summary>The model's name, as infotexts have it.</summary>
    internal string ModelId => ModelStamp.NameOf(_path);

    private async Task<IImageGenerator> LoadedAsync(CancellationToken cancel)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_generator is { } loaded) return loaded;
        await _loading.WaitAsync(cancel).ConfigureAwait(false);
        try
        {
            return _generator ??= await ImageGenerator.LoadAsync(_path, _load, cancel: cancel).ConfigureAwait(false);
        }
        finally
        {
            _loading.Release();
        }
    }

    private ModelStamp Stamp(IImageGenerator generator, CancellationToken cancel) => File.Exists(_path) || Directory.Exists(_path)
        ? ModelStamp.Of(_path, _load, cancel)
        : new ModelStamp(_path, _load, Hash: null);

    private DataContent Content(GeneratedImage image, ImageFormat format, ModelStamp stamp)
    {
        var metadata = stamp.MetadataOf(image);
        return new DataContent(ImageFile.Encode(image.Image, format, metadata, _options.Quality), Formats.MediaType(format))
        {
            Name = string.Create(CultureInfo.InvariantCulture, $"picture-{image.Index + 1}.{Formats.Extension(format)}"),
            AdditionalProperties = new() { ["seed"] = image.Seed, ["parameters"] = metadata.Parameters },
            RawRepresentation = image,
        };
    }

    /// <summary>Sends pictures in between, evenly over the steps of each batch.</summary>
    private sealed class Partials(int count, ChannelWriter<DataContent> writer, ImageFormat format, int quality) : IProgress<GenerationProgress>
    {
        private (int Batch, int Sent) _at = (-1, 0);

        public void Report(GenerationProgress value)
        {
            if (count <= 0 || value.Stage != GenerationStage.Sampling || value.Preview is null || value.Step >= value.StepCount) return;
            if (value.Batch != _at.Batch) _at = (value.Batch, 0);
            var due = (_at.Sent + 1) * value.StepCount / (count + 1);
            if (_at.Sent >= count || value.Step < Math.Max(1, due)) return;
            _at.Sent++;
            foreach (var image in value.Preview())
            {
                writer.TryWrite(new DataContent(ImageFile.Encode(image, format, null, quality), Formats.MediaType(format))
                {
                    AdditionalProperties = new() { ["partial"] = true, ["share"] = (double)value.Step / value.StepCount },
                });
            }
        }
    }
}
