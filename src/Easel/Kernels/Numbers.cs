namespace Easel.Kernels;

/// <summary>Conversions and 2^x, in vectors.</summary>
internal static class Numbers
{
    /// <summary>A count filled up to whole tiles.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Filled(int count, int tile) => (count + tile - 1) / tile * tile;

    /// <summary>The value of an element: a float, or the bits of a bf16.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float ToSingle<TElement>(TElement element) where TElement : unmanaged =>
        typeof(TElement) == typeof(float) ? Unsafe.BitCast<TElement, float>(element)
            : BitConverter.UInt32BitsToSingle((uint)Unsafe.BitCast<TElement, ushort>(element) << 16);

    /// <summary>A value as an element, rounded to the nearest, ties to even.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TElement FromSingle<TElement>(float value) where TElement : unmanaged
    {
        if (typeof(TElement) == typeof(float)) return Unsafe.BitCast<float, TElement>(value);
        var bits = BitConverter.SingleToUInt32Bits(value);
        var rounded = float.IsNaN(value) ? 0x7FC0 : (bits + 0x7FFF + (bits >> 16 & 1)) >> 16;
        return Unsafe.BitCast<ushort, TElement>((ushort)rounded);
    }

    /// <summary>2^x for x ≤ 0, to 1e-7 of its value; 0 below the smallest normal number. Polynomial through Chebyshev nodes of [-1/2, 1/2].</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Exp2<TVector>(TVector x) where TVector : unmanaged, ISingles<TVector>
    {
        var whole = TVector.Split(x, out var part);
        var p = TVector.MultiplyAdd(TVector.Create(0.0013390863f), part, TVector.Create(0.009676032f));
        p = TVector.MultiplyAdd(p, part, TVector.Create(0.055503570f));
        p = TVector.MultiplyAdd(p, part, TVector.Create(0.24022107f));
        p = TVector.MultiplyAdd(p, part, TVector.Create(0.69314719f));
        p = TVector.MultiplyAdd(p, part, TVector.Create(1.0f));
        return TVector.Scale(p, whole);
    }

    /// <summary>2^x for x ≤ 0, to 1e-4 of its value: a twentieth of what rounding to bf16 takes away.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector CoarseExp2<TVector>(TVector x) where TVector : unmanaged, ISingles<TVector>
    {
        var whole = TVector.Split(x, out var part);
        var p = TVector.MultiplyAdd(TVector.Create(0.055838283f), part, TVector.Create(0.24263948f));
        p = TVector.MultiplyAdd(p, part, TVector.Create(0.69313673f));
        p = TVector.MultiplyAdd(p, part, TVector.Create(0.99992456f));
        return TVector.Scale(p, whole);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Exp2(Vector256<float> x) => Exp2(new Singles256(x)).Value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Exp2(Vector512<float> x) => Exp2(new Singles512(x)).Value;

    /// <summary>2^x for x ≤ 0, as exact, where AVX-512 DQ has the part after the whole number, in [0, 1), as one instruction; scaling takes the whole number
    /// from x itself. Minimax polynomial.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> CoarseExp2(Vector512<float> x)
    {
        const byte Down = 1; // as VREDUCEPS names ways of rounding
        var part = Avx512DQ.Reduce(x, Down);
        var p = Vector512.FusedMultiplyAdd(Vector512.Create(0.078024523f), part, Vector512.Create(0.22606716f));
        p = Vector512.FusedMultiplyAdd(p, part, Vector512.Create(0.69583354f));
        p = Vector512.FusedMultiplyAdd(p, part, Vector512.Create(0.99992522f));
        return Avx512F.Scale(p, x);
    }

    /// <summary>1 / (1 + e^-y), as exact as the elements are: for bf16 to 1e-4 of its value.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Sigmoid<TVector, TElement>(TVector y) where TVector : unmanaged, ISingles<TVector>
    {
        var below = TVector.Abs(y) * TVector.Create(-1.442695041f); // of the two exponents the one that is not positive: neither overflows
        var e = typeof(TElement) == typeof(float) ? Exp2(below) : CoarseExp2(below);
        var one = TVector.Create(1);
        return TVector.WherePositive(y, one, e) / (one + e);
    }

    /// <summary>Two vectors rounded to bf16, to the nearest, ties to even: the first in the lower halves of the lanes, the second in the upper. Not a number
    /// stays none as long as it is quiet.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> PairOfBFloat16(Vector512<float> low, Vector512<float> high)
    {
        Vector512<uint> lower = low.AsUInt32(), upper = high.AsUInt32();
        lower = (lower + Vector512.Create(0x7FFFu) + (lower >>> 16 & Vector512<uint>.One)) >>> 16;
        upper = upper + Vector512.Create(0x7FFFu) + (upper >>> 16 & Vector512<uint>.One) & Vector512.Create(0xFFFF0000u);
        return lower | upper;
    }
}
