namespace Easel.Hub;

/// <summary>Which files and folders are models, by their names alone.</summary>
public static class ModelPaths
{
    /// <summary>The endings of files that checkpoints come in; what they hold is read elsewhere.</summary>
    public static IReadOnlyList<string> Endings { get; } = [".safetensors", ".gguf", ".ckpt", ".pt", ".pth", ".bin"];

    /// <summary>Whether a folder is a pipeline in the diffusers layout, and so one model.</summary>
    public static bool IsDiffusers(string folder) => File.Exists(Path.Combine(folder, "model_index.json")) || Directory.Exists(Path.Combine(folder, "unet"));

    /// <summary>The model files and folders under a folder, in the order of their paths.</summary>
    /// <param name="folder">Where to look.</param>
    /// <param name="endings">The endings that count.</param>
    /// <param name="onLeftOut">Told of each folder that is not looked into, and why; such a folder is among the results then. Null to pass over them.</param>
    public static IReadOnlyList<string> In(string folder, IReadOnlyList<string> endings, Action<string, string>? onLeftOut = null)
    {
        var models = new List<string>();
        var files = FolderTree.Files(folder, inner =>
        {
            if (!IsDiffusers(inner)) return true;
            models.Add(inner);
            return false;
        }, onLeftOut is null ? null : (path, why) =>
        {
            onLeftOut(path, why);
            models.Add(path);
        });
        models.AddRange(files.Where(file => endings.Contains(Path.GetExtension(file), StringComparer.OrdinalIgnoreCase)));
        return [.. models.Order(StringComparer.Ordinal)];
    }

    /// <summary>The bytes of a model's file, or of all files in its folder.</summary>
    public static long BytesOf(string path) => File.Exists(path) ? new FileInfo(path).Length
        : FolderTree.Files(path).Sum(inner => new FileInfo(inner) is { Exists: true } part ? part.Length : 0);
}
