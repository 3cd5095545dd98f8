using System.Text.Json;
using Easel.Sampling;
using static TorchSharp.torch;

namespace Easel.Tests.Sampling;

/// <summary>
/// The closed-form denoiser of the sampler goldens: the posterior mean of a mixture of three Gaussians over the four channels (samplers.json has the formula).
/// </summary>
internal sealed class Toy
{
    public static readonly NoiseSchedule Noise = NoiseSchedule.FromBetas(BetaSchedule.ScaledLinear, 0.00085, 0.012);

    public static readonly NoiseModel Model = new(Noise, PredictionType.Epsilon);

    private readonly float[][] _mu;
    private readonly double[] _s;
    private readonly double[] _w;

    public Toy(JsonElement json)
    {
        var toy = json.GetProperty("toy_denoiser");
        _mu = [.. toy.GetProperty("mu").EnumerateArray().Select(m => m.EnumerateArray().Select(v => v.GetSingle()).ToArray())];
        _s = [.. toy.GetProperty("s").EnumerateArray().Select(v => v.GetDouble())];
        _w = [.. toy.GetProperty("w").EnumerateArray().Select(v => v.GetDouble())];
    }

    public Tensor Denoise(Tensor x, Evaluation at) => Denoise(x, at.Sigma);

    public Tensor Denoise(Tensor x, double sigma)
    {
        using var scope = NewDisposeScope();
        var logs = new List<Tensor>();
        var means = new List<Tensor>();
        for (var k = 0; k < _mu.Length; k++)
        {
            var mu = tensor(_mu[k], [1, 4, 1, 1]);
            var (variance, square) = (_s[k] * _s[k] + sigma * sigma, _s[k] * _s[k]);
            logs.Add((x - mu).square().sum(1, keepdim: true) * (-1 / (2 * variance)) + (Math.Log(_w[k]) - 2 * Math.Log(variance)));
            means.Add((x * square + mu * (sigma * sigma)) / variance);
        }
        var shares = nn.functional.softmax(stack(logs), 0);
        return (shares * stack(means)).sum(dim: 0).MoveToOuterDisposeScope();
    }

    /// <summary>The same as a network: variance-preserving input and a timestep, log-linear in alphas_cumprod between whole ones.</summary>
    public Func<Tensor, double, Evaluation, Tensor> Network(NoiseSchedule noise, PredictionType prediction) => (x, t, _) =>
    {
        using var scope = NewDisposeScope();
        var (low, high) = ((int)Math.Floor(t), (int)Math.Ceiling(t));
        var a = Math.Exp(double.Lerp(Math.Log(noise.AlphasCumprod[low]), Math.Log(noise.AlphasCumprod[high]), t - low));
        var sigma = Math.Sqrt((1 - a) / a);
        var clean = Denoise(x / Math.Sqrt(a), sigma);
        var eps = (x / Math.Sqrt(a) - clean) / sigma;
        return (prediction == PredictionType.V ? eps * Math.Sqrt(a) - clean * Math.Sqrt(1 - a) : eps).MoveToOuterDisposeScope();
    };
}

/// <summary>Goldens that outlive the dispose scope of the test that happens to load them.</summary>
internal static class Kept
{
    public static Dictionary<string, Tensor> Tensors(string name) =>
        Support.Goldens.Tensors(name).ToDictionary(p => p.Key, p => p.Value.DetachFromDisposeScope());
}
