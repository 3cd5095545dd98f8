using Easel.Kernels;

namespace Easel.Weights.Formats;

/// <summary>Widens many blocks, shared among the threads.</summary>
internal static unsafe class GgmlBlocks
{
    /// <summary>Blocks that one thread widens at once.</summary>
    private const int Part = 2048;

    /// <summary>Widens blocks to fp32, or to the bits of bf16 rounded to the nearest, ties to even.</summary>
    public static void Widen<TElement>(GgmlType type, byte* blocks, long count, TElement* values) where TElement : unmanaged
    {
        SharedWork.Run((int)((count + Part - 1) / Part), part =>
        {
            var (first, last) = ((long)part * Part, Math.Min(count, (part + 1L) * Part));
            WidenHere(type, blocks + first * type.Bytes, (int)(last - first), values + first * type.Values);
        });
    }

    /// <summary>The same by the calling thread alone.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)] // a small picture's first step would otherwise spend most of its time here
    public static void WidenHere<TElement>(GgmlType type, byte* blocks, int count, TElement* values) where TElement : unmanaged
    {
        Span<float> full = stackalloc float[GgmlType.SuperBlock];
        full = full[..type.Values];
        for (var block = 0; block < count; block++, blocks += type.Bytes, values += type.Values)
        {
            var from = new ReadOnlySpan<byte>(blocks, type.Bytes);
            if (typeof(TElement) == typeof(float))
            {
                type.Widen!(from, new Span<float>(values, type.Values));
                continue;
            }
            type.Widen!(from, full);
            Round(full, (ushort*)values);
        }
    }

    private static void Round(ReadOnlySpan<float> values, ushort* to)
    {
        fixed (float* from = values)
        {
            for (var i = 0; i < values.Length; i += Singles256.Count) Singles256.Load(from + i).Store(to + i);
        }
    }
}
