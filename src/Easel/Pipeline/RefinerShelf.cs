using Easel.Runtime;
using Easel.Weights;

namespace Easel.Pipeline;

/// <summary>The model that did the last steps of the latest run, kept for the next; one that is not asked for again is let go.</summary>
internal sealed class RefinerShelf : IDisposable
{
    private (string Path, DateTime Changed, NumberFormat Format)? _kept;
    private LoadedNetworks? _model;

    /// <summary>What is kept; null where nothing is.</summary>
    public LoadedNetworks? Kept => _model;

    /// <summary>Reads names and shapes of the model that is to do the last steps of a request.</summary>
    /// <param name="main">What does the steps before.</param>
    /// <returns>Null where there is none, or where it is the same model.</returns>
    /// <exception cref="InvalidRequestException">There is no model of that name, or one that draws in other latents.</exception>
    /// <exception cref="CheckpointException">It is no model that could do so.</exception>
    public static Checkpoint? Open(GenerationRequest request, Checkpoint main, LoadOptions options)
    {
        if (!request.IsRefined) return null;
        var path = PathOf(request.Refiner!, options);
        if (Path.GetFullPath(path) == Path.GetFullPath(main.Path)) return null;
        var checkpoint = Checkpoint.Open(path, AsRefiner(options));
        try
        {
            Check(checkpoint, main);
            return checkpoint;
        }
        catch
        {
            checkpoint.Dispose();
            throw;
        }
    }

    /// <summary>The model that is to do the last steps, of which nothing is loaded yet that is not in memory from a run before.</summary>
    /// <inheritdoc cref="Open"/>
    public LoadedNetworks? Use(GenerationRequest request, LoadedNetworks main, LoadOptions options)
    {
        var path = request.IsRefined ? Path.GetFullPath(PathOf(request.Refiner!, options)) : null;
        var wanted = path is null ? default((string, DateTime, NumberFormat)?) : (path, File.GetLastWriteTimeUtc(path), main.Format);
        if (_model is not null && wanted == _kept)
        {
            Check(_model.Checkpoint, main.Checkpoint);
            return _model;
        }
        Drop();
        if (Open(request, main.Checkpoint, options) is not { } checkpoint) return null;
        try
        {
            _model = LoadedNetworks.Load(checkpoint, AsRefiner(options), main.Format, main.Device, residency: Residency.OneAtATime, refines: true);
        }
        catch
        {
            checkpoint.Dispose();
            throw;
        }
        _kept = wanted;
        return _model;
    }

    public void Dispose() => Drop();

    private void Drop()
    {
        _model?.Dispose();
        if (_model is not null) NativeRuntime.Trim();
        (_model, _kept) = (null, null);
    }

    /// <summary>What was named for the model that begins is not the refiner's.</summary>
    private static LoadOptions AsRefiner(LoadOptions options) =>
        options with { Config = null, Prediction = null, Ema = false, TextEncoder = null, Vae = null, TinyVae = null, DepthModel = null };

    private static string PathOf(string name, LoadOptions options)
    {
        if (options.Refiners is { } find) return find(name);
        return File.Exists(name) || Directory.Exists(name) ? name
            : throw new InvalidRequestException(nameof(GenerationRequest.Refiner), $"There is no model at {name} to refine with.");
    }

    private static void Check(Checkpoint refiner, Checkpoint main)
    {
        var reason = ModelInfo.Of(refiner.Family, refiner.Prediction).WhyNotRefine(ModelInfo.Of(main.Family, main.Prediction));
        if (reason is not null)
            throw new InvalidRequestException(nameof(GenerationRequest.Refiner),
                $"{Named(refiner)} cannot finish what {Named(main)} began: {reason}.");
        if (refiner.Texts.Count == 0) throw new CheckpointException($"{refiner.Path} holds no text encoder, without which it cannot follow a prompt.");

        static string Named(Checkpoint one) => $"{Path.GetFileName(Path.TrimEndingDirectorySeparator(one.Path))} ({one.Family.Name})";
    }
}
