using Easel.Cli;
using Easel.Imaging;
using Easel.Metadata;
using Easel.Models;
using Easel.Pipeline;
using Easel.Sampling;
using Easel.Tests.Cli;
using Easel.Tests.Imaging;
using Easel.Tests.Models;
using Easel.Tests.Support;
using Easel.Tests.Weights;
using Easel.Text;
using Easel.Text.Prompts;
using static TorchSharp.torch;

namespace Easel.Tests;

/// <summary>Guards runs whose last steps another model does: that it does them and no others, told what its makers tell it, and in little memory too.</summary>
public sealed class RefinerTests : IDisposable
{
    private static readonly string Base = LoadedModel.Path("sdxl");
    private static readonly string Refiner = LoadedModel.Path("sdxl", "refiner.fp16.safetensors");

    private static readonly GenerationRequest Plain = new()
    {
        Prompt = "a lighthouse",
        NegativePrompt = "fog",
        Width = 128,
        Height = 64,
        Steps = 5,
        Seed = 7,
        Sampler = "euler",
        Schedule = "sgm_uniform",
        GuidanceScale = 4,
        Watermark = false,
    };

    private static readonly GenerationRequest Refined = Plain with { Refiner = Refiner, RefinerAt = 0.6 };

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>Euler's steps, computed plainly here: the base's answers above the switch, the refiner's below it, each told by its own text
    /// encoders.</summary>
    [Theory]
    [InlineData(0.6, 3)]
    [InlineData(0.5, 3)]
    [InlineData(0, 0)]
    public void TheLastStepsAreTheRefiners(double at, int firstStep)
    {
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        using var main = LoadedModel.Load(Base);
        using var refiner = LoadedModel.Load(Refiner);
        var plan = RunShape.Of(Plain, main.Family, main.Noise).Plan;
        using var noise = new NoiseSource([7], NoiseMode.PerImage);
        var x = plan.Start(noise.Randn([1, 4, 8, 16]));
        for (var i = 0; i < plan.StepCount; i++)
        {
            var (sigma, next, model) = (plan.Sigmas[i], plan.Sigmas[i + 1], i < firstStep ? main : refiner);
            var seen = x / Math.Sqrt(1 + sigma * sigma);
            var (no, yes) = (Ask(model, seen, plan.ToTimestep(sigma), "fog", 2.5f), Ask(model, seen, plan.ToTimestep(sigma), "a lighthouse", 6));
            x = x + (no + 4 * (yes - no)) * (next - sigma); // eps is the slope
        }
        var expected = ImageTensor.ToImage(main.Decode(x, null));
        var drawn = BothWays.Draw(Base, new LoadOptions(), Plain with { Refiner = Refiner, RefinerAt = at });
        GeneratorTests.AssertSame(expected, drawn[0], $"{at}");
    }

    [Fact]
    public void ItTakesPlaceWhereMemoryIsShort()
    {
        using var plenty = ImageGenerator.Load(Base, new LoadOptions { Precision = Precision.Full });
        var (alone, both) = (plenty.Plan(Plain).MemoryNeeded, plenty.Plan(Refined).MemoryNeeded);
        Assert.True(both > alone);
        Assert.DoesNotContain(plenty.Plan(Refined).Choices, choice => choice.Contains("refiner", StringComparison.Ordinal));
        var expected = plenty.Generate(Refined with { BatchCount = 2 });

        using var little = ImageGenerator.Load(Base, new LoadOptions { Precision = Precision.Full, MemoryLimit = (alone + both) / 2 });
        Assert.Contains("the model and its refiner take each other's place in memory", little.Plan(Refined).Choices);
        var drawn = little.Generate(Refined with { BatchCount = 2 });
        for (var i = 0; i < 2; i++) Assert.Equal(expected.Images[i].Image.Pixels, drawn.Images[i].Image.Pixels);
        Assert.Equal(plenty.Generate(Plain).Images[0].Image.Pixels, little.Generate(Plain).Images[0].Image.Pixels); // and is gone again
    }

    /// <summary>Any model of the same latents can take over. The same weights under another name go on as if nothing had happened, whatever the sampler
    /// remembers of the steps before; and a LoRA for them goes on too.</summary>
    [Theory]
    [InlineData("dpmpp_2m")]
    [InlineData("euler_ancestral")]
    public void TheSameModelGoesOnAsIfAlone(string sampler)
    {
        using var generator = ImageGenerator.Load(Base, new LoadOptions { Precision = Precision.Full });
        AssertGoesOn(generator, Plain with { Sampler = sampler });
    }

    /// <summary>A picture to begin from, a mask, and a second pass, which alone is refined.</summary>
    [Fact]
    public void TheSameModelGoesOnInPicturesAndSecondPasses()
    {
        using var generator = ImageGenerator.Load(Base, new LoadOptions { Precision = Precision.Full });
        var mask = new GrayImage(128, 64);
        mask.Pixels.AsSpan(0, 64 * 64).Fill(255);
        AssertGoesOn(generator, Plain with { InitImage = Pictures.Gradient(128, 64), Mask = mask, Strength = 0.6 });
        AssertGoesOn(generator, Plain with { HiresScale = 1.5, Strength = 0.5 });
    }

