using Vector = System.Runtime.Intrinsics.Vector512<float>;

namespace Easel.Kernels;

/// <summary>The block in fp32. Both products run over tiles of five rows by four vectors: 20 accumulators, four vectors of queries (or of probabilities) and a
/// broadcast fit the 32 registers. Five divides the head widths of Stable Diffusion 1 (40, 80, 160); other widths are filled up with zeros.</summary>
internal sealed unsafe class AttentionBlock512(int width) : IAttentionBlock
{
    private const int Queries = FlashAttention.Queries;
    private const int Tile = 5;
    private const int KeysAtOnce = 12 * Tile;

    private readonly int _filledWidth = Numbers.Filled(width, Tile); // of values and outputs
    private readonly float _scale = (float)(Math.Log2(Math.E) / Math.Sqrt(width)); // scores are powers of two, which cost less than powers of e

    public long WorkspaceBytes => sizeof(float) * (long)Queries * (width + _filledWidth + KeysAtOnce);

    public long KeyBytes(int keys) => sizeof(float) * (long)Numbers.Filled(keys, Tile) * width;

    public long ValueBytes(int keys) => sizeof(float) * (long)Numbers.Filled(keys, Tile) * _filledWidth;

    public void PrepareKeys<TElement>(TElement* source, long stride, int keys, byte* prepared) where TElement : unmanaged
    {
        // The last tile is filled up with copies of the last key: they do not move the maximum, and their probabilities are set to zero.
        var target = (float*)prepared;
        for (var key = 0; key < Numbers.Filled(keys, Tile); key++, target += width)
        {
            var row = source + Math.Min(key, keys - 1) * stride;
            for (var i = 0; i < width; i++) target[i] = Numbers.ToSingle(row[i]);
        }
    }

    public void PrepareValues<TElement>(TElement* source, long stride, int keys, byte* prepared) where TElement : unmanaged
    {
        var target = (float*)prepared;
        for (var key = 0; key < Numbers.Filled(keys, Tile); key++, target += _filledWidth)
        {
            var row = source + key * stride;
            for (var i = 0; i < _filledWidth; i++) target[i] = key < keys && i < width ? Numbers.ToSingle(row[i]) : 0;
        }
    }

    public void Attend<TElement>(TElement* queries, long queryStride, int count, byte* preparedKeys, byte* preparedValues, int keys,
        TElement* result, long resultStride, byte* workspace)
        where TElement : unmanaged
    {
        var q = (float*)workspace; // [width, 64], scaled
        var output = q + Queries * width; // [filled width, 64]
        var scores = output + Queries * _filledWidth; // [keys at once, 64]
        if (typeof(TElement) == typeof(float) && Avx512F.IsSupported)
        {
            Transposed.ToLanes((byte*)queries, sizeof(float) * queryStride, count, width, (uint*)q);
            var scale = Vector512.Create(_scale);
            ScaleRows(q, width, scale, scale, scale, scale);
        }
        else
            for (var i = 0; i < width; i++)
                for (var row = 0; row < Queries; row++)
                    q[i * Queries + row] = row < count ? _scale * Numbers.ToSingle(queries[row * queryStride + i]) : 0;
        new Span<float>(output, Queries * _filledWidth).Clear();

        // The four vectors of each running quantity: maximum and sum over the keys seen.
        Vector m0 = Vector512.Create(FlashAttention.Lowest), m1 = m0, m2 = m0, m3 = m0;
        Vector l0 = default, l1 = l0, l2 = l0, l3 = l0;
        for (var first = 0; first < keys; first += KeysAtOnce)
        {
            var present = Math.Min(KeysAtOnce, keys - first);
            var filled = Numbers.Filled(present, Tile);
            var (x0, x1, x2, x3) = (m0, m1, m2, m3);
            for (var tile = 0; tile < filled; tile += Tile)
            {
                var s = scores + tile * Queries;
                Multiply(q, Queries, (float*)preparedKeys + (first + tile) * (long)width, width, 1, width, s, accumulate: false);
                for (var end = s + Tile * Queries; s < end; s += Queries)
                {
                    x0 = Vector512.MaxNative(x0, Vector512.Load(s));
                    x1 = Vector512.MaxNative(x1, Vector512.Load(s + 16));
                    x2 = Vector512.MaxNative(x2, Vector512.Load(s + 32));
                    x3 = Vector512.MaxNative(x3, Vector512.Load(s + 48));
                }
            }

            // Where a maximum rose, what was added under the old one shrinks.
            if (x0 != m0 || x1 != m1 || x2 != m2 || x3 != m3)
            {
                Vector c0 = Numbers.Exp2(m0 - x0), c1 = Numbers.Exp2(m1 - x1), c2 = Numbers.Exp2(m2 - x2), c3 = Numbers.Exp2(m3 - x3);
                (l0, l1, l2, l3) = (l0 * c0, l1 * c1, l2 * c2, l3 * c3);
                (m0, m1, m2, m3) = (x0, x1, x2, x3);
                ScaleRows(output, _filledWidth, c0, c1, c2, c3);
            }

            var p = scores;
            for (var key = 0; key < present; key++, p += Queries)
            {
                Vector e0 = Numbers.Exp2(Vector512.Load(p) - m0), e1 = Numbers.Exp2(Vector512.Load(p + 16) - m1);
                Vector e2 = Numbers.Exp2(Vector512.Load(p + 32) - m2), e3 = Numbers.Exp2(Vector512.Load(p + 48) - m3);
                e0.Store(p);
                e1.Store(p + 16);
                e2.Store(p + 32);
                e3.Store(p + 48);
                (l0, l1, l2, l3) = (l0 + e0, l1 + e1, l2 + e2, l3 + e3);
            }

            for (var tile = 0; tile < _filledWidth; tile += Tile)
            {
                var values = (float*)preparedValues + first * (long)_filledWidth + tile;
                Multiply(scores, Queries, values, 1, _filledWidth, present, output + tile * Queries, accumulate: true);
            }
        }

        ScaleRows(output, _filledWidth, Vector.One / l0, Vector.One / l1, Vector.One / l2, Vector.One / l3);
        if (typeof(TElement) == typeof(float) && Avx512F.IsSupported)
            Transposed.FromLanes((uint*)output, (byte*)result, sizeof(float) * resultStride, count, width);
        else
            for (var row = 0; row < count; row++)
                for (var i = 0; i < width; i++)
                    result[row * resultStride + i] = Numbers.FromSingle<TElement>(output[i * Queries + row]);
    }

