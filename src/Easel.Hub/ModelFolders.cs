namespace Easel.Hub;

/// <summary>A model that is on this machine.</summary>
/// <param name="Name">What to call it: the file's name without ending, the folder's, or "org/name" of the Hugging Face cache.</param>
/// <param name="Path">The file or folder.</param>
public sealed record FoundModel(string Name, string Path)
{
    /// <summary>The place in which it was found.</summary>
    public string Place { get; init; } = "";

    /// <summary>What it is for, where the folder that it lies in tells; null where that is seen in the file alone.</summary>
    public ModelPurpose? Purpose { get; init; }
}

/// <summary>
/// The folders in which models are, and what is in them. A place is a folder, which is searched with its subfolders; the folder of AUTOMATIC1111, ComfyUI or
/// the like, of which the folders of models are searched; such a folder of models, beside which their others lie; ComfyUI's <c>extra_model_paths.yaml</c>,
/// which in ComfyUI's own folder need not be named; a Hugging Face cache; or a single model.
/// </summary>
/// <remarks>What was found is remembered: make another to look again.</remarks>
public sealed class ModelFolders
{
    /// <summary>Endings of what is a model of its own wherever it lies; the others are those of parts and of much else, too.</summary>
    private static readonly string[] Endings = [".safetensors", ".ckpt", ".gguf"];

    /// <summary>Names that libraries give to all their files, so that the folder's name is the one that tells.</summary>
    private static readonly string[] NobodysOwn = ["pytorch_lora_weights", "diffusion_pytorch_model", "model"];

    private readonly List<string> _places = []; // what is searched
    private readonly List<(string Path, ModelPurpose Purpose)> _shelves = []; // folders of one purpose, in the order in which they count
    private readonly List<HubCache> _caches = [];
    private readonly List<(string Path, ModelPurpose Purpose)> _cached = []; // snapshots whose files are called by name
    private IReadOnlyList<FoundModel>? _all;

    /// <summary>Looks which folders there are; nothing in them is read yet.</summary>
    /// <param name="places">The places, in the order in which they count; one that is not there is passed over.</param>
    /// <exception cref="CheckpointException">A file extra_model_paths.yaml cannot be read.</exception>
    public ModelFolders(IEnumerable<string> places)
    {
        ArgumentNullException.ThrowIfNull(places);
        foreach (var place in places) Add(Path.TrimEndingDirectorySeparator(Path.GetFullPath(place)));
    }

    /// <summary>The folders of one purpose, in the order in which they count.</summary>
    public IReadOnlyList<string> Of(ModelPurpose purpose) =>
    [
        .. _shelves.Where(shelf => shelf.Purpose == purpose && Directory.Exists(shelf.Path)).Select(shelf => shelf.Path),
        .. _cached.Where(snapshot => snapshot.Purpose == purpose).Select(snapshot => snapshot.Path),
    ];

    /// <summary>Everything there is, by name within each place: what comes with Easel last, and no copy of that again.</summary>
    public IReadOnlyList<FoundModel> All()
    {
        if (_all is not null) return _all;
        var own = BuiltIn().ToList();
        return _all = [.. Found(Endings).Where(model => !own.Exists(one => one.Path == model.Path || ModelPaths.IsCopyOf(model.Path, one.Path))), .. own];
    }

