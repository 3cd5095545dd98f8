using Easel.Kernels;
using static TorchSharp.torch;

namespace Easel.Tests.Kernels;

/// <summary>Guards the norm that training uses, and its gradients, against libtorch's own in double precision.</summary>
public sealed class GroupNormGradientTests
{
    /// <summary>Formats, parts and what is allowed of the largest value.</summary>
    public static TheoryData<ScalarType, bool, bool, double> Cases => new()
    {
        { ScalarType.Float32, true, true, 2e-5 }, { ScalarType.Float32, false, true, 2e-5 }, { ScalarType.Float32, false, false, 2e-5 },
        { ScalarType.BFloat16, true, true, 1.5e-2 },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void ItEqualsLibtorchsNormAndGradients(ScalarType type, bool adds, bool silu, double tolerance) => Check<Singles512>(type, adds, silu, tolerance);

    [Theory]
    [MemberData(nameof(Cases))]
    public void SoItDoesInHalfTheVector(ScalarType type, bool adds, bool silu, double tolerance) => Check<Singles256>(type, adds, silu, tolerance);

    /// <summary>Sums of squares of such numbers in fp32, the square of their mean taken off, would have no digit left.</summary>
    [Fact]
    public void ASpreadFarSmallerThanTheMeanIsNotLost()
    {
        if (Singles512.IsSupported) Check<Singles512>(ScalarType.Float32, adds: true, silu: true, 2e-3, spread: 0.02, mean: 200);
        Check<Singles256>(ScalarType.Float32, adds: true, silu: true, 2e-3, spread: 0.02, mean: 200);
    }

    private static void Check<TVector>(ScalarType type, bool adds, bool silu, double tolerance, double spread = 2, double mean = 0.5)
        where TVector : unmanaged, ISingles<TVector>
    {
        Assert.SkipUnless(TVector.IsSupported, "This processor has no such vectors.");
        using var scope = NewDisposeScope();
        using var generator = new Generator(3, CPU);
        const int Groups = 4;
        Tensor Random(params long[] shape) => randn(shape, generator: generator).to(type).to(ScalarType.Float64);
        var x = (Random(3, 48, 5, 7) * spread + mean).to(type).to(ScalarType.Float64);
        var (addend, weight, bias, arriving) = (Random(3, 48) * (spread / 2), Random(48), Random(48), Random(3, 48, 5, 7));
        var exact = Gradients(ScalarType.Float64, (a, b, w, s) =>
        {
            if (adds) a = a + b.unsqueeze(-1).unsqueeze(-1);
            var y = nn.functional.group_norm(a, Groups, w, s, 1e-5);
            return silu ? nn.functional.silu(y) : y;
        });
        var ours = Gradients(type, (a, b, w, s) =>
            GroupNormGradient<TVector>.Apply(a.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2), adds ? b : null, Groups, w, s, 1e-5, silu));
        foreach (var (name, one, other) in exact.Zip(ours, (e, o) => (e.Name, e.Value, o.Value)))
        {
            var (difference, largest) = ((one - other).abs().max().item<double>(), one.abs().max().item<double>());
            Assert.True(difference <= tolerance * largest, $"{name}: {difference} of {largest}");
        }

        List<(string Name, Tensor Value)> Gradients(ScalarType format, Func<Tensor, Tensor, Tensor, Tensor, Tensor> norm)
        {
            var wide = format == ScalarType.Float64 ? format : ScalarType.Float32;
            Tensor Input(Tensor t, ScalarType to) => t.to(to, copy: true).requires_grad_();
            var (a, b, w, s) = (Input(x, format), Input(addend, format), Input(weight, wide), Input(bias, wide));
            var y = norm(a, b, w, s);
            (y * arriving.to(format)).sum().backward();
            List<(string, Tensor)> all = [("value", y.detach().to(ScalarType.Float64)), ("x", a.grad!.to(ScalarType.Float64)),
                ("weight", w.grad!.to(ScalarType.Float64)), ("bias", s.grad!.to(ScalarType.Float64))];
            if (adds) all.Add(("addend", b.grad!.to(ScalarType.Float64)));
            return all;
        }
    }
}
