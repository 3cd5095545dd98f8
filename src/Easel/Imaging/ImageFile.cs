namespace Easel.Imaging;

/// <summary>Picture files: reading PNG, JPEG, WebP, GIF and BMP (the first frame), told apart by content and turned upright by their EXIF orientation; writing
/// PNG, JPEG and WebP. Colour profiles are not applied: the numbers in the file are used as they are, as the reference scripts use them. At most 16384 pixels
/// on a side, 100 million in all and 512 MB of file are read, and that is checked before anything is decoded.</summary>
public static partial class ImageFile
{
    /// <summary>Reads a picture. What is transparent in it is laid on white.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="EaselException">No such file, not a picture, too large, cut short or damaged.</exception>
    public static RgbImage Load(string path) => Flatten(ImageDecoder.Decode(ReadAll(path), path));

    /// <summary>Reads a picture. What is transparent in it is laid on white.</summary>
    /// <param name="stream">The file's bytes; read to the end, not closed.</param>
    /// <param name="name">What to call it in an error.</param>
    /// <exception cref="EaselException">Not a picture, too large, cut short or damaged.</exception>
    public static RgbImage Load(Stream stream, string name) => Flatten(ImageDecoder.Decode(ReadAll(stream, name), name));

    /// <summary>Reads a picture and its opacity apart: the colours as stored, not mixed with white.</summary>
    /// <param name="path">The file.</param>
    /// <returns>The colours, and the opacity (255 = opaque), null where every pixel is opaque.</returns>
    /// <exception cref="EaselException">No such file, not a picture, too large, cut short or damaged.</exception>
    public static (RgbImage Image, GrayImage? Alpha) LoadWithAlpha(string path) => Split(ImageDecoder.Decode(ReadAll(path), path));

    /// <summary>Reads a picture and its opacity apart: the colours as stored, not mixed with white.</summary>
    /// <param name="stream">The file's bytes; read to the end, not closed.</param>
    /// <param name="name">What to call it in an error.</param>
    /// <returns>The colours, and the opacity (255 = opaque), null where every pixel is opaque.</returns>
    /// <exception cref="EaselException">Not a picture, too large, cut short or damaged.</exception>
    public static (RgbImage Image, GrayImage? Alpha) LoadWithAlpha(Stream stream, string name) => Split(ImageDecoder.Decode(ReadAll(stream, name), name));

    /// <summary>Reads a mask: its brightness, or, where it has transparent pixels, its opacity, as AUTOMATIC1111 reads one (what is drawn is
    /// painted).</summary>
    /// <param name="path">The file.</param>
    /// <returns>255 = paint here, 0 = keep.</returns>
    /// <exception cref="EaselException">No such file, not a picture, too large, cut short or damaged.</exception>
    public static GrayImage LoadMask(string path) => MaskOf(Split(ImageDecoder.Decode(ReadAll(path), path)));

    /// <summary>Reads a mask; see <see cref="LoadMask(string)"/>.</summary>
    /// <param name="stream">The file's bytes; read to the end, not closed.</param>
    /// <param name="name">What to call it in an error.</param>
    /// <returns>255 = paint here, 0 = keep.</returns>
    /// <exception cref="EaselException">Not a picture, too large, cut short or damaged.</exception>
    public static GrayImage LoadMask(Stream stream, string name) => MaskOf(Split(ImageDecoder.Decode(ReadAll(stream, name), name)));

    /// <summary>Reads a depth map. A 16-bit gray PNG keeps all its bits; of any other picture the brightness is taken, times 257 (0..65535).</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="EaselException">No such file, not a picture, too large, cut short or damaged.</exception>
    public static DepthImage LoadGray16(string path) => DepthOf(ReadAll(path), path);

    /// <summary>Reads a depth map; see <see cref="LoadGray16(string)"/>.</summary>
    /// <param name="stream">The file's bytes; read to the end, not closed.</param>
    /// <param name="name">What to call it in an error.</param>
    /// <exception cref="EaselException">Not a picture, too large, cut short or damaged.</exception>
    public static DepthImage LoadGray16(Stream stream, string name) => DepthOf(ReadAll(stream, name), name);

    /// <summary>What kind of picture a file holds, told by its first bytes, whatever its name says.</summary>
    /// <param name="path">The file.</param>
    /// <returns>"Png", "Jpeg", "WebP", "Gif", "Bmp", or "Avif", of which only the text is read; null for a file that is no picture, or none that is
    /// read.</returns>
    /// <exception cref="EaselException">It cannot be read.</exception>
    public static string? KindOf(string path)
    {
        if (RegularFile.WhyNot(path) is { } why) throw new EaselException($"'{path}' {why}.");
        try
        {
            using var stream = File.OpenRead(path);
            var head = new byte[32];
            var kind = ImageDecoder.KindOf(head.AsSpan(0, stream.ReadAtLeast(head, head.Length, throwOnEndOfStream: false)));
            return kind == ImageDecoder.Kind.Unknown ? null : kind.ToString();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new EaselException($"{path} cannot be read: {e.Message}", e);
        }
    }

