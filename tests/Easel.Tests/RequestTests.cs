using Easel.Imaging;
using Easel.Models;
using Easel.Pipeline;
using Easel.Tests.Models;
using Easel.Tests.Support;
using Easel.Weights.Formats;

namespace Easel.Tests;

/// <summary>Guards what a request means: ranges, seeds, guidance, masks, sizes.</summary>
public sealed class RequestTests(RequestTests.Loaded loaded) : IClassFixture<RequestTests.Loaded>
{
    /// <summary>One generator for all: no request may leave anything to the next.</summary>
    public sealed class Loaded : IDisposable
    {
        internal ImageGenerator Generator { get; } =
            ImageGenerator.Load(Goldens.Path("layouts/diffusers-sd1-micro"), new LoadOptions { Precision = Precision.Full });

        public void Dispose() => Generator.Dispose();
    }

    private static readonly GenerationRequest Plain = new() { Prompt = "a house", Width = 64, Height = 64, Steps = 4, Seed = 5, Sampler = "euler_ancestral" };

    private readonly ImageGenerator _generator = loaded.Generator;

    [Theory]
    [InlineData("Width", "nearest are 512 and 520")]
    [InlineData("Height", "from 64 to 8192")]
    [InlineData("Steps", "from 1 to 1000")]
    [InlineData("Strength", "from 0 to 1")]
    [InlineData("BatchCount", "from 1 to 10000")]
    [InlineData("GuidanceScale", "from 0 to 100")]
    [InlineData("Mask", "needs a picture")]
    [InlineData("sampler", "euler")]
    public void ABadSettingIsNamedWithItsRange(string field, string part)
    {
        var bad = field switch
        {
            "Width" => Plain with { Width = 513 },
            "Height" => Plain with { Height = 9000 },
            "Steps" => Plain with { Steps = 0 },
            "Strength" => Plain with { Strength = double.NaN },
            "BatchCount" => Plain with { BatchCount = 0 },
            "GuidanceScale" => Plain with { GuidanceScale = -1 },
            "Mask" => Plain with { Mask = new GrayImage(64, 64) },
            _ => Plain with { Sampler = "no such sampler" },
        };
        var refusal = Assert.Throws<InvalidRequestException>(() => _generator.Generate(bad));
        Assert.Equal(field, refusal.Field);
        Assert.Contains(part, refusal.Message);
    }

    [Fact]
    public void APictureIsTheSameAloneAsInABatch()
    {
        var together = _generator.Generate(Plain with { BatchSize = 3 });
        var oneByOne = _generator.Generate(Plain with { BatchCount = 3 });
        var alone = _generator.Generate(Plain with { Seed = 7 });
        Assert.Equal([5L, 6L, 7L], together.Images.Select(image => image.Seed));
        for (var i = 0; i < 3; i++) GeneratorTests.AssertSame(oneByOne.Images[i].Image, together.Images[i].Image, $"picture {i}");
        GeneratorTests.AssertSame(alone.Images[0].Image, together.Images[2].Image, "seed 7");
    }

    [Fact]
    public void ZeroIsASeedAndNoneIsRandomAndReported()
    {
        Assert.Equal(0, _generator.Generate(Plain with { Seed = 0 }).Seed);
        var random = _generator.Generate(Plain with { Seed = null });
        GeneratorTests.AssertSame(random.Images[0].Image, _generator.Generate(Plain with { Seed = random.Seed }).Images[0].Image, "the reported seed");
        Assert.NotEqual(random.Seed, _generator.Generate(Plain with { Seed = null }).Seed);
    }

    [Fact]
    public void WithoutGuidanceTheNegativePromptDoesNotCount()
    {
        var plain = _generator.Generate(Plain with { GuidanceScale = 1 });
        GeneratorTests.AssertSame(plain.Images[0].Image, _generator.Generate(Plain with { GuidanceScale = 1, NegativePrompt = "trees" }).Images[0].Image,
            "guidance 1");
        var guided = _generator.Generate(Plain).Images[0].Image;
        Assert.NotEqual(guided.Pixels, _generator.Generate(Plain with { NegativePrompt = "trees" }).Images[0].Image.Pixels);
    }

    [Fact]
    public void PixelsOutsideTheMaskStayToTheBit()
    {
        var picture = ImageFile.Load(Goldens.Path("inpaint/image.png"));
        var mask = new GrayImage(picture.Width, picture.Height);
        for (var y = 20; y < 50; y++) mask.Pixels.AsSpan(y * mask.Width + 10, 35).Fill(255);
        foreach (var request in new[] { Plain, Plain with { OnlyMasked = true, OnlyMaskedPadding = 4 }, Plain with { Fill = MaskFill.Blur, MaskBlur = 8 },
            Plain with { Width = null, Height = null, Fill = MaskFill.Noise } })
        {
            var result = _generator.Generate(request with { InitImage = picture, Mask = mask, Strength = 1 }).Images[0].Image;
            var changed = 0;
            for (var i = 0; i < mask.Pixels.Length; i++)
            {
                var same = result.Pixels.AsSpan(3 * i, 3).SequenceEqual(picture.Pixels.AsSpan(3 * i, 3));
                if (mask.Pixels[i] == 0) Assert.True(same, $"pixel {i % mask.Width}, {i / mask.Width} changed");
                else if (!same) changed++;
            }
            Assert.True(changed > 500, $"only {changed} pixels under the mask changed");
        }
    }

