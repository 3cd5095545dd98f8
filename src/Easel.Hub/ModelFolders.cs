namespace Easel.Hub;

/// <summary>A model that is on this machine.</summary>
/// <param name="Name">How it is called: a file's name without ending, "org/name" or "org/name:file" in the Hugging Face cache.</param>
/// <param name="Path">The file or folder.</param>
public sealed record FoundModel(string Name, string Path);

/// <summary>
/// The places where models are looked for by name: "models" in the current folder, the person's own folder, those that EASEL_MODELS names (also the root of
/// AUTOMATIC1111 or ComfyUI), and the Hugging Face cache.
/// </summary>
/// <param name="folders">The folders, in the order in which they count.</param>
/// <param name="cache">The Hugging Face cache.</param>
public sealed class ModelFolders(IReadOnlyList<string> folders, HubCache cache)
{
    /// <summary>Endings of what is a model of its own wherever it lies; the others are those of parts and of much else, too.</summary>
    private static readonly string[] Endings = [".safetensors", ".ckpt", ".gguf"];

    /// <summary>Everything there is, by name within each place.</summary>
    public IEnumerable<FoundModel> All()
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var folder in folders.Where(Directory.Exists))
            foreach (var path in ModelPaths.In(folder, Endings)) if (seen.Add(Path.GetFullPath(path))) yield return new FoundModel(NameOf(path), path);
        foreach (var (repository, snapshot) in cache.Repositories())
        {
            var paths = ModelPaths.IsDiffusers(snapshot) ? [snapshot] : ModelPaths.In(snapshot, Endings);
            foreach (var path in paths) yield return new FoundModel(paths.Count == 1 ? repository : HubCache.NameOf(path)!, path);
        }
    }

    /// <summary>The model of a name: a known one, "org/name[:file]", a file's name, or a part of one name alone.</summary>
    /// <param name="name">As a person writes it.</param>
    /// <exception cref="UnknownModelException">There is none, or more than one; the message says what would fit.</exception>
    public string Find(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (KnownModels.Find(name) is { } known)
        {
            return cache.Find(known.Selection.Repository, null, known.Selection.Files[0].Path)
                ?? All().FirstOrDefault(model => Path.GetFileName(model.Path) == known.Selection.Files[0].Path)?.Path
                ?? throw new UnknownModelException($"{known.Name} is not on this machine yet; \"easel pull {known.Name}\" fetches it.");
        }
        var all = All().ToList();
        var exact = all.Where(model => Same(model.Name, name) || Same(Path.GetFileName(model.Path), name)).ToList();
        if (exact.Count > 0) return exact[0].Path;
        if (HubReference.Parse(name) is { Repository: { } repository } reference)
        {
            var inside = all.Where(model => model.Name.StartsWith(repository + ":", StringComparison.OrdinalIgnoreCase)).ToList();
            throw new UnknownModelException(inside.Count > 0 && reference.File is null
                ? $"{repository} has {inside.Count} models here; name one: {Listed(inside)}."
                : $"{name} is not on this machine; \"easel pull {name}\" fetches it.");
        }
        var parts = all.Where(model => model.Name.Contains(name, StringComparison.OrdinalIgnoreCase)).ToList();
        return parts.Count switch
        {
            1 => parts[0].Path,
            0 => throw new UnknownModelException($"There is no model at {name}, and none of that name; \"easel models\" lists what there is, "
                + "\"easel pull\" what can be fetched."),
            _ => throw new UnknownModelException($"\"{name}\" is part of the names of {parts.Count} models: {Listed(parts)}."),
        };

        static bool Same(string a, string b) => a.Equals(b, StringComparison.OrdinalIgnoreCase);

        static string Listed(List<FoundModel> models) => string.Join(", ", models.Take(8).Select(model => model.Name)) + (models.Count > 8 ? ", ..." : "");
    }

    private static string NameOf(string path) => Directory.Exists(path) ? Path.GetFileName(path) : Path.GetFileNameWithoutExtension(path);
}