    /// <summary>What the places hold.</summary>
    /// <param name="endings">The endings that count where no folder tells a purpose; in those that do all do.</param>
    /// <param name="onLeftOut">Told of each folder that is not looked into, and why; such a folder is among the results then. Null to pass over them.</param>
    public IEnumerable<FoundModel> Found(IReadOnlyList<string> endings, Action<string, string>? onLeftOut = null)
    {
        var (seen, left) = (new HashSet<string>(StringComparer.Ordinal), new HashSet<string>(StringComparer.Ordinal));
        Action<string, string>? onLeft = onLeftOut is null ? null : (path, why) =>
        {
            left.Add(path);
            onLeftOut(path, why);
        };
        var places = _places.Select(place => (Path: place, Purpose: (ModelPurpose?)null));
        foreach (var (place, known) in places.Concat(_shelves.Select(shelf => (shelf.Path, (ModelPurpose?)shelf.Purpose))))
        {
            var isOne = File.Exists(place) || ModelPaths.IsDiffusers(place);
            foreach (var path in isOne ? [place] : Directory.Exists(place) ? ModelPaths.In(place, ModelPaths.Endings, onLeft) : [])
            {
                var purpose = known ?? (isOne ? null : PurposeWithin(place, path));
                if (!isOne && !left.Contains(path) && !Counts(path, purpose, endings) || !seen.Add(path)) continue;
                var at = isOne ? Path.GetDirectoryName(place)! : place;
                yield return new FoundModel(NameOf(path, at), path) { Place = at, Purpose = purpose };
            }
        }
        foreach (var (repository, snapshot) in _caches.SelectMany(cache => cache.Repositories()))
        {
            var isOne = ModelPaths.IsDiffusers(snapshot);
            var paths = isOne ? [snapshot] : ModelPaths.In(snapshot, Endings, onLeftOut);
            foreach (var path in paths.Where(seen.Add))
            {
                var name = paths.Count == 1 ? repository : HubCache.NameOf(path)!;
                yield return new FoundModel(name, path) { Place = snapshot, Purpose = PurposeOf(repository, path) };
            }
        }
    }

    /// <summary>The file of a model of the built-in list: in the cache, or one that was put into a folder; null where it is not here.</summary>
    public string? PathOf(KnownModel known)
    {
        ArgumentNullException.ThrowIfNull(known);
        if (_caches.Select(cache => cache.Find(known.Selection)).FirstOrDefault(path => path is not null) is { } cached) return cached;
        var file = known.Selection.Files[0];
        var name = Path.GetFileName(file.Path);
        // A name that all files of a kind have tells nothing without the size.
        if (file.Bytes is null && NobodysOwn.Contains(name.Split('.')[0])) return null;
        return All().FirstOrDefault(model => Path.GetFileName(model.Path) == name
            && (file.Bytes is null || ModelPaths.BytesOf(model.Path) == file.Bytes))?.Path;
    }

    /// <summary>The model of a name: a known one, "org/name[:file]", a file's name, or a part of one name alone.</summary>
    /// <param name="name">As a person writes it.</param>
    /// <param name="purpose">What it is wanted for: of two of one name the one in a folder for it counts.</param>
    /// <exception cref="UnknownModelException">There is none, or more than one; the message says what would fit.</exception>
    public string Find(string name, ModelPurpose purpose = ModelPurpose.Checkpoint)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (Exact(name, purpose) is { } exact) return exact;
        if (KnownModels.Find(name) is { } known)
            throw new UnknownModelException($"{known.Name} is not on this machine yet; \"easel pull {known.Name}\" fetches it.");
        if (HubReference.Parse(name) is { Repository: { } repository } reference)
        {
            var inside = All().Where(model => model.Name.StartsWith(repository + ":", StringComparison.OrdinalIgnoreCase)).ToList();
            throw new UnknownModelException(inside.Count > 0 && reference.File is null
                ? $"{repository} has {inside.Count} models here; name one: {Listed(inside)}."
                : $"{name} is not on this machine; \"easel pull {name}\" fetches it.");
        }
        var parts = Best(All().Where(model => model.Name.Contains(name, StringComparison.OrdinalIgnoreCase)), purpose);
        return parts.Count switch
        {
            1 => parts[0].Path,
            0 => throw new UnknownModelException($"There is no {Word(purpose)} at {name}, and none of that name; \"easel models\" lists what there is, "
                + "\"easel pull\" what can be fetched."),
            _ => throw new UnknownModelException($"\"{name}\" is part of the names of {parts.Count} models: {Listed(parts)}."),
        };

