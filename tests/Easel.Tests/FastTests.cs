using Easel.Imaging;
using Easel.Models;
using Easel.Sampling;
using Easel.Tests.Models;
using Easel.Tests.Support;
using static TorchSharp.torch;

namespace Easel.Tests;

/// <summary>
/// Guards the levels that leave out work: that they reuse what belongs to the same question and nothing else, in batches, tiles, every kind of sampler and
/// every task.
/// </summary>
public sealed class FastTests
{
    private static readonly GenerationRequest Plain = new() { Prompt = "a house", Width = 64, Height = 64, Steps = 8, Seed = 5, Sampler = "euler" };

    /// <summary>
    /// Asked the same again, a UNet that takes its deep part from before must answer the same: all that it skips would have come out as it was.
    /// </summary>
    [Theory]
    [InlineData("sd1", 0)]
    [InlineData("sd1", 1)]
    [InlineData("sd1", 2)]
    [InlineData("sd1", 9)]
    [InlineData("x4upscaler", 1)]
    public void WhatIsReusedIsWhatWouldHaveBeenComputed(string area, int outerBlocks)
    {
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        using var model = LoadedModel.Load(LoadedModel.Path(area));
        var config = model.UNet.Config;
        var (x, context) = (randn(2, config.InChannels, 12, 20), randn(2, 77, config.ContextWidth));
        var labels = config.ClassCount > 0 ? zeros(2, ScalarType.Int64) : null;
        GuidanceRow[] rows = [new(0, new(context[..1], null)), new(0, new(context[1..], 1))];
        Tensor Predict(Tensor seen, GuidanceRow[] asked, DeepRows? deep) =>
            model.Predict(new NetworkCall(seen, 500, default, asked) { Labels = labels?[..asked.Length], Deep = deep });
        using var features = new DeepFeatures(every: 2, outerBlocks);
        var exact = Predict(x, rows, null);

        features.NextEvaluation(afresh: false);
        Assert.Equal(0, (exact - Predict(x, rows, features.Of(rows, 0))).abs().max().item<float>());
        features.NextEvaluation(afresh: false);
        Close.Relative(exact, Predict(x, rows, features.Of(rows, 0)), 1e-5, "reused");
        // The second row alone, as where guidance ends: its own features and not the first's.
        Close.Relative(exact[1..], Predict(x[1..], rows[1..], features.Of(rows[1..], 0)), 1e-5, "one row");
        // Another latent gets the same deep part, which is not its own.
        var other = randn_like(x);
        Assert.NotEqual(0, (Predict(other, rows, null) - Predict(other, rows, features.Of(rows, 0))).abs().max().item<float>());
    }

    [Fact]
    public void FeaturesServeTheirOwnQuestionForTheirTime()
    {
        using var scope = NewDisposeScope();
        var (one, other) = (new Condition(zeros(1, 77, 8), 1), new Condition(zeros(1, 77, 8), null));
        using var features = new DeepFeatures(every: 3, outerBlocks: 2);
        features.NextEvaluation(afresh: false);
        features.Of([new(0, one), new(1, one)], 0).Keep(arange(2).view(2, 1, 1, 1));
        Assert.Equal(1, features.Of([new(1, one)], 0).Find()!.item<long>());
        Assert.Null(features.Of([new(1, one), new(1, other)], 0).Find()); // a prompt that has changed, or guidance that sets in
        Assert.Null(features.Of([new(1, one)], 1).Find()); // another tile
        features.NextEvaluation(afresh: false);
        features.NextEvaluation(afresh: false);
        Assert.NotNull(features.Of([new(0, one)], 0).Find());
        features.NextEvaluation(afresh: false);
        Assert.Null(features.Of([new(0, one)], 0).Find());

        features.Of([new(0, one)], 0).Keep(zeros(1, 1, 1, 1));
        features.NextEvaluation(afresh: true);
        Assert.Null(features.Of([new(0, one)], 0).Find());
    }

    [Fact]
    public void WithoutGuidanceOnlyThePromptIsAsked()
    {
        using var scope = NewDisposeScope();
        var (negative, positive) = (zeros(1, 77, 8), ones(1, 77, 8));
        var x = zeros(2, 4, 1, 1);
        Assert.Equal(4, Asked(guides: true, new(0, new(negative, null)), new(1, new(negative, null)), new(0, new(positive, 1)), new(1, new(positive, 1))));
        Assert.Equal(2, Asked(guides: false, new(0, new(negative, null)), new(1, new(negative, null)), new(0, new(positive, 1)), new(1, new(positive, 1))));
        // Composition is a kind of guidance: without the negative prompt it would mean nothing.
        Assert.Equal(5, Asked(guides: false, new(0, new(negative, null)), new(1, new(negative, null)), new(0, new(positive, 1)), new(1, new(positive, 1)),
            new(1, new(negative, 1))));

        int Asked(bool guides, params GuidanceRow[] rows)
        {
            var asked = 0;
            using var answer = new Guidance(7.5, _ => rows).Answer(x, new(0, 0, 1), guides, (latents, group) =>
            {
                asked += group.Count;
                Assert.Equal(group.Count, latents.shape[0]);
                return cat([.. group.Select(row => row.Condition.Context)], dim: 0)[.., ..4, 0].reshape(-1, 4, 1, 1);
            });
            Assert.Equal([2, 4, 1, 1], answer.shape);
            if (asked == 2) Assert.Equal(1, answer.mean().item<float>());
            return asked;
        }
    }

