using System.IO.Compression;

namespace Easel.Training.Data;

/// <summary>
/// A drawing in few bytes that any language reads with what it brings along: at most 256 colours, each four bytes (red, green and blue times opacity, and
/// opacity), then for each pixel the number of its colour, all deflated (zlib). A drawing takes about 5 kB, and unpacking one takes less than a millisecond.
/// </summary>
internal static class SpriteCodec
{
    public const int Pixels = Drawing.Side * Drawing.Side;
    private const int Colours = 256;

    /// <param name="premultiplied">Four bytes for each pixel.</param>
    public static byte[] Pack(ReadOnlySpan<byte> premultiplied)
    {
        var palette = Palette.Of(premultiplied, Colours);
        var plain = new byte[4 * Colours + Pixels];
        for (var i = 0; i < palette.Colours.Count; i++)
            for (var c = 0; c < 4; c++) plain[4 * i + c] = palette.Colours[i][c];
        for (var i = 0; i < Pixels; i++) plain[4 * Colours + i] = palette.NumberOf(premultiplied.Slice(4 * i, 4));
        return Deflate(plain);
    }

    /// <exception cref="EaselException">It is no such drawing.</exception>
    public static byte[] Unpack(byte[] packed, int start, int length)
    {
        var plain = Inflate(packed, start, length);
        if (plain.Length != 4 * Colours
            + Pixels) throw new EaselException($"A packed drawing has {4 * Colours + Pixels} bytes, and this one has {plain.Length}.");
        var pixels = new byte[4 * Pixels];
        for (var i = 0; i < Pixels; i++) plain.AsSpan(4 * plain[4 * Colours + i], 4).CopyTo(pixels.AsSpan(4 * i, 4));
        return pixels;
    }

    public static byte[] Deflate(ReadOnlySpan<byte> plain)
    {
        using var buffer = new MemoryStream();
        using (var zlib = new ZLibStream(buffer, CompressionLevel.SmallestSize, leaveOpen: true)) zlib.Write(plain);
        return buffer.ToArray();
    }

    public static byte[] Inflate(byte[] packed, int start, int length)
    {
        try
        {
            using var plain = new MemoryStream();
            using (var zlib = new ZLibStream(new MemoryStream(packed, start, length), CompressionMode.Decompress)) zlib.CopyTo(plain);
            return plain.ToArray();
        }
        catch (InvalidDataException e)
        {
            throw new EaselException("A part of the packed data is damaged.", e);
        }
    }
}
