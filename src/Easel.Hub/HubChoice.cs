namespace Easel.Hub;

/// <summary>Which files of a repository are needed to draw.</summary>
public static class HubChoice
{
    /// <summary>The parts of a pipeline in the diffusers layout that hold weights.</summary>
    private static readonly string[] Parts = ["unet", "vae", "text_encoder", "text_encoder_2", "depth_estimator"];

    /// <summary>
    /// For a pipeline in the diffusers layout its configurations and the weights of each part, in half precision where it has them; else the one checkpoint.
    /// Pickled files, which other programs run as code, are taken only where one is named.
    /// </summary>
    /// <param name="repository">"org/name", for the sentences.</param>
    /// <param name="files">All files there.</param>
    /// <exception cref="HubException">There is nothing to draw with, or too much to choose from.</exception>
    public static IReadOnlyList<HubFile> Of(string repository, IReadOnlyList<HubFile> files)
    {
        ArgumentNullException.ThrowIfNull(files);
        if (files.Any(file => file.Path == "model_index.json"))
        {
            var chosen = Parts.SelectMany(part => WeightsOf(part, files)).ToList();
            if (chosen.Any(file => file.Path.StartsWith("unet/", StringComparison.Ordinal))) return [.. files.Where(IsConfiguration), .. chosen];
        }
        var whole = files.Where(file => !file.Path.Contains('/') && file.Path.EndsWith(".safetensors", StringComparison.Ordinal)).ToList();
        return whole.Count switch
        {
            1 => whole,
            0 => throw new HubException(files.FirstOrDefault(file =>
                Path.GetExtension(file.Path) is ".ckpt" or ".pt" or ".pth" or ".bin" or ".gguf") is { } other
                ? $"{repository} has no safetensors file; to have another, name it: {repository}:{other.Path}."
                : $"{repository} holds no model that Easel draws with."),
            _ => throw new HubException($"{repository} has {whole.Count} checkpoints; name one: "
                + $"{string.Join(", ", whole.Take(12).Select(file => $"{repository}:{file.Path}"))}{(whole.Count > 12 ? ", ..." : "")}."),
        };
    }

    private static bool IsConfiguration(HubFile file) =>
        file.Path == "model_index.json" || file.Path.Count(c => c == '/') == 1 && file.Path.EndsWith("/config.json", StringComparison.Ordinal)
        || file.Path.StartsWith("scheduler/", StringComparison.Ordinal) && file.Path.EndsWith(".json", StringComparison.Ordinal);

    /// <summary>The weights of one part: of the half-precision variant, else without variant; whole, else in pieces with their index.</summary>
    private static IEnumerable<HubFile> WeightsOf(string part, IReadOnlyList<HubFile> files)
    {
        var own = files.Where(file => file.Path.StartsWith(part + "/", StringComparison.Ordinal) && file.Path.Count(c => c == '/') == 1)
            .Where(file => file.Path.EndsWith(".safetensors", StringComparison.Ordinal) || file.Path.Contains(".safetensors.index.", StringComparison.Ordinal))
            .ToList();
        foreach (var isWanted in (Func<string, bool>[])
            [name => name.Contains(".fp16", StringComparison.Ordinal), name => name.Count(c => c == '.') == 1 || IsPlainPiece(name)])
        {
            var found = own.Where(file => isWanted(Path.GetFileName(file.Path))).ToList();
            if (found.FirstOrDefault(file => IsWhole(file.Path)) is { } one) return [one];
            if (found.Count > 0) return found;
        }
        return [];
    }

    private static bool IsWhole(string path) => !path.Contains("-of-", StringComparison.Ordinal) && path.EndsWith(".safetensors", StringComparison.Ordinal);

    private static bool IsPlainPiece(string name) => name.EndsWith(".safetensors.index.json", StringComparison.Ordinal) && name.Count(c => c == '.') == 3;
}
