namespace Easel.Weights;

/// <summary>The LoRAs of a folder, found by name and opened when a prompt first asks for them.</summary>
/// <param name="folder">The folder; one that does not exist is an empty one.</param>
internal sealed class LoraFolder(string folder) : IDisposable
{
    private readonly NamedFiles _files = new(folder, ".safetensors", ".pt", ".bin", ".ckpt");
    private readonly Dictionary<string, Lora> _open = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>What there is, in alphabetical order.</summary>
    public IReadOnlyList<string> Names => _files.Names;

    /// <summary>The LoRA called <paramref name="name"/>, in capitals or not; null where there is none. It belongs to the folder and stays open with it.</summary>
    /// <exception cref="CheckpointException">The file of that name is no LoRA.</exception>
    public Lora? Find(string name)
    {
        if (_open.TryGetValue(name, out var known)) return known;
        return _files.Find(name) is { } path ? _open[name] = Lora.Open(path) : null;
    }

    /// <summary>Closes all files. What was merged stays merged.</summary>
    public void Dispose()
    {
        foreach (var lora in _open.Values) lora.Dispose();
    }
}
