using System.Collections.Concurrent;
using Easel.Hub;
using Easel.Metadata;
using Easel.Server.Errors;

namespace Easel.Server.Library;

/// <summary>What is in the model folders. A request names a model by its name here and can reach no other file.</summary>
internal sealed class ModelLibrary(ServerOptions options, ILogger<ModelLibrary>? log = null)
{
    /// <summary>Folders are not read again for one unknown name after another.</summary>
    private static readonly TimeSpan AtOnce = TimeSpan.FromSeconds(2);

    private readonly ConcurrentDictionary<(string Path, long Bytes, DateTime Changed), ModelEntry> _known = new();
    private readonly Dictionary<string, string> _leftOut = []; // folders that are not looked into, and why
    private readonly Lock _turn = new();
    private volatile IReadOnlyList<ModelEntry>? _entries;
    private volatile string? _default; // where the model lies that the server was started with
    private long _read;

    /// <summary>Told when the folders were read again.</summary>
    public event Action? Changed;

    /// <summary>All files, the usable ones first; read when first asked for.</summary>
    public IReadOnlyList<ModelEntry> Entries => _entries ?? Refresh();

    public IEnumerable<ModelEntry> Checkpoints => Entries.Where(entry => entry.Use == ModelUse.Checkpoint);

    /// <summary>The model of a request that names none; null where there is no model at all.</summary>
    public ModelEntry? Default => options.DefaultModel is { } name
        ? Find(name, ModelUse.Checkpoint) ?? Checkpoints.FirstOrDefault(entry => entry.Path == _default)
        : Checkpoints.FirstOrDefault(entry => entry.Model is { Enlarges: 1, TakesDepth: false, TakesMask: false }) ?? Checkpoints.FirstOrDefault();

    /// <summary>What a model, or a LoRA that the prompts call, decides about a request that says nothing of it.</summary>
    public ModelDefaults DefaultsFor(ModelEntry model, GenerationRequest request) => model.Model!.DefaultsFor(request, options.Load.LoraFolders);

    /// <summary>The LoRAs that prompts can call by name.</summary>
    public IReadOnlyList<string> Loras => [.. ModelFile.LorasIn(options.Load.LoraFolders).Select(file => file.Key)];

    /// <summary>The textual inversions that prompts can call by name.</summary>
    public IReadOnlyList<string> Embeddings => [.. ModelFile.EmbeddingsIn(options.Load.EmbeddingFolders).Select(file => file.Key)];

    /// <summary>The networks that steer drawing, by name.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Controls => ModelFile.ControlsIn(options.Load.ControlFolders);

    /// <summary>Reads the folders again; files that did not change are not opened again.</summary>
    public IReadOnlyList<ModelEntry> Refresh()
    {
        lock (_turn)
        {
            _read = Stopwatch.GetTimestamp();
            _leftOut.Clear();
            var files = Files();
            var names = Names(files);
            var entries = files.Select(file => Describe(file.Path) with
            {
                Name = names[file.Path],
                Sha256 = ModelStamp.KnownHashOf(file.Path, options.Load.CacheFolder),
                IsBuiltIn = file.Path == BuiltInModel.Path || BuiltInTool.All.Any(tool => tool.Path == file.Path),
            });
            _entries = [.. entries.OrderBy(entry => entry.Use == ModelUse.None).ThenBy(entry => entry.IsBuiltIn)
                .ThenBy(entry => entry.Name, StringComparer.OrdinalIgnoreCase)];
        }
        Changed?.Invoke();
        return _entries;
    }

    /// <summary>A usable file by its name, its file's name, or AUTOMATIC1111's title of it ("name.safetensors [hash]"); null where there is none.</summary>
    public ModelEntry? Find(string name, ModelUse use)
    {
        var bare = WithoutHash(name);
        return Entries.FirstOrDefault(entry => entry.Use == use && (Same(entry.Name, name) || Same(entry.Name, bare) || Same(Path.GetFileName(entry.Path), bare)
            || entry.Sha256 is { } sha && name.Length >= 10 && sha.StartsWith(name, StringComparison.OrdinalIgnoreCase)));
    }

    /// <summary>The checkpoint of a request.</summary>
    /// <param name="name">Its name; null for the default one.</param>
    /// <exception cref="ServerException">There is none of that name, or none at all (422).</exception>
    public ModelEntry Checkpoint(string? name)
    {
        if (name is null)
        {
            return Fresh(() => Default) ?? throw ServerException.Refused(options.DefaultModel is { } wanted
                ? $"The model {wanted}, which the server was started with, is not there."
                : $"There is no model yet: put a Stable Diffusion checkpoint into {Path.GetFullPath(options.ModelFolder)}.");
        }
        return Fresh(() => Find(name, ModelUse.Checkpoint)) ?? throw Missing("model", name, ModelUse.Checkpoint);
    }

