using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Easel.Kernels;

/// <summary>Turns squares of sixteen by sixteen 32-bit numbers, rows to columns.</summary>
internal static unsafe class Transposed
{
    /// <summary>Rows and columns of a square.</summary>
    public const int Side = 16;

    /// <summary>Copies a square. Needs AVX-512.</summary>
    /// <param name="source">Sixteen rows of sixteen.</param>
    /// <param name="sourceStride">Bytes from one row to the next.</param>
    /// <param name="target">Where the first column becomes a row.</param>
    /// <param name="targetStride">Bytes from one row to the next there.</param>
    public static void Copy(byte* source, long sourceStride, byte* target, long targetStride)
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
        Vector512<uint> r0 = Vector512.Load((uint*)source), r1 = Vector512.Load((uint*)(source + stride)), r2 = Vector512.Load((uint*)(source + 2 * stride)), r3 = Vector512.Load((uint*)(source + 3 * stride));
        Vector512<ulong> low01 = Avx512F.UnpackLow(r0, r1).AsUInt64(), high01 = Avx512F.UnpackHigh(r0, r1).AsUInt64();
        Vector512<ulong> low23 = Avx512F.UnpackLow(r2, r3).AsUInt64(), high23 = Avx512F.UnpackHigh(r2, r3).AsUInt64();
        return (Avx512F.UnpackLow(low01, low23).AsUInt32(), Avx512F.UnpackHigh(low01, low23).AsUInt32(), Avx512F.UnpackLow(high01, high23).AsUInt32(), Avx512F.UnpackHigh(high01, high23).AsUInt32());
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
