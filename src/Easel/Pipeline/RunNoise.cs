using Easel.Models;
using Easel.Sampling;

namespace Easel.Pipeline;

/// <summary>The noise of one run, drawn in the order that its seed's makers draw it.</summary>
internal sealed class RunNoise(GenerationRequest request, ModelFamily family) : IDisposable
{
    private NoiseSource? _source;
    private NumpyRandomState? _numpy;
    private Tensor? _fixedCode;
    private IReadOnlyList<int> _indices = [];

    /// <summary>Whether one stream serves all batches, so that what is drawn for the input pictures is drawn once.</summary>
    public bool IsOneStream => request.IsOneStream;

    /// <summary>Whether latents of input pictures are sampled, as the original does. On a graphics card that noise comes from elsewhere, so A1111's pictures
    /// take the mean.</summary>
    public bool SamplesPosterior => request.Like != NoiseLike.A1111Gpu;

    /// <summary>The seed of the run's picture at <paramref name="index"/>. Variations of one picture share it.</summary>
    public long SeedOf(int index) => IsOneStream || request.VariationStrength > 0 ? request.Seed!.Value : unchecked(request.Seed!.Value + index);

    /// <summary>Begins a batch: its pictures' own streams, or the run's going on.</summary>
    public void Begin(Batch batch)
    {
        if (IsOneStream)
        {
            _source ??= new NoiseSource([request.Seed!.Value], NoiseMode.Stream);
            // The demos of inpainting and upscaling draw their start from NumPy and all else from torch.
            if (family.StartsFromNumpy && request.Like == NoiseLike.CompVis) _numpy ??= new NumpyRandomState(unchecked((uint)request.Seed!.Value));
            return;
        }
        _source?.Dispose();
        _indices = [.. batch.Prompts.Select((_, i) => request.FixedCode ? i : batch.First + i)];
        _source = new NoiseSource([.. _indices.Select(SeedOf)], Mode);
    }

    private NoiseMode Mode => request.Like == NoiseLike.A1111Gpu ? NoiseMode.Philox : NoiseMode.PerImage;

    /// <summary>Standard normal noise.</summary>
    public Tensor Randn(params long[] shape) => _source!.Randn(shape);

    /// <summary>The noise that a batch begins from. A fixed code is drawn once and kept.</summary>
    public Tensor Start(long[] shape)
    {
        if (_fixedCode is { } code) return shape[0] == code.shape[0] ? code.alias() : code.narrow(0, 0, shape[0]);
        var drawn = IsOneStream ? _numpy?.Randn(shape) ?? Randn(shape)
            : StartNoise.Draw(request, _source!, Mode, [.. _indices.Select(SeedOf)], _indices, shape);
        if (!IsOneStream && request.NoiseSeedDelta != 0)
        {
            _source!.Dispose();
            _source = new NoiseSource([.. _indices.Select(index => unchecked(SeedOf(index) + request.NoiseSeedDelta))], Mode);
        }
        if (request.FixedCode && IsOneStream) _fixedCode = drawn.clone().DetachFromDisposeScope();
        return drawn;
    }

    /// <summary>The noise of the sampler's steps.</summary>
    public NoiseSampler ForSteps(SamplingPlan plan, long[] shape) => plan.NoiseFrom(_source!, shape);

    public void Dispose()
    {
        _source?.Dispose();
        _fixedCode?.Dispose();
    }
}
