using System.Text.Json;
using Easel.Sampling;
using Easel.Tests.Support;
using static TorchSharp.torch;

namespace Easel.Tests.Sampling;

/// <summary>Guards that seeds mean what they mean elsewhere: libtorch's generator, a CUDA card's, NumPy's.</summary>
public sealed class RandomTests
{
    private static readonly JsonElement Json = Goldens.Json("rng/rng.json");
    private static readonly Dictionary<string, Tensor> Data = Kept.Tensors("rng/rng.safetensors");

    /// <summary>Fewer than 16 numbers and 16 or more take different paths in libtorch.</summary>
    [Fact]
    public void FirstDrawsAreTorchs()
    {
        using var scope = NewDisposeScope();
        foreach (var golden in Json.GetProperty("torch_randn").EnumerateArray())
        {
            using var source = new NoiseSource([golden.GetProperty("seed").GetInt64()], NoiseMode.Stream);
            var key = golden.GetProperty("key").GetString()!;
            Near(Data[key], source.Randn(Shape(golden.GetProperty("shape"))), key);
        }
    }

    [Fact]
    public void ConsecutiveDrawsAreTorchs()
    {
        using var scope = NewDisposeScope();
        foreach (var golden in Json.GetProperty("torch_sequence").EnumerateArray())
        {
            using var source = new NoiseSource([golden.GetProperty("seed").GetInt64()], NoiseMode.Stream);
            foreach (var (shape, key) in golden.GetProperty("shapes").EnumerateArray().Zip(golden.GetProperty("keys").EnumerateArray()))
                Near(Data[key.GetString()!], source.Randn(Shape(shape)), key.GetString()!);
        }
    }

    /// <summary>Other kinds of draw between: what a seed gives after a script has used the generator otherwise.</summary>
    [Fact]
    public void MixedDrawsAreTorchs()
    {
        using var scope = NewDisposeScope();
        foreach (var golden in Json.GetProperty("torch_other").EnumerateArray())
        {
            using var generator = new Generator((ulong)golden.GetProperty("seed").GetInt64());
            if (golden.TryGetProperty("ops", out var operations))
            {
                foreach (var (operation, key) in operations.EnumerateArray().Zip(golden.GetProperty("keys").EnumerateArray()))
                {
                    var shape = Shape(operation[1]);
                    var actual = operation[0].GetString() switch
                    {
                        "rand" => rand(shape, generator: generator),
                        "randn" => randn(shape, generator: generator),
                        "randint0_1000" => randint(0, 1000, shape, dtype: ScalarType.Int64, generator: generator),
                        _ => randperm(shape[0], dtype: ScalarType.Int64, generator: generator),
                    };
                    Near(Data[key.GetString()!], actual, key.GetString()!);
                }
                continue;
            }
            var name = golden.GetProperty("key").GetString()!;
            var seed = golden.GetProperty("seed").GetInt64();
            using var images = new NoiseSource([seed, seed + 1, seed + 2, seed + 3]);
            // The words of the generator below 2^27: newer versions of libtorch spend two words on a draw from a wider range.
            var expected = name.StartsWith("raw32", StringComparison.Ordinal) ? Data[name].remainder(1L << 27) : Data[name];
            Near(expected, name.Split('.')[0] switch
            {
                "raw32" => randint(0, 1L << 27, [700L], dtype: ScalarType.Int64, generator: generator),
                "randn64" => randn(40, dtype: ScalarType.Float64, generator: generator),
                "randn64small" => randn(9, dtype: ScalarType.Float64, generator: generator),
                "randn_like" => randn(4, 4, 8, 8, generator: generator),
                _ => images.Randn(4, 4, 8, 8),
            }, name);
        }
    }

    [Fact]
    public void PhiloxDrawsAreACudaCards()
    {
        using var scope = NewDisposeScope();
        foreach (var draws in Json.GetProperty("philox_randn").EnumerateArray().GroupBy(g => g.GetProperty("seed").GetUInt64()))
        {
            var generator = new PhiloxGenerator(draws.Key);
            foreach (var golden in draws.OrderBy(g => g.GetProperty("call_index").GetInt32()))
            {
                var key = golden.GetProperty("key").GetString()!;
                Close.Absolute(Data[key], generator.Randn(Shape(golden.GetProperty("shape"))), 1e-6, key);
            }
        }
        using var source = new NoiseSource([1, 42], NoiseMode.Philox);
        var batch = source.Randn(2, 4, 8, 8);
        Close.Absolute(Data["philox.seed42.0.1x4x8x8"], batch[1..2], 1e-6);
    }

