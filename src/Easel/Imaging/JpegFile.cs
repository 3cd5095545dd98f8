namespace Easel.Imaging;

/// <summary>The segments before the scan of a JPEG file: its EXIF block, its XMP and its comment.</summary>
internal static class JpegFile
{
    private const byte App0 = 0xE0, App1 = 0xE1, Comment = 0xFE, StartOfScan = 0xDA, EndOfImage = 0xD9;

    /// <summary>More segments than any file has; what comes behind them is not looked at.</summary>
    private const int MostSegments = 10_000;

    private static ReadOnlySpan<byte> XmpMark => "http://ns.adobe.com/xap/1.0/\0"u8;

    /// <summary>The EXIF block and the XMP, empty when there is none, and the comment segment, null when there is none. The first of each counts.</summary>
    public static (ReadOnlyMemory<byte> Exif, ReadOnlyMemory<byte> Xmp, string? Comment) Read(byte[] file)
    {
        var (exif, xmp, comment) = (ReadOnlyMemory<byte>.Empty, ReadOnlyMemory<byte>.Empty, (string?)null);
        foreach (var (marker, start, length) in Segments(file))
        {
            var data = file.AsMemory(start, length);
            if (marker == App1 && exif.IsEmpty && data.Span.StartsWith("Exif\0\0"u8)) exif = data;
            else if (marker == App1 && xmp.IsEmpty && data.Span.StartsWith(XmpMark)) xmp = data[XmpMark.Length..];
            if (marker == Comment && comment is null)
                comment = (System.Text.Unicode.Utf8.IsValid(data.Span) ? Encoding.UTF8 : Encoding.Latin1).GetString(data.Span).TrimEnd('\0');
        }
        return (exif, xmp, comment);
    }

    /// <summary>The file with an EXIF block behind its first segment.</summary>
    /// <exception cref="EaselException">The block is longer than the 65,527 bytes that a JPEG segment has room for.</exception>
    public static byte[] WithExif(byte[] file, byte[] exif)
    {
        const int header = 10;
        if (exif.Length + header - 2 > ushort.MaxValue)
            throw new EaselException(
                $"The text to keep in the picture takes {exif.Length} bytes and a JPEG has room for {ushort.MaxValue - header + 2}; save it as PNG or WebP.");

        // JFIF wants its own segment to be the first one.
        var at = file[3] == App0 ? 4 + BinaryPrimitives.ReadUInt16BigEndian(file.AsSpan(4)) : 2;
        var result = new byte[file.Length + header + exif.Length];
        file.AsSpan(0, at).CopyTo(result);
        (result[at], result[at + 1]) = (0xFF, App1);
        BinaryPrimitives.WriteUInt16BigEndian(result.AsSpan(at + 2), (ushort)(exif.Length + header - 2));
        "Exif\0\0"u8.CopyTo(result.AsSpan(at + 4));
        exif.CopyTo(result, at + header);
        file.AsSpan(at).CopyTo(result.AsSpan(at + header + exif.Length));
        return result;
    }

    private static IEnumerable<(byte Marker, int Start, int Length)> Segments(byte[] file)
    {
        var at = 2;
        for (var segments = 0; segments < MostSegments && at + 4 <= file.Length && file[at] == 0xFF; segments++)
        {
            var marker = file[at + 1];
            if (marker == 0xFF)
            {
                at++;
                continue;
            }
            if (marker is StartOfScan or EndOfImage) yield break;
            var length = BinaryPrimitives.ReadUInt16BigEndian(file.AsSpan(at + 2));
            if (length < 2 || at + 2 + length > file.Length) yield break;
            yield return (marker, at + 4, length - 2);
            at += 2 + length;
        }
    }
}
