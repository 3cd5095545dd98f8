namespace Easel.Weights.Names;

/// <summary>Folders of files that prompts call by name: the name is the file's without extension, in capitals or not. The folders are read when first asked and
/// again when a name is not known, so that files may be added while the program runs; subfolders are read too.</summary>
/// <param name="folders">The folders, of which those before count before those behind; one that does not exist is an empty one.</param>
/// <param name="extensions">The extensions that count, with their dots.</param>
internal sealed class NamedFiles(IReadOnlyList<string> folders, params string[] extensions)
{
    /// <summary>LoRAs. One that diffusers wrote, whose file has the name of all of that kind, is called by its folder.</summary>
    public static NamedFiles Loras(IReadOnlyList<string> folders) => new(folders, ".safetensors", ".pt", ".bin", ".ckpt") { NameOf = NameOfLora };

    public static NamedFiles Embeddings(IReadOnlyList<string> folders) => new(folders, ".pt", ".bin", ".safetensors");

    /// <summary>Networks of control. One in the layout of diffusers is called by its folder.</summary>
    public static NamedFiles Controls(IReadOnlyList<string> folders) => new(folders, [.. ControlEndings]) { NameOf = NameOfControl };

    /// <summary>The endings that files of networks of control have.</summary>
    public static IReadOnlyList<string> ControlEndings { get; } = [".safetensors", ".pth", ".pt", ".bin", ".ckpt"];

    private Func<string, string?> NameOf { get; init; } = Path.GetFileNameWithoutExtension;

    private readonly Lock _lock = new();
    private Dictionary<string, string>? _paths;

    /// <summary>Whether there is no folder at all.</summary>
    public bool IsNowhere => folders.Count == 0;

    /// <summary>The folders, for a sentence.</summary>
    public string Where => folders.Count switch
    {
        0 => "no folder",
        1 => folders[0],
        < 5 => $"{string.Join(", ", folders.Take(folders.Count - 1))} and {folders[^1]}",
        _ => $"{string.Join(", ", folders.Take(3))} and {folders.Count - 3} more folders",
    };

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
            var own = Own(path);
            return own.EndsWith(wanted, StringComparison.OrdinalIgnoreCase) && (own.Length == wanted.Length || own[^(wanted.Length + 1)] == '/')
                || wanted.Equals(NameOf(path), StringComparison.OrdinalIgnoreCase);
        })];
    }

    /// <summary>A file's name with the folders that it lies in, below the one that is searched: "people/ann".</summary>
    public string Own(string path) => Path.ChangeExtension(Relative(path), null).Replace('\\', '/');

    /// <summary>Where a file lies in the folder that is searched.</summary>
    public string Relative(string path)
    {
        var within = folders.FirstOrDefault(folder => path.StartsWith(Path.TrimEndingDirectorySeparator(folder) + Path.DirectorySeparatorChar,
            StringComparison.Ordinal));
        return within is null ? Path.GetFileName(path) : Path.GetRelativePath(within, path);
    }

    /// <summary>The paths of all files, in the order in which they count.</summary>
    public IReadOnlyList<string> Files()
    {
        // Of two files of one name the one nearer the top counts, then the first by its whole path: not the one that the disk happens to list first.
        return
        [
            .. folders.SelectMany(folder => FolderTree.Files(folder)
                .Where(path => extensions.Contains(Path.GetExtension(path), StringComparer.OrdinalIgnoreCase))
                .OrderBy(p => p.Count(c => c == Path.DirectorySeparatorChar)).ThenBy(p => p, StringComparer.Ordinal)).Distinct(),
        ];
    }

    private Dictionary<string, string> Read()
    {
        var paths = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var path in Files())
            if (NameOf(path) is { } name) paths.TryAdd(name, path);
        return paths;
    }

    /// <summary>A file's name; its folder's where all files of the layout have one name; null for the vision tower that lies beside adapters.</summary>
    private static string? NameOfControl(string path) =>
        Path.GetFileName(Path.GetDirectoryName(path)) == "image_encoder" ? null : OwnOrFolders(path, "diffusion_pytorch_model");

    private static string NameOfLora(string path) => OwnOrFolders(path, "pytorch_lora_weights");

    private static string OwnOrFolders(string path, string nobodysOwn)
    {
        var name = Path.GetFileNameWithoutExtension(path);
        return name.StartsWith(nobodysOwn, StringComparison.Ordinal) && Path.GetDirectoryName(path) is { } folder
            ? CachedRepository.NameOf(folder) ?? Path.GetFileName(folder) : name;
    }
}