    private void AssertGoesOn(ImageGenerator generator, GenerationRequest request)
    {
        var twin = _folder.Path("twin.safetensors");
        if (!File.Exists(twin))
        {
            File.CreateSymbolicLink(twin, Base);
            File.Copy(Path.Combine(Path.GetDirectoryName(Base)!, "text_config.json"), _folder.Path("text_config.json"));
        }
        request = request with { Fast = FastLevel.Exact };
        Assert.Equal(generator.Generate(request).Images[0].Image.Pixels, generator.Generate(request with { Refiner = twin }).Images[0].Image.Pixels);
    }

    [Fact]
    public void WhatDoesNothingIsTold()
    {
        using var generator = ImageGenerator.Load(Base, new LoadOptions { Precision = Precision.Full });
        var plain = generator.Generate(Plain);
        foreach (var (request, why) in (ReadOnlySpan<(GenerationRequest, string)>)
            [
                (Refined with { RefinerAt = 1 }, "at a share of 1 it never takes over"), (Plain with { Refiner = Base }, "it is the model itself"),
                (Plain with { RefinerAt = 0.5 }, "it needs a refiner"),
            ])
        {
            var drawn = generator.Generate(request);
            Assert.Equal(plain.Images[0].Image.Pixels, drawn.Images[0].Image.Pixels);
            Assert.Contains(drawn.Remarks, remark => remark.Contains(why, StringComparison.Ordinal));
        }
    }

    [Fact]
    public void AModelOfOtherLatentsIsRefused()
    {
        using var generator = ImageGenerator.Load(Base, new LoadOptions { Precision = Precision.Full });
        var refused = Assert.Throws<InvalidRequestException>(() => generator.Generate(Plain with { Refiner = LoadedModel.Path("sd1") }));
        Assert.Equal("model.fp16.safetensors (Stable Diffusion 1) cannot finish what model.fp16.safetensors (Stable Diffusion XL) began: "
            + "it draws in other latents.", refused.Message);
        Assert.Contains("nothing-there", Assert.Throws<InvalidRequestException>(() => generator.Generate(Plain with { Refiner = "nothing-there" })).Message);
        Assert.Throws<CheckpointException>(() => generator.Generate(Plain with { Refiner = Goldens.Path("sdxl/unet.safetensors") }));
    }

    /// <summary>The text is AUTOMATIC1111's, and is read again; the command line draws the same.</summary>
    [Fact]
    public void TextAndCommandLineKnowIt()
    {
        using var generator = ImageGenerator.Load(Base, new LoadOptions { Precision = Precision.Full });
        var made = generator.Generate(Refined).Images[0];
        var text = RequestInfotext.ToInfotext(made, "m", null).ToString();
        Assert.Contains($", Refiner: refiner.fp16 [{ModelStamp.HashOf(Refiner)![..10]}], Refiner switch at: 0.6,", text);
        Assert.Equal(0.6, new PictureSettings("Easel", Infotext.Parse(text)).ToRequest().RefinerAt);

        var output = _folder.Path("out.png");
        var (code, _, error) = Command.Run(["txt2img", "a lighthouse", "-n", "fog", "-m", Base, "--width", "128", "--height", "64", "--steps", "5", "--seed",
            "7", "--sampler", "euler", "--schedule", "sgm_uniform", "--cfg", "4", "--precision", "full", "--no-watermark", "-q", "--refiner", Refiner,
            "--refiner-at", "0.6", "-o", output]);
        Assert.True(code == ExitCodes.Ok, error);
        Assert.Equal(made.Image.Pixels, ImageFile.Load(output).Pixels);
        (code, _, error) = Command.Run(["a lighthouse", "-m", Base, "--refiner", "nothing.safetensors", "-o", _folder.Path("none.png")]);
        Assert.Equal(ExitCodes.BadInput, code);
        Assert.Contains("nothing.safetensors", error);
    }

    /// <summary>What a model's network predicts, told a text and a picture's facts as its makers write them: pooled vector, then each number's
    /// sinusoids.</summary>
    private static Tensor Ask(LoadedNetworks model, Tensor x, double timestep, string text, float score)
    {
        var tokenizer = new ClipTokenizer();
        var encoded = model.Texts.Select((encoder, i) =>
            LearnedVectors.Encode(encoder, tensor(tokenizer.Tokenize(text, model.Family.TextEncoders[i].PadToken).Ids.Select(id => (long)id).ToArray())
                .unsqueeze(0), [], clipSkip: 1)).ToList();
        var facts = model.Texts.Count > 1 ? new[] { 64f, 128, 0, 0, 64, 128 } : [64f, 128, 0, 0, score];
        var vector = cat([encoded[^1].Pooled!, TimestepEmbedding.Sinusoids(tensor(facts), 256).view(1, -1)], dim: 1);
        using var told = new ContextKeys(cat([.. encoded.Select(one => one.Context)], dim: 2), vector);
        return model.UNet.Predict(x, tensor(new[] { (float)timestep }), told, null, null);
    }
}
