using Easel.Sampling;

namespace Easel.Pipeline;

/// <summary>The noise that pictures with streams of their own begin from, as AUTOMATIC1111 makes it (modules/rng.py): turned towards that of a variation seed,
/// or that of a picture of another size laid into the middle.</summary>
internal static class StartNoise
{
    private const int Factor = 8; // there, pixels of any model's latents

    /// <param name="source">The pictures' streams, which go on from here.</param>
    /// <param name="seeds">The pictures' seeds.</param>
    /// <param name="indices">Their places in the run, by which variation seeds rise.</param>
    /// <param name="shape">[n, channels, h, w].</param>
    public static Tensor Draw(GenerationRequest request, NoiseSource source, NoiseMode mode, long[] seeds, IReadOnlyList<int> indices, long[] shape)
    {
        using var scope = NewDisposeScope();
        var drawn = request is { SeedResizeWidth: { } width, SeedResizeHeight: { } height } ? [shape[0], shape[1], height / Factor, width / Factor] : shape;
        var isResized = !drawn.SequenceEqual(shape);
        var noise = isResized ? Fresh(seeds, mode, drawn) : source.Randn(shape);
        if (request.VariationStrength > 0)
        {
            var others = Fresh([.. indices.Select(index => unchecked(request.VariationSeed!.Value + index))], mode, drawn);
            noise = stack([.. Enumerable.Range(0, seeds.Length).Select(i => Turned(noise[i], others[i], request.VariationStrength))]);
        }
        return (isResized ? LaidInto(source.Randn(shape), noise) : noise).MoveToOuterDisposeScope();
    }

    private static Tensor Fresh(long[] seeds, NoiseMode mode, long[] shape)
    {
        using var source = new NoiseSource(seeds, mode);
        return source.Randn(shape);
    }

    /// <summary>Along the great circle between the two: [c, h, w], whose columns are vectors of the height.</summary>
    private static Tensor Turned(Tensor from, Tensor to, double share)
    {
        var dot = (from / from.norm(1, keepdim: true) * (to / to.norm(1, keepdim: true))).sum(1);
        if (dot.mean().item<float>() > 0.9995) return from * share + to * (1 - share); // all but the same noise
        var angle = dot.acos();
        var sine = angle.sin();
        return (((1 - share) * angle).sin() / sine).unsqueeze(1) * from + ((share * angle).sin() / sine).unsqueeze(1) * to;
    }

    /// <summary>The middle of one noise put into the middle of another, which is larger or smaller along each side.</summary>
    private static Tensor LaidInto(Tensor whole, Tensor part)
    {
        var (top, fromTop, height) = Overlap(whole.shape[2], part.shape[2]);
        var (left, fromLeft, width) = Overlap(whole.shape[3], part.shape[3]);
        whole.narrow(2, top, height).narrow(3, left, width).copy_(part.narrow(2, fromTop, height).narrow(3, fromLeft, width));
        return whole;

        // Half of the difference, rounded down also where it is below 0.
        static (long To, long From, long Length) Overlap(long whole, long part)
        {
            var half = (long)Math.Floor((whole - part) / 2.0);
            return (Math.Max(0, half), Math.Max(0, -half), half >= 0 ? part : part + 2 * half);
        }
    }
}
