using Easel.Kernels;
using Easel.Tests.Support;
using static TorchSharp.torch;

namespace Easel.Tests.Kernels;

/// <summary>
/// Attention against fp64. What is allowed is a small multiple of libtorch's own error on the same numbers, which grows with the scores: exact to rounding,
/// whatever the shape.
/// </summary>
public sealed class FlashAttentionTests
{
    /// <summary>Lengths and widths on and off every boundary of the kernels: 64 queries, strips of 16, 60 and 84 keys, tiles of five and six, pairs.</summary>
    public static TheoryData<int, int, int, int> Shapes => new()
    {
        { 64, 60, 2, 40 }, { 64, 64, 8, 40 }, { 65, 61, 3, 40 }, { 127, 77, 2, 64 }, { 256, 256, 2, 160 }, { 33, 7, 2, 33 }, { 40, 1, 2, 8 },
        { 200, 130, 1, 512 }, { 129, 121, 2, 1 }, { 70, 179, 1, 5 },
        { 80, 84, 2, 80 }, { 66, 85, 1, 48 }, { 15, 700, 1, 12 },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void SinglePrecisionIsExactToRounding(int tokens, int keys, int heads, int width) =>
        Check(ScalarType.Float32, tokens, keys, heads, width, gain: 1, times: 4, floor: 1e-6);

    [Theory]
    [MemberData(nameof(Shapes))]
    public void SinglePrecisionIsExactToRoundingWhereOneKeyTakesAll(int tokens, int keys, int heads, int width) =>
        Check(ScalarType.Float32, tokens, keys, heads, width, gain: 12, times: 4, floor: 1e-6);

    [Theory]
    [MemberData(nameof(Shapes))]
    public void HalfPrecisionIsExactToRounding(int tokens, int keys, int heads, int width) =>
        Check(ScalarType.BFloat16, tokens, keys, heads, width, gain: 1, times: 1.5, floor: 1e-3);

    [Theory]
    [MemberData(nameof(Shapes))]
    public void HalfPrecisionIsExactToRoundingWhereOneKeyTakesAll(int tokens, int keys, int heads, int width) =>
        Check(ScalarType.BFloat16, tokens, keys, heads, width, gain: 12, times: 1.5, floor: 1e-3);

    /// <summary>The way of a processor with AVX-512 but without its bf16 instructions.</summary>
    [Theory]
    [MemberData(nameof(Shapes))]
    public void HalfPrecisionCanBeComputedInSingle(int tokens, int keys, int heads, int width)
    {
        Assert.SkipUnless(Singles512.IsSupported, "This processor has no vectors of 512 bits.");
        Check(ScalarType.BFloat16, tokens, keys, heads, width, gain: 1, times: 1.5, floor: 1e-3, new AttentionBlock512(width));
    }

    /// <summary>The way of a processor without AVX-512, tested on all that have AVX2.</summary>
    [Theory]
    [MemberData(nameof(Shapes))]
    public void HalfTheVectorIsExactToRounding(int tokens, int keys, int heads, int width)
    {
        foreach (var gain in (double[])[1, 12])
        {
            Check(ScalarType.Float32, tokens, keys, heads, width, gain, times: 4, floor: 1e-6, new AttentionBlock256(width));
            Check(ScalarType.BFloat16, tokens, keys, heads, width, gain, times: 1.5, floor: 1e-3, new AttentionBlock256(width));
        }
    }

    /// <summary>Queries, keys and values that are slices of one tensor, as a fused projection makes them.</summary>
    [Fact]
    public void RowsMayLieApart()
    {
        SkipWithoutVectors();
        using var scope = NewDisposeScope();
        var all = randn([2, 70, 3 * 80], generator: new Generator(3));
        var (q, k, v) = (all[.., .., ..80], all[.., .., 80..160], all[.., .., 160..]);
        Close.Absolute(FlashAttention.Attend(q.contiguous(), k.contiguous(), v.contiguous(), 2), FlashAttention.Attend(q, k, v, 2), 0);
    }

    /// <summary>Scores far below zero would vanish altogether if padding took part in the maximum.</summary>
    [Fact]
    public void FillingUpDoesNotTakePart()
    {
        SkipWithoutVectors();
        using var scope = NewDisposeScope();
        var (q, k, v) = (full([1, 64, 40], 30f), full([1, 3, 40], -30f), ones(1, 3, 40));
        foreach (var block in Blocks(40))
        {
            Close.Absolute(ones(1, 64, 40), FlashAttention.Attend(q, k, v, 1, block), 1e-6);
            Close.Absolute(ones(1, 64, 40), FlashAttention.Attend(q.bfloat16(), k.bfloat16(), v.bfloat16(), 1, block).to(ScalarType.Float32), 1e-2);
        }
    }

    [Fact]
    public void WhatIsNotANumberStaysNone()
    {
        SkipWithoutVectors();
        using var scope = NewDisposeScope();
        var (q, k) = (ones(1, 64, 40), ones(1, 64, 40));
        var v = ones(1, 64, 40);
        q[0, 5, 3] = float.NaN;
        foreach (var block in Blocks(40))
        {
            foreach (var type in (ScalarType[])[ScalarType.Float32, ScalarType.BFloat16])
            {
                var attended = FlashAttention.Attend(q.to(type), k.to(type), v.to(type), 1, block);
                Assert.True(attended[0, 5].isnan().all().item<bool>());
                Assert.False(attended[0, 6].isnan().any().item<bool>());
            }
        }
    }

    private static void Check(ScalarType type, int tokens, int keys, int heads, int width, double gain, double times, double floor,
        IAttentionBlock? block = null)
    {
        SkipWithoutVectors();
        using var scope = NewDisposeScope();
        using var generator = new Generator(1);
        var q = (randn([2, tokens, heads * width], generator: generator) * gain).to(type);
        var k = randn([2, keys, heads * width], generator: generator).to(type);
        var v = randn([2, keys, heads * width], generator: generator).to(type);

        Tensor Heads(Tensor t) => t.view(2, t.shape[1], heads, width).transpose(1, 2);
        Tensor Exact(Tensor t) => Heads(t.to(ScalarType.Float64));
        Tensor Joined(Tensor t) => t.transpose(1, 2).reshape(2, tokens, heads * width).to(ScalarType.Float64);
        var expected = Joined(matmul(nn.functional.softmax(matmul(Exact(q), Exact(k).transpose(-1, -2)) / Math.Sqrt(width), -1), Exact(v)));
        var libtorch = Joined(nn.functional.scaled_dot_product_attention(Heads(q), Heads(k), Heads(v)));
        var allowed = times * (libtorch - expected).abs().max().item<double>() + floor;
        Close.Absolute(expected, FlashAttention.Attend(q, k, v, heads, block), allowed);
    }

    /// <summary>The processor's own choice, and the block of AVX2, which every processor with AVX-512 can run too.</summary>
    private static IAttentionBlock?[] Blocks(int width) => [null, new AttentionBlock256(width)];

    private static void SkipWithoutVectors() =>
        Assert.SkipUnless(Singles256.IsSupported, "This processor has no AVX2, for which the narrowest of the kernels is written.");
}
