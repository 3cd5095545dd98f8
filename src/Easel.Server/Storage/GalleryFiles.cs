using Easel.Imaging;
using SkiaSharp;

namespace Easel.Server.Storage;

/// <summary>Reads pictures back from the folder.</summary>
internal static class GalleryFiles
{
    /// <summary>A picture as its file tells; its pixels are not decoded.</summary>
    /// <param name="file">Relative to the folder.</param>
    /// <exception cref="EaselException">It is no picture, or damaged.</exception>
    public static Picture Read(PictureFolder folder, string file, string id, string? job)
    {
        var path = folder.PathOf(file);
        var parameters = ImageFile.ReadMetadata(path).Parameters;
        using var codec = SKCodec.Create(path) ?? throw new EaselException($"'{path}' is damaged or cut short.");
        return Picture.Of(id, job, file, File.GetLastWriteTimeUtc(path), codec.Info.Width, codec.Info.Height, parameters);
    }
}
