using SkiaSharp;

namespace Easel.Imaging;

/// <summary>Turns the bytes of a picture file into upright pixels.</summary>
internal static unsafe class ImageDecoder
{
    /// <summary>The formats that are read, by their first bytes.</summary>
    public enum Kind { Unknown, Png, Jpeg, WebP, Gif, Bmp, Avif }

    /// <summary>Those formats for a person.</summary>
    public const string Readable = "PNG, JPEG, WebP, GIF and BMP are";

    /// <summary>What kind of file this is, whatever its name says.</summary>
    public static Kind KindOf(ReadOnlySpan<byte> file) => file switch
    {
        _ when file.StartsWith(PngFile.Signature) => Kind.Png,
        [0xFF, 0xD8, 0xFF, ..] => Kind.Jpeg,
        _ when file.Length >= 12 && file.StartsWith("RIFF"u8) && file[8..].StartsWith("WEBP"u8) => Kind.WebP,
        _ when file.StartsWith("GIF87a"u8) || file.StartsWith("GIF89a"u8) => Kind.Gif,
        _ when file.StartsWith("BM"u8) => Kind.Bmp,
        _ when file.Length >= 12 && file[4..].StartsWith("ftyp"u8) && (file[8..].StartsWith("avif"u8) || file[8..].StartsWith("avis"u8)) => Kind.Avif,
        _ => Kind.Unknown,
    };

    /// <summary>The EXIF block of a file.</summary>
    public static Exif ExifOf(byte[] file) => Exif.Parse(KindOf(file) switch
    {
        Kind.Png => PngFile.Exif(file).Span,
        Kind.Jpeg => JpegFile.Read(file).Exif.Span,
        Kind.WebP => WebPFile.Exif(file).Span,
        _ => default,
    });

    /// <summary>The first frame as straight-alpha RGBA, upright.</summary>
    /// <exception cref="EaselException">Not a picture, too large, cut short or damaged.</exception>
    public static (byte[] Rgba, int Width, int Height, bool Opaque) Decode(byte[] file, string name)
    {
        var kind = Known(file, name);
        fixed (byte* bytes = file)
        {
            using var data = SKData.Create((IntPtr)bytes, file.Length);
            using var codec = Open(data, kind, name);
            var (width, height) = (codec.Info.Width, codec.Info.Height);

            // Naming no colour space keeps the file's numbers as they are, as Pillow does.
            var opaque = codec.Info.AlphaType == SKAlphaType.Opaque;
            var info = new SKImageInfo(width, height, SKColorType.Rgba8888, opaque ? SKAlphaType.Opaque : SKAlphaType.Unpremul);
            var rgba = Allocate(width, height, name);
            SKCodecResult result;
            fixed (byte* pixels = rgba) result = codec.GetPixels(info, (IntPtr)pixels);
            if (result == SKCodecResult.IncompleteInput) throw new EaselException($"'{name}' is cut short: some of its {kind} pixels are missing.");
            if (result != SKCodecResult.Success) throw new EaselException($"'{name}' is damaged: its {kind} pixels cannot be decoded.");

            var orientation = ExifOf(file).Orientation;
            var turned = orientation >= 5;
            return (Upright(rgba, width, height, 4, orientation), turned ? height : width, turned ? width : height, opaque);
        }
    }

    /// <summary>Width and height as the header tells them, upright.</summary>
    public static (int Width, int Height) SizeOf(byte[] file, string name)
    {
        var kind = Known(file, name);
        fixed (byte* bytes = file)
        {
            using var data = SKData.Create((IntPtr)bytes, file.Length);
            using var codec = Open(data, kind, name);
            return ExifOf(file).Orientation >= 5 ? (codec.Info.Height, codec.Info.Width) : (codec.Info.Width, codec.Info.Height);
        }
    }

    private static Kind Known(byte[] file, string name) => KindOf(file) switch
    {
        Kind.Unknown => throw new EaselException(file.Length == 0 ? $"'{name}' is empty." : $"'{name}' is not a picture that can be read ({Readable})."),
        Kind.Avif => throw new EaselException($"'{name}' is an AVIF picture, of which only the text is read ({Readable})."),
        var kind => kind,
    };

    /// <summary>Reads the header, and refuses a picture that is too large.</summary>
    private static SKCodec Open(SKData data, Kind kind, string name)
    {
        var codec = SKCodec.Create(data) ?? throw new EaselException($"'{name}' is damaged or cut short: its {kind} header cannot be read.");
        try
        {
            ImageLimits.CheckClaim(codec.Info.Width, codec.Info.Height, name);
            return codec;
        }
        catch
        {
            codec.Dispose();
            throw;
        }
    }

    private static byte[] Allocate(int width, int height, string name)
    {
        try
        {
            return new byte[ImageLimits.Samples(width, height, 4)];
        }
        catch (OutOfMemoryException e)
        {
            throw new EaselException($"'{name}' is {width}x{height} pixels, more than this machine has memory for.", e);
        }
    }

    /// <summary>The samples [height, width, channels] turned and mirrored as the EXIF orientation (1 to 8) asks; 5 to 8 exchange the sides.</summary>
    public static T[] Upright<T>(T[] samples, int width, int height, int channels, int orientation)
    {
        if (orientation == 1) return samples;
        var (newWidth, newHeight) = orientation >= 5 ? (height, width) : (width, height);
        var result = new T[samples.Length];
        for (var y = 0; y < newHeight; y++)
        {
            for (var x = 0; x < newWidth; x++)
            {
                var (fromX, fromY) = orientation switch
                {
                    2 => (width - 1 - x, y),
                    3 => (width - 1 - x, height - 1 - y),
                    4 => (x, height - 1 - y),
                    5 => (y, x),
                    6 => (y, height - 1 - x),
                    7 => (width - 1 - y, height - 1 - x),
                    _ => (width - 1 - y, x),
                };
                samples.AsSpan((fromY * width + fromX) * channels, channels).CopyTo(result.AsSpan((y * newWidth + x) * channels));
            }
        }
        return result;
    }
}
