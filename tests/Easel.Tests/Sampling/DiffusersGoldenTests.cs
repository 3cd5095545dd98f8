using System.Globalization;
using System.Text.Json;
using Easel.Sampling;
using Easel.Tests.Support;
using static TorchSharp.torch;

namespace Easel.Tests.Sampling;

/// <summary>
/// Guards the samplers that diffusers has too: the levels, the timesteps asked for and the latents after every step,
/// through a network that is given timesteps and predicts noise or v.
/// </summary>
public sealed class DiffusersGoldenTests
{
    private static readonly JsonElement Json = Goldens.Json("samplers/samplers.json");
    private static readonly Dictionary<string, Tensor> Data = Kept.Tensors("samplers/samplers.safetensors");

    /// <summary>
    /// How a diffusers configuration is said here. Where: whether the run ends at the model's lowest level; Stride and Offset: which of the recorded states is
    /// a step's end.
    /// </summary>
    private sealed record Case(
        string Sampler, string Schedule, bool EndsAboveZero = false, SamplingOptions? Options = null, int Stride = 1, int Offset = 0, bool ZeroSnr = false);

    private static readonly Dictionary<string, Case> Known = new()
    {
        ["ddim"] = new("ddim", "leading", true),
        ["ddim_eta1"] = new("ddim", "leading", true, new() { Eta = 1 }),
        ["ddim_trailing"] = new("ddim", "trailing", true),
        ["ddim_zsnr_v"] = new("ddim", "trailing", true, ZeroSnr: true),
        ["ddpm"] = new("ddpm", "leading"),
        ["pndm_skip_prk"] = new("plms", "leading", true, Offset: 1),
        ["unipc_bh2"] = new("unipc", "solver", true),
        ["unipc_bh2_order3"] = new("unipc", "solver", true, new() { Order = 3 }),
        ["unipc_bh1_order3"] = new("unipc_bh1", "solver", true),
        ["unipc_karras"] = new("unipc", "karras", true, new() { RoundTimesteps = true }),
        ["unipc_noclo"] = new("unipc", "solver", true, new() { LowerOrderFinal = false }),
        ["deis"] = new("deis", "solver", true),
        ["dpmpp_2m"] = new("dpm_solver", "solver", true),
        ["dpmpp_2m_karras"] = new("dpm_solver", "karras", true, new() { RoundTimesteps = true }),
        ["dpmpp_2m_order3"] = new("dpm_solver", "solver", true, new() { Order = 3 }),
        ["dpmpp_2m_sde"] = new("dpmpp_2m_sde", "solver", true, new() { LowerOrderFinal = true }),
        ["dpmpp_2s"] = new("dpmpp_2s", "solver", true),
        ["euler"] = new("euler", "linspace"),
        ["euler_a"] = new("euler_ancestral", "linspace"),
        ["lms"] = new("lms", "linspace"),
        ["heun"] = new("heun", "linspace", Stride: 2, Offset: 1),
        ["kdpm2"] = new("dpm_2", "linspace", Stride: 2, Offset: 1),
        ["kdpm2_a"] = new("dpm_2_ancestral", "linspace", Stride: 2, Offset: 1),
        ["lcm_1"] = new("lcm", "lcm"),
        ["lcm_2"] = new("lcm", "lcm"),
        ["lcm_4"] = new("lcm", "lcm"),
        ["lcm_8"] = new("lcm", "lcm"),
    };

    public static TheoryData<string> Cases =>
        [.. Json.GetProperty("diffusers_cases").EnumerateArray().Select(c => c.GetProperty("name").GetString()!)
            .Where(name => name != "pndm_prk")]; // has no counterpart here, as the README says

