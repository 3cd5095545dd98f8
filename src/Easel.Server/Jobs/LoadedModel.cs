using Easel.Metadata;
using Easel.Server.Library;

namespace Easel.Server.Jobs;

/// <summary>The one model in memory. Used on the model thread alone; another one is loaded only after it was let go, so that memory stays flat.</summary>
internal sealed class LoadedModel(IModelSource source, ModelLibrary library, ServerOptions options) : IDisposable
{
    private Key? _key;
    private IImageGenerator? _generator;
    private IUpscaler? _upscaler;

    private sealed record Key(string Path, string? Vae, long Bytes, DateTime Changed, SafetyAction Safety = SafetyAction.Off);

    /// <summary>What the texts of its pictures say of it; null while none is loaded.</summary>
    public ModelStamp? Stamp { get; private set; }

    /// <summary>The name of what is loaded; null while nothing is. May be read on any thread.</summary>
    public string? Name { get; private set; }

    /// <summary>Where what is loaded lies; null while nothing is. May be read on any thread.</summary>
    public string? Path => _key?.Path;

    /// <summary>The generator of a model, loaded now unless it is the one at hand.</summary>
    /// <param name="onProgress">Told the share loaded; throws to cancel.</param>
    /// <param name="safety">What is done with explicit pictures at the least.</param>
    public IImageGenerator Generator(ModelEntry model, ModelEntry? vae, Action<double> onProgress, SafetyAction safety = SafetyAction.Off)
    {
        if (options.Load.Safety > safety) safety = options.Load.Safety;
        var key = KeyOf(model, vae) with { Safety = safety };
        if (_generator is not null && key == _key) return _generator;
        Unload();
        var load = options.Load with
        {
            Vae = vae?.Path ?? options.Load.Vae,
            Safety = safety,
            Refiners = name => library.Refiner(name).Path,
            FaceRestorers = name => library.FaceRestorer(name).Path,
            Upscalers = name => source.Upscaler(library.Upscaler(name).Path, options.Load), // a request reaches no file but by its name there
        };
        _generator = source.Generator(model.Path, load, onProgress);
        Stamp = ModelStamp.Of(model.Path, load);
        (_key, Name) = (key, model.Name);
        return _generator;
    }

    /// <summary>The upscaler in a file, loaded now unless it is the one at hand.</summary>
    public IUpscaler Upscaler(ModelEntry model)
    {
        var key = KeyOf(model, null);
        if (_upscaler is not null && key == _key) return _upscaler;
        Unload();
        _upscaler = source.Upscaler(model.Path, options.Load);
        (_key, Name) = (key, model.Name);
        return _upscaler;
    }

    /// <summary>Lets the model go and gives its memory back to the system.</summary>
    public void Unload()
    {
        if (_generator is null && _upscaler is null) return;
        _generator?.Dispose();
        _upscaler?.Dispose();
        (_generator, _upscaler, _key, Stamp, Name) = (null, null, null, null, null);
        GC.Collect(); // what the managed heap keeps for later would be there beside the next model
    }

    public void Dispose() => Unload();

    private static Key KeyOf(ModelEntry model, ModelEntry? vae)
    {
        var file = new FileInfo(model.Path); // a file that was replaced is another model
        return new Key(model.Path, vae?.Path, file.Exists ? file.Length : 0, file.LastWriteTimeUtc);
    }
}
