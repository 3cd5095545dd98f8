using Easel.Imaging;

namespace Easel.Metadata;

/// <summary>What the text in a picture says of the model.</summary>
/// <param name="Path">The file or folder.</param>
/// <param name="Options">How it was loaded.</param>
/// <param name="Precision">The number format it runs in.</param>
/// <param name="Hash">Its fingerprint, which may still be computed; null where none is wanted.</param>
public sealed record ModelStamp(string Path, LoadOptions Options, Precision Precision, Task<string?>? Hash)
{
    /// <summary>The model's name as AUTOMATIC1111 gives it: the file's without its extension.</summary>
    public static string NameOf(string path) => System.IO.Path.GetFileNameWithoutExtension(System.IO.Path.TrimEndingDirectorySeparator(path));

    /// <summary>What is to be said of a loaded model. Its file is hashed meanwhile, once: fingerprints are remembered between runs.</summary>
    /// <param name="path">The file or folder.</param>
    /// <param name="options">How it was loaded.</param>
    /// <param name="precision">The number format it runs in.</param>
    public static ModelStamp Of(string path, LoadOptions options, Precision precision) => new(path, options, precision, Task.Run(() =>
    {
        try
        {
            return Hashes.Of(path);
        }
        catch (CheckpointException)
        {
            return null; // a file that went away while it was read leaves its pictures without a hash
        }
    }));

    /// <summary>The SHA-256 of a model's file in hexadecimal, where it was computed before; else null.</summary>
    public static string? KnownHashOf(string path) => Hashes.Known(path);

    private static ModelHashes Hashes => ModelHashes.OfUser(Environment.GetEnvironmentVariable);

    /// <summary>The text for a picture; waits for the fingerprint.</summary>
    public ImageMetadata MetadataOf(GeneratedImage image)
    {
        var hash = Hash?.GetAwaiter().GetResult();
        var vae = (Options.TinyVae ?? Options.Vae) is { } path ? NameOf(path) : null;
        var text = RequestInfotext.ToInfotext(image, NameOf(Path), hash is null ? null : ModelHash.Short(hash), Precision, vae);
        return new ImageMetadata(text.ToString());
    }
}
