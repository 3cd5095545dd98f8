namespace Easel.Kernels;

/// <summary>Numbers of 16 bits, as fp32.</summary>
internal static unsafe class Halves
{
    /// <summary>Widens fp16, exactly.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Widen(ushort* from, float* to, int count)
    {
        var i = 0;
        for (; i <= count - Vector256<float>.Count; i += Vector256<float>.Count) Widened(Vector128.Load(from + i)).Store(to + i);
        for (; i < count; i++) to[i] = (float)BitConverter.UInt16BitsToHalf(from[i]);
    }

    /// <summary>Widens bf16, exactly.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void WidenBFloat16(ushort* from, float* to, int count)
    {
        for (var i = 0; i < count; i++) to[i] = Numbers.ToSingle(from[i]);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Widened(Vector128<ushort> halves)
    {
        var bits = Avx2.IsSupported ? Avx2.ConvertToVector256Int32(halves.AsInt16()).AsUInt32()
            : Vector256.WidenLower(halves.ToVector256Unsafe().AsInt16()).AsUInt32();
        var sign = bits & Vector256.Create(0x8000_0000);
        var magnitude = (bits & Vector256.Create(0x7FFFu)) << 13;
        // The exponents differ by 112; as a product what is below the smallest normal number is right, too.
        var value = magnitude.AsSingle() * Vector256.Create(5192296858534827628530496329220096f);
        var beyond = Vector256.GreaterThan(magnitude.AsInt32(), Vector256.Create(0x0F7F_FFFF)) & Vector256.Create(0x7F80_0000); // infinite, or not a number
        return (value.AsUInt32() | beyond.AsUInt32() | sign).AsSingle();
    }
}
