using Easel.Models;
using Easel.Pipeline;
using Easel.Sampling;
using Easel.Tests.Support;
using static TorchSharp.torch;

namespace Easel.Tests.Sampling;

/// <summary>Guards that variation seeds, seed resize and a noise seed delta give AUTOMATIC1111's noise (tests/goldens/rng/variations).</summary>
public sealed class VariationTests
{
    [Fact]
    public void NoiseIsThatOfTheReference()
    {
        using var scope = NewDisposeScope();
        var golden = Goldens.Tensors("rng/variations.safetensors");
        var cases = Goldens.Json("rng/variations.json");
        var (seeds, subseeds) = (Longs("seeds"), Longs("subseeds"));
        foreach (var (number, at) in cases.GetProperty("cases").EnumerateArray().Index())
        {
            // The seeds of the recording do not follow each other, so each picture is one of a run of its own.
            for (var i = 0; i < seeds.Length; i++)
            {
                var request = new GenerationRequest
                {
                    Seed = seeds[i],
                    VariationSeed = subseeds[i],
                    VariationStrength = at.GetProperty("s").GetDouble(),
                    NoiseSeedDelta = at.TryGetProperty("ensd", out var delta) ? delta.GetInt32() : 0,
                    SeedResizeWidth = at.TryGetProperty("w", out var width) ? width.GetInt32() : null,
                    SeedResizeHeight = at.TryGetProperty("h", out var height) ? height.GetInt32() : null,
                };
                using var noise = new RunNoise(request, ModelFamily.All[0]);
                noise.Begin(new Batch(0, 0, ["a"]));
                long[] shape = [1, 4, 48, 64];
                foreach (var name in (string[])["first", "second", "third"])
                {
                    var drawn = name == "first" ? noise.Start(shape) : noise.Randn(shape);
                    var kept = drawn[0, 1].index_select(0, arange(3, 48, 9)).index_select(1, arange(0, 64, 7));
                    Close.Absolute(golden[$"case{number}.{name}"][i], kept, 2e-5, $"case {number}, {name} of seed {seeds[i]}");
                }
            }
        }

        long[] Longs(string name) => [.. cases.GetProperty(name).EnumerateArray().Select(seed => seed.GetInt64())];
    }

    /// <summary>Pictures of a run share the seed and have variation seeds that rise, whatever the batch; both kinds of noise do it.</summary>
    [Theory]
    [InlineData(NoiseLike.PerPicture)]
    [InlineData(NoiseLike.A1111Gpu)]
    public void VariationsOfARunRise(NoiseLike like)
    {
        using var scope = NewDisposeScope();
        var request = new GenerationRequest { Seed = 5, VariationSeed = 7, VariationStrength = 0.3, Like = like };
        using var together = new RunNoise(request, ModelFamily.All[0]);
        together.Begin(new Batch(0, 0, ["a", "a"]));
        using var alone = new RunNoise(request with { VariationSeed = 8 }, ModelFamily.All[0]);
        alone.Begin(new Batch(0, 0, ["a"]));
        Close.Absolute(together.Start([2, 4, 8, 8])[1..], alone.Start([1, 4, 8, 8]), 0);
        Assert.Equal((5, 5), (together.SeedOf(0), together.SeedOf(1)));
    }

    [Fact]
    public void OneStreamHasNoVariations()
    {
        foreach (var request in (GenerationRequest[])[new() { VariationStrength = 0.1 }, new() { NoiseSeedDelta = 1 },
            new() { SeedResizeWidth = 64, SeedResizeHeight = 64 }])
        {
            request.Validate();
            Assert.Throws<InvalidRequestException>(() => (request with { Like = NoiseLike.CompVis }).Validate());
        }
        Assert.Throws<InvalidRequestException>(() => new GenerationRequest { SeedResizeWidth = 64 }.Validate());
    }

    /// <summary>Below a noise level the negative prompt is asked in every other evaluation only (modules/sd_samplers_cfg_denoiser.py, s_min_uncond).</summary>
    [Fact]
    public void GuidanceTakesTurnsBelowANoiseLevel()
    {
        var savings = Savings.Of(new GenerationRequest { GuidanceMinSigma = 2 });
        (double Sigma, int Number)[] evaluations = [(4, 0), (3, 1), (2, 2), (1.9, 3), (1.5, 4), (1, 5)];
        Assert.Equal([true, true, true, false, true, false], evaluations.Select(at => savings.Guides(at.Sigma, at.Number)));
    }
}
