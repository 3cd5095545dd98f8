namespace Easel.Imaging;

/// <summary>Writes a depth map as a 16-bit gray PNG, which <see cref="ImageFile.LoadGray16(string)"/> reads back to the bit.</summary>
internal static class PngDepthWriter
{
    public static byte[] Encode(DepthImage depth)
    {
        using var packed = new MemoryStream();
        using (var zlib = new ZLibStream(packed, CompressionLevel.Fastest, leaveOpen: true))
        {
            var row = new byte[1 + 2 * depth.Width]; // begins with the filter: none
            for (var y = 0; y < depth.Height; y++)
            {
                for (var x = 0; x < depth.Width; x++) BinaryPrimitives.WriteUInt16BigEndian(row.AsSpan(1 + 2 * x), depth.Values[y * depth.Width + x]);
                zlib.Write(row);
            }
        }

        var header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, depth.Width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), depth.Height);
        header[8] = 16; // bits; the rest stays 0: gray, deflate, no interlacing

        using var file = new MemoryStream();
        file.Write(PngFile.Signature);
        PngFile.WriteChunk(file, "IHDR", header);
        PngFile.WriteChunk(file, "IDAT", packed.GetBuffer().AsSpan(0, (int)packed.Length));
        PngFile.WriteChunk(file, "IEND", []);
        return file.ToArray();
    }
}
