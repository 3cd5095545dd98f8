using Easel.Imaging;
using Easel.Weights.Names;

namespace Easel.Metadata;

/// <summary>What the text in a picture says of the model.</summary>
/// <param name="Path">The file or folder.</param>
/// <param name="Options">How it was loaded.</param>
/// <param name="Hash">Its fingerprint, which may still be computed; null where none is wanted.</param>
public sealed record ModelStamp(string Path, LoadOptions Options, Task<string?>? Hash)
{
    /// <summary>The model's name as AUTOMATIC1111 gives it: the file's without its extension. A folder of the Hugging Face cache, which is named after a
    /// commit, goes by its repository.</summary>
    public static string NameOf(string path)
    {
        var whole = System.IO.Path.TrimEndingDirectorySeparator(path);
        return CachedRepository.NameOf(whole) ?? System.IO.Path.GetFileNameWithoutExtension(whole);
    }

    /// <summary>What is to be said of a loaded model. Its file is hashed meanwhile, once: fingerprints are remembered between runs.</summary>
    /// <param name="path">The file or folder.</param>
    /// <param name="options">How it was loaded.</param>
    /// <param name="cancel">Stops the hashing.</param>
    public static ModelStamp Of(string path, LoadOptions options, CancellationToken cancel = default) =>
        new(path, options, Task.Run(() =>
    {
        try
        {
            return HashOf(path, options.CacheFolder, cancel: cancel);
        }
        catch (CheckpointException)
        {
            return null; // a file that went away while it was read leaves its pictures without a hash
        }
    }, cancel));

    /// <summary>The SHA-256 of a model's file in hexadecimal, by which people name it; null for a folder, which has none.</summary>
    /// <param name="path">The file.</param>
    /// <param name="cacheFolder">Where fingerprints are remembered: <see cref="LoadOptions.CacheFolder"/>.</param>
    /// <param name="onProgress">Told the share that has been read.</param>
    /// <param name="cancel">Stops the reading.</param>
    /// <exception cref="CheckpointException">The file cannot be read.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static string? HashOf(string path, string? cacheFolder = null, Action<double>? onProgress = null, CancellationToken cancel = default) =>
        ModelHashes.In(cacheFolder).Of(path, onProgress, cancel);

    /// <summary>The SHA-256 of a model's file in hexadecimal, where it was computed before; else null.</summary>
    /// <param name="path">The file.</param>
    /// <param name="cacheFolder">Where fingerprints are remembered: <see cref="LoadOptions.CacheFolder"/>.</param>
    public static string? KnownHashOf(string path, string? cacheFolder = null) => ModelHashes.In(cacheFolder).Known(path);

    /// <summary>The first ten digits of a hash: the "model hash" of pictures and of lists of models.</summary>
    public static string ShortHash(string sha256) => ModelHash.Short(sha256);

    /// <summary>A model as AUTOMATIC1111's pictures name it beside their own: "name [hash]".</summary>
    /// <param name="path">Its path, or its name.</param>
    /// <param name="sha256">Its hash; null where it has none.</param>
    internal static string TitleOf(string path, string? sha256)
    {
        var named = PictureSettings.IsModelFile(path) || Directory.Exists(path) ? NameOf(path) : path;
        return sha256 is null ? named : $"{named} [{ModelHash.Short(sha256)}]";
    }

    /// <summary>The text for a picture; waits for the fingerprint.</summary>
    public ImageMetadata MetadataOf(GeneratedImage image)
    {
        var hash = Hash?.GetAwaiter().GetResult();
        var vae = (Options.TinyVae ?? Options.Vae) is { } path ? NameOf(path) : null;
        var text = RequestInfotext.ToInfotext(image, NameOf(Path), hash is null ? null : ModelHash.Short(hash), vae);
        return new ImageMetadata(text.ToString());
    }
}
