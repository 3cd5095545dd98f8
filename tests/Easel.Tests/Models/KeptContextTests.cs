using Easel.Models;
using Easel.Sampling;
using static TorchSharp.torch;

namespace Easel.Tests.Models;

/// <summary>
/// Guards the keys and values of a prompt that are made once: another prompt, another batch of pictures or changed weights must not meet old ones; parts of
/// rows add up to the whole.
/// </summary>
public sealed class KeptContextTests
{
    [Fact]
    public void APromptIsKeptAndAnotherPromptOrOtherWeightsAreSeen()
    {
        Assert.SkipUnless(Easel.Kernels.OneDnn.IsAvailable, "This build of libtorch has no packed layers.");
        using var inference = inference_mode();
        using var scope = NewDisposeScope();
        using var generator = new Generator(5, CPU);
        Tensor Random(params long[] shape) => randn(shape, generator: generator);
        using UNet packed = Small(), plain = Small();
        SameWeights(packed, plain, generator, 0.1);
        var x = Random(2, 4, 8, 8);
        var times = tensor((float[])[500, 500]);
        var contexts = new List<ContextKeys>();
        var words = new PromptMemory(ScalarType.Float32, CPU);
        var (first, second, third) = (new Condition(Random(1, 77, 32), null), new Condition(Random(1, 77, 32), 1), new Condition(Random(1, 77, 32), 1));

        Same(0, first, second);
        Same(0, second, first); // the same conditions of other pictures, in one evaluation
        Same(1, first, second);
        Assert.Same(contexts[0], contexts[2]);
        Same(2, first, third); // a prompt that has changed
        Same(3, first, second); // and changes back: what was made of it before has gone
        Assert.NotSame(contexts[0], contexts[4]);

        var (changed, ofPlain) = (Keys(packed), Keys(plain));
        var weight = Random(changed.named_parameters().Single().parameter.shape) * 0.3;
        ofPlain.Assign("weight", weight.clone().DetachFromDisposeScope());
        changed.Assign("weight", weight.DetachFromDisposeScope());
        words.Dispose(); // weights change between batches, and each batch has its own
        words = new PromptMemory(ScalarType.Float32, CPU);
        Same(0, first, second);
        words.Dispose();

        void Same(int evaluation, params Condition[] conditions)
        {
            var call = new NetworkCall(x, 500, new Evaluation(evaluation, evaluation, 1),
                [.. conditions.Select((condition, i) => new GuidanceRow(i, condition))]);
            var a = words.Over(given =>
            {
                contexts.Add(given.Context!);
                return packed.Predict(given.X, times, given.Context!, null, null);
            })(call);
            var b = plain.call(x, times, cat([.. conditions.Select(condition => condition.Context)], dim: 0), null);
            var (difference, largest) = ((a - b).abs().max().item<float>(), b.abs().max().item<float>());
            Assert.True(difference < 1e-4 * largest, $"{difference} of {largest}");
        }

        static Layer Keys(UNet unet) => (Layer)unet.named_modules().First(m => m.name.EndsWith("attn2.to_k", StringComparison.Ordinal)).module;
        static UNet Small() => new(new UNetConfig
        {
            InChannels = 4,
            OutChannels = 4,
            Channels = [32, 64],
            Attention = [new(1, 4, true), new(1, 4, true)],
            MiddleAttention = new(1, 4, true),
            BlocksPerLevel = 1,
            ContextWidth = 32,
            LinearProjections = false,
        });
    }

    [Fact]
    public void AVectorTravelsWithItsCondition()
    {
        using var inference = inference_mode();
        using var scope = NewDisposeScope();
        using var generator = new Generator(7, CPU);
        using var unet = new UNet(new UNetConfig
        {
            InChannels = 4,
            OutChannels = 4,
            Channels = [64], // of two in each group of a norm: one alone would lose what is added to it
            Attention = [new(0, 4, true)],
            MiddleAttention = new(1, 4, true),
            BlocksPerLevel = 1,
            ContextWidth = 32,
            VectorWidth = 16,
            LinearProjections = false,
        });
        foreach (var layer in unet.modules().OfType<Layer>())
            foreach (var (name, parameter) in layer.named_parameters(recurse: false).ToList())
                layer.Assign(name, (randn(parameter.shape, generator: generator) * 0.2).DetachFromDisposeScope());
        using var words = new PromptMemory(ScalarType.Float32, CPU);
        var (x, times, context) = (randn([1, 4, 8, 8], generator: generator).expand(2, 4, 8, 8), tensor((float[])[500, 500]),
            randn([1, 77, 32], generator: generator));
        GuidanceRow[] rows = [new(0, new(context, null, zeros(1, 16))), new(0, new(context, 1, ones(1, 16)))];
        var answers = words.Over(call => unet.Predict(call.X, times, call.Context!, null, null))(new NetworkCall(x, 500, default, rows));
        Assert.True((answers[0] - answers[1]).abs().max().item<float>() > 0.01); // told apart by the vector alone
        var alone = unet.Predict(x[1..], times[1..], new ContextKeys(context, ones(1, 16)), null, null);
        Assert.True((alone - answers[1..]).abs().max().item<float>() < 1e-4 * alone.abs().max().item<float>());
    }

    [Fact]
    public void AFeedForwardInPartsEqualsTheWhole()
    {
        Assert.SkipUnless(Easel.Kernels.OneDnn.IsAvailable, "This build of libtorch has no packed layers.");
        using var inference = inference_mode();
        using var scope = NewDisposeScope();
        using var generator = new Generator(6, CPU);
        const int Channels = 32, Rows = 28_000; // 14 MB inside: more than a part may have
        using FeedForward packed = new(Channels), plain = new(Channels);
        SameWeights(packed, plain, generator, 0.2);
        var (x, residual) = (randn([2, Rows / 2, Channels], generator: generator), randn([2, Rows / 2, Channels], generator: generator));
        var expected = plain.AddTo(residual.clone(), x);
        var actual = packed.AddTo(residual, x);
        Assert.Equal(expected.shape, actual.shape);
        Assert.True((actual - expected).abs().max().item<float>() < 1e-4 * expected.abs().max().item<float>());
    }

    /// <summary>Gives two networks the same random weights, the first packed.</summary>
    private static void SameWeights(nn.Module packed, nn.Module plain, Generator generator, double spread)
    {
        foreach (var (one, other) in packed.modules().OfType<Layer>().Zip(plain.modules().OfType<Layer>()))
        {
            one.Packs = true;
            foreach (var (name, parameter) in one.named_parameters(recurse: false).ToList())
            {
                var values = randn(parameter.shape, generator: generator) * spread;
                other.Assign(name, values.clone().DetachFromDisposeScope());
                one.Assign(name, values.DetachFromDisposeScope());
            }
        }
    }
}
