using Vector = System.Runtime.Intrinsics.Vector256<float>;

namespace Easel.Kernels;

/// <summary>The block in fp32 for processors whose vectors have eight lanes (AVX2 and FMA). Both products run over tiles of six rows by two vectors: 12
/// accumulators, two vectors of queries (or of probabilities) and a broadcast fit the 16 registers.</summary>
/// <remarks>The 64 queries are four strips of sixteen, and a strip's queries, scores and outputs lie together: they stay in the first-level cache with the keys
/// and values that all four strips take in turn. Keys and values lie in the order in which the tiles read them: the six numbers that are multiplied by the same
/// vectors side by side.</remarks>
internal sealed unsafe class AttentionBlock256(int width) : IAttentionBlock
{
    private const int Strip = 16; // queries: two vectors
    private const int Strips = FlashAttention.Queries / Strip;
    private const int Tile = 6;
    private const int KeysAtOnce = 14 * Tile; // the 77 of a prompt fit at once

    private readonly int _filledWidth = Numbers.Filled(width, Tile); // of values and outputs
    private readonly float _scale = (float)(Math.Log2(Math.E) / Math.Sqrt(width)); // scores are powers of two, which cost less than powers of e

    public static bool IsSupported => Singles256.IsSupported;

    public long WorkspaceBytes => sizeof(float) * (long)Strip * (Strips * (width + _filledWidth + 2) + KeysAtOnce);

    public long KeyBytes(int keys) => sizeof(float) * (long)Numbers.Filled(keys, Tile) * width;

    public long ValueBytes(int keys) => sizeof(float) * (long)keys * _filledWidth;

    public void PrepareKeys<TElement>(TElement* source, long stride, int keys, byte* prepared) where TElement : unmanaged
    {
        // The last tile is filled up with copies of the last key: they do not move the maximum, and their probabilities are never used.
        for (var key = 0; key < Numbers.Filled(keys, Tile); key++)
        {
            var row = source + Math.Min(key, keys - 1) * stride;
            var target = (float*)prepared + key / Tile * (long)(Tile * width) + key % Tile; // [tiles, width, 6]
            for (var i = 0; i < width; i++) target[i * Tile] = Numbers.ToSingle(row[i]);
        }
    }

    public void PrepareValues<TElement>(TElement* source, long stride, int keys, byte* prepared) where TElement : unmanaged
    {
        for (var key = 0; key < keys; key++)
        {
            var row = source + key * stride;
            var target = (float*)prepared + key * (long)Tile; // [tiles, keys, 6]
            for (var tile = 0; tile < _filledWidth; tile += Tile, target += keys * (long)Tile)
                for (var i = 0; i < Tile; i++) target[i] = tile + i < width ? Numbers.ToSingle(row[tile + i]) : 0;
        }
    }

    public void Attend<TElement>(TElement* queries, long queryStride, int count, byte* preparedKeys, byte* preparedValues, int keys,
        TElement* result, long resultStride, byte* workspace)
        where TElement : unmanaged
    {
        var strips = (count + Strip - 1) / Strip;
        var q = (float*)workspace; // [strips, width, 16], scaled
        var output = q + Strips * Strip * width; // [strips, filled width, 16]
        var running = output + Strips * Strip * _filledWidth; // [strips, 32]: maximum and sum over the keys seen
        var scores = running + Strips * Strip * 2; // [keys at once, 16]
        if (count < strips * Strip) new Span<float>(q + (strips - 1) * Strip * width, Strip * width).Clear();
        for (var strip = 0; strip < strips; strip++)
        {
            var first = strip * Strip;
            Turn(queries + first * queryStride, queryStride, Math.Min(Strip, count - first), width, q + first * width, Strip, _scale);
            new Span<float>(running + 2 * first, Strip).Fill(FlashAttention.Lowest);
            new Span<float>(running + 2 * first + Strip, Strip).Clear();
        }
        new Span<float>(output, strips * Strip * _filledWidth).Clear();

        for (var first = 0; first < keys; first += KeysAtOnce)
        {
            float* k = (float*)preparedKeys + first * (long)width, v = (float*)preparedValues + first * (long)Tile;
            for (var strip = 0; strip < strips; strip++)
            {
                var start = strip * Strip;
                AddKeys(q + start * width, k, v, keys, Math.Min(KeysAtOnce, keys - first), output + start * _filledWidth, running + 2 * start, scores);
            }
        }

        for (var strip = 0; strip < strips; strip++)
        {
            var first = strip * Strip;
            float* rows = output + first * _filledWidth, sums = running + 2 * first + Strip;
            ScaleRows(rows, _filledWidth, Vector.One / Vector256.Load(sums), Vector.One / Vector256.Load(sums + 8));
            Turn(rows, Strip, width, Math.Min(Strip, count - first), result + first * resultStride, resultStride, 1);
        }
    }