    /// <summary>What enlarges where nothing is named: a person's own upscaler or, of those that come with Easel, the one that enlarges so much; null where
    /// there is none.</summary>
    public ModelEntry? Enlarger(double times) => Entries.FirstOrDefault(entry => entry is { Use: ModelUse.Upscaler, IsBuiltIn: false })
        ?? (BuiltInTool.Enlarger(times) is { } tool ? Find(tool.Name, ModelUse.Upscaler) : null);

    /// <summary>The models that can do the last steps of a picture: those made for nothing else first.</summary>
    public IEnumerable<ModelEntry> Refiners => Entries.Where(entry => entry.Use == ModelUse.Refiner)
        .Concat(Checkpoints.Where(entry => entry is { IsBuiltIn: false, Model: { Enlarges: 1, TakesDepth: false } }));

    /// <summary>The model that is to do the last steps of a request.</summary>
    public ModelEntry Refiner(string name) => Fresh(() => Find(name, ModelUse.Refiner) ?? Find(name, ModelUse.Checkpoint))
        ?? throw ServerException.Refused(Refiners.Take(20).Select(entry => entry.Name).ToList() is { Count: > 0 } names
            ? $"There is no model \"{name}\" to refine with; there are {string.Join(", ", names)}."
            : $"There is no model \"{name}\" to refine with, and no other either.");

    /// <summary>The upscaler of a request; what mends faces enlarges nothing and is taken too.</summary>
    public ModelEntry Upscaler(string name) => Fresh(() => Find(name, ModelUse.Upscaler) ?? Find(name, ModelUse.FaceRestorer))
        ?? throw Missing("upscaler", name, ModelUse.Upscaler);

    /// <summary>The network that mends the faces of a request, by its name, or the first of a kind ("CodeFormer").</summary>
    public ModelEntry FaceRestorer(string name) => Fresh(() => Find(name, ModelUse.FaceRestorer) ?? RestorerOf(name))
        ?? throw Missing("face restorer", name, ModelUse.FaceRestorer);

    /// <summary>The first network of a kind that mends faces; null where there is none.</summary>
    public ModelEntry? RestorerOf(string kind) => Entries.FirstOrDefault(entry => entry.Restorer is { } own && Same(own, kind));

    /// <summary>The autoencoder of a request.</summary>
    public ModelEntry Vae(string name) => Fresh(() => Find(name, ModelUse.Vae)) ?? throw Missing("autoencoder", name, ModelUse.Vae);

    /// <summary>The name of a network that steers drawing, by its name, its file's name, or the extension's title of it ("name [hash]").</summary>
    /// <exception cref="ServerException">There is none of that name (422).</exception>
    public string Control(string name)
    {
        var bare = WithoutHash(name);
        var known = Controls;
        foreach (var (own, path) in known)
            if (Same(own, name) || Same(own, bare) || Same(Path.GetFileName(path), name)) return own;
        var names = known.Select(file => file.Key).Take(20).ToList();
        throw ServerException.Refused(names.Count == 0
            ? $"There is no network of control \"{name}\", and no other either: start the server with --control-dir, "
                + "or put it into a folder ControlNet among the models."
            : $"There is no network of control \"{name}\"; there are {string.Join(", ", names)}.");
    }

    /// <summary>The name in a title such as "name.safetensors [hash]".</summary>
    private static string WithoutHash(string title) =>
        title.LastIndexOf(" [", StringComparison.Ordinal) is > 0 and var bracket && title.EndsWith(']') ? title[..bracket] : title;

    private static bool Same(string a, string b) => a.Equals(b, StringComparison.OrdinalIgnoreCase);

    /// <summary>What is not known may have been put into a folder since they were read.</summary>
    private ModelEntry? Fresh(Func<ModelEntry?> find)
    {
        if (find() is { } known) return known;
        if (Stopwatch.GetElapsedTime(_read) < AtOnce) return null;
        Refresh();
        return find();
    }

    private ServerException Missing(string what, string name, ModelUse use)
    {
        var problem = Entries.FirstOrDefault(entry => entry.Name.Equals(name, StringComparison.OrdinalIgnoreCase))?.Problem;
        var names = Entries.Where(entry => entry.Use == use).Select(entry => entry.Name).Take(20).ToList();
        return ServerException.Refused(problem is not null ? $"\"{name}\" is no {what}: {problem}"
            : names.Count == 0 ? $"There is no {what} \"{name}\", and no other either."
                : $"There is no {what} \"{name}\"; there are {string.Join(", ", names)}.");
    }

