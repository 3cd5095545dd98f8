using Easel.Imaging;

namespace Easel.Metadata;

/// <summary>What the text in a picture says of the model.</summary>
/// <param name="Path">The file or folder.</param>
/// <param name="Options">How it was loaded.</param>
/// <param name="Precision">The number format it runs in.</param>
/// <param name="Hash">Its fingerprint, which may still be computed; null where none is wanted.</param>
internal sealed record ModelStamp(string Path, LoadOptions Options, Precision Precision, Task<string?>? Hash)
{
    /// <summary>The model's name as AUTOMATIC1111 gives it: the file's without its extension.</summary>
    public static string NameOf(string path) => System.IO.Path.GetFileNameWithoutExtension(System.IO.Path.TrimEndingDirectorySeparator(path));

    /// <summary>The text for a picture; waits for the fingerprint.</summary>
    public ImageMetadata MetadataOf(GeneratedImage image)
    {
        var hash = Hash?.GetAwaiter().GetResult();
        var vae = (Options.TinyVae ?? Options.Vae) is { } path ? NameOf(path) : null;
        var text = RequestInfotext.ToInfotext(image, NameOf(Path), hash is null ? null : ModelHash.Short(hash), Precision, vae);
        return new ImageMetadata(text.ToString());
    }
}
