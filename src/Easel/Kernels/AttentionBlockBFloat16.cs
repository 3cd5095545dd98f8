using Vector = System.Runtime.Intrinsics.Vector512<float>;

namespace Easel.Kernels;

/// <summary>The block with bf16 in and out and both products by <see cref="BFloat16Product"/>: scores and outputs are fp32, probabilities are rounded to bf16.
/// Numbers come in pairs along the dimension that is summed over: queries and keys along the width, where they lie side by side already, values along the
/// keys.</summary>
internal sealed unsafe class AttentionBlockBFloat16(int width) : IAttentionBlock
{
    private const int Queries = FlashAttention.Queries;
    private const int Tile = BFloat16Product.Tile;
    private const int Values = 16; // that are paired at once
    private const int KeysAtOnce = 16 * Tile; // an even number, as values come in pairs; the 77 of a prompt fit at once

    private readonly int _pairs = (width + 1) / 2; // along the width
    private readonly int _filledWidth = Numbers.Filled(width, Tile); // of values and outputs
    private readonly float _scale = (float)(Math.Log2(Math.E) / Math.Sqrt(width));
    private readonly BFloat16Product _scores = BFloat16Product.For(4 * ((width + 1) / 2), 4, accumulates: false, findsMaximum: true)!;
    private readonly BFloat16Product _outputs = BFloat16Product.For(4, 4 * Numbers.Filled(width, Tile), accumulates: true, findsMaximum: false)!;

    public static bool IsSupported => BFloat16Product.IsSupported;

    public long WorkspaceBytes => 4L * Queries * (_pairs + _filledWidth + KeysAtOnce + 1);

    public long KeyBytes(int keys) => 4L * Numbers.Filled(keys, Tile) * _pairs;

    public long ValueBytes(int keys) => 4L * ((keys + 1) / 2) * _filledWidth;

    public void PrepareKeys<TElement>(TElement* source, long stride, int keys, byte* prepared) where TElement : unmanaged
    {
        // The last tile is filled up with copies of the last key: they do not move the maximum, and their probabilities are never used.
        var target = (ushort*)prepared;
        for (var key = 0; key < Numbers.Filled(keys, Tile); key++, target += 2 * _pairs)
        {
            var row = (ushort*)(source + Math.Min(key, keys - 1) * stride);
            new ReadOnlySpan<ushort>(row, width).CopyTo(new Span<ushort>(target, width));
            if (width % 2 == 1) target[width] = 0;
        }
    }

    public void PrepareValues<TElement>(TElement* source, long stride, int keys, byte* prepared) where TElement : unmanaged
    {
        var target = (uint*)prepared;
        for (var key = 0; key < keys; key += 2, target += _filledWidth)
        {
            ushort* even = (ushort*)(source + key * stride), odd = (ushort*)(source + (key + 1) * stride);
            var hasOdd = key + 1 < keys;
            var i = 0;
            for (; hasOdd && i + Values <= width; i += Values)
            {
                var (low, high) = (Avx512F.ConvertToVector512UInt32(Vector256.Load(even + i)), Avx512F.ConvertToVector512UInt32(Vector256.Load(odd + i)));
                (low | high << 16).Store(target + i);
            }
            for (; i < _filledWidth; i++) target[i] = i < width ? even[i] | (hasOdd ? (uint)odd[i] << 16 : 0) : 0;
        }
    }

