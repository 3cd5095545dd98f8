using System.Collections.Concurrent;
using Easel.Runtime;

namespace Easel.Metadata;

/// <summary>The fingerprints of model files, remembered between runs: reading 4 GB takes seconds. A file counts as unchanged while its path, size and time of
/// change are the same.</summary>
internal sealed class ModelHashes(string? file)
{
    private static readonly ConcurrentDictionary<string, ModelHashes> Folders = [];

    private readonly CacheFile<string> _remembered = new(file, most: 500, hash => hash is not null);

    /// <summary>Those in a cache folder; null for those of this program alone.</summary>
    public static ModelHashes In(string? folder) => Folders.GetOrAdd(folder ?? "", _ => new ModelHashes(CacheFolder.File(folder, "model-hashes.json")));

    /// <summary>The SHA-256 of a file in hexadecimal; null for a folder, which has none.</summary>
    /// <param name="progress">Told the share that has been read.</param>
    public string? Of(string model, Action<double>? progress = null, CancellationToken cancel = default)
    {
        var info = new FileInfo(model);
        if (!info.Exists) return null;
        var key = KeyOf(info);
        if (_remembered.TryGet(key, out var known)) return known;

        var hash = ModelHash.Sha256(model, read => progress?.Invoke((double)read / Math.Max(1, info.Length)), cancel);
        _remembered.Set(key, hash);
        return hash;
    }

    /// <summary>The hash by which AUTOMATIC1111's pictures name a LoRA: of a safetensors file's tensors alone, in twelve digits.</summary>
    /// <param name="stored">The hash that the file itself says it has; null where it says none.</param>
    public string OfLora(string path, string? stored)
    {
        const int Digits = 12;
        if (stored is { Length: >= Digits }) return stored[..Digits];
        var isSafe = Path.GetExtension(path).Equals(".safetensors", StringComparison.OrdinalIgnoreCase);
        var key = KeyOf(new FileInfo(path)) + (isSafe ? "|tensors" : "");
        if (!_remembered.TryGet(key, out var hash)) _remembered.Set(key, hash = ModelHash.Sha256(path, tensorsOnly: isSafe));
        return hash[..Digits];
    }

    /// <summary>The hash of a file, where it is remembered; null where it would have to be computed.</summary>
    public string? Known(string model)
    {
        var info = new FileInfo(model);
        return info.Exists && _remembered.TryGet(KeyOf(info), out var known) ? known : null;
    }

    private static string KeyOf(FileInfo model) => $"{model.FullName}|{model.Length}|{model.LastWriteTimeUtc.Ticks}";
}
