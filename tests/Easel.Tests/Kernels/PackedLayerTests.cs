using Easel.Kernels;
using Easel.Models;
using Easel.Tests.Support;
using static TorchSharp.torch;

namespace Easel.Tests.Kernels;

/// <summary>
/// A packed layer computes what the plain one does, in fp32 to rounding and in bf16 to bf16's rounding, with everything that is fused into it.
/// </summary>
public sealed class PackedLayerTests
{
    [Theory]
    [InlineData(1, 1, 0, 12, 12)]
    [InlineData(3, 1, 1, 12, 12)]
    [InlineData(3, 1, 1, 7, 9)]
    [InlineData(3, 2, 1, 9, 12)]
    [InlineData(3, 2, 0, 9, 11)]
    public void Convolution(int kernel, int stride, int padding, int height, int width) => Check(
        () => new Conv2d(32, 48, kernel, stride, padding), [48, 32, kernel, kernel], [48],
        layer => layer.call(Picture(2, 32, height, width, layer)));

    [Theory]
    [InlineData(1, 0)]
    [InlineData(3, 1)]
    public void ConvolutionAddedToAResidual(int kernel, int padding) => Check(
        () => new Conv2d(32, 48, kernel, 1, padding), [48, 32, kernel, kernel], [48],
        layer => layer.AddTo(Picture(2, 48, 6, 5, layer), Picture(2, 32, 6, 5, layer)));

    /// <summary>Even and odd sides: what was odd before it was halved is enlarged to one less than the double.</summary>
    [Theory]
    [InlineData(5, 6, 10, 12)]
    [InlineData(5, 6, 9, 12)]
    [InlineData(5, 6, 10, 11)]
    [InlineData(5, 6, 9, 11)]
    [InlineData(1, 1, 1, 1)]
    public void ConvolutionOfADoubledPicture(int height, int width, int toHeight, int toWidth) => Check(
        () => new DoubledConv2d(32), [32, 32, 3, 3], [32],
        layer => layer.Forward(Picture(2, 32, height, width, layer), toHeight, toWidth), half: 0.02);

    [Fact]
    public void LinearLayer() => Check(() => new Linear(40, 72), [72, 40], [72], layer => layer.call(Rows(2, 30, 40, layer)));

    [Fact]
    public void LinearLayerWithoutBias() => Check(() => new Linear(40, 72, hasBias: false), [72, 40], null, layer => layer.call(Rows(2, 30, 40, layer)));

    [Fact]
    public void LinearLayerAddedToAResidual() =>
        Check(() => new Linear(40, 72), [72, 40], [72], layer => layer.AddTo(Rows(2, 30, 72, layer), Rows(2, 30, 40, layer)));

    [Fact]
    public void GatedLinearUnit() => Check(() => new Linear(40, 144, parts: 2), [144, 40], [144], layer => layer.Gated(Rows(2, 30, 40, layer)), half: 0.02);

    [Theory]
    [InlineData(96, 5, 7, true)]
    [InlineData(96, 5, 7, false)]
    [InlineData(320, 40, 41, true)]
    [InlineData(32, 3, 3, true)]
    public void GroupNormWithSilu(int channels, int height, int width, bool adds) => Check(
        () => new GroupNorm(32, channels, 1e-5), [channels], [channels],
        layer => layer.Silu(Picture(2, channels, height, width, layer) * 3 + 2, adds ? Rows(1, 2, channels, layer)[0] : null), half: 0.02);

    [Fact]
    public void NormKeepsItsInputUnlessItIsGivenAway()
    {
        Assert.SkipUnless(Singles256.IsSupported, "This processor has no AVX2, for which the narrowest of the kernels is written.");
        using var scope = NewDisposeScope();
        using var layer = Filled(() => new GroupNorm(32, 64, 1e-5), [64], [64], ScalarType.Float32, packs: true);
        var x = Picture(1, 64, 8, 8, layer);
        var before = x.clone();
        var expected = layer.Silu(x);
        Close.Absolute(before, x, 0);
        layer.Silu(x, givesAway: true);
        Close.Absolute(expected, x, 0);
    }

