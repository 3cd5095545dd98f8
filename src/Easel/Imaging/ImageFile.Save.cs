namespace Easel.Imaging;

public static partial class ImageFile
{
    private static readonly (string Extension, ImageFormat Format)[] Extensions =
        [(".png", ImageFormat.Png), (".jpg", ImageFormat.Jpeg), (".jpeg", ImageFormat.Jpeg), (".webp", ImageFormat.WebP)];

    /// <summary>The format that a file's extension asks for.</summary>
    /// <param name="path">A file name or path; the case of its extension does not matter.</param>
    /// <exception cref="EaselException">The extension is none of .png, .jpg, .jpeg, .webp.</exception>
    public static ImageFormat FormatOf(string path)
    {
        var extension = Path.GetExtension(path);
        foreach (var known in Extensions)
            if (known.Extension.Equals(extension, StringComparison.OrdinalIgnoreCase)) return known.Format;
        throw new EaselException($"'{path}' does not end in a picture format that can be written: {string.Join(", ", Extensions.Select(e => e.Extension))}.");
    }

    /// <summary>The bytes of a picture file.</summary>
    /// <param name="image">The picture.</param>
    /// <param name="format">The format.</param>
    /// <param name="metadata">Text to keep inside the file.</param>
    /// <param name="quality">1 to 100, for JPEG and lossy WebP; from 90 on a JPEG keeps its full colour resolution. Lossless WebP takes it as effort.</param>
    /// <param name="lossless">WebP only: keep every pixel exactly.</param>
    /// <exception cref="InvalidRequestException">The quality is out of range.</exception>
    /// <exception cref="EaselException">The picture is too large for the format, or its text is.</exception>
    public static byte[] Encode(RgbImage image, ImageFormat format, ImageMetadata? metadata = null, int quality = 95, bool lossless = false) =>
        ImageEncoder.Encode(image, format, metadata, quality, lossless);

    /// <summary>A depth map as a PNG file of 16 bits, which <see cref="LoadGray16(string)"/> reads back as it was.</summary>
    public static byte[] EncodeDepth(DepthImage depth) => PngDepthWriter.Encode(depth);

    /// <summary>Writes a picture, in the format its extension names, over any file of that name. The file appears whole or not at all.</summary>
    /// <param name="path">The file; its folder must exist.</param>
    /// <param name="image">The picture.</param>
    /// <param name="metadata">Text to keep inside the file.</param>
    /// <param name="quality">1 to 100, for JPEG and lossy WebP.</param>
    /// <param name="lossless">WebP only: keep every pixel exactly.</param>
    /// <exception cref="InvalidRequestException">The quality is out of range.</exception>
    /// <exception cref="EaselException">Unknown extension, picture too large for the format, or the file cannot be written.</exception>
    public static void Save(string path, RgbImage image, ImageMetadata? metadata = null, int quality = 95, bool lossless = false) =>
        Write(path, Encode(image, FormatOf(path), metadata, quality, lossless), overwrite: true);

    /// <summary>Writes a depth map as a PNG file of 16 bits, over any file of that name. The file appears whole or not at all.</summary>
    /// <param name="path">The file; its folder must exist.</param>
    /// <param name="depth">The depth map.</param>
    /// <exception cref="EaselException">The file cannot be written.</exception>
    public static void SaveDepth(string path, DepthImage depth) => Write(path, EncodeDepth(depth), overwrite: true);

    /// <summary>Makes a folder, if it is not there, and makes sure that pictures can be saved in it, before any work is done.</summary>
    /// <param name="folder">The folder.</param>
    /// <exception cref="EaselException">They cannot.</exception>
    public static void PrepareFolder(string folder)
    {
        var probe = Path.Combine(folder, $".{Guid.NewGuid():N}.part");
        try
        {
            Directory.CreateDirectory(folder);
            File.WriteAllBytes(probe, []);
            File.Delete(probe);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new EaselException($"Pictures cannot be saved in {folder}: {WriteFailure.Reason(e).Replace(probe, folder).TrimEnd('.')}.", e);
        }
    }

    /// <summary>Writes a picture as <see cref="Save"/> does, but never over a file that is there.</summary>
    /// <param name="path">The file; its folder must exist.</param>
    /// <param name="image">The picture.</param>
    /// <param name="metadata">Text to keep inside the file.</param>
    /// <param name="quality">1 to 100, for JPEG and lossy WebP.</param>
    /// <param name="lossless">WebP only: keep every pixel exactly.</param>
    /// <returns>False, with nothing written, when the name is taken.</returns>
    /// <exception cref="InvalidRequestException">The quality is out of range.</exception>
    /// <exception cref="EaselException">Unknown extension, picture too large for the format, or the file cannot be written.</exception>
    public static bool TrySave(string path, RgbImage image, ImageMetadata? metadata = null, int quality = 95, bool lossless = false)
    {
        var format = FormatOf(path);
        return !Path.Exists(path) && Write(path, Encode(image, format, metadata, quality, lossless), overwrite: false);
    }

    /// <summary>Writes a picture's file as it came from elsewhere, over any file of that name. The file appears whole or not at all.</summary>
    /// <param name="path">The file; its folder must exist.</param>
    /// <param name="file">What is to be in it.</param>
    /// <exception cref="EaselException">It is no picture, or cannot be written.</exception>
    public static void SaveFile(string path, byte[] file)
    {
        _ = SizeOf(new MemoryStream(file), Path.GetFileName(path));
        Write(path, file, overwrite: true);
    }

    /// <summary>Writes a file whole or not at all; false where the name is taken and may not be written over.</summary>
    internal static bool Write(string path, byte[] file, bool overwrite)
    {
        // Not named after the file: a name near the longest that the file system takes would have no room for more.
        var beside = Path.Combine(Path.GetDirectoryName(path) ?? "", $".{Guid.NewGuid():N}.part");
        try
        {
            using (var stream = new FileStream(beside, FileMode.CreateNew, FileAccess.Write, FileShare.None))
            {
                stream.Write(file);
                stream.Flush(flushToDisk: true);
            }
            if (!overwrite && !Reserve(path)) return false;
            File.Move(beside, path, overwrite: true);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new EaselException(Directory.Exists(path) ? $"'{path}' is a folder."
                : $"'{path}' cannot be written: {WriteFailure.Reason(e).Replace(beside, path)}", e);
        }
        finally
        {
            Discard(beside);
        }
    }

    /// <summary>
    /// Takes a name that nobody has. Moving without overwriting would look first and move then, and of two that look at the same time the second would lose the
    /// first one's picture;
    /// creating a new file is one act.
    /// </summary>
    private static bool Reserve(string path)
    {
        try
        {
            new FileStream(path, FileMode.CreateNew, FileAccess.Write).Dispose();
            return true;
        }
        catch (IOException) when (Path.Exists(path))
        {
            return false;
        }
    }

    private static void Discard(string file)
    {
        try
        {
            File.Delete(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            // The failure worth telling is the one that brought us here.
        }
    }
}