    [Fact]
    public void APictureIsTheSameAloneAsInABatchAndNearTheExactOne()
    {
        using var generator = ImageGenerator.Load(LoadedModel.Path("sd1"), new LoadOptions { Precision = Precision.Full });
        var request = Plain with { Sampler = "dpmpp_2m", Fast = FastLevel.Exact };
        var exact = generator.Generate(request).Images[0].Image;
        var other = generator.Generate(request with { Prompt = "a tree" }).Images[0].Image;
        foreach (var level in (FastLevel[])[FastLevel.Light, FastLevel.Medium, FastLevel.Strong])
        {
            var together = generator.Generate(request with { Fast = level, BatchSize = 2 });
            var alone = generator.Generate(request with { Fast = level, Seed = 6 }).Images[0].Image;
            GeneratorTests.AssertSame(alone, together.Images[1].Image, $"{level}, seed 6");
            Assert.NotEqual(exact.Pixels, together.Images[0].Image.Pixels);
            var closeness = Closeness.Psnr(exact, together.Images[0].Image);
            Assert.True(closeness > Closeness.Psnr(exact, other), $"{level} is further from the exact picture than another prompt's");
        }
    }

    /// <summary>One look at the latents in a step, two, three, steps that go back up, steps chosen on the way: each runs, and gives the same twice.</summary>
    [Theory]
    [InlineData("heun")]
    [InlineData("heunpp2")]
    [InlineData("dpmpp_sde")]
    [InlineData("restart")]
    [InlineData("dpm_adaptive")]
    [InlineData("plms")]
    [InlineData("unipc")]
    public void EverySamplerRuns(string sampler)
    {
        using var generator = ImageGenerator.Load(Goldens.Path("layouts/diffusers-sd1-micro"), new LoadOptions { Precision = Precision.Full });
        const string Changing = "[house:tree:0.5], (red:1.2) [cat|dog]";
        var pictures = sampler == "dpm_adaptive" ? 1 : 2; // it draws them one by one
        var request = Plain with { Fast = FastLevel.Strong, Sampler = sampler, Steps = 4, BatchSize = pictures, Prompt = Changing };
        var (first, second) = (generator.Generate(request), generator.Generate(request));
        Assert.Equal(first.Images.Select(made => made.Image.Pixels), second.Images.Select(made => made.Image.Pixels));
    }

    [Fact]
    public void TheFirstLookIsExactAndSoIsARunOfOneStep()
    {
        using var generator = ImageGenerator.Load(Goldens.Path("layouts/diffusers-sd1-micro"), new LoadOptions { Precision = Precision.Full });
        var exact = generator.Generate(Plain with { Steps = 1 }).Images[0].Image;
        Assert.Equal(exact.Pixels, generator.Generate(Plain with { Steps = 1, Fast = FastLevel.Light }).Images[0].Image.Pixels);
    }

    [Fact]
    public void WhatIsOutsideTheMaskStaysToTheBit()
    {
        using var generator = ImageGenerator.Load(Goldens.Path("layouts/diffusers-sd1-micro"), new LoadOptions { Precision = Precision.Full });
        var picture = ImageFile.Load(Goldens.Path("inpaint/image.png"));
        var mask = new GrayImage(picture.Width, picture.Height);
        for (var y = 20; y < 50; y++) mask.Pixels.AsSpan(y * mask.Width + 10, 35).Fill(255);
        var result = generator.Generate(Plain with { InitImage = picture, Mask = mask, Strength = 1, Fast = FastLevel.Strong }).Images[0].Image;
        for (var i = 0; i < mask.Pixels.Length; i++)
            if (mask.Pixels[i] == 0) Assert.True(result.Pixels.AsSpan(3 * i, 3).SequenceEqual(picture.Pixels.AsSpan(3 * i, 3)), $"pixel {i} changed");
    }

    /// <summary>136 positions are seen in two tiles. Were one given the other's features, the picture would be far from the exact one.</summary>
    [Fact]
    public void TilesKeepTheirOwnFeatures()
    {
        using var generator = ImageGenerator.Load(LoadedModel.Path("x4upscaler"), new LoadOptions { Precision = Precision.Full });
        var picture = new RgbImage(136, 16);
        for (var i = 0; i < picture.Pixels.Length; i++) picture.Pixels[i] = (byte)(i / 3 % 136 < 60 ? 250 : 10);
        var request = new GenerationRequest { InitImage = picture, Steps = 2, Seed = 1, Sampler = "ddim", GuidanceScale = 1, Watermark = false };
        var exact = generator.Generate(request).Images[0].Image;
        var fast = generator.Generate(request with { Fast = FastLevel.Light }).Images[0].Image;
        Assert.NotEqual(exact.Pixels, fast.Pixels);
        Assert.True(Closeness.Psnr(exact, fast) > 20, $"{Closeness.Psnr(exact, fast):0.0} dB");
    }

    [Fact]
    public void ALevelThatIsNoneIsRefused() =>
        Assert.Equal("Fast", Assert.Throws<InvalidRequestException>((Plain with { Fast = (FastLevel)9 }).Validate).Field);
}