    /// <summary>A LoRA changes weights after they were packed: the new ones count.</summary>
    [Fact]
    public void NewWeightsTakeTheirPlace()
    {
        using var scope = NewDisposeScope();
        using var layer = Filled(() => new Linear(40, 72), [72, 40], [72], ScalarType.Float32, packs: true);
        layer.Assign("weight", zeros(72, 40).DetachFromDisposeScope());
        layer.Assign("bias", ones(72).DetachFromDisposeScope());
        Close.Absolute(ones(1, 3, 72), layer.call(Rows(1, 3, 40, layer)), 0);
    }

    /// <summary>Memory may run out while a weight is laid out; the next call finds the weight as it was, and the caller reads of memory.</summary>
    [Fact]
    public void AWeightThatCouldNotBeLaidOutIsStillThere()
    {
        Assert.SkipUnless(OneDnn.IsAvailable, "This build of libtorch has no oneDNN.");
        using var inference = inference_mode();
        using var scope = NewDisposeScope();
        var (weight, x) = (randn(64, 32, 3, 3), randn(1, 8, 8, 32).permute(0, 3, 1, 2));
        using var packed = new PackedConvolution(new FailingRows(weight.clone()), padding: 1, stride: 1);
        Assert.Throws<EaselException>(() => packed.Apply(x, null));
        Close.Relative(nn.functional.conv2d(x, weight, padding: [1, 1]), packed.Apply(x, null), 2e-6);
    }

    /// <summary>Rows that cannot be read the first time that they are asked for.</summary>
    private sealed unsafe class FailingRows(Tensor values) : IWeightRows
    {
        private readonly TensorRows _rows = new(values);
        private int _reads;

        public long[] Shape => _rows.Shape;

        public ScalarType Type => _rows.Type;

        public bool IsBrief => false;

        public byte* Read(long first, int count, byte* workspace) =>
            Interlocked.Increment(ref _reads) == 1 ? throw new EaselException("Memory ran out.") : _rows.Read(first, count, workspace);

        public void Dispose() => _rows.Dispose();
    }

    private static void Check<TLayer>(Func<TLayer> make, long[] weight, long[]? bias, Func<TLayer, Tensor> run, double half = 0.01) where TLayer : Layer
    {
        Assert.SkipUnless(OneDnn.IsAvailable, "This build of libtorch has no oneDNN.");
        using var inference = inference_mode();
        using var scope = NewDisposeScope();
        using var plain = Filled(make, weight, bias, ScalarType.Float32, packs: false);
        var expected = run(plain);
        foreach (var (type, tolerance) in ((ScalarType, double)[])[(ScalarType.Float32, 2e-6), (ScalarType.BFloat16, half)])
        {
            if (type == ScalarType.BFloat16 && !Processor.HasBFloat16) continue; // nor are layers packed in it then
            using var packed = Filled(make, weight, bias, type, packs: true);
            var actual = run(packed);
            Assert.Equal(type, actual.dtype);
            Close.Relative(expected, actual.to(ScalarType.Float32), tolerance, $"{type}");
        }
    }

    private static TLayer Filled<TLayer>(Func<TLayer> make, long[] weight, long[]? bias, ScalarType type, bool packs) where TLayer : Layer
    {
        var layer = make();
        layer.Packs = packs;
        var generator = new Generator(7);
        layer.Assign("weight", Values(weight, generator, type));
        if (bias is not null) layer.Assign("bias", Values(bias, generator, type));
        return layer;
    }

    /// <summary>Numbers that bf16 holds, so that both precisions begin from the same.</summary>
    private static Tensor Values(long[] shape, Generator generator, ScalarType type) =>
        randn(shape, generator: generator).bfloat16().to(type).DetachFromDisposeScope();

    private static Tensor Picture(long n, long c, long h, long w, Layer layer) =>
        Values([n, h, w, c], new Generator(11), layer.Placement.Type).permute(0, 3, 1, 2);

    private static Tensor Rows(long n, long count, long width, Layer layer) => Values([n, count, width], new Generator(13), layer.Placement.Type);
}
