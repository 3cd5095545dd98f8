namespace Easel.Kernels;

/// <summary>Memory for weights that are laid out for one run of their layer: what one layer leaves the next takes over, since the system clears new memory page
/// by page, which takes longer than a small layer's work.</summary>
internal static class KeptMemory
{
    /// <summary>Bytes that are kept while nobody needs them.</summary>
    private const long MostKept = 64 << 20;

    private static readonly List<Tensor> Kept = []; // the largest last

    /// <summary>At least so many bytes, on a boundary as libtorch aligns to, with anything in them. To be given back by <see cref="Return"/>.</summary>
    public static Tensor Rent(long bytes)
    {
        lock (Kept)
        {
            var found = Kept.FindIndex(memory => memory.numel() >= bytes);
            if (found >= 0)
            {
                var memory = Kept[found];
                Kept.RemoveAt(found);
                return memory;
            }
        }
        return empty(bytes, ScalarType.Byte).DetachFromDisposeScope();
    }

    public static void Return(Tensor memory)
    {
        lock (Kept)
        {
            var bytes = memory.numel();
            if (bytes > MostKept)
            {
                memory.Dispose();
                return;
            }
            var place = Kept.FindIndex(other => other.numel() > bytes);
            Kept.Insert(place < 0 ? Kept.Count : place, memory);
            while (Kept.Count > 0 && Kept.Sum(other => other.numel()) > MostKept)
            {
                Kept[0].Dispose(); // the smallest are made anew at the least price
                Kept.RemoveAt(0);
            }
        }
    }
}