    /// <summary>What is in the places and is no part or companion of a model, each once; of what comes with Easel no copies.</summary>
    private List<FoundModel> Files()
    {
        var own = options.Tools.Append(options.SpareModel).OfType<string>().Where(File.Exists).Select(Path.GetFullPath).ToList();
        // Who names a copy of what comes with Easel means that.
        _default = options.DefaultModel is { } meant ? own.Find(one => ModelPaths.IsCopyOf(meant, one)) ?? Path.GetFullPath(meant) : null;
        IEnumerable<string> places = [.. options.ModelPlaces, .. options.DefaultModel is { } named && Path.Exists(named) ? (string[])[named] : [], .. own];
        return
        [
            .. new ModelFolders(places).Found(ModelPaths.Endings, (left, why) => _leftOut[left] = why)
                .Where(file => file.Purpose is null or ModelPurpose.Checkpoint or ModelPurpose.Vae or ModelPurpose.Upscaler or ModelPurpose.FaceRestorer)
                .Where(file => own.Contains(file.Path) || !own.Exists(one => ModelPaths.IsCopyOf(file.Path, one))),
        ];
    }

    /// <summary>For each path the shortest name that no other has: the file's, with its folders', with its ending.</summary>
    private static Dictionary<string, string> Names(List<FoundModel> files)
    {
        var names = files.ToDictionary(file => file.Path, file => file.Name);
        foreach (var longer in (Func<FoundModel, string>[])[file => WithoutEnding(Relative(file)), Relative, file => file.Path])
        {
            foreach (var twice in files.GroupBy(file => names[file.Path], StringComparer.OrdinalIgnoreCase).Where(group => group.Count() > 1).ToList())
                foreach (var file in twice) names[file.Path] = longer(file);
        }
        return names;

        static string Relative(FoundModel file) => Path.GetRelativePath(file.Place, file.Path).Replace('\\', '/');

        static string WithoutEnding(string name)
        {
            var ending = ModelPaths.Endings.FirstOrDefault(ending => name.EndsWith(ending, StringComparison.OrdinalIgnoreCase));
            return name[..^(ending?.Length ?? 0)];
        }
    }

    private ModelEntry Describe(string path)
    {
        if (_leftOut.TryGetValue(path, out var why)) return Unusable(path, $"it {why}.");
        try
        {
            var bytes = ModelPaths.BytesOf(path);
            return _known.GetOrAdd((path, bytes, File.GetLastWriteTimeUtc(path)), _ => Read(path, bytes));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Unusable(path, "it went away, or may not be read.");
        }
        // One file that a reader was not made for must not take the list of all the others away.
        catch (Exception e)
        {
            log?.LogError(e, "{Path} could not be read.", path);
            return Unusable(path, "it could not be read for a reason that was not foreseen; the server's log has it.");
        }
    }

    private static ModelEntry Unusable(string path, string problem) =>
        new() { Name = ModelStamp.NameOf(path), Path = path, Use = ModelUse.None, Problem = problem };

    private static ModelEntry Read(string path, long bytes)
    {
        var entry = new ModelEntry { Name = ModelStamp.NameOf(path), Path = path, Bytes = bytes };
        try
        {
            var file = ModelFile.Read(path);
            var use = file.Kind switch
            {
                ModelKind.Checkpoint when file.Problem is null => ModelUse.Checkpoint,
                ModelKind.Checkpoint when file.Model is { Refines: true } => ModelUse.Refiner,
                ModelKind.Upscaler => ModelUse.Upscaler,
                ModelKind.FaceRestorer => ModelUse.FaceRestorer,
                ModelKind.Autoencoder => ModelUse.Vae,
                _ => ModelUse.None,
            };
            return entry with
            {
                Use = use,
                Model = file.Model,
                Restorer = use == ModelUse.FaceRestorer ? Easel.Upscaler.FaceRestorerIn(path) : null,
                Precision = string.Join(", ", file.Formats),
                Remarks = file.Remarks,
                Problem = use is ModelUse.None or ModelUse.Refiner ? file.Problem ?? $"it is {file.Description}." : null,
            };
        }
        catch (CheckpointException damaged)
        {
            return entry with { Use = ModelUse.None, Problem = damaged.Message };
        }
    }
}
