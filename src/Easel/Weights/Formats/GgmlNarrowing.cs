namespace Easel.Weights.Formats;

/// <summary>Makes a row's blocks.</summary>
/// <param name="row">Whole blocks of values.</param> <param name="blocks">The bytes of as many blocks.</param>
internal delegate void NarrowRow(ReadOnlySpan<float> row, Span<byte> blocks);

/// <summary>Blocks of 32 values out of numbers, to the bit as ggml makes them (quantize_* of ggml-quants.c) when every value is said to matter alike, which is
/// how stable-diffusion.cpp asks for them. Scales are sought that make the squared error least, large values weighing more.</summary>
internal static class GgmlNarrowing
{
    private const int Block = 32;

    public static void Q8_0(ReadOnlySpan<float> row, Span<byte> blocks) => Each(row, blocks, 34, (x, _, block) =>
    {
        var largest = 0f;
        foreach (var value in x) largest = MathF.Max(largest, MathF.Abs(value));
        var d = largest / 127;
        var inverse = d == 0 ? 0 : 1 / d;
        Write(block, d);
        for (var i = 0; i < Block; i++) block[2 + i] = (byte)(sbyte)MathF.Round(x[i] * inverse, MidpointRounding.AwayFromZero);
    });

    public static void Q4_0(ReadOnlySpan<float> row, Span<byte> blocks) => Each(row, blocks, 18, (x, weights, block) =>
    {
        Span<byte> quants = stackalloc byte[Block];
        Write(block, GgmlScales.Symmetric(x, weights, 8, quants));
        Nibbles(quants, block[2..]);
    });

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
