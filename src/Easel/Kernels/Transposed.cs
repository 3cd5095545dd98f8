namespace Easel.Kernels;

/// <summary>Brings rows that lie far apart into the lanes of vectors and back, in squares of sixteen by sixteen 32-bit numbers.</summary>
/// <remarks>Nothing of it is put into its callers, which need all registers, and all that the compiler can keep track of, for their products.</remarks>
internal static unsafe class Transposed
{
    /// <summary>Rows and columns of a square.</summary>
    public const int Side = 16;

    private const int Lanes = FlashAttention.Queries;

    /// <summary>Rows of 32-bit numbers to [numbers, 64]; where there are fewer than 64 rows, zeros stand for the others.</summary>
    /// <param name="stride">Bytes from one row to the next.</param> <param name="count">How many, at most 64.</param>
    /// <param name="numbers">Numbers of each.</param>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void ToLanes(byte* rows, long stride, int count, int numbers, uint* lanes)
    {
        if (count < Lanes) new Span<uint>(lanes, Lanes * numbers).Clear();
        for (var row = 0; row < count; row += Side)
            for (var n = 0; n < numbers; n += Side)
            {
                if (row + Side <= count && n + Side <= numbers)
                {
                    Copy(rows + row * stride + 4 * n, stride, (byte*)(lanes + n * Lanes + row), 4 * Lanes);
                    continue;
                }
                for (var r = row; r < Math.Min(row + Side, count); r++)
                    for (var i = n; i < Math.Min(n + Side, numbers); i++) lanes[i * Lanes + r] = ((uint*)(rows + r * stride))[i];
            }
    }

    /// <summary>[numbers, 64] to rows: <see cref="ToLanes"/> the other way round.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void FromLanes(uint* lanes, byte* rows, long stride, int count, int numbers)
    {
        for (var row = 0; row < count; row += Side)
            for (var n = 0; n < numbers; n += Side)
            {
                if (row + Side <= count && n + Side <= numbers)
                {
                    Copy((byte*)(lanes + n * Lanes + row), 4 * Lanes, rows + row * stride + 4 * n, stride);
                    continue;
                }
                for (var r = row; r < Math.Min(row + Side, count); r++)
                    for (var i = n; i < Math.Min(n + Side, numbers); i++) ((uint*)(rows + r * stride))[i] = lanes[i * Lanes + r];
            }
    }

    /// <summary>Copies a square. Needs AVX-512.</summary>
    /// <param name="source">Sixteen rows of sixteen.</param> <param name="sourceStride">Bytes from one row to the next.</param>
    /// <param name="target">Where the first column becomes a row.</param> <param name="targetStride">Bytes from one row to the next there.</param>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static void Copy(byte* source, long sourceStride, byte* target, long targetStride)
    {
        // Four rows at a time are turned within their quarters of a vector, then the quarters among the vectors.
        var a = Quarters(source, sourceStride);
        var b = Quarters(source + 4 * sourceStride, sourceStride);
        var c = Quarters(source + 8 * sourceStride, sourceStride);
        var d = Quarters(source + 12 * sourceStride, sourceStride);
        Spread(a.Item1, b.Item1, c.Item1, d.Item1, target, 4 * targetStride);
        Spread(a.Item2, b.Item2, c.Item2, d.Item2, target + targetStride, 4 * targetStride);
        Spread(a.Item3, b.Item3, c.Item3, d.Item3, target + 2 * targetStride, 4 * targetStride);
        Spread(a.Item4, b.Item4, c.Item4, d.Item4, target + 3 * targetStride, 4 * targetStride);
    }

    /// <summary>Of four rows the columns i, i + 4, i + 8 and i + 12, for i from 0 to 3.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector512<uint>, Vector512<uint>, Vector512<uint>, Vector512<uint>) Quarters(byte* source, long stride)
    {
        Vector512<uint> r0 = Vector512.Load((uint*)source), r1 = Vector512.Load((uint*)(source + stride));
        Vector512<uint> r2 = Vector512.Load((uint*)(source + 2 * stride)), r3 = Vector512.Load((uint*)(source + 3 * stride));
        Vector512<ulong> low01 = Avx512F.UnpackLow(r0, r1).AsUInt64(), high01 = Avx512F.UnpackHigh(r0, r1).AsUInt64();
        Vector512<ulong> low23 = Avx512F.UnpackLow(r2, r3).AsUInt64(), high23 = Avx512F.UnpackHigh(r2, r3).AsUInt64();
        return (Avx512F.UnpackLow(low01, low23).AsUInt32(), Avx512F.UnpackHigh(low01, low23).AsUInt32(),
            Avx512F.UnpackLow(high01, high23).AsUInt32(), Avx512F.UnpackHigh(high01, high23).AsUInt32());
    }

    /// <summary>The quarters of four vectors to four rows: the first quarters of all to the first row, and so on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Spread(Vector512<uint> a, Vector512<uint> b, Vector512<uint> c, Vector512<uint> d, byte* target, long stride)
    {
        Vector512<uint> low01 = Avx512F.Shuffle4x128(a, b, 0x88), low23 = Avx512F.Shuffle4x128(c, d, 0x88); // quarters 0 and 2
        Vector512<uint> high01 = Avx512F.Shuffle4x128(a, b, 0xDD), high23 = Avx512F.Shuffle4x128(c, d, 0xDD); // quarters 1 and 3
        Avx512F.Shuffle4x128(low01, low23, 0x88).Store((uint*)target);
        Avx512F.Shuffle4x128(high01, high23, 0x88).Store((uint*)(target + stride));
        Avx512F.Shuffle4x128(low01, low23, 0xDD).Store((uint*)(target + 2 * stride));
        Avx512F.Shuffle4x128(high01, high23, 0xDD).Store((uint*)(target + 3 * stride));
    }
}