    public void Attend<TElement>(TElement* queries, long queryStride, int count, byte* preparedKeys, byte* preparedValues, int keys,
        TElement* result, long resultStride, byte* workspace)
        where TElement : unmanaged
    {
        var q = (uint*)workspace; // [pairs, 64]
        var output = (float*)(q + Queries * _pairs); // [filled width, 64]
        var scores = output + Queries * _filledWidth; // [keys at once, 64], then the probabilities in pairs
        var largest = scores + Queries * KeysAtOnce; // [64]
        Transposed.ToLanes((byte*)queries, sizeof(TElement) * queryStride, count, width / 2, q);
        for (var row = 0; row < (width % 2 == 1 ? Queries : 0); row++)
            q[width / 2 * Queries + row] = row < count ? ((ushort*)(queries + row * queryStride))[width - 1] : 0u;
        new Span<float>(output, Queries * _filledWidth).Clear();
        new Span<float>(largest, Queries).Fill(FlashAttention.Lowest);

        Vector m0 = Vector512.Create(FlashAttention.Lowest), m1 = m0, m2 = m0, m3 = m0;
        Vector l0 = default, l1 = l0, l2 = l0, l3 = l0;
        var scale = Vector512.Create(_scale);
        for (var first = 0; first < keys; first += KeysAtOnce)
        {
            var present = Math.Min(KeysAtOnce, keys - first);
            _scores.Run(q, (uint*)preparedKeys + first * (long)_pairs, scores, Numbers.Filled(present, Tile) / Tile, _pairs, largest);

            // Where a maximum rose, what was added under the old one shrinks.
            Vector x0 = Vector512.Load(largest), x1 = Vector512.Load(largest + 16), x2 = Vector512.Load(largest + 32), x3 = Vector512.Load(largest + 48);
            if (x0 != m0 || x1 != m1 || x2 != m2 || x3 != m3)
            {
                Vector c0 = Numbers.Exp2((m0 - x0) * scale), c1 = Numbers.Exp2((m1 - x1) * scale);
                Vector c2 = Numbers.Exp2((m2 - x2) * scale), c3 = Numbers.Exp2((m3 - x3) * scale);
                (l0, l1, l2, l3) = (l0 * c0, l1 * c1, l2 * c2, l3 * c3);
                (m0, m1, m2, m3) = (x0, x1, x2, x3);
                AttentionBlock512.ScaleRows(output, _filledWidth, c0, c1, c2, c3);
            }

            if (present % 2 == 1) new Span<float>(scores + present * Queries, Queries).Fill(FlashAttention.Lowest); // the missing half of the last pair
            Probabilities(scores, present, scale, -m0 * scale, -m1 * scale, -m2 * scale, -m3 * scale, ref l0, ref l1, ref l2, ref l3);
            _outputs.Run(scores, (uint*)preparedValues + first / 2 * (long)_filledWidth, output, _filledWidth / Tile, (present + 1) / 2);
        }

        AttentionBlock512.ScaleRows(output, _filledWidth, Vector.One / l0, Vector.One / l1, Vector.One / l2, Vector.One / l3);
        var rounded = q; // the queries have done their work
        for (var pair = 0; pair < _pairs; pair++)
        {
            float* even = output + 2 * pair * Queries, odd = 2 * pair + 1 < _filledWidth ? even + Queries : even;
            for (var v = 0; v < Queries; v += 16) Numbers.PairOfBFloat16(Vector512.Load(even + v), Vector512.Load(odd + v)).Store(rounded + pair * Queries + v);
        }
        Transposed.FromLanes(rounded, (byte*)result, sizeof(TElement) * resultStride, count, width / 2);
        for (var row = 0; row < (width % 2 == 1 ? count : 0); row++)
            ((ushort*)(result + row * resultStride))[width - 1] = (ushort)rounded[width / 2 * Queries + row];
    }

    /// <summary>Turns scores [keys, 64] into probabilities, rounded to bf16 in pairs [keys / 2, 64], in their place, and adds them to the sums.</summary>
    /// <remarks>A method of its own, so that all it works with finds place in registers.</remarks>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Probabilities(float* scores, int keys, Vector scale, Vector n0, Vector n1, Vector n2, Vector n3,
        ref Vector l0, ref Vector l1, ref Vector l2, ref Vector l3)
    {
        var (s0, s1, s2, s3) = (l0, l1, l2, l3);
        var pairs = (uint*)scores;
        for (var key = 0; key < keys; key += 2, scores += 2 * Queries, pairs += Queries)
        {
            s0 += Pair(scores, pairs, scale, n0);
            s1 += Pair(scores + 16, pairs + 16, scale, n1);
            s2 += Pair(scores + 32, pairs + 32, scale, n2);
            s3 += Pair(scores + 48, pairs + 48, scale, n3);
        }
        (l0, l1, l2, l3) = (s0, s1, s2, s3);
    }

    /// <summary>Turns the scores of two keys for sixteen queries into probabilities, rounded to bf16 in pairs, and returns the sum of the two.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector Pair(float* scores, uint* pairs, Vector scale, Vector minusMaximum)
    {
        var even = Numbers.CoarseExp2(Vector512.FusedMultiplyAdd(Vector512.Load(scores), scale, minusMaximum));
        var odd = Numbers.CoarseExp2(Vector512.FusedMultiplyAdd(Vector512.Load(scores + Queries), scale, minusMaximum));
        var half = Vector512.Create(0x8000u);
        var low = (even.AsUInt32() + half) >>> 16;
        var high = (odd.AsUInt32() + half) & Vector512.Create(0xFFFF0000u);
        (low | high).Store(pairs);
        return even + odd;
    }
}