    /// <summary>What is drawn into the margins fades into what was filled in there, for of the picture there is nothing.</summary>
    [Fact]
    public void NoSeamStaysWhereAPictureWasExtended()
    {
        var white = new RgbImage(64, 64, [.. Enumerable.Repeat((byte)255, 64 * 64 * 3)]);
        var canvas = Canvas.For(new GenerationRequest { InitImage = white, Extend = new Margins(Right: 32, Top: 16) }, ModelFamily.Sd1);
        var drawn = new RgbImage(canvas.Width, canvas.Height);
        drawn.Pixels.AsSpan().Fill(255);
        Assert.InRange(canvas.Finish(drawn).Pixels.Min(), 250, 255);
    }

    [Fact]
    public void ExtendingKeepsThePictureAndDrawsTheMargins()
    {
        var picture = ImageFile.Load(Goldens.Path("inpaint/image.png"));
        var result = _generator.Generate(Plain with
        {
            Width = null,
            Height = null,
            InitImage = picture,
            Extend = new Margins(Left: 30, Bottom: 10),
            Strength = 1
        }).Images[0].Image;
        Assert.Equal((picture.Width + 30, picture.Height + 10), (result.Width, result.Height));
        Assert.Equal(picture.Pixels, result.Crop(new ImageRegion(30, 0, picture.Width, picture.Height)).Pixels);
    }

    [Fact]
    public void AtStrengthZeroThePromptHasNoSay()
    {
        var request = Plain with { InitImage = ImageFile.Load(Goldens.Path("inpaint/image.png")), Strength = 0 };
        var returned = _generator.Generate(request).Images[0].Image;
        GeneratorTests.AssertSame(returned, _generator.Generate(request with { Prompt = "a tree" }).Images[0].Image, "strength 0");
        Assert.NotEqual(_generator.Generate(request with { Strength = 1 }).Images[0].Image.Pixels,
            _generator.Generate(request with { Strength = 1, Prompt = "a tree" }).Images[0].Image.Pixels);
    }

    [Fact]
    public void AnySizeInGivesASizeTheModelCanDrawAndSaysSo()
    {
        var result = _generator.Generate(Plain with { Width = null, Height = null, InitImage = new RgbImage(101, 77), Steps = 1 });
        Assert.Equal((96, 72), (result.Images[0].Image.Width, result.Images[0].Image.Height));
        Assert.Contains(result.Remarks, remark => remark.Contains("101x77") && remark.Contains("96x72"));
    }

    /// <summary>The original crashes unless sides are multiples of 64; here multiples of 8 do.</summary>
    [Fact]
    public void SidesNeedNotBeMultiplesOf64() =>
        Assert.Equal(88, _generator.Generate(Plain with { Width = 88, Height = 72, Steps = 1 }).Images[0].Image.Width);

    [Fact]
    public void LongPromptsAreReadToTheEnd()
    {
        var words = string.Join(", ", Enumerable.Range(0, 60).Select(i => "word" + i));
        Assert.NotEqual(_generator.Generate(Plain with { Prompt = words + ", a red house" }).Images[0].Image.Pixels,
            _generator.Generate(Plain with { Prompt = words }).Images[0].Image.Pixels);
        var literal = _generator.Generate(Plain with { Prompt = words + ", a red house", Literal = true });
        Assert.Contains(literal.Remarks, remark => remark.Contains("cut off") && remark.Contains("a red house"));
    }

    [Fact]
    public void PromptEditingChangesThePromptOnTheWay()
    {
        var (house, tree) = (Plain with { Prompt = "house" }, Plain with { Prompt = "tree" });
        var never = _generator.Generate(Plain with { Prompt = "[house:tree:1.0]" }).Images[0].Image;
        GeneratorTests.AssertSame(_generator.Generate(house).Images[0].Image, never, "changed after the last step");
        Assert.NotEqual(never.Pixels, _generator.Generate(Plain with { Prompt = "[house:tree:0.5]" }).Images[0].Image.Pixels);
        Assert.NotEqual(never.Pixels, _generator.Generate(tree).Images[0].Image.Pixels);
    }

