using System.Collections.Concurrent;
using Easel.Pipeline;
using Easel.Runtime;
using Easel.Tests.Support;
using Easel.Weights;
using static TorchSharp.torch;

namespace Easel.Tests.Models;

/// <summary>The tiny models of tests/goldens, loaded through the library's own door in fp32.</summary>
internal static class LoadedModel
{
    private static readonly ConcurrentDictionary<(string, string?), Lazy<string>> Folders = new();

    /// <summary>The checkpoint of an area, unpacked, beside its configuration: in a folder of its own for each configuration.</summary>
    public static string Path(string area, string file = "model.fp16.safetensors", string? config = "config.yaml") =>
        Folders.GetOrAdd((area + "/" + file, config), _ => new Lazy<string>(() => Laid(area, file, config))).Value;

    private static string Laid(string area, string file, string? config)
    {
        var packed = Goldens.Unpacked($"{area}/{file}");
        var name = config is null ? "bare" : System.IO.Path.GetFileNameWithoutExtension(config);
        var folder = Directory.CreateDirectory(System.IO.Path.Combine(System.IO.Path.GetDirectoryName(packed)!, name));
        var model = System.IO.Path.Combine(folder.FullName, file);
        Lay(model, beside => File.CreateSymbolicLink(beside, packed));
        if (File.Exists(Goldens.Path($"{area}/text_config.json"))) Copy("text_config.json", "text_config.json");
        if (config is not null) Copy(config, System.IO.Path.GetFileNameWithoutExtension(model) + ".yaml");
        return model;

        void Copy(string name, string to) => Lay(System.IO.Path.Combine(folder.FullName, to), beside => File.Copy(Goldens.Path($"{area}/{name}"), beside));

        // Whole or not at all, and new in each run of the tests: what is here now may be what an older commit laid down.
        static void Lay(string target, Action<string> make)
        {
            var beside = target + "." + Guid.NewGuid().ToString("N");
            make(beside);
            File.Move(beside, target, overwrite: true);
        }
    }

    public static LoadedNetworks Load(string path, bool ema = false)
    {
        var checkpoint = Checkpoint.Open(path, ema: ema);
        return LoadedNetworks.Load(checkpoint, new LoadOptions(), new NumberFormat(ScalarType.Float32, ScalarType.Float32), CPU);
    }
}

/// <summary>The tiny models that the tests of a class share: each is loaded when a test first asks for it, outside of any scope of that test's.</summary>
public sealed class LoadedModels : IDisposable
{
    private readonly Dictionary<string, LoadedNetworks> _loaded = [];

    internal LoadedNetworks Of(string area, string config = "config.yaml") =>
        Once($"{area}/{config}", () => LoadedModel.Load(LoadedModel.Path(area, config: config)));

    internal LoadedNetworks Once(string name, Func<LoadedNetworks> load)
    {
        if (!_loaded.TryGetValue(name, out var model)) _loaded.Add(name, model = load());
        return model;
    }

    public void Dispose()
    {
        foreach (var model in _loaded.Values) model.Dispose();
    }
}
