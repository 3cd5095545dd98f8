namespace Easel.Weights.Formats;

/// <summary>Values out of ggml's blocks, to the bit as its dequantize_row_* (ggml-quants.c) makes them: the products are taken in the same order. In each block
/// the halves d (and m) are the scale and what is added; of its quants the first half lie in the low nibbles and the second in the high ones.</summary>
internal static class GgmlWidening
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Q4_0(ReadOnlySpan<byte> block, Span<float> values)
    {
        var (d, quants) = (Half(block), Vector128.Create(block[2..18]));
        Scaled((quants & Vector128.Create((byte)15)).AsSByte() - Vector128.Create((sbyte)8), d, values);
        Scaled((quants >>> 4).AsSByte() - Vector128.Create((sbyte)8), d, values[16..]);
    }

    public static void Q4_1(ReadOnlySpan<byte> block, Span<float> values)
    {
        var (d, m) = (Half(block), Half(block[2..]));
        for (var i = 0; i < 16; i++)
        {
            values[i] = (block[4 + i] & 15) * d + m;
            values[i + 16] = (block[4 + i] >> 4) * d + m;
        }
    }

    public static void Q5_0(ReadOnlySpan<byte> block, Span<float> values)
    {
        var (d, fifth) = (Half(block), BinaryPrimitives.ReadUInt32LittleEndian(block[2..]));
        for (var i = 0; i < 16; i++)
        {
            values[i] = (((block[6 + i] & 15) | Bit(fifth, i)) - 16) * d;
            values[i + 16] = (((block[6 + i] >> 4) | Bit(fifth, i + 16)) - 16) * d;
        }
    }

    public static void Q5_1(ReadOnlySpan<byte> block, Span<float> values)
    {
        var (d, m, fifth) = (Half(block), Half(block[2..]), BinaryPrimitives.ReadUInt32LittleEndian(block[4..]));
        for (var i = 0; i < 16; i++)
        {
            values[i] = ((block[8 + i] & 15) | Bit(fifth, i)) * d + m;
            values[i + 16] = ((block[8 + i] >> 4) | Bit(fifth, i + 16)) * d + m;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Q8_0(ReadOnlySpan<byte> block, Span<float> values)
    {
        var d = Half(block);
        Scaled(Vector128.Create(block[2..18]).AsSByte(), d, values);
        Scaled(Vector128.Create(block[18..34]).AsSByte(), d, values[16..]);
    }

    /// <summary>Sixteen quants times d. The two types that weights are kept in between steps are widened at every step.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Scaled(Vector128<sbyte> quants, float d, Span<float> values)
    {
        var (low, high) = Vector256.Widen(Vector256.WidenLower(quants.ToVector256Unsafe()));
        (Vector256.ConvertToSingle(low) * d).CopyTo(values);
        (Vector256.ConvertToSingle(high) * d).CopyTo(values[8..]);
    }

    /// <summary>Scales and minima of 4 bits for each 16 values [16], two bits a value [64], d, the minima's d.</summary>
    public static void Q2_K(ReadOnlySpan<byte> block, Span<float> values)
    {
        var (d, m) = (Half(block[80..]), Half(block[82..]));
        for (var i = 0; i < GgmlType.SuperBlock; i++)
        {
            var scales = block[i / 16];
            values[i] = d * (scales & 15) * TwoBits(block[16..], i) - m * (scales >> 4);
        }
    }

    /// <summary>The third bits [32], two bits a value [64], scales of 6 bits for each 16 values [12], d.</summary>
    public static void Q3_K(ReadOnlySpan<byte> block, Span<float> values)
    {
        var d = Half(block[108..]);
        for (var i = 0; i < GgmlType.SuperBlock; i++)
        {
            var third = (block[i % 32] >> i / 32) & 1;
            values[i] = d * ScaleOfQ3(block[96..], i / 16) * (TwoBits(block[32..], i) - (third == 1 ? 0 : 4));
        }
    }

    /// <summary>d, the minima's d, scales and minima of 6 bits for each 32 values [12], four bits a value [128].</summary>
    public static void Q4_K(ReadOnlySpan<byte> block, Span<float> values)
    {
        var (d, m) = (Half(block), Half(block[2..]));
        for (var i = 0; i < GgmlType.SuperBlock; i++)
        {
            var (scale, min) = ScaleAndMin(block[4..], i / 32);
            values[i] = d * scale * FourBits(block[16..], i) - m * min;
        }
    }

    /// <summary>As <see cref="Q4_K"/>, with the fifth bits [32] before the four.</summary>
    public static void Q5_K(ReadOnlySpan<byte> block, Span<float> values)
    {
        var (d, m) = (Half(block), Half(block[2..]));
        for (var i = 0; i < GgmlType.SuperBlock; i++)
        {
            var (scale, min) = ScaleAndMin(block[4..], i / 32);
            var fifth = (block[16 + i % 32] >> i / 32) & 1;
            values[i] = d * scale * (FourBits(block[48..], i) + fifth * 16) - m * min;
        }
    }

    /// <summary>Four bits a value [128], two more of each [64], scales of 8 bits for each 16 values [16], d.</summary>
    public static void Q6_K(ReadOnlySpan<byte> block, Span<float> values)
    {
        var d = Half(block[208..]);
        for (var i = 0; i < GgmlType.SuperBlock; i++)
        {
            var (half, part, place) = (i / 128, i % 128 / 32, i % 32);
            var low = block[64 * half + place + 32 * (part % 2)] >> (part < 2 ? 0 : 4) & 15;
            var high = block[128 + 32 * half + place] >> 2 * part & 3;
            values[i] = d * (sbyte)block[192 + i / 16] * ((low | high << 4) - 32);
        }
    }

    /// <summary>Scale and minimum of a group of 32 values: six bits each, the first four groups' together with two bits each of the others'.</summary>
    public static (int Scale, int Min) ScaleAndMin(ReadOnlySpan<byte> scales, int group) => group < 4
        ? (scales[group] & 63, scales[group + 4] & 63)
        : ((scales[group + 4] & 15) | scales[group - 4] >> 6 << 4, scales[group + 4] >> 4 | scales[group] >> 6 << 4);

    /// <summary>The scale, -32 to 31, of a group of 16 values of Q3_K: four bits in the first eight bytes, two in the last four.</summary>
    public static int ScaleOfQ3(ReadOnlySpan<byte> scales, int group) =>
        (group < 8 ? scales[group] & 15 : scales[group - 8] >> 4) + ((scales[8 + group % 4] >> 2 * (group / 4) & 3) << 4) - 32;

    public static float Half(ReadOnlySpan<byte> bytes) => (float)BinaryPrimitives.ReadHalfLittleEndian(bytes);

    private static int Bit(uint fifth, int i) => (int)(fifth >> i & 1) << 4;

    private static int TwoBits(ReadOnlySpan<byte> quants, int i) => quants[i / 128 * 32 + i % 32] >> 2 * (i % 128 / 32) & 3;

    private static int FourBits(ReadOnlySpan<byte> quants, int i) => quants[i / 64 * 32 + i % 32] >> 4 * (i / 32 % 2) & 15;
}
