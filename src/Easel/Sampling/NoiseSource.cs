namespace Easel.Sampling;

/// <summary>Whose random numbers to draw.</summary>
internal enum NoiseMode
{
    /// <summary>One libtorch CPU generator per picture, so that a picture in a batch is the picture its seed gives alone (AUTOMATIC1111 with its noise source
    /// set to CPU).</summary>
    PerImage,
    /// <summary>One libtorch CPU generator for the whole batch, which goes on through later batches: what the original's scripts do after
    /// seed_everything.</summary>
    Stream,
    /// <summary>Per picture, the numbers a CUDA card draws, computed on the CPU: AUTOMATIC1111's pictures made on a GPU.</summary>
    Philox,
}

/// <summary>Draws the noise of a run: always in single precision on the CPU and then moved, so that a seed gives the same picture on every device.</summary>
internal sealed class NoiseSource : IDisposable
{
    private readonly NoiseMode _mode;
    private readonly long[] _seeds;
    private readonly Generator[] _generators;
    private readonly PhiloxGenerator[] _philox;

    /// <summary>Seeds the generators.</summary>
    /// <param name="seeds">One seed per picture of a batch; <see cref="NoiseMode.Stream"/> uses the first alone. Negative seeds wrap to 64 bits as torch's
    /// do.</param> <param name="mode">Whose random numbers to draw.</param> <exception cref="InvalidRequestException">There is no seed.</exception>
    public NoiseSource(IReadOnlyList<long> seeds, NoiseMode mode = NoiseMode.PerImage)
    {
        if (seeds.Count == 0) throw new InvalidRequestException("seed", "At least one seed is needed, one per picture.");
        _mode = mode;
        _seeds = mode == NoiseMode.Stream ? [seeds[0]] : [.. seeds];
        _generators = mode == NoiseMode.Philox ? [] : [.. _seeds.Select(seed => new Generator(unchecked((ulong)seed)))];
        _philox = mode == NoiseMode.Philox ? [.. _seeds.Select(seed => new PhiloxGenerator(unchecked((ulong)seed)))] : [];
    }

    /// <summary>Draws the next standard normal noise.</summary>
    /// <param name="shape">[n, ...]. Except in <see cref="NoiseMode.Stream"/>, n is the number of seeds and picture i draws [...] from its own
    /// generator.</param> <returns>A float32 tensor on the CPU that belongs to the caller's scope.</returns>
    public Tensor Randn(params long[] shape)
    {
        using var scope = NewDisposeScope();
        if (_mode == NoiseMode.Stream) return randn(shape, dtype: ScalarType.Float32, generator: _generators[0]).MoveToOuterDisposeScope();
        if (shape.Length == 0 || shape[0] != _seeds.Length)
            throw new ArgumentException($"Noise for {(shape.Length == 0 ? 0 : shape[0])} pictures was asked of {_seeds.Length} seeds.", nameof(shape));
        var each = shape[1..];
        Tensor[] drawn = _mode == NoiseMode.Philox
            ? [.. _philox.Select(generator => generator.Randn(each))]
            : [.. _generators.Select(generator => randn(each, dtype: ScalarType.Float32, generator: generator))];
        return stack(drawn).MoveToOuterDisposeScope();
    }

    /// <summary>Independent draws for a sampler.</summary>
    /// <param name="shape">The shape of the latents, as for <see cref="Randn"/>.</param> <param name="device">Where the latents live; null for the CPU.</param>
    /// <returns>The noise sampler; valid as long as this object.</returns>
    public NoiseSampler AsSampler(long[] shape, Device? device = null) => (_, _) => Moved(Randn(shape), device);

    /// <summary>The increments of a Brownian path per picture, each over its step and scaled to variance 1 (k-diffusion, BrownianTreeNoiseSampler): the noise
    /// belongs to the noise levels, so that pictures keep their look when the number of steps changes. It takes nothing from the generators.</summary>
    /// <param name="sigmaMin">The lowest noise level of the schedule above 0.</param>
    /// <param name="shape">The shape [n, C, h, w] of the latents. In <see cref="NoiseMode.Stream"/> one path is laid for the whole batch.</param>
    /// <param name="device">Where the latents live; null for the CPU.</param> <returns>The noise sampler.</returns>
    public NoiseSampler Brownian(double sigmaMin, double sigmaMax, long[] shape, Device? device = null)
    {
        var each = _mode == NoiseMode.Stream ? shape : shape[1..];
        Func<ulong, Tensor> draw = _mode == NoiseMode.Philox ? seed => new PhiloxGenerator(seed).Randn(each) : seed => Seeded(seed, each);
        var paths = _seeds.Select(seed => new BrownianPath(sigmaMin, sigmaMax, unchecked((ulong)seed), draw)).ToArray();
        return (sigma, sigmaNext) =>
        {
            using var scope = NewDisposeScope();
            var increments = paths.Select(path => path.Noise(sigma, sigmaNext)).ToArray();
            return Moved(_mode == NoiseMode.Stream ? increments[0] : stack(increments), device).MoveToOuterDisposeScope();
        };
    }

    public void Dispose()
    {
        foreach (var generator in _generators) generator.Dispose();
    }

    private static Tensor Seeded(ulong seed, long[] shape)
    {
        using var generator = new Generator(seed);
        return randn(shape, dtype: ScalarType.Float32, generator: generator);
    }

    private static Tensor Moved(Tensor drawn, Device? device) =>
        device is null || device.type == DeviceType.CPU ? drawn : drawn.to(device, disposeAfter: true);
}
