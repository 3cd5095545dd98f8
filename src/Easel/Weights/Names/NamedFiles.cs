namespace Easel.Weights.Names;

/// <summary>A folder of files that prompts call by name: the name is the file's without extension, in capitals or not. The folder is read when first asked and
/// again when a name is not known, so that files may be added while the program runs; subfolders are read too.</summary>
/// <param name="folder">The folder; one that does not exist is an empty one.</param>
/// <param name="extensions">The extensions that count, with their dots.</param>
internal sealed class NamedFiles(string folder, params string[] extensions)
{
    public static NamedFiles Loras(string folder) => new(folder, ".safetensors", ".pt", ".bin", ".ckpt");

    public static NamedFiles Embeddings(string folder) => new(folder, ".pt", ".bin", ".safetensors");

    private readonly Lock _lock = new();
    private Dictionary<string, string>? _paths;

    public string Folder => folder;

    /// <summary>The names, in alphabetical order.</summary>
    public IReadOnlyList<string> Names => [.. All.Select(file => file.Key)];

    /// <summary>Name and path of each, in alphabetical order.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> All
    {
        get
        {
            lock (_lock) return [.. (_paths = Read()).OrderBy(file => file.Key, StringComparer.OrdinalIgnoreCase)];
        }
    }

    /// <summary>The path of the file called <paramref name="name"/>; null where there is none.</summary>
    public string? Find(string name)
    {
        lock (_lock)
        {
            if (_paths is not null && _paths.TryGetValue(name, out var known) && File.Exists(known)) return known;
            return (_paths = Read()).GetValueOrDefault(name);
        }
    }

    private Dictionary<string, string> Read()
    {
        var paths = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        if (!Directory.Exists(folder)) return paths;
        // Of two files of one name the one nearer the top counts, then the first by its whole path: not the one that the disk happens to list first.
        var options = new EnumerationOptions { RecurseSubdirectories = true, IgnoreInaccessible = true, MaxRecursionDepth = 8 };
        var all = Directory.EnumerateFiles(folder, "*", options);
        foreach (var path in all.OrderBy(p => p.Count(c => c == Path.DirectorySeparatorChar)).ThenBy(p => p, StringComparer.Ordinal))
            if (extensions.Contains(Path.GetExtension(path), StringComparer.OrdinalIgnoreCase)) paths.TryAdd(Path.GetFileNameWithoutExtension(path), path);
        return paths;
    }
}
