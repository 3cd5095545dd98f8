using System.Text.Json;
using Easel.Runtime;

namespace Easel.Metadata;

/// <summary>
/// The fingerprints of model files, remembered between runs: reading 4 GB takes seconds. A file counts as unchanged while its path, size and time of change
/// are the same. What goes wrong with the memory itself is passed over, since all it can save is time.
/// </summary>
internal sealed class ModelHashes(string file)
{
    private const int Most = 500;

    /// <summary>Those in the person's cache folder.</summary>
    /// <param name="variable">The value of an environment variable, or null.</param>
    public static ModelHashes OfUser(Func<string, string?> variable) => new(CacheFolder.File(variable, "model-hashes.json"));

    /// <summary>The SHA-256 of a file in hexadecimal; null for a folder, which has none.</summary>
    /// <param name="model">The file.</param>
    /// <param name="progress">Told the share that has been read.</param>
    /// <param name="cancel">Stops the reading.</param>
    /// <exception cref="CheckpointException">The file cannot be read.</exception>
    public string? Of(string model, Action<double>? progress = null, CancellationToken cancel = default)
    {
        var info = new FileInfo(model);
        if (!info.Exists) return null;
        var key = KeyOf(info);
        if (Remembered().TryGetValue(key, out var known)) return known;

        var hash = ModelHash.Sha256(model, read => progress?.Invoke((double)read / Math.Max(1, info.Length)), cancel);
        Remember(key, hash);
        return hash;
    }

    /// <summary>The hash of a file, where it is remembered; null where it would have to be computed.</summary>
    public string? Known(string model)
    {
        var info = new FileInfo(model);
        return info.Exists ? Remembered().GetValueOrDefault(KeyOf(info)) : null;
    }

    private static string KeyOf(FileInfo model) => $"{model.FullName}|{model.Length}|{model.LastWriteTimeUtc.Ticks}";

    private Dictionary<string, string> Remembered()
    {
        try
        {
            return JsonSerializer.Deserialize<Dictionary<string, string>>(File.ReadAllText(file)) ?? [];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            return [];
        }
    }

    private void Remember(string key, string hash)
    {
        try
        {
            var all = Remembered();
            if (all.Count >= Most) all.Clear();
            all[key] = hash;
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            var beside = $"{file}.{Guid.NewGuid():N}";
            File.WriteAllText(beside, JsonSerializer.Serialize(all));
            File.Move(beside, file, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It will be computed again.
        }
    }
}
