namespace Easel.Sampling;

/// <summary>The normal numbers of a CUDA card: Philox 4x32-10 (Salmon et al. 2011) with the Box-Muller transform, one counter per element, of which the first
/// of two normals is kept. As AUTOMATIC1111's rng_philox.py, each draw advances the offset by one, whatever its size.</summary>
internal sealed class PhiloxGenerator
{
    private const float Unit = 2.3283064e-10f;                      // 2^-32
    private const float Turn = (float)(2.3283064e-10 * 6.2831855);  // 2 pi / 2^32

    private readonly ulong _seed;
    private uint _offset;

    /// <summary>Seeds the generator.</summary>
    /// <param name="seed">All 64 bits count.</param>
    public PhiloxGenerator(ulong seed) => _seed = seed;

    /// <summary>Draws standard normal numbers.</summary>
    /// <param name="shape">Any shape of fewer than 2^32 elements.</param> <returns>A float32 tensor on the CPU that belongs to the caller's scope.</returns>
    public Tensor Randn(params long[] shape)
    {
        var numbers = new float[shape.Aggregate(1L, (product, size) => product * size)];
        for (var i = 0; i < numbers.Length; i++)
        {
            var (a, b) = Bits((uint)i);
            var u = a * (double)Unit + Unit / 2;
            var v = b * (double)Turn + Turn / 2;
            numbers[i] = (float)(Math.Sqrt(-2 * Math.Log(u)) * Math.Sin(v));
        }
        _offset++;
        return tensor(numbers, shape);
    }

    private (uint, uint) Bits(uint element)
    {
        var (c0, c1, c2, c3) = (_offset, 0u, element, 0u);
        var (k0, k1) = ((uint)_seed, (uint)(_seed >> 32));
        for (var round = 0; round < 10; round++)
        {
            var first = (ulong)c0 * 0xD2511F53u;
            var second = (ulong)c2 * 0xCD9E8D57u;
            (c0, c1, c2, c3) = ((uint)(second >> 32) ^ c1 ^ k0, (uint)second, (uint)(first >> 32) ^ c3 ^ k1, (uint)first);
            unchecked
            {
                k0 += 0x9E3779B9u;
                k1 += 0xBB67AE85u;
            }
        }
        return (c0, c1);
    }
}
