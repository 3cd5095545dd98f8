namespace Easel.Kernels;

/// <summary>softmax(Q Kᵀ / √d) V on the CPU without ever holding Q Kᵀ: keys are taken a block at a time and a running maximum and sum correct what was added
/// before ("FlashAttention", arXiv 2205.14135, algorithm 1; "Online normalizer calculation for softmax", arXiv 1805.02867). libtorch's own reaches a quarter of
/// what the processor can do in the UNet's shapes.</summary>
/// <remarks>The lanes of a vector are queries: a block is 64 of them, and scores and outputs are held transposed, [keys, 64] and [d, 64]. So a key's or a
/// value's number is one broadcast, rows are read in their natural order, and maximum and sum over the keys need no step across lanes.</remarks>
internal static unsafe class FlashAttention
{
    /// <summary>Queries in a block: four vectors of sixteen.</summary>
    public const int Queries = 64;

    /// <summary>Scores of a head below which handing work to threads costs more than is won: 64 tokens among themselves are libtorch's, 256 with a prompt of 77
    /// are ours.</summary>
    private const int WorthTheThreads = 10_000;

    /// <summary>The widest head in which the block for AVX2 was seen to win: an autoencoder's single head of 512 does not fit the cache beside it, and libtorch
    /// is as fast.</summary>
    private const int WidestOf256 = 160;

    private const int PartsOfAThread = 32;

    /// <summary>Below every score, and far enough from the smallest float that differences do not overflow.</summary>
    public const float Lowest = -1e30f;

    /// <summary>Whether the kernels here serve these queries better than libtorch does.</summary>
    /// <param name="q">[n, tokens, heads · d].</param> <param name="k">[n, context tokens, heads · d].</param>
    public static bool Serves(Tensor q, Tensor k, long heads) =>
        (Vector512.IsHardwareAccelerated || AttentionBlock256.IsSupported && q.shape[2] / heads <= WidestOf256)
        && q.device_type == DeviceType.CPU && q.dtype is ScalarType.Float32 or ScalarType.BFloat16
        && q.shape[1] * k.shape[1] >= WorthTheThreads && k.shape[1] > 0 && q.shape[2] % heads == 0;

    /// <summary>Attends in each of <paramref name="heads"/> equal slices of the last dimension.</summary>
    /// <param name="q">[n, tokens, heads · d], fp32 or bf16; a row's numbers lie side by side.</param> <param name="k">[n, context tokens, heads · d].</param>
    /// <param name="v">[n, context tokens, heads · d].</param> <param name="block">The kernel; null for the fastest that this processor can run.</param>
    /// <returns>[n, tokens, heads · d].</returns>
    public static Tensor Attend(Tensor q, Tensor k, Tensor v, long heads, IAttentionBlock? block = null)
    {
        block ??= Block(q.dtype, (int)(q.shape[2] / heads));
        return q.dtype == ScalarType.Float32 ? Run<float>(q, k, v, (int)heads, block) : Run<ushort>(q, k, v, (int)heads, block);
    }

    private static IAttentionBlock Block(ScalarType type, int width)
    {
        if (!Vector512.IsHardwareAccelerated) return new AttentionBlock256(width);
        return type == ScalarType.BFloat16 && AttentionBlockBFloat16.IsSupported ? new AttentionBlockBFloat16(width) : new AttentionBlock512(width);
    }

    private static Tensor Run<TElement>(Tensor q, Tensor k, Tensor v, int heads, IAttentionBlock block) where TElement : unmanaged
    {
        var (pictures, tokens, keys, width) = ((int)q.shape[0], (int)q.shape[1], (int)k.shape[1], (int)(q.shape[2] / heads));
        var result = empty([pictures, tokens, q.shape[2]], q.dtype);
        Rows<TElement> queryRows = new(q), keyRows = new(k), valueRows = new(v), resultRows = new(result);

        // The keys and values of each head are brought into the kernel's order once, and stay there for all its queries.
        var (keyBytes, valueBytes) = (Aligned(block.KeyBytes(keys)), Aligned(block.ValueBytes(keys)));
        var prepared = (byte*)NativeMemory.AlignedAlloc((nuint)(pictures * heads * (keyBytes + valueBytes)), 64);
        try
        {
            byte* KeysOf(int head) => prepared + head * (keyBytes + valueBytes);
            SharedWork.Run(pictures * heads, head =>
            {
                var (picture, column) = (head / heads, head % heads * width);
                block.PrepareKeys(keyRows.Of(picture, column), keyRows.Stride, keys, KeysOf(head));
                block.PrepareValues(valueRows.Of(picture, column), valueRows.Stride, keys, KeysOf(head) + keyBytes);
            });

            // Parts of a head's blocks: enough of them that all processors end at about the same time.
            var blocks = (tokens + Queries - 1) / Queries;
            var chunk = Math.Max(1, Math.Min(blocks, pictures * heads * blocks / (PartsOfAThread * get_num_threads())));
            var chunks = (blocks + chunk - 1) / chunk;
            SharedWork.Run(pictures * heads * chunks, block.WorkspaceBytes, (index, workspace) =>
            {
                var (head, first) = (index / chunks, index % chunks * chunk);
                var (picture, column) = (head / heads, head % heads * width);
                for (var i = first; i < Math.Min(blocks, first + chunk); i++)
                {
                    var count = Math.Min(Queries, tokens - i * Queries);
                    queryRows.Fetch(picture, column, (i + 1) * Queries, width);
                    resultRows.Fetch(picture, column, i * Queries, width);
                    block.Attend(queryRows.Of(picture, column, i * Queries), queryRows.Stride, count, KeysOf(head), KeysOf(head) + keyBytes, keys,
                        resultRows.Of(picture, column, i * Queries), resultRows.Stride, (byte*)workspace);
                }
            });
        }
        finally
        {
            NativeMemory.AlignedFree(prepared);
        }
        GC.KeepAlive(q);
        GC.KeepAlive(k);
        GC.KeepAlive(v);
        return result;
    }

    private static long Aligned(long bytes) => (bytes + 63) / 64 * 64;

    /// <summary>Where the rows of a tensor [n, tokens, width] are.</summary>
    private readonly struct Rows<TElement> where TElement : unmanaged
    {
        private readonly TElement* _first;
        private readonly long _pictureStride;

        public Rows(Tensor tensor)
        {
            if (tensor.shape[2] > 1 && tensor.stride(2) != 1) throw new ArgumentException("A row's numbers must lie side by side.");
            _first = (TElement*)TensorMemory.Address(tensor);
            (_pictureStride, Stride) = (tensor.stride(0), tensor.stride(1));
        }

        /// <summary>Elements from one token to the next.</summary>
        public long Stride { get; }

        /// <summary>Has the second-level cache fetch a head's part of a block of rows that is needed soon: rows lie far apart, and each would be waited for. It
        /// does no harm where there are none.</summary>
        public void Fetch(int picture, int column, int token, int width)
        {
            const int Line = 64;
            for (var row = 0; row < Queries; row++)
            {
                byte* bytes = (byte*)Of(picture, column, token + row), end = bytes + sizeof(TElement) * width;
                for (var at = bytes; at < end; at += Line) Sse.Prefetch1(at);
                Sse.Prefetch1(end - 1);
            }
        }

        public TElement* Of(int picture, int column, int token = 0) => _first + picture * _pictureStride + token * Stride + column;
    }
}
