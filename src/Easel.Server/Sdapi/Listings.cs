using System.Runtime.InteropServices;
using Easel.Server.Library;
using Easel.Server.Security;

namespace Easel.Server.Sdapi;

/// <summary>What there is to draw with, as AUTOMATIC1111's web UI lists it.</summary>
internal sealed class Listings(ModelLibrary library, ServerOptions server, IHttpContextAccessor http)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<(string Path, DateTime Changed), (int Count, int Width)?> _embeddings = [];

    public static object Samplers() =>
        SamplerInfo.All.Select(
            sampler => new { name = sampler.DisplayName, aliases = sampler.Aliases.Prepend(sampler.Name), options = new Dictionary<string, string>() });

    public static object Schedulers()
    {
        return ScheduleInfo.All.Select(schedule => Described(schedule.Name, schedule.DisplayName, schedule.Aliases))
            .Prepend(Described("automatic", "Automatic", null));

        static object Described(string name, string label, IReadOnlyList<string>? aliases) =>
            new { name, label, aliases, default_rho = -1.0, need_inner_model = false };
    }

    /// <summary>A path, or only its last part for who is not to know where things lie.</summary>
    private string? Shown(string? path) => http.HttpContext is { } context && Caller.MaySeePaths(context) ? path : Path.GetFileName(path);

    public object Models() => library.Checkpoints.Concat(library.Entries.Where(entry => entry.Use == ModelUse.Refiner)).Select(model => new
    {
        title = SdapiOptions.TitleOf(model),
        model_name = model.Name,
        hash = model.Hash,
        sha256 = model.Sha256,
        filename = Shown(model.Path),
        config = (string?)null,
    });

    public object Vaes() =>
        library.Entries.Where(entry => entry.Use == ModelUse.Vae).Select(vae => new { model_name = Path.GetFileName(vae.Path), filename = Shown(vae.Path) });

    public object Upscalers()
    {
        var plain = ((string[])[Extras.None, "Lanczos", "Nearest"])
            .Select(name => new { name, model_name = (string?)null, model_path = (string?)null, model_url = (string?)null, scale = (double?)4 });
        return plain.Concat(library.Entries.Where(entry => entry.Use == ModelUse.Upscaler)
            .Select(model => new
            {
                name = model.Name,
                model_name = (string?)model.Name,
                model_path = Shown(model.Path),
                model_url = (string?)null,
                scale = BuiltInTool.Find(model.Name) is { } tool && model.IsBuiltIn ? tool.Scale : (double?)null
            }));
    }

    /// <summary>The scripts that a body may name: those that are always on, those that draw grids, and those of a picture.</summary>
    public static object Scripts()
    {
        string[] Sorted(IEnumerable<string> own) => [.. AlwaysOnScripts.Names.Concat(own).Order(StringComparer.Ordinal)];
        return new
        {
            txt2img = Sorted([PromptLines.Name, .. ScriptGrid.Names]),
            img2img = Sorted([PromptLines.Name, .. ScriptGrid.Names, .. PictureScript.Names]),
        };
    }

    /// <summary>The arguments of the scripts, for text to image and then for image to image, as there.</summary>
    public object ScriptInfo()
    {
        return ((bool[])[false, true]).SelectMany(isImage => ScriptGrid.Names.Select(name => Described(name, isImage, ScriptGrid.ArgumentsOf(name, isImage)))
                .Append(Described(PromptLines.Name, isImage, PromptLines.Arguments())))
            .Concat(PictureScript.Names.Select(name => Described(name, isImage: true, PictureScript.ArgumentsOf(name, library))));

        static object Described(string name, bool isImage, IEnumerable<object> args) => new { name, is_alwayson = false, is_img2img = isImage, args };
    }

    public object Loras() => ModelFile.LorasIn(server.Load.LoraFolders)
        .Select(lora => new { name = lora.Key, alias = lora.Key, path = Shown(lora.Value), metadata = new Dictionary<string, string>() });

    public object Embeddings()
    {
        var loaded = new Dictionary<string, object>();
        foreach (var (name, path) in ModelFile.EmbeddingsIn(server.Load.EmbeddingFolders))
        {
            if (Measured(path) is var (count, width))
                loaded[name] = new { step = (int?)null, sd_checkpoint = (string?)null, sd_checkpoint_name = (string?)null, shape = width, vectors = count };
        }
        return new { loaded, skipped = new Dictionary<string, object>() };
    }

    /// <summary>In bytes. Of a graphics card's memory nothing is known here.</summary>
    public static object Memory()
    {
        using var process = Process.GetCurrentProcess();
        var (used, total) = (process.WorkingSet64, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes);
        return new { ram = new { free = total - used, used, total }, cuda = new { error = "unavailable" } };
    }

    /// <summary>The machine and the program, in the words of the web UI's report.</summary>
    public object Machine()
    {
        var memory = GC.GetGCMemoryInfo();
        return new Dictionary<string, object?>
        {
            ["Platform"] = RuntimeInformation.OSDescription,
            [".NET"] = RuntimeInformation.FrameworkDescription,
            ["Version"] = $"Easel {typeof(Listings).Assembly.GetName().Version?.ToString(3)}",
            ["Data path"] = Shown(Path.GetFullPath(server.OutputFolder)),
            ["CPU"] = new Dictionary<string, object>
            {
                ["architecture"] = $"{RuntimeInformation.ProcessArchitecture}",
                ["count logical"] = Environment.ProcessorCount,
            },
            ["RAM"] = new { total = memory.TotalAvailableMemoryBytes, used = memory.MemoryLoadBytes },
            ["Extensions"] = Array.Empty<string>(),
            ["Checkpoints"] = library.Checkpoints.Select(model => model.Name),
        };
    }

    public object Flags() => new
    {
        api = true,
        nowebui = false,
        listen = !System.Net.IPAddress.IsLoopback(server.Address),
        port = server.Port,
        api_auth = (string?)null, // a secret
        cors_allow_origins = server.Cors.Count > 0 ? string.Join(',', server.Cors) : null,
        data_dir = Shown(Path.GetFullPath(server.OutputFolder)),
        ckpt = Shown(server.DefaultModel),
        ckpt_dir = server.Models.Count > 0 ? Shown(Path.GetFullPath(server.ModelFolder)) : null,
        lora_dir = Shown(server.Load.LoraFolders is [var loras, ..] ? loras : null),
        embeddings_dir = Shown(server.Load.EmbeddingFolders is [var embeddings, ..] ? embeddings : null),
        no_half = server.Load.Precision == Precision.Full,
    };

    /// <summary>Number and width of a textual inversion's vectors; null where it cannot be read. Read once.</summary>
    private (int Count, int Width)? Measured(string path)
    {
        var key = (path, File.GetLastWriteTimeUtc(path));
        lock (_lock)
        {
            if (_embeddings.TryGetValue(key, out var known)) return known;
            try
            {
                return _embeddings[key] = ModelFile.Read(path).Vectors;
            }
            catch (EaselException)
            {
                return _embeddings[key] = null;
            }
        }
    }
}
