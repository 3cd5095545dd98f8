namespace Easel.Kernels;

/// <summary>Attention of one block of up to 64 queries to all keys of a head, in one number format. Elements are fp32 (<see cref="float"/>) or the bits of bf16
/// (<see cref="ushort"/>). An instance belongs to a width and holds nothing that changes: threads share it.</summary>
internal unsafe interface IAttentionBlock
{
    /// <summary>Bytes for the prepared keys of a head.</summary>
    long KeyBytes(int keys);

    /// <summary>Bytes for the prepared values of a head.</summary>
    long ValueBytes(int keys);

    /// <summary>Bytes that a thread needs for itself.</summary>
    long WorkspaceBytes { get; }

    /// <summary>Brings keys, <paramref name="stride"/> elements apart, into the kernel's order.</summary>
    void PrepareKeys<TElement>(TElement* source, long stride, int keys, byte* prepared) where TElement : unmanaged;

    /// <summary>Brings values, <paramref name="stride"/> elements apart, into the kernel's order.</summary>
    void PrepareValues<TElement>(TElement* source, long stride, int keys, byte* prepared) where TElement : unmanaged;

    /// <summary>Attends, and writes <paramref name="count"/> rows of the result.</summary>
    void Attend<TElement>(TElement* queries, long queryStride, int count, byte* preparedKeys, byte* preparedValues, int keys,
        TElement* result, long resultStride, byte* workspace)
        where TElement : unmanaged;
}
