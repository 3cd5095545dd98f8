namespace Easel.Weights.Formats;

/// <summary>Arithmetic on shapes that come from a file and so may hold any number at all.</summary>
internal static class TensorRules
{
    /// <summary>libtorch's own limit.</summary>
    public const int MostDimensions = 64;

    // A tensor with stride 0 can be of any size over a few bytes; until it is copied. Real ones are masks and such.
    private const long LargestExpansion = 64 << 20;

    /// <summary>The bytes that a contiguous tensor takes, or null when the number, or the strides libtorch would compute, do not fit.</summary>
    public static long? Bytes(ReadOnlySpan<long> shape, StoredType type)
    {
        Int128 strides = type.Size;
        var empty = false;
        foreach (var size in shape)
        {
            if (size < 0) return null;
            empty |= size == 0;
            strides *= Math.Max(size, 1);
            if (strides > long.MaxValue) return null;
        }
        return empty ? 0 : (long)strides;
    }

    /// <summary>How many elements of its storage a strided tensor spans, first and last included; 0 for an empty one; null when the numbers are negative, do
    /// not fit, or would let a copy of the tensor be far larger than the <paramref name="storage"/> bytes it lies in.</summary>
    public static long? Reach(ReadOnlySpan<long> shape, ReadOnlySpan<long> strides, StoredType type, long storage)
    {
        if (shape.Length != strides.Length || shape.Length > MostDimensions || Bytes(shape, type) is not { } bytes) return null;
        Int128 last = 0;
        for (var i = 0; i < shape.Length; i++)
        {
            if (strides[i] < 0) return null;
            last += (Int128)strides[i] * Math.Max(0, shape[i] - 1);
        }
        if (bytes == 0) return 0;
        return last >= long.MaxValue || bytes > Math.Max(storage, LargestExpansion) ? null : (long)last + 1;
    }

    /// <summary>Whether these are the strides of a tensor whose elements lie in order without gaps.</summary>
    public static bool Contiguous(ReadOnlySpan<long> shape, ReadOnlySpan<long> strides)
    {
        var expected = 1L;
        for (var i = shape.Length - 1; i >= 0; i--)
        {
            if (shape[i] == 1) continue; // its stride is never used
            if (strides[i] != expected) return false;
            expected *= shape[i];
        }
        return true;
    }
}
