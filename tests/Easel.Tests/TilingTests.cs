using Easel.Models;
using Easel.Sampling;
using Easel.Tests.Models;
using Easel.Tests.Support;
using static TorchSharp.torch;

namespace Easel.Tests;

/// <summary>Guards pictures that tile: on a torus nothing tells where the edge is, so that moving what goes in moves what comes out.</summary>
public sealed class TilingTests
{
    [Fact]
    public void NetworksDoNotSeeTheEdges()
    {
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        using var model = LoadedModel.Load(LoadedModel.Path("sd1"));
        using var generator = new Generator(3, CPU);
        var (x, context) = (randn([1, 4, 16, 16], generator: generator), randn([1, 77, model.UNet.Config.ContextWidth], generator: generator));
        var rows = (GuidanceRow[])[new(0, new Condition(context, 1))];
        Tensor Predicted(Tensor latents) => model.Predict(new NetworkCall(latents, 500, new Evaluation(0, 0, 1), rows));
        Tensor Decoded(Tensor latents, int? tile = null) => model.Decode(latents, tile);

        model.Wraps = true;
        Close.Absolute(Rolled(Predicted(x), 8), Predicted(Rolled(x, 8)), 1e-4, "the UNet's answer");
        var picture = Decoded(x);
        Close.Absolute(Rolled(picture, 5 * 8), Decoded(Rolled(x, 5)), 1e-3, "the picture");

        model.Wraps = false;
        Assert.True((picture - Decoded(x)).abs().max().item<float>() > 1e-3);
        Assert.True((Rolled(Predicted(x), 8) - Predicted(Rolled(x, 8))).abs().max().item<float>() > 1e-3);

        static Tensor Rolled(Tensor all, long by) => all.roll([by, by], [2, 3]);
    }

    /// <summary>Decoded in tiles, what lies beyond an edge is the opposite side: laid around the latents, decoded with them and cut off.</summary>
    [Fact]
    public void TilesOfTheDecoderDoNotMakeASeam()
    {
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        using var model = LoadedModel.Load(LoadedModel.Path("sd1"));
        using var generator = new Generator(5, CPU);
        var x = randn([1, 4, 24, 24], generator: generator);
        var around = cat([x[.., .., 16..], x, x[.., .., ..8]], 2);
        around = cat([around[.., .., .., 16..], around, around[.., .., .., ..8]], 3);
        var expected = model.Decode(around, 20)[.., .., 64..256, 64..256];
        model.Wraps = true;
        Close.Absolute(expected, model.Decode(x, 20), 1e-4, "tiles that wrap");
        Assert.True(model.Wraps);
    }

    /// <summary>Layers that are packed for the processor wrap as plain ones do.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void PackedConvolutionsWrapAsPlainOnes(long stride)
    {
        if (!Easel.Kernels.OneDnn.IsAvailable) return;
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        using var generator = new Generator(4, CPU);
        var (weight, bias) = (randn([16, 16, 3, 3], generator: generator), randn([16], generator: generator));
        var x = randn([2, 16, 8, 10], generator: generator).ChannelsLast();
        var padded = nn.functional.pad(x, [1, 1, 1, 1], TorchSharp.PaddingModes.Circular);
        var expected = nn.functional.conv2d(padded, weight, bias, [stride, stride]);
        var enlarged = nn.functional.pad(nn.functional.interpolate(x, scale_factor: [2, 2]), [1, 1, 1, 1], TorchSharp.PaddingModes.Circular);
        foreach (var packs in (bool[])[false, true])
        {
            using var layer = new Easel.Models.Conv2d(16, 16, kernel: 3, stride: stride, padding: 1) { Packs = packs, Wraps = true };
            using var doubled = new DoubledConv2d(16) { Packs = packs, Wraps = true };
            foreach (var each in (Layer[])[layer, doubled])
            {
                each.Assign("weight", weight.clone().DetachFromDisposeScope());
                each.Assign("bias", bias.clone().DetachFromDisposeScope());
            }
            Close.Absolute(expected, layer.call(x), 1e-4, $"packed {packs}");
            Close.Absolute(expected + 1, layer.AddTo(ones_like(expected), x), 1e-4, $"added, packed {packs}");
            Close.Absolute(nn.functional.conv2d(enlarged, weight, bias), doubled.call(x), 1e-4, $"doubled, packed {packs}");
        }
    }
}
