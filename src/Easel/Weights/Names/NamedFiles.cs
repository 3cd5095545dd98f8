namespace Easel.Weights.Names;

/// <summary>A folder of files that prompts call by name: the name is the file's without extension, in capitals or not. The folder is read when first asked and
/// again when a name is not known, so that files may be added while the program runs; subfolders are read too.</summary>
/// <param name="folder">The folder; one that does not exist is an empty one.</param>
/// <param name="extensions">The extensions that count, with their dots.</param>
internal sealed class NamedFiles(string folder, params string[] extensions)
{
    public static NamedFiles Loras(string folder) => new(folder, ".safetensors", ".pt", ".bin", ".ckpt");

    public static NamedFiles Embeddings(string folder) => new(folder, ".pt", ".bin", ".safetensors");

    /// <summary>Networks of control. One in the layout of diffusers is called by its folder.</summary>
    public static NamedFiles Controls(string folder) => new(folder, [.. ControlEndings]) { NameOf = NameOfControl };

    /// <summary>The endings that files of networks of control have.</summary>
    public static IReadOnlyList<string> ControlEndings { get; } = [".safetensors", ".pth", ".pt", ".bin", ".ckpt"];

    private Func<string, string?> NameOf { get; init; } = Path.GetFileNameWithoutExtension;

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

    /// <summary>The paths of all files called so, the one that <see cref="Find"/> gives first. A name may go on before with the folders that a file lies in
    /// ("people/ann") and behind with its extension.</summary>
    public IReadOnlyList<string> FindAll(string name)
    {
        var wanted = name.Replace('\\', '/').Trim('/');
        if (extensions.FirstOrDefault(e => wanted.EndsWith(e, StringComparison.OrdinalIgnoreCase)) is { } extension) wanted = wanted[..^extension.Length];
        return [.. Files().Where(path =>
        {
            var own = Path.ChangeExtension(Path.GetRelativePath(folder, path), null).Replace('\\', '/');
            return own.EndsWith(wanted, StringComparison.OrdinalIgnoreCase) && (own.Length == wanted.Length || own[^(wanted.Length + 1)] == '/');
        })];
    }

    /// <summary>The paths of all files, in the order in which they count.</summary>
    public IReadOnlyList<string> Files()
    {
        var all = FolderTree.Files(folder).Where(path => extensions.Contains(Path.GetExtension(path), StringComparer.OrdinalIgnoreCase));
        // Of two files of one name the one nearer the top counts, then the first by its whole path: not the one that the disk happens to list first.
        return [.. all.OrderBy(p => p.Count(c => c == Path.DirectorySeparatorChar)).ThenBy(p => p, StringComparer.Ordinal)];
    }

    private Dictionary<string, string> Read()
    {
        var paths = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var path in Files())
            if (NameOf(path) is { } name) paths.TryAdd(name, path);
        return paths;
    }

    /// <summary>A file's name; its folder's where all files of the layout have one name; null for the vision tower that lies beside adapters.</summary>
    private static string? NameOfControl(string path)
    {
        var (name, within) = (Path.GetFileNameWithoutExtension(path), Path.GetFileName(Path.GetDirectoryName(path)) ?? "");
        if (within == "image_encoder") return null;
        return name.StartsWith("diffusion_pytorch_model", StringComparison.Ordinal) ? within : name;
    }
}
