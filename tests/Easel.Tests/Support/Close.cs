using static TorchSharp.torch;

namespace Easel.Tests.Support;

/// <summary>Comparisons of tensors that say by how much they differ.</summary>
internal static class Close
{
    /// <summary>Fails unless the shapes are equal and no element differs by more than <paramref name="tolerance"/>.</summary>
    public static void Absolute(Tensor expected, Tensor actual, double tolerance, string what = "tensor")
    {
        Assert.True(expected.shape.SequenceEqual(actual.shape),
            $"{what}: expected shape [{string.Join(", ", expected.shape)}], got [{string.Join(", ", actual.shape)}]");
        if (expected.numel() == 0) return;
        using var scope = NewDisposeScope();
        var difference = (expected.to(ScalarType.Float64) - actual.cpu().to(ScalarType.Float64)).abs().max().item<double>();
        Assert.True(difference <= tolerance, $"{what}: differs by {difference:g4}, allowed {tolerance:g4}");
    }

    /// <summary>Fails unless no element differs by more than <paramref name="tolerance"/> times the largest magnitude of <paramref name="expected"/>.</summary>
    public static void Relative(Tensor expected, Tensor actual, double tolerance, string what = "tensor")
    {
        using var scope = NewDisposeScope();
        Absolute(expected, actual, tolerance * Math.Max(1e-30, expected.to(ScalarType.Float64).abs().max().item<double>()), what);
    }
}
