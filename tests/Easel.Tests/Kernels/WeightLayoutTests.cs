using System.Runtime.Intrinsics.X86;
using Easel.Kernels;
using static TorchSharp.torch;

namespace Easel.Tests.Kernels;

/// <summary>Guards that weights laid out here lie as oneDNN lays them out, to the bit, for each kind of layer that the networks have; and that the layouts of
/// the kinds that matter are known on processors with AVX2, so that the slow way is not taken in silence.</summary>
public sealed unsafe class WeightLayoutTests
{
    public static TheoryData<int, int, int, int, int> Convolutions => new()
    {
        // outputs, inputs, kernel, stride, side of the picture
        { 320, 4, 3, 1, 64 }, { 320, 320, 3, 1, 32 }, { 320, 320, 3, 2, 32 }, { 640, 320, 3, 1, 16 }, { 192, 384, 3, 1, 16 }, { 4, 320, 3, 1, 32 },
        { 512, 512, 2, 1, 16 }, { 3, 128, 3, 1, 32 }, { 128, 3, 3, 1, 32 }, { 704, 128, 3, 1, 8 }, { 48, 80, 3, 1, 9 },
        { 33, 65, 3, 1, 7 }, { 7, 5, 3, 1, 6 }, { 1, 1, 3, 1, 5 },
    };

    [Theory]
    [MemberData(nameof(Convolutions))]
    public void AConvolutionsWeightLiesAsOneDnnLaysIt(int outputs, int inputs, int kernel, int stride, int side)
    {
        long[] seen = [2, inputs, side, side];
        Check([outputs, inputs, kernel, kernel], weight => OneDnn.PackConvolution(weight, kernel / 2, stride, seen),
            isKnown: outputs % 8 == 0 && inputs % 2 == 0);
    }

    [Theory]
    [InlineData(320, 320)]
    [InlineData(1280, 5120)]
    [InlineData(320, 768)]
    [InlineData(72, 40)]
    [InlineData(8, 8)]
    [InlineData(33, 7)]
    public void ALinearLayersWeightLiesAsOneDnnLaysIt(int outputs, int inputs) =>
        Check([outputs, inputs], OneDnn.PackLinear, isKnown: outputs % 8 == 0 && inputs % 2 == 0);

    private static void Check(long[] shape, Func<Tensor, Tensor> pack, bool isKnown)
    {
        Assert.SkipUnless(Avx2.IsSupported && OneDnn.IsAvailable, "This processor has no AVX2, or this build of libtorch no oneDNN.");
        Assert.True(OpaqueTensor.IsAvailable, "This build of libtorch makes no tensors of what oneDNN laid out.");
        using var inference = inference_mode();
        using var scope = NewDisposeScope();
        foreach (var type in (ScalarType[])[ScalarType.Float32, ScalarType.BFloat16])
        {
            if (!OneDnn.Packs(type)) continue;
            var layout = WeightLayout.Of(shape, type, pack);
            if (isKnown && !Avx512F.IsSupported) Assert.True(layout is not null, $"The layout of [{string.Join(", ", shape)}] in {type} is not known.");
            if (layout is null) continue;
            var weight = randn(shape, generator: new Generator(3)).to(type);
            var expected = pack(weight);
            using var rows = new TensorRows(weight.clone()); // inputs before the kernel's places
            using var turned = new TensorRows(weight.dim() == 4 ? weight.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2) : weight.clone());
            foreach (var way in (IWeightRows[])[rows, turned])
            {
                using var laid = layout.Lay(way);
                Assert.True(OpaqueTensor.Memory(expected).SequenceEqual(OpaqueTensor.Memory(laid.Values)), $"{type}");
                Assert.Equal(weight.bytes.ToArray(), laid.Values.to_dense().bytes.ToArray());
            }
        }
    }
}
