namespace Easel.Imaging;

/// <summary>The RIFF chunks of a WebP file: finding and adding its EXIF block.</summary>
internal static class WebPFile
{
    private const byte ExifFlag = 0x08, AlphaFlag = 0x10;

    /// <summary>More chunks than any still picture has; what comes behind them is not looked at.</summary>
    private const int MostChunks = 10_000;

    /// <summary>The EXIF block, empty when there is none.</summary>
    public static ReadOnlyMemory<byte> Exif(byte[] file) => Find(file, "EXIF");

    /// <summary>The first chunk of a type, empty when there is none.</summary>
    public static ReadOnlyMemory<byte> Find(byte[] file, string wanted)
    {
        foreach (var (type, start, length) in Chunks(file))
            if (type == wanted) return file.AsMemory(start, length);
        return default;
    }

    /// <summary>The file with an EXIF block: a header that announces it, what was there, and the block.</summary>
    /// <param name="file">A still picture as an encoder makes it.</param> <param name="exif">The block, without "Exif\0\0".</param>
    public static byte[] WithExif(byte[] file, byte[] exif, int width, int height)
    {
        using var result = new MemoryStream(file.Length + exif.Length + 64);
        result.Write("RIFF\0\0\0\0WEBP"u8);
        var header = new byte[10];
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(4), width - 1);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(6), height - 1 << 8 | header[6]);
        header[0] = ExifFlag;
        foreach (var (type, start, length) in Chunks(file))
        {
            // In a lossless bitstream the alpha bit follows 8 bits of signature and two 14-bit sides.
            if (type is "ALPH" || type == "VP8X" && (file[start] & AlphaFlag) != 0 || type == "VP8L" && length > 4 && (file[start + 4] & 0x10) != 0)
                header[0] |= AlphaFlag;
        }
        WriteChunk(result, "VP8X", header);
        foreach (var (type, start, length) in Chunks(file))
            if (type is not ("VP8X" or "EXIF")) WriteChunk(result, type, file.AsSpan(start, length));
        WriteChunk(result, "EXIF", exif);

        var bytes = result.ToArray();
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(4), bytes.Length - 8);
        return bytes;
    }

    private static void WriteChunk(MemoryStream file, string type, ReadOnlySpan<byte> data)
    {
        Span<byte> header = stackalloc byte[8];
        Encoding.Latin1.GetBytes(type, header);
        BinaryPrimitives.WriteInt32LittleEndian(header[4..], data.Length);
        file.Write(header);
        file.Write(data);
        if ((data.Length & 1) != 0) file.WriteByte(0);
    }

    private static IEnumerable<(string Type, int Start, int Length)> Chunks(byte[] file)
    {
        long at = 12;
        for (var chunks = 0; chunks < MostChunks && at + 8 <= file.Length; chunks++)
        {
            var length = BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan((int)at + 4));
            if (at + 8 + length > file.Length) yield break;
            yield return (Encoding.Latin1.GetString(file, (int)at, 4), (int)at + 8, (int)length);
            at += 8 + length + (length & 1);
        }
    }
}
