namespace Easel.Server.Library;

/// <summary>The small picture that lies beside a model's file, as AUTOMATIC1111 and those who fetch models keep it: <c>NAME.preview.png</c>,
/// <c>NAME.jpg</c>, ...</summary>
internal static class PictureBeside
{
    private static readonly string[] Endings = [".preview.png", ".preview.jpg", ".preview.jpeg", ".preview.webp", ".png", ".jpg", ".jpeg", ".webp"];

    /// <summary>The whole path of the picture beside a file or folder; null where there is none. A diffusers folder is called by its name, whatever the file in
    /// it is.</summary>
    public static string? Of(string path)
    {
        var bare = Directory.Exists(path) ? Path.TrimEndingDirectorySeparator(path) : Path.ChangeExtension(path, null);
        string[] names = Path.GetFileName(path).StartsWith("diffusion_pytorch_model", StringComparison.Ordinal) && Path.GetDirectoryName(path) is { } folder
            ? [bare, folder] : [bare];
        return names.SelectMany(name => Endings.Select(ending => name + ending)).FirstOrDefault(File.Exists) is { } picture
            ? Path.GetFullPath(picture) : null; // what is sent may not hang on the folder of the program
    }

    /// <summary>What kind of file such a picture is.</summary>
    public static string MediaTypeOf(string picture) =>
        Path.GetExtension(picture).ToLowerInvariant() switch { ".png" => "image/png", ".webp" => "image/webp", _ => "image/jpeg" };
}
