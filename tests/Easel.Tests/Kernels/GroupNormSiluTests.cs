using Easel.Kernels;
using Easel.Tests.Support;
using static TorchSharp.torch;

namespace Easel.Tests.Kernels;

/// <summary>The norm in each width of vector that the processor has, against libtorch in double precision.</summary>
public sealed class GroupNormSiluTests
{
    /// <summary>
    /// Channels on and off the doubled vector, pixels on and off the chunks of 65536 values; with and without an addend, with and without SiLU.
    /// </summary>
    public static TheoryData<int, int, int, bool, bool> Cases => new()
    {
        { 96, 5, 7, true, true }, { 96, 5, 7, false, true }, { 320, 40, 41, true, true }, { 32, 3, 3, true, false }, { 48, 9, 5, false, false },
        { 16, 70, 70, true, true },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void ItEqualsLibtorchsNorm(int channels, int height, int width, bool adds, bool silu) => Check<Singles512>(channels, height, width, adds, silu);

    [Theory]
    [MemberData(nameof(Cases))]
    public void SoItDoesInHalfTheVector(int channels, int height, int width, bool adds, bool silu) => Check<Singles256>(channels, height, width, adds, silu);

    private static void Check<TVector>(int channels, int height, int width, bool adds, bool silu) where TVector : unmanaged, ISingles<TVector>
    {
        Assert.SkipUnless(TVector.IsSupported, "This processor has no such vectors.");
        using var scope = NewDisposeScope();
        using var generator = new Generator(5);
        Tensor Random(params long[] shape) => randn(shape, generator: generator);
        foreach (var (type, tolerance) in ((ScalarType, double)[])[(ScalarType.Float32, 2e-6), (ScalarType.BFloat16, 1e-2)])
        {
            var x = (Random(2, height, width, channels) * 20 + 5).to(type).permute(0, 3, 1, 2);
            var (addend, weight, bias) = (adds ? Random(2, channels).to(type) : null, Random(channels) * 10, Random(channels) * 10);
            var exact = x.to(ScalarType.Float64);
            if (addend is not null) exact = exact + addend.to(ScalarType.Float64).unsqueeze(-1).unsqueeze(-1);
            exact = nn.functional.group_norm(exact, 8, weight.to(ScalarType.Float64), bias.to(ScalarType.Float64), 1e-5);
            if (silu) exact = nn.functional.silu(exact);
            var actual = GroupNormSilu.Apply<TVector>(x, addend, 8, weight, bias, 1e-5, silu);
            Assert.Equal(type, actual.dtype);
            Close.Relative(exact, actual.to(ScalarType.Float64), tolerance, $"{type}");
        }
    }
}
