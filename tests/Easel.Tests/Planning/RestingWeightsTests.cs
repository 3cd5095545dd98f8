using Easel.Imaging;
using Easel.Metadata;
using Easel.Models;
using Easel.Planning;
using Easel.Runtime;
using Easel.Tests.Models;
using Easel.Tests.Support;
using Easel.Tests.Weights;
using Easel.Weights;
using Easel.Weights.Formats;
using static TorchSharp.torch;

namespace Easel.Tests.Planning;

/// <summary>
/// Guards that a layer whose weight rests in fewer bits computes exactly what it would with that weight widened beforehand, whole or in parts, that LoRAs come
/// and go as they do otherwise, and that such weights are chosen where they spare a model from being read at every step, and are told.
/// </summary>
public sealed class RestingWeightsTests
{
    private static readonly NumberFormat InEight = new(ScalarType.Float32, ScalarType.Float32, WeightFormat.Q8);
    private static readonly GenerationRequest Plain = new() { Prompt = "a house", Width = 64, Height = 64, Steps = 2, Seed = 5, Sampler = "euler" };

    [Theory]
    [InlineData(WeightFormat.Q8)]
    [InlineData(WeightFormat.Q4)]
    public void AWokenWeightIsWhatItsBlocksSay(WeightFormat weights)
    {
        using var scope = NewDisposeScope();
        var type = GgmlType.Named(weights == WeightFormat.Q8 ? "Q8_0" : "Q4_0")!;
        NarrowRow narrow = weights == WeightFormat.Q8 ? GgmlNarrowing.Q8_0 : GgmlNarrowing.QuickQ4_0;
        var values = randn([96, 32, 3, 3], generator: new Generator(1));
        using var rest = RestingWeights.Of(InEight with { Weights = weights })!(() => values.clone());
        var last = values.permute(0, 2, 3, 1).contiguous().data<float>().ToArray();
        var (blocks, expected) = (new byte[last.Length / 32 * type.Bytes], new float[last.Length]);
        for (var row = 0; row < 96; row++) narrow(last.AsSpan(row * 288, 288), blocks.AsSpan(row * 9 * type.Bytes, 9 * type.Bytes));
        for (var block = 0; block < last.Length / 32; block++) type.Widen!(blocks.AsSpan(block * type.Bytes, type.Bytes), expected.AsSpan(block * 32, 32));

        var woken = rest.Wake(ScalarType.Float32);
        Assert.Equal([96, 32, 3, 3], woken.shape);
        Assert.Equal(expected, woken.permute(0, 2, 3, 1).contiguous().data<float>().ToArray());
        Assert.True(woken[64..].equal(rest.Wake(ScalarType.Float32, 64, 32)).all().item<bool>());
        if (Easel.Kernels.Singles256.IsSupported)
            Assert.True(rest.Wake(ScalarType.BFloat16).equal(woken.to(ScalarType.BFloat16)).all().item<bool>());
        var error = (woken - values).pow(2).mean().sqrt().item<float>(); // of numbers whose spread is 1
        Assert.InRange(error, 0, weights == WeightFormat.Q8 ? 0.008 : 0.13);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void ALargeWeightIsWokenInPartsAndTheOutputsAreThose(bool packs)
    {
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        var random = new Generator(2);
        var (matrix, kernel, bias) = (randn([3072, 3072], generator: random) * 0.02, randn([640, 1600, 3, 3], generator: random) * 0.01,
            randn([3072], generator: random));
        Same(() => new Linear(3072, 3072, parts: 2), matrix, bias, randn([2, 5, 3072], generator: random), (layer, x) => ((Linear)layer).Gated(x));
        Same(() => new Linear(3072, 3072), matrix, bias, randn([2, 5, 3072], generator: random), (layer, x) => layer.AddTo(x, x));
        var picture = randn([1, 1600, 6, 6], generator: random).ChannelsLast();
        Same(() => new Easel.Models.Conv2d(1600, 640, kernel: 3, padding: 1), kernel, bias[..640], picture, (layer, x) => layer.call(x));
        Same(() => new Easel.Models.Conv2d(1600, 640, kernel: 3, padding: 1) { Wraps = true }, kernel, bias[..640], picture, (layer, x) => layer.call(x));
        Same(() => new DoubledConv2d(1024), randn([1024, 1024, 3, 3], generator: random) * 0.01, bias[..1024],
            randn([1, 1024, 5, 5], generator: random).ChannelsLast(), (layer, x) => ((DoubledConv2d)layer).Forward(x, 10, 9));

        void Same(Func<Layer> make, Tensor weight, Tensor added, Tensor x, Func<Layer, Tensor, Tensor> compute)
        {
            using var resting = make();
            using var ready = make();
            (resting.Packs, ready.Packs) = (packs, packs);
            resting.Provide("weight", ScalarType.Float32, CPU, weight.clone, RestingWeights.Of(InEight));
            using var rest = RestingWeights.Of(InEight)!(weight.clone);
            ready.Provide("weight", ScalarType.Float32, CPU, () => rest.Wake(ScalarType.Float32), null);
            foreach (var layer in new[] { resting, ready }) layer.Provide("bias", ScalarType.Float32, CPU, added.clone, null);
            Assert.True(allclose(compute(ready, x.clone()), compute(resting, x.clone()), 1e-5, 1e-5));
            Assert.True(allclose(compute(ready, x.clone()), compute(resting, x.clone()), 1e-5, 1e-5)); // it went to rest again
        }
    }

    [Fact]
    public void LorasComeAndGoOnResting()
    {
        var model = LoadedModel.Path("sd1");
        using var folder = new TemporaryFolder();
        PlanTests.WriteLora(folder.Path("style.safetensors"), model);
        using var generator = ImageGenerator.Load(model,
            new LoadOptions { Precision = Precision.Full, Weights = WeightFormat.Q8, Device = "cpu", LoraFolders = [folder.Path()] });
        var (before, with, after) = (Draw(Plain), Draw(Plain with { Prompt = "a house <lora:style:1>" }), Draw(Plain));
        Assert.Equal(before, after);
        Assert.NotEqual(before, with);

        byte[] Draw(GenerationRequest request) => generator.Generate(request).Images[0].Image.Pixels.ToArray();
    }

    [Fact]
    public void EightBitsSpareAModelFromBeingReadAtEveryStep()
    {
        var small = PlanTests.SizeOf(LoadedModel.Path("sd1"));
        var size = small with { Networks = [.. small.Networks.Select(network => network.Stage == Stage.Denoising ? Larger(network) : network)] };
        var options = new LoadOptions { Device = "cpu" };
        var limit = PlanTests.LimitFor(size, Easel.Pipeline.Residency.OneAtATime, MemoryPlan.Formats(options, CPU)[^1]);
        Assert.Equal(WeightFormat.Q8, Chosen(options, limit));
        Assert.Equal(WeightFormat.Full, Chosen(options with { Weights = WeightFormat.Full }, limit));
        Assert.Equal(WeightFormat.Full, Chosen(options with { Precision = Precision.Full }, limit)); // what was asked for is not changed
        Assert.Equal(WeightFormat.Full, Chosen(options, 1L << 40));
        Assert.Equal(WeightFormat.Q4, Chosen(options with { Weights = WeightFormat.Q4 }, 1L << 40));

        static PlannedNetwork Larger(PlannedNetwork network) => network with
        {
            Values = 1000 * network.Values,
            Streamed = new(() => new RestableWeights(1000 * network.Values, network.Values)),
        };

        WeightFormat Chosen(LoadOptions options, long limit) => ModelLoader.Choose(MemoryPlan.Formats(options, CPU), CPU,
            format => MemoryPlan.For(size, format, rows: 2, (8, 8), encodes: true, limit)).Format.Weights;
    }

    [Fact]
    public void FewerBitsAreTold()
    {
        var (model, options) = (LoadedModel.Path("sd1"), new LoadOptions { Device = "cpu", Weights = WeightFormat.Q8 });
        using var generator = ImageGenerator.Load(model, options);
        var picture = generator.Generate(Plain).Images[0];
        Assert.Equal(WeightFormat.Q8, picture.Weights);
        var text = Infotext.Parse(RequestInfotext.ToInfotext(picture, "m", null).ToString());
        Assert.Equal("q8", text["Weights"]);
        Assert.Equal(WeightFormat.Q8, RequestInfotext.WeightsOf(text));
        Assert.Contains("with weights in 8 bits", ImageGenerator.Plan(model, Plain, options).ToString());
        Assert.Contains("with weights in 8 bits", generator.Plan(Plain).ToString());
    }

    [Fact]
    public void ThePictureOfEightBitsIsHardlyAnother()
    {
        var request = new GenerationRequest { Prompt = "a red apple", Steps = 8, Seed = 5 };
        var full = Draw(WeightFormat.Full);
        Assert.InRange(Closeness.Psnr(full, Draw(WeightFormat.Q8)), 35, 80);
        Assert.InRange(Closeness.Psnr(full, Draw(WeightFormat.Q4)), 18, 40);

        RgbImage Draw(WeightFormat weights)
        {
            using var generator = ImageGenerator.Load(new LoadOptions { Device = "cpu", Precision = Precision.Full, Weights = weights });
            return generator.Generate(request).Images[0].Image;
        }
    }
}
