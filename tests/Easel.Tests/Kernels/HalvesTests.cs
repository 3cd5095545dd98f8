using Easel.Kernels;

namespace Easel.Tests.Kernels;

/// <summary>Guards that every number of 16 bits is widened to the value it stands for, those below the smallest normal one, infinities and what is no number
/// included.</summary>
public sealed unsafe class HalvesTests
{
    [Fact]
    public void EveryNumberOfFp16() => Check((from, to, count) => Halves.Widen(from, to, count), bits => (float)BitConverter.UInt16BitsToHalf(bits));

    [Fact]
    public void EveryNumberOfBf16() =>
        Check((from, to, count) => Halves.WidenBFloat16(from, to, count), bits => BitConverter.UInt32BitsToSingle((uint)bits << 16));

    private delegate void Widening(ushort* from, float* to, int count);

    private static void Check(Widening widen, Func<ushort, float> expected)
    {
        const int Count = 1 << 16;
        var numbers = Enumerable.Range(0, Count).Select(i => (ushort)i).ToArray();
        var widened = new float[Count];
        fixed (ushort* from = numbers)
        fixed (float* to = widened) widen(from, to, Count - 3); // not whole vectors
        for (var i = 0; i < Count - 3; i++)
        {
            var value = expected((ushort)i);
            if (float.IsNaN(value)) Assert.True(float.IsNaN(widened[i]), $"{i:X}");
            else Assert.Equal(BitConverter.SingleToUInt32Bits(value), BitConverter.SingleToUInt32Bits(widened[i]));
        }
        Assert.All(widened[^3..], value => Assert.Equal(0, value));
    }
}