    [Theory]
    [MemberData(nameof(Cases))]
    public void FollowsDiffusersStepByStep(string name)
    {
        using var scope = NewDisposeScope();
        var golden = Json.GetProperty("diffusers_cases").EnumerateArray().Single(c => c.GetProperty("name").GetString() == name);
        var known = Known[Base(name)];
        var schedule = NoiseSchedule.FromBetas(BetaSchedule.ScaledLinear, 0.00085, 0.012, zeroTerminalSnr: known.ZeroSnr);
        // The last alpha is 0 in diffusers' DDIM; AUTOMATIC1111's tiny one, the default here, would show in the fourth digit.
        if (known.ZeroSnr) schedule = NoiseSchedule.FromAlphas([.. schedule.AlphasCumprod.SkipLast(1), 1e-14]);
        var prediction = golden.GetProperty("prediction_type").GetString() == "v_prediction" ? PredictionType.V : PredictionType.Epsilon;
        var sampler = Samplers.Get(known.Sampler);
        var sigmas = Schedules.Sigmas(known.Schedule, schedule, golden.GetProperty("steps").GetInt32(), known.EndsAboveZero ? schedule.SigmaMin : 0);
        if (Data.TryGetValue($"diffusers.{name}.sigmas", out var expected))
        {
            // Where a step takes two evaluations diffusers lists each level but the first twice, and some zeros behind the last.
            for (var i = 0; i < sigmas.Length; i++)
                Assert.Equal(expected[Math.Max(0, known.Stride * (i - 1) + 1)].item<float>(), sigmas[i], 1e-5 * sigmas[i]);
            for (var i = known.Stride * (sigmas.Length - 1); i < expected.shape[0]; i++)
                Assert.Equal(sigmas[^1], expected[i].item<float>(), 1e-5 * sigmas[^1]);
        }

        var preserving = Data[$"diffusers.{name}.init_noise_sigma"].item<float>() == 1;
        var states = Data[$"diffusers.{name}.x"];
        var draws = 0;
        var perStep = Base(name) == "kdpm2_a" ? 2 : 1;
        Tensor Noise(double from, double to) => Data.TryGetValue($"diffusers.{name}.noise", out var noise)
            ? noise[draws++ * perStep + perStep - 1].clone()
            : zeros(2, 4, 6, 6);

        double ToTimestep(double sigma) => known.Options?.RoundTimesteps == true ? schedule.NearestTimestep(sigma) : schedule.ToTimestep(sigma);
        var network = new Toy(Json).Network(Toy.Noise, prediction);
        var asked = new List<double>();
        var denoise = new NoiseModel(schedule, prediction).Denoiser((x, timestep, at) =>
        {
            asked.Add(timestep);
            return network(x, timestep, at);
        }, ToTimestep);
        var start = Data["x_unit_noise"] * (preserving ? Math.Sqrt(1 + sigmas[0] * sigmas[0]) : sigmas[0]);
        sampler.Run(denoise, start, sigmas, schedule, Noise, known.Options, step =>
        {
            var state = states[Math.Min(step.Index * known.Stride + known.Offset, states.shape[0] - 1)];
            var actual = preserving ? step.Latents / Math.Sqrt(1 + step.Sigma * step.Sigma) : step.Latents;
            Close.Relative(state, actual, 1e-4, $"{name} step {step.Index}");
        });
        var timesteps = Data[$"diffusers.{name}.timesteps"].data<float>().ToArray();
        Assert.Equal(timesteps.Length, asked.Count);
        for (var i = 0; i < timesteps.Length; i++) Assert.Equal(timesteps[i], asked[i], 1e-3); // whole, but for those between two levels
    }

    [Theory]
    [InlineData(1, "0.0")]
    [InlineData(1, "0.3")]
    [InlineData(2, "0.3")]
    [InlineData(4, "0.0")]
    [InlineData(4, "0.3")]
    [InlineData(8, "0.3")]
    [InlineData(8, "1.0")]
    public void TcdFollowsDiffusersStepByStep(int steps, string eta)
    {
        using var scope = NewDisposeScope();
        var data = Goldens.Tensors("samplers/tcd.safetensors");
        Tensor Golden(string name) => data[$"s{steps}_eta{eta}.{name}"];
        var plan = SamplingPlan.For("tcd", null, steps, Toy.Model, options: new() { Eta = double.Parse(eta, CultureInfo.InvariantCulture) });
        var (timesteps, draws) = (new List<double>(), 0);
        Tensor Network(Tensor x, double timestep, Evaluation at)
        {
            timesteps.Add(timestep);
            return (x * (0.5 + timestep / 1000)).tanh();
        }

        plan.Run(plan.Noise.Denoiser(Network, plan.ToTimestep), plan.Start(Golden("x_T")), (_, _) => Golden("noise")[draws++].clone(),
            step => Close.Relative(Golden("x")[step.Index], step.Latents / Math.Sqrt(1 + step.Sigma * step.Sigma), 1e-5, $"step {step.Index}"));
        Assert.Equal(Golden("timesteps").data<long>().Select(t => (double)t), timesteps);
        Assert.Equal(eta == "0.0" ? 0 : steps - 1, draws);
    }

    private static string Base(string name) => name.EndsWith(".v", StringComparison.Ordinal) ? name[..^2] : name;
}
