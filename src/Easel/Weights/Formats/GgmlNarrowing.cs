namespace Easel.Weights.Formats;

/// <summary>Makes a row's blocks.</summary>
/// <param name="row">Whole blocks of values.</param> <param name="blocks">The bytes of as many blocks.</param>
internal delegate void NarrowRow(ReadOnlySpan<float> row, Span<byte> blocks);

/// <summary>Blocks of 32 values out of numbers, to the bit as ggml makes them (quantize_* of ggml-quants.c) when every value is said to matter alike, which is
/// how stable-diffusion.cpp asks for them. Scales are sought that make the squared error least, large values weighing more.</summary>
internal static class GgmlNarrowing
{
    private const int Block = 32;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)] // all weights of a model go through here while it is loaded
    public static void Q8_0(ReadOnlySpan<float> row, Span<byte> blocks)
    {
        for (var (from, to) = (0, 0); from < row.Length; from += Block, to += 34)
        {
            var x = row.Slice(from, Block);
            Vector256<float> a = Vector256.Create(x), b = Vector256.Create(x[8..]), c = Vector256.Create(x[16..]), d = Vector256.Create(x[24..]);
            var largest = Vector256.Max(Vector256.Max(Vector256.Abs(a), Vector256.Abs(b)), Vector256.Max(Vector256.Abs(c), Vector256.Abs(d)));
            var most = 0f;
            for (var i = 0; i < 8; i++) most = MathF.Max(most, largest[i]);
            var scale = most / 127;
            var inverse = scale == 0 ? 0 : 1 / scale;
            Write(blocks[to..], scale);
            var quants = Vector256.Narrow(Vector256.Narrow(Rounded(a * inverse), Rounded(b * inverse)),
                Vector256.Narrow(Rounded(c * inverse), Rounded(d * inverse)));
            quants.AsByte().CopyTo(blocks[(to + 2)..]);
        }

        // Halves away from zero. Adding a half first would round what is just below one up, too.
        static Vector256<int> Rounded(Vector256<float> x)
        {
            var whole = Vector256.Truncate(x);
            var rest = x - whole;
            var up = Vector256.GreaterThanOrEqual(Vector256.Abs(rest), Vector256.Create(0.5f));
            return Vector256.ConvertToInt32(whole + Vector256.ConditionalSelect(up, Vector256.CopySign(Vector256<float>.One, x), default));
        }
    }

    public static void Q4_0(ReadOnlySpan<float> row, Span<byte> blocks) => Each(row, blocks, 18, (x, weights, block) =>
    {
        Span<byte> quants = stackalloc byte[Block];
        Write(block, GgmlScales.Symmetric(x, weights, 8, quants));
        Nibbles(quants, block[2..]);
    });

    /// <summary>The same blocks with the scale that takes the largest value exactly, in place of one that is sought (quantize_row_q4_0_ref): many times as
    /// fast, and the error a little larger.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void QuickQ4_0(ReadOnlySpan<float> row, Span<byte> blocks)
    {
        Span<byte> quants = stackalloc byte[Block];
        for (var (from, to) = (0, 0); from < row.Length; from += Block, to += 18)
        {
            var x = row.Slice(from, Block);
            var largest = 0f;
            foreach (var value in x)
            {
                if (MathF.Abs(value) > MathF.Abs(largest)) largest = value;
            }
            var d = largest / -8;
            var inverse = d == 0 ? 0 : 1 / d;
            Write(blocks[to..], d);
            for (var i = 0; i < Block; i++) quants[i] = (byte)Math.Min(15, (int)(x[i] * inverse + 8.5f));
            Nibbles(quants, blocks[(to + 2)..]);
        }
    }

    public static void Q4_1(ReadOnlySpan<float> row, Span<byte> blocks) => Each(row, blocks, 20, (x, weights, block) =>
    {
        Span<byte> quants = stackalloc byte[Block];
        Write(block, GgmlScales.WithMinimum(x, weights, 15, quants, out var below));
        Write(block[2..], -below);
        Nibbles(quants, block[4..]);
    });

    public static void Q5_0(ReadOnlySpan<float> row, Span<byte> blocks) => Each(row, blocks, 22, (x, weights, block) =>
    {
        Span<byte> quants = stackalloc byte[Block];
        Write(block, GgmlScales.Symmetric(x, weights, 16, quants));
        FifthBits(quants, block[2..]);
        Nibbles(quants, block[6..]);
    });

    public static void Q5_1(ReadOnlySpan<float> row, Span<byte> blocks) => Each(row, blocks, 24, (x, weights, block) =>
    {
        Span<byte> quants = stackalloc byte[Block];
        Write(block, GgmlScales.WithMinimum(x, weights, 31, quants, out var below));
        Write(block[2..], -below);
        FifthBits(quants, block[4..]);
        Nibbles(quants, block[8..]);
    });

    public static void Write(Span<byte> bytes, float half) => BinaryPrimitives.WriteHalfLittleEndian(bytes, (Half)half);

    private delegate void MakeBlock(ReadOnlySpan<float> x, ReadOnlySpan<float> weights, Span<byte> block);

    private static void Each(ReadOnlySpan<float> row, Span<byte> blocks, int bytes, MakeBlock make)
    {
        Span<float> weights = stackalloc float[Block];
        var mean = GgmlScales.Squares(row) / row.Length;
        for (var i = 0; i < row.Length / Block; i++)
        {
            var x = row.Slice(i * Block, Block);
            GgmlScales.Weigh(x, mean, weights);
            make(x, weights, blocks.Slice(i * bytes, bytes));
        }
    }

    private static void Nibbles(ReadOnlySpan<byte> quants, Span<byte> bytes)
    {
        for (var i = 0; i < 16; i++) bytes[i] = (byte)(quants[i] & 15 | quants[i + 16] << 4);
    }

    private static void FifthBits(ReadOnlySpan<byte> quants, Span<byte> bytes)
    {
        var bits = 0u;
        for (var i = 0; i < Block; i++) bits |= (uint)(quants[i] >> 4 & 1) << i;
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, bits);
    }
}
