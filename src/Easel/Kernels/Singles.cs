namespace Easel.Kernels;

/// <summary>A vector of fp32 numbers, as wide as the processor's: a kernel that is generic in it is written once and compiled for each width.</summary>
internal unsafe interface ISingles<TSelf> where TSelf : unmanaged, ISingles<TSelf>
{
    /// <summary>Whether this processor computes with it at full speed.</summary>
    static abstract bool IsSupported { get; }

    static abstract int Count { get; }

    static abstract TSelf Create(float value);

    /// <summary>Elements, fp32 or the bits of bf16, as fp32.</summary>
    static abstract TSelf Load<TElement>(TElement* source) where TElement : unmanaged;

    /// <summary>Writes the numbers as elements, rounded to the nearest, ties to even.</summary>
    void Store<TElement>(TElement* target) where TElement : unmanaged;

    static abstract TSelf operator +(TSelf a, TSelf b);

    static abstract TSelf operator -(TSelf a, TSelf b);

    static abstract TSelf operator *(TSelf a, TSelf b);

    static abstract TSelf operator /(TSelf a, TSelf b);

    /// <summary>a · b + c, rounded once.</summary>
    static abstract TSelf MultiplyAdd(TSelf a, TSelf b, TSelf c);

    static abstract TSelf Abs(TSelf a);

    /// <summary>Where a number is above zero one value, elsewhere the other.</summary>
    static abstract TSelf WherePositive(TSelf a, TSelf positive, TSelf other);

    /// <summary>x ≤ 0 as the nearest whole number and what is left, within [-1/2, 1/2]. What stands for the whole number only <see cref="Scale"/>
    /// understands.</summary>
    static abstract TSelf Split(TSelf x, out TSelf part);

    /// <summary>a · 2^whole; 0 where that is below the smallest normal number.</summary>
    static abstract TSelf Scale(TSelf a, TSelf whole);
}

/// <summary>Sixteen numbers, for AVX-512.</summary>
internal readonly unsafe struct Singles512(Vector512<float> value) : ISingles<Singles512>
{
    public static bool IsSupported => Vector512.IsHardwareAccelerated;

    public static int Count => Vector512<float>.Count;

    public Vector512<float> Value => value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Singles512 Create(float value) => new(Vector512.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Singles512 Load<TElement>(TElement* source) where TElement : unmanaged => new(typeof(TElement) == typeof(float)
        ? Vector512.Load((float*)source)
        : (Avx512F.ConvertToVector512UInt32(Vector256.Load((ushort*)source)) << 16).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store<TElement>(TElement* target) where TElement : unmanaged
    {
        if (typeof(TElement) == typeof(float))
        {
            value.Store((float*)target);
            return;
        }
        var bits = value.AsUInt32();
        var rounded = (bits + Vector512.Create(0x7FFFu) + (bits >>> 16 & Vector512<uint>.One)) >>> 16;
        rounded = Vector512.ConditionalSelect(Vector512.Equals(value, value).AsUInt32(), rounded, Vector512.Create(0x7FC0u)); // not a number stays none
        Avx512F.ConvertToVector256UInt16(rounded).Store((ushort*)target);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Singles512 operator +(Singles512 a, Singles512 b) => new(a.Value + b.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Singles512 operator -(Singles512 a, Singles512 b) => new(a.Value - b.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Singles512 operator *(Singles512 a, Singles512 b) => new(a.Value * b.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Singles512 operator /(Singles512 a, Singles512 b) => new(a.Value / b.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Singles512 MultiplyAdd(Singles512 a, Singles512 b, Singles512 c) => new(Vector512.FusedMultiplyAdd(a.Value, b.Value, c.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Singles512 Abs(Singles512 a) => new(Vector512.Abs(a.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Singles512 WherePositive(Singles512 a, Singles512 positive, Singles512 other) =>
        new(Vector512.ConditionalSelect(Vector512.GreaterThan(a.Value, default), positive.Value, other.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Singles512 Split(Singles512 x, out Singles512 part)
    {
        var whole = Avx512F.RoundScale(x.Value, 0);
        part = new(x.Value - whole);
        return new(whole);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Singles512 Scale(Singles512 a, Singles512 whole) => new(Avx512F.Scale(a.Value, whole.Value));
}

/// <summary>Eight numbers, for AVX2 and FMA.</summary>
internal readonly unsafe struct Singles256(Vector256<float> value) : ISingles<Singles256>
{
    public static bool IsSupported => Avx2.IsSupported && Fma.IsSupported;

    public static int Count => Vector256<float>.Count;

    public Vector256<float> Value => value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Singles256 Create(float value) => new(Vector256.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Singles256 Load<TElement>(TElement* source) where TElement : unmanaged => new(typeof(TElement) == typeof(float)
        ? Vector256.Load((float*)source)
        : (Avx2.ConvertToVector256Int32((ushort*)source) << 16).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store<TElement>(TElement* target) where TElement : unmanaged
    {
        if (typeof(TElement) == typeof(float))
        {
            value.Store((float*)target);
            return;
        }
        var bits = value.AsUInt32();
        var rounded = (bits + Vector256.Create(0x7FFFu) + (bits >>> 16 & Vector256<uint>.One)) >>> 16;
        rounded = Vector256.ConditionalSelect(Vector256.Equals(value, value).AsUInt32(), rounded, Vector256.Create(0x7FC0u)); // not a number stays none
        Sse41.PackUnsignedSaturate(rounded.GetLower().AsInt32(), rounded.GetUpper().AsInt32()).Store((ushort*)target);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Singles256 operator +(Singles256 a, Singles256 b) => new(a.Value + b.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Singles256 operator -(Singles256 a, Singles256 b) => new(a.Value - b.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Singles256 operator *(Singles256 a, Singles256 b) => new(a.Value * b.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Singles256 operator /(Singles256 a, Singles256 b) => new(a.Value / b.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Singles256 MultiplyAdd(Singles256 a, Singles256 b, Singles256 c) => new(Vector256.FusedMultiplyAdd(a.Value, b.Value, c.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Singles256 Abs(Singles256 a) => new(Vector256.Abs(a.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Singles256 WherePositive(Singles256 a, Singles256 positive, Singles256 other) =>
        new(Vector256.ConditionalSelect(Vector256.GreaterThan(a.Value, default), positive.Value, other.Value));

    /// <inheritdoc/>
    /// <remarks>
    /// A number of this size has no digits after the point, so adding it rounds, and the sum's last eight bits are the whole number + 127: the exponent of the
    /// power of two. Below -127, where it would leave the eight bits, the power is zero anyway. The number comes second, as it is the one that is kept where it
    /// is not a number.
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Singles256 Split(Singles256 x, out Singles256 part)
    {
        var large = Vector256.Create((3 << 22) + 127f);
        var within = Avx.Max(Vector256.Create(-127f), x.Value);
        var whole = within + large;
        part = new(within - (whole - large));
        return new(whole);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Singles256 Scale(Singles256 a, Singles256 whole) => new(a.Value * (whole.Value.AsInt32() << 23).AsSingle());
}
