using System.Runtime.Intrinsics.X86;
using Easel.Kernels;

namespace Easel.Tests.Kernels;

/// <summary>Guards the turning of squares of numbers, in which attention brings queries in and results out.</summary>
public sealed unsafe class TransposedTests
{
    [Fact]
    public void RowsBecomeColumnsAndNothingElseIsWritten()
    {
        Assert.SkipUnless(Avx512F.IsSupported, "This processor has no AVX-512, which the method needs.");
        const int Wide = 21, Narrow = 19, Side = Transposed.Side;
        uint[] source = [.. Enumerable.Range(0, Side * Wide).Select(i => (uint)i * 2654435761)];
        var target = new uint[Side * Narrow];
        fixed (uint* from = source, to = target) Transposed.Copy((byte*)from, 4 * Wide, (byte*)to, 4 * Narrow);
        for (var row = 0; row < Side; row++)
            for (var column = 0; column < Narrow; column++)
                Assert.Equal(column < Side ? source[column * Wide + row] : 0, target[row * Narrow + column]);
    }
}
