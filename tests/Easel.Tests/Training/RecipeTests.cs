using Easel.Models;
using Easel.Training;
using static TorchSharp.torch;

namespace Easel.Tests.Training;

/// <summary>Guards the arithmetic of training: schedule, weights of noise levels, averages, the optimizer, the learning rate.</summary>
public sealed class RecipeTests
{
    [Fact]
    public void TheScheduleEndsInPureNoiseAndEachLevelCountsAsMinSnrSays()
    {
        Assert.True(NoiseLevels.Schedule.AlphasCumprod[^1] < 1e-6);
        Assert.Equal(1, NoiseLevels.Weight(999), 1e-5); // pure noise counts in full
        for (var t = 0; t < 1000; t += 37)
        {
            var snr = NoiseLevels.Schedule.AlphasCumprod[t] / (1 - NoiseLevels.Schedule.AlphasCumprod[t]);
            Assert.Equal(snr <= 5 ? 1 : 6 / (snr + 1), NoiseLevels.Weight(t), 1e-9);
        }
        Assert.True(NoiseLevels.Weight(0) < 0.01);
    }

    [Fact]
    public void EveryBatchSeesAllLevelsOfNoise()
    {
        var timesteps = NoiseLevels.Timesteps(10, new Random(3));
        for (var i = 0; i < 10; i++) Assert.InRange(timesteps[i], NoiseLevels.At(i / 10.0), NoiseLevels.At((i + 1) / 10.0));
        Assert.InRange(NoiseLevels.At(0.5), 700, 800);
        Assert.Equal((0, 999), (NoiseLevels.At(0), NoiseLevels.At(1)));
    }

    [Fact]
    public void ARunBeginsWithPureNoiseAndEndsWithAllLevels()
    {
        Assert.Equal(NoiseLevels.LeastAt(0), NoiseLevels.LeastAt(0.1));
        Assert.All(NoiseLevels.Timesteps(64, new Random(4), NoiseLevels.LeastAt(0)), timestep => Assert.InRange(timestep, 995, 999));
        var shares = Enumerable.Range(0, 11).Select(i => NoiseLevels.LeastAt(i / 10.0)).ToList();
        Assert.Equal(shares.OrderDescending(), shares);
        Assert.Equal(0, NoiseLevels.LeastAt(0.5));
        Assert.True(NoiseLevels.Timesteps(64, new Random(4), 0).Min() < 100);
    }

    [Fact]
    public void NoiseAndTargetAreTheTwoSidesOfARotation()
    {
        using var scope = NewDisposeScope();
        var (clean, noise) = (randn(2, 4, 3, 3), randn(2, 4, 3, 3));
        var (noisy, v) = NoiseLevels.Add(clean, noise, [250, 999]);
        var signal = Math.Sqrt(NoiseLevels.Schedule.AlphasCumprod[250]);
        var spread = Math.Sqrt(1 - NoiseLevels.Schedule.AlphasCumprod[250]);
        Assert.True((signal * noisy[0] - spread * v[0] - clean[0]).abs().max().item<float>() < 1e-5);
        Assert.True((noisy[1] - noise[1]).abs().max().item<float>() < 1e-2);
    }

    [Fact]
    public void TheRateRisesThenFalls()
    {
        var rate = new LearningRate(1, WarmUp: 10);
        Assert.Equal(0.1, rate.At(1, 0), 1e-9);
        Assert.Equal(1, rate.At(10, 0), 1e-9);
        Assert.Equal(0.52, rate.At(100, 0.5), 1e-9);
        Assert.Equal(0.04, rate.At(100, 1), 1e-9);
    }

    [Fact]
    public void AdamWMovesAsItsPaperSays()
    {
        using var layer = new Linear(2, 1, hasBias: true);
        using var holder = new Holder(layer);
        var weights = new FlatWeights([("x", holder)], 0);
        var optimizer = new AdamW(weights, weightDecay: 0.1, maxNorm: 100, beta1: 0.9, beta2: 0.99, epsilon: 1e-8);
        var before = weights.Values.data<float>().ToArray();
        var (mean, square, value) = (new double[3], new double[3], before.Select(v => (double)v).ToArray());
        double[][] gradients = [[1, -2, 3], [0.5, 4, -1]];
        for (var step = 1; step <= 2; step++)
        {
            using (no_grad()) weights.Gradients.copy_(tensor(gradients[step - 1].Select(g => (float)g).ToArray()));
            optimizer.Step(step, 0.01);
            for (var i = 0; i < 3; i++)
            {
                mean[i] = 0.9 * mean[i] + 0.1 * gradients[step - 1][i];
                square[i] = 0.99 * square[i] + 0.01 * gradients[step - 1][i] * gradients[step - 1][i];
                if (i < 2) value[i] *= 1 - 0.01 * 0.1; // the bias does not decay
                value[i] -= 0.01 * (mean[i] / (1 - Math.Pow(0.9, step))) / (Math.Sqrt(square[i] / (1 - Math.Pow(0.99, step))) + 1e-8);
            }
        }
        var after = weights.Values.data<float>().ToArray();
        for (var i = 0; i < 3; i++) Assert.Equal(value[i], after[i], 1e-5);
    }

    [Fact]
    public void TheAverageFollowsTheWeights()
    {
        using var holder = new Holder(new Linear(2, 1, hasBias: false));
        var weights = new FlatWeights([("x", holder)], 0);
        using (no_grad()) weights.Values.zero_();
        var average = new AveragedWeights(weights, 0.9);
        Assert.Equal(2.0 / 11, average.DecayAt(1), 1e-9);
        Assert.Equal(0.9, average.DecayAt(1000), 1e-9);
        using (no_grad()) weights.Values.fill_(1);
        average.Update(1000);
        Assert.Equal(0.1f, average.Values[0].item<float>(), 1e-6f);
    }

    [Fact]
    public void LayersThatEndAResidualBranchBeginSilent()
    {
        var unet = new UNet(new UNetConfig
        {
            InChannels = 4,
            OutChannels = 4,
            Channels = [32, 32],
            Attention = [new(0, 8, true), new(1, 8, true)],
            MiddleAttention = new(1, 8, true),
            BlocksPerLevel = 1,
            ContextWidth = 32,
            LinearProjections = false,
        });
        using var scope = NewDisposeScope();
        _ = new FlatWeights([("unet", unet)], 0);
        using var guard = no_grad();
        Assert.Equal(0f, unet.call(randn(1, 4, 8, 8), zeros(1), randn(1, 77, 32), null).abs().max().item<float>());
    }

    /// <summary>A network of one layer.</summary>
    private sealed class Holder : nn.Module
    {
        private readonly Linear layer;

        public Holder(Linear layer) : base(nameof(Holder))
        {
            this.layer = layer;
            RegisterComponents();
        }
    }
}
