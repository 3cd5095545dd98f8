using SkiaSharp;

namespace Easel.Imaging;

/// <summary>Turns pixels into the bytes of a picture file, with its text inside.</summary>
internal static unsafe class ImageEncoder
{
    private const int WebPSide = 16383;

    /// <summary>Encodes a picture; see <see cref="ImageFile.Encode"/>.</summary>
    public static byte[] Encode(RgbImage image, ImageFormat format, ImageMetadata? metadata, int quality, bool lossless)
    {
        if (quality is < 1 or > 100) throw new InvalidRequestException("quality", $"The quality of a picture is 1 to 100, not {quality}.");
        var side = format == ImageFormat.WebP ? WebPSide : ImageLimits.Side;
        if (image.Width > side || image.Height > side)
            throw new EaselException($"The picture is {image.Width}x{image.Height} pixels; a {format} can have at most {side} on a side here.");

        var file = Pixels(image, format, quality, lossless);
        if (metadata is null || (metadata.Parameters is null && metadata.Others.Count == 0)) return file;
        var isLossy = format == ImageFormat.Jpeg || format == ImageFormat.WebP && !lossless;
        if (isLossy && IsMarkLost(image, file, metadata)) metadata = metadata with { Parameters = metadata.Parameters + LostMark };
        return format switch
        {
            ImageFormat.Png => PngFile.WithText(file, metadata),
            ImageFormat.Jpeg => JpegFile.WithExif(file, Exif.Build(metadata)),
            _ => WebPFile.WithExif(file, Exif.Build(metadata), image.Width, image.Height),
        };
    }

    /// <summary>What the settings of a picture say where the format's losses took its watermark.</summary>
    private const string LostMark = ", Watermark: lost";

    /// <summary>Whether a picture with settings carries a watermark that cannot be found in its file any more: JPEG and WebP halve the colours that it is
    /// in.</summary>
    private static bool IsMarkLost(RgbImage image, byte[] file, ImageMetadata metadata) =>
        metadata.Parameters is { } settings && settings.AsSpan(settings.LastIndexOf('\n') + 1).StartsWith("Steps: ") && Watermark.Detect(image) is { } mark
        && !Watermark.Examine(ImageFile.Load(new MemoryStream(file), "the picture"), mark.Mark)[0].Found;

    private static byte[] Pixels(RgbImage image, ImageFormat format, int quality, bool lossless)
    {
        var rgba = new byte[ImageLimits.Samples(image.Width, image.Height, 4)];
        for (int p = 0, q = 0; p < image.Pixels.Length; p += 3, q += 4)
        {
            (rgba[q], rgba[q + 1], rgba[q + 2]) = (image.Pixels[p], image.Pixels[p + 1], image.Pixels[p + 2]);
            rgba[q + 3] = 255;
        }
        fixed (byte* pixels = rgba)
        {
            var info = new SKImageInfo(image.Width, image.Height, SKColorType.Rgba8888, SKAlphaType.Opaque);
            using var pixmap = new SKPixmap(info, (IntPtr)pixels);
            using var data = format switch
            {
                ImageFormat.Png => pixmap.Encode(new SKPngEncoderOptions(SKPngEncoderFilterFlags.AllFilters, 6)),
                ImageFormat.Jpeg => pixmap.Encode(new SKJpegEncoderOptions(
                    quality, quality >= 90 ? SKJpegEncoderDownsample.Downsample444 : SKJpegEncoderDownsample.Downsample420, SKJpegEncoderAlphaOption.Ignore)),
                ImageFormat.WebP => pixmap.Encode(
                    new SKWebpEncoderOptions(lossless ? SKWebpEncoderCompression.Lossless : SKWebpEncoderCompression.Lossy, quality)),
                _ => throw new EaselException($"'{format}' is not a picture format; use one of {string.Join(", ", Enum.GetNames<ImageFormat>())}."),
            };
            return data?.ToArray() ?? throw new EaselException($"The picture of {image.Width}x{image.Height} pixels could not be encoded as {format}.");
        }
    }
}