    /// <summary>sum[r, 64] (+)= Σᵢ b[r · rowStep + i · step] · a[i, 64] for five rows r and i below <paramref name="count"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Multiply(float* a, int aStep, float* b, long rowStep, long step, int count, float* sum, bool accumulate)
    {
        Vector s00 = default, s01 = default, s02 = default, s03 = default, s10 = default, s11 = default, s12 = default, s13 = default;
        Vector s20 = default, s21 = default, s22 = default, s23 = default, s30 = default, s31 = default, s32 = default, s33 = default;
        Vector s40 = default, s41 = default, s42 = default, s43 = default;
        if (accumulate)
        {
            (s00, s01, s02, s03) = (Vector512.Load(sum), Vector512.Load(sum + 16), Vector512.Load(sum + 32), Vector512.Load(sum + 48));
            (s10, s11, s12, s13) = (Vector512.Load(sum + 64), Vector512.Load(sum + 80), Vector512.Load(sum + 96), Vector512.Load(sum + 112));
            (s20, s21, s22, s23) = (Vector512.Load(sum + 128), Vector512.Load(sum + 144), Vector512.Load(sum + 160), Vector512.Load(sum + 176));
            (s30, s31, s32, s33) = (Vector512.Load(sum + 192), Vector512.Load(sum + 208), Vector512.Load(sum + 224), Vector512.Load(sum + 240));
            (s40, s41, s42, s43) = (Vector512.Load(sum + 256), Vector512.Load(sum + 272), Vector512.Load(sum + 288), Vector512.Load(sum + 304));
        }
        for (var i = 0; i < count; i++, a += aStep, b += step)
        {
            Vector a0 = Vector512.Load(a), a1 = Vector512.Load(a + 16), a2 = Vector512.Load(a + 32), a3 = Vector512.Load(a + 48);
            var factor = Vector512.Create(b[0]);
            s00 = Vector512.FusedMultiplyAdd(a0, factor, s00);
            s01 = Vector512.FusedMultiplyAdd(a1, factor, s01);
            s02 = Vector512.FusedMultiplyAdd(a2, factor, s02);
            s03 = Vector512.FusedMultiplyAdd(a3, factor, s03);
            factor = Vector512.Create(b[rowStep]);
            s10 = Vector512.FusedMultiplyAdd(a0, factor, s10);
            s11 = Vector512.FusedMultiplyAdd(a1, factor, s11);
            s12 = Vector512.FusedMultiplyAdd(a2, factor, s12);
            s13 = Vector512.FusedMultiplyAdd(a3, factor, s13);
            factor = Vector512.Create(b[2 * rowStep]);
            s20 = Vector512.FusedMultiplyAdd(a0, factor, s20);
            s21 = Vector512.FusedMultiplyAdd(a1, factor, s21);
            s22 = Vector512.FusedMultiplyAdd(a2, factor, s22);
            s23 = Vector512.FusedMultiplyAdd(a3, factor, s23);
            factor = Vector512.Create(b[3 * rowStep]);
            s30 = Vector512.FusedMultiplyAdd(a0, factor, s30);
            s31 = Vector512.FusedMultiplyAdd(a1, factor, s31);
            s32 = Vector512.FusedMultiplyAdd(a2, factor, s32);
            s33 = Vector512.FusedMultiplyAdd(a3, factor, s33);
            factor = Vector512.Create(b[4 * rowStep]);
            s40 = Vector512.FusedMultiplyAdd(a0, factor, s40);
            s41 = Vector512.FusedMultiplyAdd(a1, factor, s41);
            s42 = Vector512.FusedMultiplyAdd(a2, factor, s42);
            s43 = Vector512.FusedMultiplyAdd(a3, factor, s43);
        }
        Store(sum, s00, s01, s02, s03);
        Store(sum + 64, s10, s11, s12, s13);
        Store(sum + 128, s20, s21, s22, s23);
        Store(sum + 192, s30, s31, s32, s33);
        Store(sum + 256, s40, s41, s42, s43);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(float* row, Vector v0, Vector v1, Vector v2, Vector v3)
    {
        v0.Store(row);
        v1.Store(row + 16);
        v2.Store(row + 32);
        v3.Store(row + 48);
    }

    /// <summary>Multiplies each of the rows [rows, 64] by a number for each query.</summary>
    internal static void ScaleRows(float* rows, int count, Vector c0, Vector c1, Vector c2, Vector c3)
    {
        for (var end = rows + count * Queries; rows < end; rows += Queries)
            Store(rows, Vector512.Load(rows) * c0, Vector512.Load(rows + 16) * c1, Vector512.Load(rows + 32) * c2, Vector512.Load(rows + 48) * c3);
    }
}
