using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Easel.Kernels;

/// <summary>Conversions and 2^x, in vectors.</summary>
internal static class Numbers
{
    /// <summary>The value of an element: a float, or the bits of a bf16.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float ToSingle<TElement>(TElement element) where TElement : unmanaged =>
        typeof(TElement) == typeof(float) ? Unsafe.BitCast<TElement, float>(element) : BitConverter.UInt32BitsToSingle((uint)Unsafe.BitCast<TElement, ushort>(element) << 16);

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
    public static Vector512<float> Exp2(Vector512<float> x)
    {
        var whole = Avx512F.RoundScale(x, 0);
        var part = x - whole;
        var p = Vector512.FusedMultiplyAdd(Vector512.Create(0.0013390863f), part, Vector512.Create(0.009676032f));
        p = Vector512.FusedMultiplyAdd(p, part, Vector512.Create(0.055503570f));
        p = Vector512.FusedMultiplyAdd(p, part, Vector512.Create(0.24022107f));
        p = Vector512.FusedMultiplyAdd(p, part, Vector512.Create(0.69314719f));
        p = Vector512.FusedMultiplyAdd(p, part, Vector512.Create(1.0f));
        return Avx512F.Scale(p, whole);
    }

    /// <summary>2^x for x ≤ 0, to 1e-4 of its value: a twentieth of what rounding to bf16 takes away.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> CoarseExp2(Vector512<float> x)
    {
        var whole = Avx512F.RoundScale(x, 0);
        var part = x - whole;
        var p = Vector512.FusedMultiplyAdd(Vector512.Create(0.055838283f), part, Vector512.Create(0.24263948f));
        p = Vector512.FusedMultiplyAdd(p, part, Vector512.Create(0.69313673f));
        p = Vector512.FusedMultiplyAdd(p, part, Vector512.Create(0.99992456f));
        return Avx512F.Scale(p, whole);
    }

    /// <summary>y · sigmoid(y).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Silu(Vector512<float> y)
    {
        // Of the two exponents the one that is not positive: neither overflows.
        var e = Exp2(Vector512.Abs(y) * Vector512.Create(-1.442695041f));
        return y * Vector512.ConditionalSelect(Vector512.GreaterThan(y, default), Vector512<float>.One, e) / (Vector512<float>.One + e);
    }

    /// <summary>y · sigmoid(y), to 1e-4 of its value: a twentieth of what rounding to bf16 takes away.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> CoarseSilu(Vector512<float> y)
    {
        var e = CoarseExp2(Vector512.Abs(y) * Vector512.Create(-1.442695041f));
        return y * Vector512.ConditionalSelect(Vector512.GreaterThan(y, default), Vector512<float>.One, e) / (Vector512<float>.One + e);
    }

    /// <summary>Two vectors rounded to bf16, to the nearest, ties to even: the first in the lower halves of the lanes, the second in the upper. Not a number stays none as long as it is quiet.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> PairOfBFloat16(Vector512<float> low, Vector512<float> high)
    {
        Vector512<uint> lower = low.AsUInt32(), upper = high.AsUInt32();
        lower = (lower + Vector512.Create(0x7FFFu) + (lower >>> 16 & Vector512<uint>.One)) >>> 16;
        upper = upper + Vector512.Create(0x7FFFu) + (upper >>> 16 & Vector512<uint>.One) & Vector512.Create(0xFFFF0000u);
        return lower | upper;
    }

    /// <summary>Sixteen elements as fp32.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe Vector512<float> LoadSingles<TElement>(TElement* source) where TElement : unmanaged => typeof(TElement) == typeof(float)
        ? Vector512.Load((float*)source)
        : (Avx512F.ConvertToVector512UInt32(Vector256.Load((ushort*)source)) << 16).AsSingle();

    /// <summary>Sixteen values as elements, rounded to the nearest, ties to even.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe void StoreSingles<TElement>(TElement* target, Vector512<float> values) where TElement : unmanaged
    {
        if (typeof(TElement) == typeof(float))
        {
            values.Store((float*)target);
            return;
        }
        var bits = values.AsUInt32();
        var rounded = (bits + Vector512.Create(0x7FFFu) + (bits >>> 16 & Vector512<uint>.One)) >>> 16;
        rounded = Vector512.ConditionalSelect(Vector512.Equals(values, values).AsUInt32(), rounded, Vector512.Create(0x7FC0u)); // not a number stays none
        Avx512F.ConvertToVector256UInt16(rounded).Store((ushort*)target);
    }
}
