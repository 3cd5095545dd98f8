namespace Easel.Imaging;

/// <summary>Text in the lowest bits of a picture's opacity, column by column, where NovelAI and an extension of AUTOMATIC1111's keep their settings a second
/// time: a mark, the length in bits, and the text, packed by gzip or not.</summary>
internal static class StealthText
{
    /// <summary>Larger pictures than this are not decoded for it.</summary>
    private const long MostPixels = 16L << 20;

    private const int RedGreenBlueAlpha = 6;

    /// <summary>The text of a PNG: the texts that NovelAI has in chunks elsewhere, or the parameters. Null where there is none.</summary>
    public static ImageMetadata? Read(byte[] file, string name)
    {
        const int header = 16;
        if (file.Length < header + 10 || file[header + 8] != 8 || file[header + 9] != RedGreenBlueAlpha) return null;
        var (wide, high) = (BinaryPrimitives.ReadUInt32BigEndian(file.AsSpan(header)), BinaryPrimitives.ReadUInt32BigEndian(file.AsSpan(header + 4)));
        if (wide is 0 or > ImageLimits.Side || high is 0 or > ImageLimits.Side || (long)wide * high > MostPixels) return null;
        try
        {
            var (rgba, width, height, _) = ImageDecoder.Decode(file, name);
            return TextIn(new Bits(rgba, width, height)) is { } text ? new ImageMetadata(text) : null;
        }
        catch (Exception e) when (e is EaselException or InvalidDataException)
        {
            return null; // no text is missed in a picture that cannot be shown
        }
    }

    private static string? TextIn(Bits bits)
    {
        var mark = bits.Next(15);
        var isPacked = mark.AsSpan().SequenceEqual("stealth_pngcomp"u8);
        if (!isPacked && !mark.AsSpan().SequenceEqual("stealth_pnginfo"u8)) return null;
        var length = BinaryPrimitives.ReadUInt32BigEndian(bits.Next(4)) / 8;
        if (length > bits.Left) return null;
        var text = bits.Next((int)length);
        return Encoding.UTF8.GetString(isPacked ? Unpacked(text) : text);
    }

    private static byte[] Unpacked(byte[] packed)
    {
        using var gzip = new GZipStream(new MemoryStream(packed), CompressionMode.Decompress);
        using var text = new MemoryStream();
        var buffer = new byte[16384];
        for (int read; (read = gzip.Read(buffer)) > 0 && text.Length <= ImageLimits.Text;) text.Write(buffer, 0, read);
        return text.Length > ImageLimits.Text ? [] : text.ToArray();
    }

    /// <summary>The bits of the opacity, from top to bottom and then from left to right.</summary>
    private sealed class Bits(byte[] rgba, int width, int height)
    {
        private long _at;

        /// <summary>How many whole bytes are left.</summary>
        public long Left => ((long)width * height - _at) / 8;

        public byte[] Next(int count)
        {
            var bytes = new byte[Math.Min(count, Left)];
            for (var bit = 0L; bit < bytes.Length * 8L; bit++, _at++)
            {
                var (x, y) = (_at / height, _at % height);
                if ((rgba[(y * width + x) * 4 + 3] & 1) != 0) bytes[bit / 8] |= (byte)(0x80 >> (int)(bit % 8));
            }
            return bytes.Length == count ? bytes : new byte[count];
        }
    }
}
