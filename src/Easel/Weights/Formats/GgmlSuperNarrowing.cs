namespace Easel.Weights.Formats;

/// <summary>Blocks of 256 values out of numbers, as <see cref="GgmlNarrowing"/> makes those of 32: each group of 16 or 32 values has a scale (and a minimum),
/// which are themselves narrowed and share a scale; then the values are rounded anew with the scales that were stored.</summary>
internal static class GgmlSuperNarrowing
{
    private const int Size = GgmlType.SuperBlock;

    public static void Q2_K(ReadOnlySpan<float> row, Span<byte> blocks) => Each(row, blocks, 84, (x, block) =>
    {
        Span<byte> quants = stackalloc byte[Size], scales = stackalloc byte[16], mins = stackalloc byte[16];
        var (d, m) = Groups(x, GgmlScales.Squares(x) / Size, 3, 15, quants, scales, mins);
        GgmlNarrowing.Write(block[80..], d);
        GgmlNarrowing.Write(block[82..], m);
        (d, m) = (GgmlWidening.Half(block[80..]), GgmlWidening.Half(block[82..]));
        for (var group = 0; group < 16; group++)
        {
            block[group] = (byte)(scales[group] | mins[group] << 4);
            Round(x, quants, group, 16, d * (block[group] & 15), m * (block[group] >> 4), 0, 3);
        }
        TwoBits(quants, block[16..]);
    });

    public static void Q3_K(ReadOnlySpan<float> row, Span<byte> blocks) => Each(row, blocks, 110, (x, block) =>
    {
        Span<byte> quants = stackalloc byte[Size], levels = stackalloc byte[16];
        Span<float> scales = stackalloc float[16], sums = stackalloc float[16], weights = stackalloc float[16];
        var mean = 2 * GgmlScales.Squares(x) / Size;
        for (var group = 0; group < 16; group++)
        {
            var part = x.Slice(16 * group, 16);
            GgmlScales.Weigh(part, mean, weights);
            sums[group] = GgmlScales.Sum(weights);
            scales[group] = GgmlScales.Symmetric(part, weights, 4, quants.Slice(16 * group, 16));
        }
        GgmlNarrowing.Write(block[108..], GgmlScales.Symmetric(scales, sums, 32, levels));
        var d = GgmlWidening.Half(block[108..]);
        var stored = block.Slice(96, 12);
        block[..108].Clear();
        for (var group = 0; group < 16; group++)
        {
            stored[group % 8] |= (byte)((levels[group] & 15) << (group < 8 ? 0 : 4));
            stored[8 + group % 4] |= (byte)(levels[group] >> 4 << 2 * (group / 4));
        }
        for (var group = 0; group < 16; group++) Round(x, quants, group, 16, d * GgmlWidening.ScaleOfQ3(stored, group), 0, -4, 3);
        for (var i = 0; i < Size; i++)
        {
            block[i % 32] |= (byte)(quants[i] >> 2 << i / 32);
            quants[i] &= 3;
        }
        TwoBits(quants, block[32..]);
    });

    public static void Q4_K(ReadOnlySpan<float> row, Span<byte> blocks) => Each(row, blocks, 144, (x, block) =>
    {
        Span<byte> quants = stackalloc byte[Size];
        Groups(x, 15, quants, block);
        FourBits(quants, block[16..]);
    });

    public static void Q5_K(ReadOnlySpan<float> row, Span<byte> blocks) => Each(row, blocks, 176, (x, block) =>
    {
        Span<byte> quants = stackalloc byte[Size];
        Groups(x, 31, quants, block);
        block.Slice(16, 32).Clear();
        for (var i = 0; i < Size; i++) block[16 + i % 32] |= (byte)(quants[i] >> 4 << i / 32);
        FourBits(quants, block[48..]);
    });

    public static void Q6_K(ReadOnlySpan<float> row, Span<byte> blocks) => Each(row, blocks, 210, (x, block) =>
    {
        Span<byte> quants = stackalloc byte[Size];
        Span<float> scales = stackalloc float[16], alike = stackalloc float[16];
        alike.Fill(1);
        var largest = 0f;
        for (var group = 0; group < 16; group++)
        {
            scales[group] = GgmlScales.Symmetric(x.Slice(16 * group, 16), alike, 32, quants.Slice(16 * group, 16));
            if (MathF.Abs(scales[group]) > MathF.Abs(largest)) largest = scales[group];
        }
        block.Clear();
        if (MathF.Abs(largest) < GgmlScales.Nothing) return;
        var inverse = -128 / largest;
        GgmlNarrowing.Write(block[208..], 1 / inverse);
        var d = GgmlWidening.Half(block[208..]);
        for (var group = 0; group < 16; group++)
        {
            var scale = (sbyte)Math.Min(127, GgmlScales.Nearest(inverse * scales[group]));
            block[192 + group] = (byte)scale;
            Round(x, quants, group, 16, d * scale, 0, -32, 31);
        }
        for (var i = 0; i < Size; i++)
        {
            var (half, part, place) = (i / 128, i % 128 / 32, i % 32);
            block[64 * half + place + 32 * (part % 2)] |= (byte)((quants[i] & 15) << (part < 2 ? 0 : 4));
            block[128 + 32 * half + place] |= (byte)(quants[i] >> 4 << 2 * part);
        }
    });

