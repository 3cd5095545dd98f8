namespace Easel.Imaging;

/// <summary>The text of a picture file, wherever its format keeps it: PNG in chunks, JPEG and WebP in EXIF, XMP and a comment, GIF in a comment, AVIF in EXIF
/// and XMP, and NovelAI also in the lowest bits of a PNG's opacity.</summary>
internal static class ImageText
{
    /// <summary>The name of a block of XMP, whichever file it stands in: that of the PNG chunk.</summary>
    public const string XmpKey = "XML:com.adobe.xmp";

    /// <exception cref="EaselException">Not a picture, damaged, or more text than is read.</exception>
    public static ImageMetadata Read(byte[] file, string name)
    {
        switch (ImageDecoder.KindOf(file))
        {
            case ImageDecoder.Kind.Png:
                var text = Joined(PngFile.ReadText(file, name), Exif.Parse(PngFile.Exif(file).Span));
                return text.Parameters is null && text.Others.Count == 0 && StealthText.Read(file, name) is { } hidden ? hidden : text;
            case ImageDecoder.Kind.Jpeg:
                var (exif, xmp, comment) = JpegFile.Read(file);
                return Joined(Of(xmp.Span, name), Exif.Parse(exif.Span), comment);
            case ImageDecoder.Kind.WebP:
                return Joined(Of(WebPFile.Find(file, "XMP ").Span, name), Exif.Parse(WebPFile.Exif(file).Span));
            case ImageDecoder.Kind.Gif:
                return Joined(ImageMetadata.None, new Exif(), GifFile.Comment(file));
            case ImageDecoder.Kind.Avif:
                return Joined(Of(AvifFile.Find(file, AvifFile.Xmp).Span, name), Exif.Parse(AvifFile.Find(file, AvifFile.Exif).Span));
            case ImageDecoder.Kind.Bmp:
                return ImageMetadata.None;
            default:
                throw new EaselException($"'{name}' is not a picture that can be read ({ImageDecoder.Readable}).");
        }
    }

    private static ImageMetadata Of(ReadOnlySpan<byte> xmp, string name)
    {
        if (xmp.IsEmpty) return ImageMetadata.None;
        ImageLimits.CheckText(xmp.Length, name);
        return ImageMetadata.From([KeyValuePair.Create(XmpKey, Encoding.UTF8.GetString(xmp))]);
    }

    /// <summary>A file's own texts, and those of its EXIF block under the names that are still free. Where there are no parameters, the user comment is that,
    /// or the file's comment.</summary>
    private static ImageMetadata Joined(ImageMetadata own, Exif exif, string? comment = null)
    {
        var taken = own.Others.Select(other => other.Key).ToHashSet();
        List<KeyValuePair<string, string>> pairs = [.. own.Others, .. exif.Pairs.Where(pair => taken.Add(pair.Key))];
        if (comment is not null && taken.Add("comment")) pairs.Add(KeyValuePair.Create("comment", comment));
        if (own.Parameters is not null && exif.UserComment is { } beside && taken.Add("UserComment")) pairs.Add(KeyValuePair.Create("UserComment", beside));
        return new ImageMetadata(own.Parameters ?? exif.UserComment ?? comment) { Others = pairs };
    }
}
