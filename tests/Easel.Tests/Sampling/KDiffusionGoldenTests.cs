using System.Text.Json;
using Easel.Sampling;
using Easel.Tests.Support;
using static TorchSharp.torch;

namespace Easel.Tests.Sampling;

/// <summary>
/// Guards every k-diffusion sampler: each call of the model (noise level and input), the noise asked for and the result, with the recorded noise replayed.
/// </summary>
public sealed class KDiffusionGoldenTests
{
    private static readonly JsonElement Json = Goldens.Json("samplers/samplers.json");
    private static readonly Dictionary<string, Tensor> Data = Kept.Tensors("samplers/samplers.safetensors");

    public static TheoryData<string> Cases => [.. Json.GetProperty("cases").EnumerateArray().Select(c => c.GetProperty("name").GetString()!)];

    [Theory]
    [MemberData(nameof(Cases))]
    public void FollowsTheOriginal(string name)
    {
        using var scope = NewDisposeScope();
        var golden = Json.GetProperty("cases").EnumerateArray().Single(c => c.GetProperty("name").GetString() == name);
        var args = golden.GetProperty("args");
        var function = golden.GetProperty("function").GetString()!["sample_".Length..];
        var sampler = Samplers.Get(Text(args, "solver_type") == "heun" ? function + "_heun" : function);
        var options = new SamplingOptions
        {
            Eta = Number(args, "eta"),
            Order = (int?)Number(args, "order"),
            Churn = Number(args, "s_churn") ?? 0,
            ChurnMin = Number(args, "s_tmin") ?? 0,
            ChurnMax = Number(args, "s_tmax") ?? double.PositiveInfinity,
            NoiseScale = Number(args, "s_noise") ?? 1,
            RelativeTolerance = Number(args, "rtol") ?? 0.05,
        };
        var sigmas = golden.GetProperty("sigmas").GetString() is { } schedule
            ? Data["sigmas." + schedule].data<float>().Select(s => (double)s).ToArray()
            : [Number(args, "sigma_max")!.Value, .. Enumerable.Repeat(Number(args, "sigma_min")!.Value, (int)(Number(args, "n") ?? 2) - 1), 0.0];

        var absmax = golden.GetProperty("absmax").GetDouble();
        var toy = new Toy(Json);
        var (calls, draws) = (0, 0);
        var noises = Data.GetValueOrDefault(name + (options.Churn > 0 ? ".churn_noise" : ".noise"));
        var pairs = Data.GetValueOrDefault(name + ".noise_sigma_pairs");
        var expectedSigmas = Data[name + ".call_sigmas"];

        // The adaptive steps follow the difference of two solutions that are nearly equal, of which single precision leaves few digits (measured: 1.3e-4 apart
        // at the end of a run).
        var near = function == "dpm_adaptive" ? 5e-4 : 1e-5;
        Tensor Denoise(Tensor x, Evaluation at)
        {
            var sigma = at.Sigma;
            Assert.Equal(calls, at.Number);
            Assert.Equal(expectedSigmas[calls].item<float>(), sigma, expectedSigmas[calls].item<float>() * near);
            Close.Absolute(Data[name + ".call_x"][calls], x, Math.Max(1e-4, near) * Math.Max(absmax, x.abs().max().item<float>()), $"input of call {calls}");
            calls++;
            return toy.Denoise(x, sigma);
        }

        Tensor Noise(double sigma, double sigmaNext)
        {
            if (pairs is not null)
            {
                Assert.Equal(pairs[draws][0].item<float>(), sigma, near * sigma);
                Assert.Equal(pairs[draws][1].item<float>(), sigmaNext, near * sigmaNext);
            }
            return noises![draws++].clone();
        }

        var steps = 0;
        var result = sampler.Run(Denoise, Data[name + ".x_init"], sigmas, Toy.Noise, Noise, options, step => Assert.Equal(steps++, step.Index));

        Close.Relative(Data[name + ".out"], result, 1e-4, name);
        Assert.Equal(golden.GetProperty("model_calls").GetInt32(), calls);
        // The DPM-Solvers of the original draw even where the noise is multiplied by 0; here nothing is drawn then.
        var expectedDraws = options.Churn > 0 ? sigmas.Length - 1 : golden.GetProperty("noise_draws").GetInt32();
        if (function is "dpm_fast" or "dpm_adaptive") Assert.InRange(draws, options.Eta > 0 ? expectedDraws - 1 : 0, expectedDraws);
        else Assert.Equal(expectedDraws, draws);
        if (golden.GetProperty("info") is { ValueKind: JsonValueKind.Object } info) Assert.Equal(info.GetProperty("steps").GetInt32(), steps);
    }

    [Theory]
    [InlineData("dpm_adaptive", null, 3, 0.05)]
    [InlineData("dpm_adaptive_order2", null, 2, 0.1)]
    [InlineData("dpm_adaptive_eta1", 1.0, 3, 0.05)]
    public void AdaptiveCountsAreExact(string name, double? eta, int order, double tolerance)
    {
        using var scope = NewDisposeScope();
        var toy = new Toy(Json);
        var draws = 0;
        Tensor Noise(double from, double to) => Data[name + ".noise"][draws++].clone();
        var options = new SamplingOptions { Eta = eta, Order = order, RelativeTolerance = tolerance };
        var run = new SamplerRun(toy.Denoise, [14.614642143249512, 0.029167532920837402], Toy.Noise, Noise, options, null);
        DpmSolverSamplers.Adaptive(run, Data[name + ".x_init"], out var counts);
        var info = Json.GetProperty("cases").EnumerateArray().Single(c => c.GetProperty("name").GetString() == name).GetProperty("info");
        var expected = new AdaptiveCounts(Of("steps"), Of("nfe"), Of("n_accept"), Of("n_reject"));
        Assert.Equal(expected, counts);

        int Of(string key) => info.GetProperty(key).GetInt32();
    }

    [Fact]
    public void AncestralStepsSplitAsTheOriginalSplitsThem()
    {
        foreach (var eta in new[] { 0.5, 1.0 })
        {
            for (var i = 0; i < 4; i++)
            {
                var pair = Data["ancestral.pairs"][i];
                var expected = Data[$"ancestral.eta{eta:0.0}"][i];
                var (down, up) = Moves.Ancestral(pair[0].item<float>(), pair[1].item<float>(), eta);
                Assert.Equal(expected[0].item<float>(), down, 1e-5);
                Assert.Equal(expected[1].item<float>(), up, 1e-5);
            }
        }
    }

    [Fact]
    public void BrownianNoiseIsTorchsdes()
    {
        using var scope = NewDisposeScope();
        var sigmas = Data["sigmas.karras"].data<float>().ToArray();
        foreach (var (key, seeds) in new[] { ("brownian.seed42", new long[] { 42 }), ("brownian.seed[1,2]", [1, 2]) })
        {
            // One tree for the batch, or one per picture
            var mode = seeds.Length == 1 ? NoiseMode.Stream : NoiseMode.PerImage;
            using var source = new NoiseSource(seeds, mode);
            var noise = source.Brownian(sigmas[^2], sigmas[0], [2, 4, 6, 6]);
            for (var i = 0; i < 9; i++) Close.Absolute(Data[key][i], noise(sigmas[i], sigmas[i + 1]), 1e-4, $"{key} {i}");
        }
    }

    private static double? Number(JsonElement args, string name) => args.TryGetProperty(name, out var value) ? value.GetDouble() : null;

    private static string? Text(JsonElement args, string name) => args.TryGetProperty(name, out var value) ? value.GetString() : null;
}