    /// <summary>Reads the text inside a picture file, an AVIF file's too. Its pixels are not decoded, but for a PNG with opacity and no other text: NovelAI
    /// hides one in it.</summary>
    /// <param name="path">The file.</param>
    /// <returns>The text; empty for formats and files without any.</returns>
    /// <exception cref="EaselException">No such file, not a picture, damaged, or more than 16 MB of text.</exception>
    public static ImageMetadata ReadMetadata(string path) => ImageText.Read(ReadAll(path), path);

    /// <summary>Reads the text inside a picture file; see <see cref="ReadMetadata(string)"/>.</summary>
    /// <param name="stream">The file's bytes; read to the end, not closed.</param>
    /// <param name="name">What to call it in an error.</param>
    /// <returns>The text; empty for formats and files without any.</returns>
    /// <exception cref="EaselException">Not a picture, damaged, or more than 16 MB of text.</exception>
    public static ImageMetadata ReadMetadata(Stream stream, string name) => ImageText.Read(ReadAll(stream, name), name);

    /// <summary>The size of a picture as its header tells it; no pixel is decoded.</summary>
    /// <param name="path">The file.</param>
    /// <returns>Width and height in pixels, upright.</returns>
    /// <exception cref="EaselException">No such file, not a picture, or a size that is not read.</exception>
    public static (int Width, int Height) SizeOf(string path) => ImageDecoder.SizeOf(ReadAll(path), path);

    /// <summary>The size of a picture as its header tells it; no pixel is decoded.</summary>
    /// <param name="stream">The file's bytes; read to the end, not closed.</param>
    /// <param name="name">What to call it in an error.</param>
    /// <returns>Width and height in pixels, upright.</returns>
    /// <exception cref="EaselException">Not a picture, or a size that is not read.</exception>
    public static (int Width, int Height) SizeOf(Stream stream, string name) => ImageDecoder.SizeOf(ReadAll(stream, name), name);

    private static RgbImage Flatten((byte[] Rgba, int Width, int Height, bool Opaque) decoded)
    {
        var image = new RgbImage(decoded.Width, decoded.Height);
        for (int p = 0, q = 0; p < image.Pixels.Length; p += 3, q += 4)
        {
            int opacity = decoded.Rgba[q + 3];
            for (var c = 0; c < 3; c++)
                image.Pixels[p + c] = (byte)(opacity == 255 ? decoded.Rgba[q + c] : (decoded.Rgba[q + c] * opacity + 255 * (255 - opacity) + 127) / 255);
        }
        return image;
    }

    private static (RgbImage Image, GrayImage? Alpha) Split((byte[] Rgba, int Width, int Height, bool Opaque) decoded)
    {
        var image = new RgbImage(decoded.Width, decoded.Height);
        var alpha = new GrayImage(decoded.Width, decoded.Height);
        for (int i = 0, p = 0, q = 0; i < alpha.Pixels.Length; i++, p += 3, q += 4)
        {
            decoded.Rgba.AsSpan(q, 3).CopyTo(image.Pixels.AsSpan(p));
            alpha.Pixels[i] = decoded.Rgba[q + 3];
        }
        return (image, decoded.Opaque || !alpha.Pixels.AsSpan().ContainsAnyExcept((byte)255) ? null : alpha);
    }

    private static GrayImage MaskOf((RgbImage Image, GrayImage? Alpha) parts) => parts.Alpha ?? parts.Image.ToGray();

    private static DepthImage DepthOf(byte[] file, string name)
    {
        if (ImageDecoder.KindOf(file) == ImageDecoder.Kind.Png && PngDepthReader.TryRead(file, name) is { } depth)
        {
            var orientation = ImageDecoder.ExifOf(file).Orientation;
            var (width, height) = orientation >= 5 ? (depth.Height, depth.Width) : (depth.Width, depth.Height);
            return new DepthImage(width, height, ImageDecoder.Upright(depth.Values, depth.Width, depth.Height, 1, orientation));
        }
        var gray = Flatten(ImageDecoder.Decode(file, name)).ToGray();
        return new DepthImage(gray.Width, gray.Height, Array.ConvertAll(gray.Pixels, value => (ushort)(value * 257)));
    }

    private static byte[] ReadAll(string path)
    {
        if (RegularFile.WhyNot(path) is { } why) throw new EaselException($"'{path}' {why}.");
        try
        {
            using var stream = File.OpenRead(path);
            return ReadAll(stream, path);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new EaselException($"There is no picture '{path}'.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new EaselException(Directory.Exists(path) ? $"'{path}' is a folder, not a picture." : $"'{path}' cannot be read: {e.Message}", e);
        }
    }

    private static byte[] ReadAll(Stream stream, string name)
    {
        using var copy = new MemoryStream(stream.CanSeek ? (int)Math.Clamp(stream.Length - stream.Position, 0, ImageLimits.FileBytes) : 0);
        var buffer = new byte[81920];
        for (int read; (read = stream.Read(buffer)) > 0;)
        {
            if (copy.Length + read > ImageLimits.FileBytes)
                throw new EaselException($"'{name}' is larger than {ImageLimits.FileBytes >> 20} MB, the largest picture file that is read.");
            copy.Write(buffer, 0, read);
        }
        return copy.Length == copy.Capacity ? copy.GetBuffer() : copy.ToArray();
    }
}