    private delegate void MakeBlock(ReadOnlySpan<float> x, Span<byte> block);

    private static void Each(ReadOnlySpan<float> row, Span<byte> blocks, int bytes, MakeBlock make)
    {
        for (var i = 0; i < row.Length / Size; i++) make(row.Slice(i * Size, Size), blocks.Slice(i * bytes, bytes));
    }

    /// <summary>What Q4_K and Q5_K have in common: d, the minima's d, scales and minima of six bits, and the quants.</summary>
    private static void Groups(ReadOnlySpan<float> x, int most, Span<byte> quants, Span<byte> block)
    {
        Span<byte> scales = stackalloc byte[8], mins = stackalloc byte[8];
        var (d, m) = Groups(x, 2 * GgmlScales.Squares(x) / Size, most, 63, quants, scales, mins);
        GgmlNarrowing.Write(block, d);
        GgmlNarrowing.Write(block[2..], m);
        (d, m) = (GgmlWidening.Half(block), GgmlWidening.Half(block[2..]));
        var stored = block.Slice(4, 12);
        stored.Clear();
        for (var group = 0; group < 8; group++)
        {
            var (scale, min) = (Math.Min((byte)63, scales[group]), Math.Min((byte)63, mins[group]));
            if (group < 4) (stored[group], stored[group + 4]) = (scale, min);
            else
            {
                stored[group + 4] = (byte)(scale & 15 | (min & 15) << 4);
                stored[group - 4] |= (byte)(scale >> 4 << 6);
                stored[group] |= (byte)(min >> 4 << 6);
            }
        }
        for (var group = 0; group < 8; group++)
        {
            var (scale, min) = GgmlWidening.ScaleAndMin(stored, group);
            Round(x, quants, group, 32, d * scale, m * min, 0, most);
        }
    }

    /// <summary>Scale and minimum of each group, narrowed to 0 to <paramref name="mostScale"/>.</summary>
    /// <returns>What the narrowed scales and minima are to be multiplied with.</returns>
    private static (float Scale, float Min) Groups(ReadOnlySpan<float> x, float mean, int most, int mostScale, Span<byte> quants, Span<byte> scales,
        Span<byte> mins)
    {
        var (groups, size) = (scales.Length, Size / scales.Length);
        Span<float> wide = stackalloc float[groups], below = stackalloc float[groups], sums = stackalloc float[groups], weights = stackalloc float[size];
        for (var group = 0; group < groups; group++)
        {
            var part = x.Slice(size * group, size);
            GgmlScales.Weigh(part, mean, weights);
            sums[group] = GgmlScales.Sum(weights);
            wide[group] = GgmlScales.WithMinimum(part, weights, most, quants.Slice(size * group, size), out below[group]);
        }
        return (GgmlScales.Positive(wide, sums, mostScale, scales), GgmlScales.Positive(below, sums, mostScale, mins));
    }

    /// <summary>The quants of a group under the scale that was stored, from <paramref name="least"/> up, told from 0; where that is 0 they stay.</summary>
    private static void Round(ReadOnlySpan<float> x, Span<byte> quants, int group, int size, float scale, float below, int least, int most)
    {
        if (scale == 0) return;
        for (var i = group * size; i < (group + 1) * size; i++)
            quants[i] = (byte)(Math.Clamp(GgmlScales.Nearest((x[i] + below) / scale), least, most) - least);
    }

    private static void TwoBits(ReadOnlySpan<byte> quants, Span<byte> bytes)
    {
        bytes[..64].Clear();
        for (var i = 0; i < Size; i++) bytes[i / 128 * 32 + i % 32] |= (byte)(quants[i] << 2 * (i % 128 / 32));
    }

    private static void FourBits(ReadOnlySpan<byte> quants, Span<byte> bytes)
    {
        bytes[..128].Clear();
        for (var i = 0; i < Size; i++) bytes[i / 64 * 32 + i % 32] |= (byte)((quants[i] & 15) << 4 * (i / 32 % 2));
    }
}