    /// <summary>Attends of one strip to some more keys.</summary>
    /// <param name="q">[width, 16].</param> <param name="k">The first of these keys.</param> <param name="v">The first of their values.</param>
    /// <param name="keys">All keys of the head, which is how far a tile of values is from the next.</param> <param name="present">Keys to take.</param>
    /// <param name="output">[filled width, 16].</param> <param name="running">Maximum [16] and sum [16].</param>
    /// <param name="scores">[keys at once, 16], to work in.</param>
    private void AddKeys(float* q, float* k, float* v, int keys, int present, float* output, float* running, float* scores)
    {
        Vector m0 = Vector256.Load(running), m1 = Vector256.Load(running + 8), l0 = Vector256.Load(running + 16), l1 = Vector256.Load(running + 24);
        var (x0, x1) = (m0, m1);
        for (var tile = 0; tile < present; tile += Tile)
        {
            var s = scores + tile * Strip;
            Multiply(q, k + tile * width, width, s, accumulate: false);
            for (var end = s + Tile * Strip; s < end; s += Strip)
            {
                x0 = Vector256.MaxNative(x0, Vector256.Load(s));
                x1 = Vector256.MaxNative(x1, Vector256.Load(s + 8));
            }
        }

        // Where a maximum rose, what was added under the old one shrinks.
        if (x0 != m0 || x1 != m1)
        {
            Vector c0 = Numbers.Exp2(m0 - x0), c1 = Numbers.Exp2(m1 - x1);
            (l0, l1) = (l0 * c0, l1 * c1);
            (m0, m1) = (x0, x1);
            ScaleRows(output, _filledWidth, c0, c1);
        }

        var p = scores;
        for (var end = scores + present * Strip; p < end; p += Strip)
        {
            Vector e0 = Numbers.Exp2(Vector256.Load(p) - m0), e1 = Numbers.Exp2(Vector256.Load(p + 8) - m1);
            e0.Store(p);
            e1.Store(p + 8);
            (l0, l1) = (l0 + e0, l1 + e1);
        }
        m0.Store(running);
        m1.Store(running + 8);
        l0.Store(running + 16);
        l1.Store(running + 24);

        for (var tile = 0; tile < _filledWidth; tile += Tile) Multiply(scores, v + tile * (long)keys, present, output + tile * Strip, accumulate: true);
    }

