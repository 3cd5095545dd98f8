using System.Text.Json;
using Easel.Sampling;
using Easel.Tests.Support;
using static TorchSharp.torch;

namespace Easel.Tests.Sampling;

/// <summary>
/// Guards how much of a seed's stream a run takes, and in which order: what the next run begins from depends on it (tests/goldens/sd1/seeds.json).
/// </summary>
public sealed class SeedTests
{
    private static readonly JsonElement Recorded = Goldens.Json("sd1/seeds.json");

    [Theory]
    [InlineData("ddim", 1)]
    [InlineData("ddim", 3)]
    [InlineData("plms", 1)]
    [InlineData("plms", 3)]
    public void AnIterationTakesAsManyDrawsAsTheScripts(string sampler, int pictures)
    {
        using var scope = NewDisposeScope();
        var name = $"txt2img_{sampler}.seed42.n{pictures}.";
        var golden = Goldens.Tensors("sd1/seeds.safetensors");
        using var noise = new NoiseSource([42], NoiseMode.Stream);
        for (var iteration = 0; iteration < 2; iteration++)
        {
            var draws = 1;
            var start = noise.Randn(pictures, 4, 8, 8);
            Close.Absolute(golden[$"{name}iter{iteration}.x_T"], start, 2e-6, $"start of iteration {iteration}");
            Run(SamplingPlan.For(sampler, null, 12, Toy.Model), start, null, noise, () => draws++);
            Assert.Equal(Recorded.GetProperty(name).GetProperty("generator_draws_per_iter").GetInt32(), draws);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void ImageToImageTakesAsManyDrawsAsTheScript(int pictures)
    {
        using var scope = NewDisposeScope();
        var name = $"img2img.seed42.n{pictures}.";
        var (golden, recorded) = (Goldens.Tensors("sd1/seeds.safetensors"), Recorded.GetProperty(name));
        using var noise = new NoiseSource([42], NoiseMode.Stream);
        var (posterior, encode) = (noise.Randn(pictures, 4, 8, 8), noise.Randn(pictures, 4, 8, 8));
        Close.Absolute(golden[name + "draw0"], posterior, 2e-6, "noise of the picture's latents");
        Close.Absolute(golden[name + "draw1"], encode, 2e-6, "noise to begin from");

        var plan = SamplingPlan.For("ddim", null, 12, Toy.Model, recorded.GetProperty("strength").GetDouble());
        Assert.Equal(recorded.GetProperty("t_enc").GetInt32(), plan.StepCount);
        var init = golden[name + "init_latent"];
        Close.Relative(golden[name + "z_enc"], plan.Start(encode, init) / Math.Sqrt(1 + plan.Sigmas[0] * plan.Sigmas[0]), 1e-5, "noised latents");
        var draws = 2;
        Run(plan, encode, init, noise, () => draws++);
        Assert.Equal(recorded.GetProperty("draw_shapes").GetArrayLength(), draws);
        foreach (var shape in recorded.GetProperty("draw_shapes").EnumerateArray())
            Assert.Equal([pictures, 4, 8, 8], shape.EnumerateArray().Select(side => side.GetInt64()));
    }

    private static void Run(SamplingPlan plan, Tensor start, Tensor? init, NoiseSource noise, Action onDraw)
    {
        var draw = plan.NoiseFrom(noise, start.shape);
        plan.Run((x, _) => x * 0.5, plan.Start(start, init), (from, to) =>
        {
            onDraw();
            return draw(from, to);
        });
    }
}
