namespace Easel.Imaging;

/// <summary>Reads 16-bit gray PNG files with all their bits; the general decoder keeps the upper eight.</summary>
internal static class PngDepthReader
{
    private const int Gray = 0, GrayAlpha = 4;

    /// <summary>The seven passes of an interlaced file: first column, first row, column step, row step.</summary>
    private static readonly (int X, int Y, int StepX, int StepY)[] Adam7 =
        [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)];

    /// <summary>The values, or null when the file is not 16-bit gray (with or without opacity, which is passed over).</summary>
    /// <exception cref="EaselException">The file is too large, cut short or damaged.</exception>
    public static DepthImage? TryRead(byte[] file, string name)
    {
        if (file.Length < 33 || file[24] != 16 || file[25] is not (Gray or GrayAlpha)) return null;
        var chunks = PngFile.Chunks(file, name);
        if (chunks.Count == 0 || chunks[0] is not { Type: "IHDR", Length: 13 }) throw Damaged(name);

        var (width, height) = (BinaryPrimitives.ReadInt32BigEndian(file.AsSpan(16)), BinaryPrimitives.ReadInt32BigEndian(file.AsSpan(20)));
        ImageLimits.CheckClaim(width, height, name);
        var (samples, interlaced) = (file[25] == GrayAlpha ? 2 : 1, file[28]);
        if (file[26] != 0 || file[27] != 0 || interlaced > 1) throw Damaged(name);

        using var packed = new MemoryStream();
        foreach (var chunk in chunks)
            if (chunk.Type == "IDAT") packed.Write(file, chunk.Start, chunk.Length);
        packed.Position = 0;
        try
        {
            using var zlib = new ZLibStream(packed, CompressionMode.Decompress);
            var values = new ushort[ImageLimits.Samples(width, height, 1)];
            (int, int, int, int)[] passes = interlaced == 1 ? Adam7 : [(0, 0, 1, 1)];
            foreach (var pass in passes) ReadPass(zlib, values, width, height, samples, pass);
            return new DepthImage(width, height, values);
        }
        catch (Exception e) when (e is InvalidDataException or EndOfStreamException)
        {
            throw new EaselException($"'{name}' is damaged: its pixels cannot be unpacked.", e);
        }
    }

    private static void ReadPass(Stream zlib, ushort[] values, int width, int height, int samples, (int X, int Y, int StepX, int StepY) pass)
    {
        if (pass.X >= width) return;
        var columns = (width - pass.X + pass.StepX - 1) / pass.StepX;
        var pixel = samples * 2;
        var (row, above) = (new byte[columns * pixel + 1], new byte[columns * pixel + 1]);
        for (var y = pass.Y; y < height; y += pass.StepY)
        {
            zlib.ReadExactly(row);
            Unfilter(row[0], row.AsSpan(1), above.AsSpan(1), pixel);
            for (var x = 0; x < columns; x++)
                values[y * width + pass.X + x * pass.StepX] = BinaryPrimitives.ReadUInt16BigEndian(row.AsSpan(1 + x * pixel));
            (row, above) = (above, row);
        }
    }

    private static void Unfilter(byte filter, Span<byte> row, ReadOnlySpan<byte> above, int pixel)
    {
        if (filter > 4) throw new InvalidDataException();
        for (var i = 0; i < row.Length; i++)
        {
            var left = i >= pixel ? row[i - pixel] : 0;
            row[i] += (byte)(filter switch
            {
                1 => left,
                2 => above[i],
                3 => left + above[i] >> 1,
                4 => Paeth(left, above[i], i >= pixel ? above[i - pixel] : 0),
                _ => 0,
            });
        }
    }

    private static int Paeth(int left, int above, int corner)
    {
        var (toLeft, toAbove, toCorner) = (Math.Abs(above - corner), Math.Abs(left - corner), Math.Abs(left + above - 2 * corner));
        return toLeft <= toAbove && toLeft <= toCorner ? left : toAbove <= toCorner ? above : corner;
    }

    private static EaselException Damaged(string name) => new($"'{name}' is damaged: its PNG header makes no sense.");
}