    /// <summary>sum[r, 16] (+)= Σᵢ b[i, r] · a[i, 16] for six rows r and i below <paramref name="count"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Multiply(float* a, float* b, int count, float* sum, bool accumulate)
    {
        Vector s00 = default, s01 = default, s10 = default, s11 = default, s20 = default, s21 = default;
        Vector s30 = default, s31 = default, s40 = default, s41 = default, s50 = default, s51 = default;
        if (accumulate)
        {
            (s00, s01, s10, s11) = (Vector256.Load(sum), Vector256.Load(sum + 8), Vector256.Load(sum + 16), Vector256.Load(sum + 24));
            (s20, s21, s30, s31) = (Vector256.Load(sum + 32), Vector256.Load(sum + 40), Vector256.Load(sum + 48), Vector256.Load(sum + 56));
            (s40, s41, s50, s51) = (Vector256.Load(sum + 64), Vector256.Load(sum + 72), Vector256.Load(sum + 80), Vector256.Load(sum + 88));
        }
        for (var end = a + count * (long)Strip; a < end; a += Strip, b += Tile)
        {
            Vector a0 = Vector256.Load(a), a1 = Vector256.Load(a + 8);
            var factor = Vector256.Create(b[0]);
            s00 = Vector256.FusedMultiplyAdd(a0, factor, s00);
            s01 = Vector256.FusedMultiplyAdd(a1, factor, s01);
            factor = Vector256.Create(b[1]);
            s10 = Vector256.FusedMultiplyAdd(a0, factor, s10);
            s11 = Vector256.FusedMultiplyAdd(a1, factor, s11);
            factor = Vector256.Create(b[2]);
            s20 = Vector256.FusedMultiplyAdd(a0, factor, s20);
            s21 = Vector256.FusedMultiplyAdd(a1, factor, s21);
            factor = Vector256.Create(b[3]);
            s30 = Vector256.FusedMultiplyAdd(a0, factor, s30);
            s31 = Vector256.FusedMultiplyAdd(a1, factor, s31);
            factor = Vector256.Create(b[4]);
            s40 = Vector256.FusedMultiplyAdd(a0, factor, s40);
            s41 = Vector256.FusedMultiplyAdd(a1, factor, s41);
            factor = Vector256.Create(b[5]);
            s50 = Vector256.FusedMultiplyAdd(a0, factor, s50);
            s51 = Vector256.FusedMultiplyAdd(a1, factor, s51);
        }
        Store(sum, s00, s01);
        Store(sum + 16, s10, s11);
        Store(sum + 32, s20, s21);
        Store(sum + 48, s30, s31);
        Store(sum + 64, s40, s41);
        Store(sum + 80, s50, s51);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(float* row, Vector v0, Vector v1)
    {
        v0.Store(row);
        v1.Store(row + 8);
    }

    /// <summary>Multiplies each of the rows [rows, 16] by a number for each query.</summary>
    private static void ScaleRows(float* rows, int count, Vector c0, Vector c1)
    {
        for (var end = rows + count * Strip; rows < end; rows += Strip) Store(rows, Vector256.Load(rows) * c0, Vector256.Load(rows + 8) * c1);
    }

    /// <summary>target[c, r] = scale · source[r, c].</summary>
    private static void Turn<TSource, TTarget>(TSource* source, long sourceStride, int rows, int columns, TTarget* target, long targetStride, float scale)
        where TSource : unmanaged
        where TTarget : unmanaged
    {
        for (var r = 0; r < rows; r += 8)
            for (var c = 0; c < columns; c += 8)
            {
                TSource* from = source + r * sourceStride + c;
                TTarget* to = target + c * targetStride + r;
                if (r + 8 <= rows && c + 8 <= columns) TurnEight(from, sourceStride, to, targetStride, Singles256.Create(scale));
                else
                    for (var i = 0; i < Math.Min(8, rows - r); i++)
                        for (var j = 0; j < Math.Min(8, columns - c); j++)
                            to[j * targetStride + i] = Numbers.FromSingle<TTarget>(scale * Numbers.ToSingle(from[i * sourceStride + j]));
            }
    }

    /// <summary>The same for eight rows and columns: neighbours change places alone, then in pairs, then in fours.</summary>
    private static void TurnEight<TSource, TTarget>(TSource* source, long stride, TTarget* target, long targetStride, Singles256 scale)
        where TSource : unmanaged
        where TTarget : unmanaged
    {
        var (a, b, c, d) = TurnFour(source, stride, scale);
        var (e, f, g, h) = TurnFour(source + 4 * stride, stride, scale);
        StoreTwo(target, 4 * targetStride, a, e);
        StoreTwo(target + targetStride, 4 * targetStride, b, f);
        StoreTwo(target + 2 * targetStride, 4 * targetStride, c, g);
        StoreTwo(target + 3 * targetStride, 4 * targetStride, d, h);
    }

    /// <summary>Columns of four rows: the first four in the lower halves, the others in the upper.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector, Vector, Vector, Vector) TurnFour<TSource>(TSource* source, long stride, Singles256 scale) where TSource : unmanaged
    {
        Vector r0 = (Singles256.Load(source) * scale).Value, r1 = (Singles256.Load(source + stride) * scale).Value;
        Vector r2 = (Singles256.Load(source + 2 * stride) * scale).Value, r3 = (Singles256.Load(source + 3 * stride) * scale).Value;
        Vector low = Avx.UnpackLow(r0, r1), high = Avx.UnpackHigh(r0, r1), low2 = Avx.UnpackLow(r2, r3), high2 = Avx.UnpackHigh(r2, r3);
        return (Avx.Shuffle(low, low2, 0x44), Avx.Shuffle(low, low2, 0xEE), Avx.Shuffle(high, high2, 0x44), Avx.Shuffle(high, high2, 0xEE));
    }

    /// <summary>Stores the lower halves of both together, and the upper halves.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreTwo<TTarget>(TTarget* target, long stride, Vector first, Vector second) where TTarget : unmanaged
    {
        new Singles256(Avx.Permute2x128(first, second, 0x20)).Store(target);
        new Singles256(Avx.Permute2x128(first, second, 0x31)).Store(target + stride);
    }
}