    /// <summary>
    /// First numbers of the start noise of the reference's inpainting and upscaling scripts (x_T of their recorded runs), and of NumPy's documentation.
    /// </summary>
    [Theory]
    [InlineData(99u, new[] { -0.14235883951187134, 2.0572216510772705, 0.2832619547843933, 1.329811930656433, -0.15462185442447662, -0.06903085857629776 })]
    [InlineData(10u, new[] { 1.331586480140686, 0.7152789831161499, -1.5454002618789673, -0.008383849635720253, 0.6213359832763672, -0.7200855612754822 })]
    [InlineData(0u, new[] { 1.76405235, 0.40015721, 0.97873798, 2.2408932, 1.86755799, -0.97727788 })]
    public void NumpyDrawsAreNumpys(uint seed, double[] expected)
    {
        using var scope = NewDisposeScope();
        var drawn = new NumpyRandomState(seed).Randn(1, expected.Length).data<float>().ToArray();
        for (var i = 0; i < expected.Length; i++) Assert.Equal(expected[i], drawn[i], 1e-6);
    }

    /// <summary>Places of a tree get seeds of their own; that they are NumPy's, the Brownian goldens show.</summary>
    [Fact]
    public void SeedSequenceSpreadsKeys()
    {
        var words = Enumerable.Range(0, 8).Select(i => SeedSequence.Words(1, [(ulong)i, 3], 24, 1)[0]).ToHashSet();
        Assert.Equal(8, words.Count);
        Assert.Equal(SeedSequence.Words(7, [], 24, 3)[..2], SeedSequence.Words(7, [], 24, 2));
        Assert.NotEqual(SeedSequence.Words(1L << 40, [], 24, 1), SeedSequence.Words(0, [], 24, 1));
    }

    [Fact]
    public void NegativeAndWideSeedsWrapAsTorchs()
    {
        using var scope = NewDisposeScope();
        using var negative = new NoiseSource([-1]);
        using var wrapped = new Generator(ulong.MaxValue);
        Close.Absolute(randn(1, 5, generator: wrapped), negative.Randn(1, 5), 0);
        Assert.Throws<InvalidRequestException>(() => new NoiseSource([]));
        Assert.Throws<ArgumentException>(() => negative.Randn(2, 5));
    }

    /// <summary>
    /// The order of draws of the original's scripts: start noise, then one per DDIM step (14 in all), then the next iteration from the same generator.
    /// </summary>
    [Theory]
    [InlineData("ddim", 1)]
    [InlineData("ddim", 3)]
    [InlineData("plms", 1)]
    [InlineData("plms", 3)]
    public void AStreamGoesOnThroughIterations(string sampler, int pictures)
    {
        using var scope = NewDisposeScope();
        var seeds = Kept.Tensors("sd1/seeds.safetensors");
        using var source = new NoiseSource([42], NoiseMode.Stream);
        long[] shape = [pictures, 4, 8, 8];
        var plan = SamplingPlan.For(sampler, null, 12, Toy.Model);
        for (var iteration = 0; iteration < 2; iteration++)
        {
            var noise = source.Randn(shape);
            Near(seeds[$"txt2img_{sampler}.seed42.n{pictures}.iter{iteration}.x_T"], noise, "x_T");
            plan.Run((x, _) => x * 0.5, plan.Start(noise), plan.NoiseFrom(source, shape));
        }
        Near(seeds["start_code.seed42.n3"], new NoiseSource([42], NoiseMode.Stream).Randn(3, 4, 64, 64), "start_code");
    }

    private static void Near(Tensor expected, Tensor actual, string what)
    {
        if (expected.is_floating_point()) Close.Absolute(expected, actual, expected.numel() < 16 ? 1e-6 : 2e-6, what);
        else Close.Absolute(expected, actual, 0, what);
    }

    private static long[] Shape(JsonElement shape) => [.. shape.EnumerateArray().Select(n => n.GetInt64())];
}
