namespace Easel.Weights.Formats;

/// <summary>Widens one block of a type to its values.</summary>
internal delegate void WidenBlock(ReadOnlySpan<byte> block, Span<float> values);

/// <summary>An element type of GGUF files, one row a type. Most keep blocks of values that share a scale (ggml-common.h, block_q4_0 and its like).</summary>
/// <param name="Name">What people call it: "Q4_0".</param> <param name="Number">ggml's number of it.</param>
/// <param name="Values">Values in a block; 1 for plain numbers.</param> <param name="Bytes">Bytes of a block.</param>
/// <param name="DType">The type that its values have once read.</param> <param name="Widen">Makes values of a block; null for plain numbers.</param>
/// <param name="Narrow">Makes the blocks of a row, as ggml does; null for what is not written, or is plain.</param>
internal sealed record GgmlType(string Name, uint Number, int Values, int Bytes, ScalarType DType, WidenBlock? Widen = null, NarrowRow? Narrow = null)
{
    /// <summary>Values in a block of the K types.</summary>
    public const int SuperBlock = 256;

    private const int Block = 32;

    /// <summary>Every type that is read.</summary>
    public static readonly IReadOnlyList<GgmlType> All =
    [
        new("F32", 0, 1, 4, ScalarType.Float32), new("F16", 1, 1, 2, ScalarType.Float16), new("BF16", 30, 1, 2, ScalarType.BFloat16),
        new("F64", 28, 1, 8, ScalarType.Float64), new("I8", 24, 1, 1, ScalarType.Int8), new("I16", 25, 1, 2, ScalarType.Int16),
        new("I32", 26, 1, 4, ScalarType.Int32), new("I64", 27, 1, 8, ScalarType.Int64),
        new("Q4_0", 2, Block, 18, ScalarType.Float32, GgmlWidening.Q4_0, GgmlNarrowing.Q4_0),
        new("Q4_1", 3, Block, 20, ScalarType.Float32, GgmlWidening.Q4_1, GgmlNarrowing.Q4_1),
        new("Q5_0", 6, Block, 22, ScalarType.Float32, GgmlWidening.Q5_0, GgmlNarrowing.Q5_0),
        new("Q5_1", 7, Block, 24, ScalarType.Float32, GgmlWidening.Q5_1, GgmlNarrowing.Q5_1),
        new("Q8_0", 8, Block, 34, ScalarType.Float32, GgmlWidening.Q8_0, GgmlNarrowing.Q8_0),
        new("Q2_K", 10, SuperBlock, 84, ScalarType.Float32, GgmlWidening.Q2_K, GgmlSuperNarrowing.Q2_K),
        new("Q3_K", 11, SuperBlock, 110, ScalarType.Float32, GgmlWidening.Q3_K, GgmlSuperNarrowing.Q3_K),
        new("Q4_K", 12, SuperBlock, 144, ScalarType.Float32, GgmlWidening.Q4_K, GgmlSuperNarrowing.Q4_K),
        new("Q5_K", 13, SuperBlock, 176, ScalarType.Float32, GgmlWidening.Q5_K, GgmlSuperNarrowing.Q5_K),
        new("Q6_K", 14, SuperBlock, 210, ScalarType.Float32, GgmlWidening.Q6_K, GgmlSuperNarrowing.Q6_K),
    ];

    /// <summary>Names of types that are not read, by their numbers.</summary>
    private static readonly Dictionary<uint, string> Others = new()
    {
        [9] = "Q8_1",
        [15] = "Q8_K",
        [16] = "IQ2_XXS",
        [17] = "IQ2_XS",
        [18] = "IQ3_XXS",
        [19] = "IQ1_S",
        [20] = "IQ4_NL",
        [21] = "IQ3_S",
        [22] = "IQ2_S",
        [23] = "IQ4_XS",
        [29] = "IQ1_M",
        [34] = "TQ1_0",
        [35] = "TQ2_0",
        [39] = "MXFP4",
    };

    public static GgmlType? Of(uint number) => All.FirstOrDefault(type => type.Number == number);

    public static GgmlType? Named(string name) => All.FirstOrDefault(type => type.Name == name);

    /// <summary>The plain type for numbers of <paramref name="dtype"/>; null where there is none.</summary>
    public static GgmlType? Of(ScalarType dtype) => All.FirstOrDefault(type => type.Values == 1 && type.DType == dtype);

    /// <summary>What people call a type of that number.</summary>
    public static string NameOf(uint number) => Of(number)?.Name ?? Others.GetValueOrDefault(number) ?? $"number {number}";

    /// <summary>Bytes of a tensor; null where its rows are no whole blocks, or no computer can hold them.</summary>
    public long? BytesOf(ReadOnlySpan<long> shape)
    {
        if ((shape.Length == 0 ? 1 : shape[^1]) % Values != 0) return null;
        Int128 bytes = Bytes;
        var isEmpty = false;
        foreach (var side in shape)
        {
            if (side < 0) return null;
            isEmpty |= side == 0;
            bytes *= Math.Max(side, 1); // libtorch multiplies so for the strides, of empty tensors too
            if (bytes > long.MaxValue) return null;
        }
        return isEmpty ? 0 : (long)(bytes / Values);
    }
}