    [Fact]
    public void SmallPicturesAreSavedWithoutTheWatermarkAndLargeOnesCarryIt()
    {
        Assert.False(_generator.Generate(Plain with { Steps = 1 }).Images[0].HasWatermark);
        var large = _generator.Generate(Plain with { Steps = 1, Width = 256, Height = 256 }).Images[0];
        Assert.True(large.HasWatermark);
    }

    /// <summary>The tiny model's weights are fp16 values, so keeping them in fp16 loses nothing: a processor computes fp32 either way.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void KeepingWeightsInHalfTheMemoryGivesTheSamePicture(bool plain)
    {
        using var half = ImageGenerator.Load(LoadedModel.Path("sd1"),
            new LoadOptions { Precision = Precision.Float16, Device = "cpu", PlainKernels = plain });
        using var full = ImageGenerator.Load(LoadedModel.Path("sd1"), new LoadOptions { Precision = Precision.Full, Device = "cpu", PlainKernels = plain });
        Assert.Equal(full.Generate(Plain).Images[0].Image.Pixels, half.Generate(Plain).Images[0].Image.Pixels);
    }

    /// <summary>Easel's own layers and libtorch's draw the same picture, but for rounding.</summary>
    [Fact]
    public void FastAndPlainLayersDrawTheSamePicture()
    {
        using var plain = ImageGenerator.Load(LoadedModel.Path("sd1"), new LoadOptions { Precision = Precision.Full, Device = "cpu", PlainKernels = true });
        using var fast = ImageGenerator.Load(LoadedModel.Path("sd1"), new LoadOptions { Precision = Precision.Full, Device = "cpu" });
        var (expected, actual) = (plain.Generate(Plain).Images[0].Image.Pixels, fast.Generate(Plain).Images[0].Image.Pixels);
        Assert.All(expected.Zip(actual), pair => Assert.InRange(pair.First - pair.Second, -1, 1));
    }

    /// <summary>In half precision the model is loaded again in full first, since an overflow would be cured by that; damaged weights are not.</summary>
    [Theory]
    [InlineData(Precision.Full)]
    [InlineData(Precision.Float16)]
    public void NumbersThatAreNoneGiveAnErrorAndNoBlackPicture(Precision precision)
    {
        using var scope = TorchSharp.torch.NewDisposeScope();
        using var file = TensorFile.Open(LoadedModel.Path("sd1-formats", "micro.fp16.safetensors"));
        var tensors = file.Tensors.Keys.ToDictionary(key => key, key => key.EndsWith("middle_block.0.out_layers.3.weight", StringComparison.Ordinal)
            ? file.View(key) * float.NaN : file.View(key));
        var path = Path.Combine(Directory.CreateTempSubdirectory("easel-").FullName, "model.safetensors");
        SafeTensorsWriter.Write(path, tensors);
        File.Copy(Goldens.Path("sd1-formats/text_config.json"), Path.Combine(Path.GetDirectoryName(path)!, "text_config.json"));
        using var generator = ImageGenerator.Load(path, new LoadOptions { Precision = precision, Device = "cpu" });
        Assert.Throws<NonFiniteException>(() => generator.Generate(Plain));
        Assert.Equal(Precision.Full, generator.Precision);
    }

    [Fact]
    public void APictureThatCannotFitIntoMemoryIsRefusedBeforeItIsBegun()
    {
        var refusal = Assert.Throws<NotEnoughMemoryException>(() => _generator.Generate(Plain with { Width = 8192, Height = 8192, BatchSize = 64 }));
        Assert.Contains("GB of memory", refusal.Message);
        Assert.Contains("would fit", refusal.Message);
        Assert.Equal(nameof(GenerationRequest.BatchSize), refusal.Field);
        Assert.True(refusal.Needed > refusal.Available);
    }

    /// <summary>scripts/img2img.py goes down to multiples of 32 for SD 1 and of 64 for SD 2.</summary>
    [Fact]
    public void TheScriptsRoundInputPicturesTheirOwnWay()
    {
        var request = Plain with { Width = null, Height = null, InitImage = new RgbImage(300, 170), Like = NoiseLike.CompVis };
        Assert.Equal((288, 160), Size(ModelFamily.Sd1));
        Assert.Equal((256, 128), Size(ModelFamily.Sd2));

        (int, int) Size(ModelFamily family)
        {
            var canvas = Canvas.For(request, family);
            return (canvas.Width, canvas.Height);
        }
    }

    /// <summary>Three prompts in batches of two: the last batch is smaller than what one stream drew for the input picture.</summary>
    [Fact]
    public void AScriptsLastBatchOfPromptsMayBeSmaller()
    {
        var request = Plain with { Prompts = ["a", "b", "c"], BatchSize = 2, Like = NoiseLike.CompVis, Sampler = "ddim", InitImage = new RgbImage(64, 64) };
        Assert.Equal(["a", "b", "c"], _generator.Generate(request).Images.Select(image => image.Prompt));
    }
}
