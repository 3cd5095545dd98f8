namespace Easel.Hub;

/// <summary>Which files and folders are models, by their names alone.</summary>
public static class ModelPaths
{
    /// <summary>The endings of files that checkpoints come in; what they hold is read elsewhere.</summary>
    public static IReadOnlyList<string> Endings { get; } = [".safetensors", ".gguf", ".ckpt", ".pt", ".pth", ".bin"];

    /// <summary>Whether a folder is a pipeline in the diffusers layout, and so one model. A folder "unet" alone tells nothing: ComfyUI has one among its
    /// folders of models.</summary>
    public static bool IsDiffusers(string folder) =>
        File.Exists(Path.Combine(folder, "model_index.json")) || File.Exists(Path.Combine(folder, "unet", "config.json"));

    /// <summary>Whether a file is the same as another of its name: by its size, and by how it begins and ends.</summary>
    public static bool IsCopyOf(string path, string original)
    {
        const int Compared = 1 << 16;
        if (Path.GetFileName(path) != Path.GetFileName(original)) return false;
        if (!File.Exists(path) || !File.Exists(original) || BytesOf(path) != BytesOf(original)) return false;
        try
        {
            using var one = File.OpenRead(path);
            using var other = File.OpenRead(original);
            return Ends(one).AsSpan().SequenceEqual(Ends(other));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }

        static byte[] Ends(FileStream file)
        {
            var ends = new byte[2 * Compared];
            var count = file.ReadAtLeast(ends.AsSpan(0, Compared), Compared, throwOnEndOfStream: false);
            file.Position = Math.Max(0, file.Length - Compared);
            _ = file.ReadAtLeast(ends.AsSpan(count, Compared), Compared, throwOnEndOfStream: false);
            return ends;
        }
    }

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
    public static long BytesOf(string path) => File.Exists(path) ? LengthOf(path) : FolderTree.Files(path).Sum(LengthOf);

    /// <summary>The length of a file, or of the one that a link leads to.</summary>
    private static long LengthOf(string path)
    {
        var file = new FileInfo(path);
        if (file.LinkTarget is not null) file = file.ResolveLinkTarget(returnFinalTarget: true) as FileInfo ?? file;
        return file.Exists ? file.Length : 0;
    }
}
