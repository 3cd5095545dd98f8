using Easel.Hub;

namespace Easel.Cli.Runs;

/// <summary>Which model a command loads, and how.</summary>
internal static class ModelChoice
{
    /// <summary>Where the original scripts look for their checkpoint.</summary>
    private static readonly string ScriptDefault = Path.Combine("models", "ldm", "stable-diffusion-v1", "model.ckpt");

    /// <summary>The original configurations, named by habit and not needed: all that each says beyond the tensors is what the UNet predicts.</summary>
    private static readonly Dictionary<string, PredictionType?> KnownConfigs = new(StringComparer.OrdinalIgnoreCase)
    {
        ["v1-inference.yaml"] = PredictionType.Epsilon,
        ["v1-inpainting-inference.yaml"] = PredictionType.Epsilon,
        ["v2-inference.yaml"] = PredictionType.Epsilon,
        ["v2-inference-v.yaml"] = PredictionType.V,
        ["v2-inpainting-inference.yaml"] = PredictionType.Epsilon,
        ["v2-midas-inference.yaml"] = PredictionType.Epsilon,
        ["x4-upscaling.yaml"] = PredictionType.V,
    };

    /// <summary>The model named, by path or by name, or that of EASEL_MODEL, or the one where the scripts have theirs, or the small one that comes with
    /// Easel.</summary>
    public static string Find(string? named, Shell shell)
    {
        var path = named ?? (shell.Variable("EASEL_MODEL") is { Length: > 0 } variable ? variable : null);
        if (path is null)
        {
            return File.Exists(ScriptDefault) ? ScriptDefault
                : BuiltInModel.Exists ? BuiltInModel.Path
                : throw new UsageException("No model is named: give a checkpoint with --model, or put its path into the variable EASEL_MODEL.");
        }
        return Find(path, shell, named is null ? ", which EASEL_MODEL names" : "");
    }

    /// <summary>The model that is to do the last steps, by path or by name, with or without the hash that pictures' texts add to it.</summary>
    public static string Refiner(string named, Shell shell)
    {
        if (File.Exists(named) || Directory.Exists(named)) return named;
        var bracket = named.EndsWith(']') ? named.LastIndexOf(" [", StringComparison.Ordinal) : -1;
        return Find(bracket > 0 ? named[..bracket] : named, shell, "");
    }

    /// <summary>The network that mends faces, by path or by name.</summary>
    /// <exception cref="UsageException">There is none, or it does something else.</exception>
    public static string FaceRestorer(string named, Shell shell)
    {
        var path = Find(named, shell, "", ModelPurpose.FaceRestorer, "face restorer");
        return Upscaler.FaceRestorerIn(path) is not null ? path
            : throw new UsageException($"{path} does not mend faces: --restore-faces wants a file of GFPGAN or CodeFormer.");
    }

    private static string Find(string path, Shell shell, string whence, ModelPurpose purpose = ModelPurpose.Checkpoint, string what = "checkpoint")
    {
        if (Path.Exists(path)) return path;
        // What looks like a path is one; a file's name may be that of a file among the models, and anything else may be any name.
        var isPath = Path.IsPathRooted(path) || path.StartsWith('.');
        var isFile = ModelPaths.Endings.Contains(Path.GetExtension(path), StringComparer.OrdinalIgnoreCase);
        if (!isPath && !isFile) return ModelPlaces.Folders(shell).Find(path, purpose);
        if (!isPath && ModelPlaces.Folders(shell).Exact(path, purpose) is { } found) return found;
        throw new UsageException($"There is no {what} at {path}{whence}.");
    }

    /// <summary>A part of a model that is named apart, by path or by name.</summary>
    private static string? Part(string? named, string what, ModelPurpose purpose, Shell shell) =>
        named is null ? null : Find(named, shell, "", purpose, what);

    /// <summary>The upscaler named, by path or by name, or that of EASEL_MODEL where it enlarges, or of those that come with Easel the one that enlarges so
    /// much.</summary>
    public static string FindUpscaler(string? named, double? times, Shell shell)
    {
        if (named is not null) return BuiltInTool.Find(named) is { Kind: ModelKind.Upscaler } tool ? tool.Path
            : Find(named, shell, "", ModelPurpose.Upscaler);
        if (BuiltInTool.Enlarger(times ?? double.PositiveInfinity) is not { } own) return Find(null, shell);
        return shell.Variable("EASEL_MODEL") is { Length: > 0 } && Find(null, shell) is var path
            && ModelFile.Read(path) is { Kind: ModelKind.Upscaler } or { Model.Enlarges: > 1 } ? path : own.Path;
    }

    /// <summary>How to load it: what is asked for, with the folders that the variables name, or else those among the models, and a place for what is learnt of
    /// this machine's speed.</summary>
    /// <param name="places">Where models are looked for; null for the places of this person.</param>
    public static LoadOptions Options(LoadOptions asked, Shell shell, IReadOnlyList<string>? places = null)
    {
        var folders = new Lazy<ModelFolders>(() => places is null ? ModelPlaces.Folders(shell) : new ModelFolders(places));
        var options = asked with
        {
            TextEncoder = Part(asked.TextEncoder, "text encoder", ModelPurpose.TextEncoder, shell),
            Vae = Part(asked.Vae, "autoencoder", ModelPurpose.Vae, shell),
            TinyVae = Part(asked.TinyVae, "tiny autoencoder", ModelPurpose.Vae, shell),
            DepthModel = Part(asked.DepthModel, "depth estimator", ModelPurpose.Other, shell),
            ImageEncoder = Part(asked.ImageEncoder, "vision tower", ModelPurpose.ImageEncoder, shell),
            LoraFolders = Folders(asked.LoraFolders, "EASEL_LORAS", ModelPurpose.Lora),
            ControlFolders = Folders(asked.ControlFolders, "EASEL_CONTROLS", ModelPurpose.Control),
            EmbeddingFolders = Folders(asked.EmbeddingFolders, "EASEL_EMBEDDINGS", ModelPurpose.Embedding),
            CacheFolder = CacheFolder(shell),
            Refiners = name => Refiner(name, shell),
            Upscalers = name => Upscaler.Load(FindUpscaler(name, null, shell), asked with { Precision = Precision.Auto }),
            FaceRestorers = name => FaceRestorer(name, shell),
        };
        if (asked.Config is not { } config || File.Exists(config)) return options;
        if (KnownConfigs.TryGetValue(Path.GetFileName(config), out var prediction))
            return options with { Config = null, Prediction = asked.Prediction ?? prediction };
        throw new UsageException($"There is no configuration at {config}; most models need none.");

        IReadOnlyList<string> Folders(IReadOnlyList<string> named, string variable, ModelPurpose purpose)
        {
            var whence = named.Count > 0 ? "" : $", which {variable} names";
            if (named.Count == 0) named = ModelPlaces.Listed(shell, variable);
            if (named.FirstOrDefault(path => !Directory.Exists(path)) is { } missing) throw new UsageException($"There is no folder {missing}{whence}.");
            return named.Count > 0 ? named : folders.Value.Of(purpose);
        }
    }

    /// <summary>An autoencoder, by path or by name.</summary>
    public static string Vae(string named, Shell shell) => Part(named, "autoencoder", ModelPurpose.Vae, shell)!;

    /// <summary>Where Easel remembers what it measured: in the folder that the shell names for such things, or the customary one.</summary>
    public static string CacheFolder(Shell shell) =>
        shell.Variable("XDG_CACHE_HOME") is { Length: > 0 } cache ? Path.Combine(cache, "easel") : LoadOptions.UserCacheFolder;
}