        static string Listed(IReadOnlyList<FoundModel> models) =>
            string.Join(", ", models.Take(8).Select(model => model.Name)) + (models.Count > 8 ? ", ..." : "");
    }

    /// <summary>The model that has just this name, with or without its ending; null where there is none.</summary>
    /// <param name="name">As a person writes it.</param>
    /// <param name="purpose">What it is wanted for.</param>
    public string? Exact(string name, ModelPurpose purpose = ModelPurpose.Checkpoint)
    {
        if (KnownModels.Find(name) is { } known && PathOf(known) is { } path) return path;
        return Best(All().Where(model => Same(model.Name) || Same(Path.GetFileName(model.Path))), purpose).FirstOrDefault()?.Path;

        bool Same(string own) => own.Equals(name, StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>What people call a model of a purpose.</summary>
    public static string Word(ModelPurpose purpose) => purpose switch
    {
        ModelPurpose.Lora => "LoRA",
        ModelPurpose.Embedding => "embedding",
        ModelPurpose.Vae => "autoencoder",
        ModelPurpose.Control => "network of control",
        ModelPurpose.Upscaler => "upscaler",
        ModelPurpose.FaceRestorer => "face restorer",
        ModelPurpose.TextEncoder => "text encoder",
        ModelPurpose.ImageEncoder => "vision tower",
        _ => "model",
    };

    /// <summary>Those in folders for a purpose or, where there are none, in folders that tell none, or else all.</summary>
    private static List<FoundModel> Best(IEnumerable<FoundModel> models, ModelPurpose purpose) =>
        models.GroupBy(model => model.Purpose == purpose ? 0 : model.Purpose is null ? 1 : 2).OrderBy(group => group.Key).FirstOrDefault()?.ToList() ?? [];

    private static IEnumerable<FoundModel> BuiltIn() => BuiltInTool.All.Select(tool => new FoundModel(tool.Name, tool.Path)
    {
        Purpose = tool.Kind == ModelKind.Upscaler ? ModelPurpose.Upscaler : ModelPurpose.Other,
    }).Prepend(new FoundModel("sketch", BuiltInModel.Path)).Where(model => File.Exists(model.Path));

    private static bool Counts(string path, ModelPurpose? purpose, IReadOnlyList<string> endings) => purpose switch
    {
        ModelPurpose.Other => false,
        null or ModelPurpose.Checkpoint => Directory.Exists(path) || endings.Contains(Path.GetExtension(path), StringComparer.OrdinalIgnoreCase),
        _ => true,
    };

    /// <summary>What the folders between a place and a model say that it is for.</summary>
    private static ModelPurpose? PurposeWithin(string place, string path) =>
        Path.GetRelativePath(place, Path.GetDirectoryName(path)!).Split(Path.DirectorySeparatorChar).Select(PurposeNames.Of)
            .FirstOrDefault(purpose => purpose is not null);

    private static ModelPurpose? PurposeOf(string repository, string path) =>
        KnownModels.All.FirstOrDefault(known => known.Selection.Repository == repository)?.Use
        ?? (Path.GetFileNameWithoutExtension(path) == NobodysOwn[0] ? ModelPurpose.Lora : IsOfControl(repository) ? ModelPurpose.Control : null);

    /// <summary>Whether a repository is named as those of networks of control are: "lllyasviel/control_v11p_sd15_canny".</summary>
    private static bool IsOfControl(string repository) => ((string[])["/control_", "controlnet", "t2i-adapter", "t2iadapter", "ip-adapter"])
        .Any(word => repository.Contains(word, StringComparison.OrdinalIgnoreCase));

    private static string NameOf(string path, string place)
    {
        if (HubCache.NameOf(path) is { } cached) return cached;
        if (Directory.Exists(path)) return Path.GetFileName(path);
        var (name, folder) = (Path.GetFileNameWithoutExtension(path), Path.GetDirectoryName(path)!);
        return folder != place && NobodysOwn.Contains(name) ? Path.GetFileName(folder) : name;
    }

    private void Add(string place)
    {
        if (File.Exists(place))
        {
            if (Path.GetExtension(place).ToLowerInvariant() is not (".yaml" or ".yml")) _places.Add(place);
            else foreach (var (purpose, path) in ExtraModelPaths.Read(place)) AddShelf(path, purpose ?? ModelPurpose.Other);
        }
        else if (HubCache.Is(place)) AddCache(new HubCache(place));
        else if (Directory.Exists(place)) AddFolder(place);
    }

    private void AddCache(HubCache cache)
    {
        _caches.Add(cache);
        foreach (var (repository, snapshot) in cache.Repositories())
        {
            var purposes = Directory.EnumerateFiles(snapshot, "*.safetensors").Select(file => PurposeOf(repository, file)).ToList();
            foreach (var purpose in (ModelPurpose[])[ModelPurpose.Lora, ModelPurpose.Control])
                if (purposes.Contains(purpose)) _cached.Add((snapshot, purpose));
        }
    }

    private void AddFolder(string place)
    {
        var inner = Path.Combine(place, "models");
        var isProgram = Directory.Exists(inner)
            && ((string[])["custom_nodes", "extensions", "webui.py", "launch.py"]).Any(name => Path.Exists(Path.Combine(place, name)));
        if (isProgram)
        {
            // Much else lies in there, a Python of its own among it.
            _places.Add(inner);
            AddShelvesIn(inner);
            AddShelvesIn(place);
            if (Path.Combine(place, ExtraModelPaths.FileName) is var file && File.Exists(file)) Add(file);
            return;
        }
        var own = PurposeNames.Of(Path.GetFileName(place));
        _places.Add(place); // whatever its name: somebody who names a place means what is in it
        if (own is { } purpose) AddShelf(place, purpose);
        if (ModelPaths.IsDiffusers(place)) return;
        AddShelvesIn(place);
        if (Directory.Exists(inner)) AddShelvesIn(inner);
        AddBeside(place, own);
    }

    /// <summary>The folders that programs keep beside the one of checkpoints, or beside the one of all models.</summary>
    private void AddBeside(string place, ModelPurpose? own)
    {
        var isAll = Path.GetFileName(place).Equals("models", StringComparison.OrdinalIgnoreCase);
        if (Path.GetDirectoryName(place) is not { } above || !isAll && own != ModelPurpose.Checkpoint) return;
        // A folder of embeddings may be anything, unless a program's other folders are there as well.
        var isProgram = own is not null || Shelves(place).Any();
        foreach (var (path, purpose) in Shelves(above))
        {
            if (purpose is ModelPurpose.Checkpoint or ModelPurpose.Other || purpose == ModelPurpose.Embedding && !isProgram) continue;
            AddShelf(path, purpose);
        }
        if (own is not null) AddBeside(above, null);
    }

    private void AddShelvesIn(string folder)
    {
        foreach (var (path, purpose) in Shelves(folder)) AddShelf(path, purpose);
    }

    private static IEnumerable<(string Path, ModelPurpose Purpose)> Shelves(string folder) =>
        Directory.EnumerateDirectories(folder, "*", new EnumerationOptions { IgnoreInaccessible = true }).Order(StringComparer.Ordinal)
            .Select(path => (Path: path, Purpose: PurposeNames.Of(Path.GetFileName(path)))).Where(shelf => shelf.Purpose is not null)
            .Select(shelf => (shelf.Path, shelf.Purpose!.Value));

    private void AddShelf(string path, ModelPurpose purpose)
    {
        path = Path.TrimEndingDirectorySeparator(path);
        if (!_shelves.Contains((path, purpose))) _shelves.Add((path, purpose));
    }
}
