namespace Easel.Sampling;

/// <summary>NumPy's legacy RandomState: the Mersenne Twister MT19937 (Matsumoto and Nishimura 1998) and Marsaglia's polar method. The reference's inpainting
/// and upscaling scripts draw their start noise from it.</summary>
internal sealed class NumpyRandomState
{
    private const int Length = 624;
    private const int Shift = 397;

    private readonly uint[] _state = new uint[Length];
    private int _position = Length;
    private double? _second;

    /// <summary>Seeds the generator as numpy.random.RandomState(seed) does.</summary>
    /// <param name="seed">From 0 to 2^32 - 1, NumPy's own range.</param>
    public NumpyRandomState(uint seed)
    {
        for (var i = 0; i < Length; i++)
        {
            _state[i] = seed;
            seed = unchecked(1812433253u * (seed ^ (seed >> 30)) + (uint)i + 1);
        }
    }

    /// <summary>Draws standard normal numbers, in NumPy's order.</summary>
    /// <returns>A float32 tensor on the CPU, rounded from double precision; belongs to the caller's scope.</returns>
    public Tensor Randn(params long[] shape)
    {
        var numbers = new float[shape.Aggregate(1L, (product, size) => product * size)];
        for (var i = 0; i < numbers.Length; i++) numbers[i] = (float)Normal();
        return tensor(numbers, shape);
    }

    /// <summary>Draws one standard normal number in double precision.</summary>
    /// <returns>The number.</returns>
    public double Normal()
    {
        if (_second is { } kept)
        {
            _second = null;
            return kept;
        }
        double x, y, square;
        do
        {
            x = 2 * Uniform() - 1;
            y = 2 * Uniform() - 1;
            square = x * x + y * y;
        }
        while (square is >= 1 or 0);
        var scale = Math.Sqrt(-2 * Math.Log(square) / square);
        _second = scale * x;
        return scale * y;
    }

    /// <summary>53 random bits as a number from 0 to below 1.</summary>
    private double Uniform() => ((Bits() >> 5) * 67108864.0 + (Bits() >> 6)) / 9007199254740992.0;

    private uint Bits()
    {
        if (_position == Length) Twist();
        var y = _state[_position++];
        y ^= y >> 11;
        y ^= (y << 7) & 0x9d2c5680u;
        y ^= (y << 15) & 0xefc60000u;
        return y ^ (y >> 18);
    }

    private void Twist()
    {
        for (var i = 0; i < Length; i++)
        {
            var y = (_state[i] & 0x80000000u) | (_state[(i + 1) % Length] & 0x7fffffffu);
            _state[i] = _state[(i + Shift) % Length] ^ (y >> 1) ^ ((y & 1) == 0 ? 0 : 0x9908b0dfu);
        }
        _position = 0;
    }
}
