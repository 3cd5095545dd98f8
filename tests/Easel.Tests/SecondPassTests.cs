using Easel.Imaging;
using Easel.Metadata;
using Easel.Tests.Models;
using static TorchSharp.torch;

namespace Easel.Tests;

/// <summary>Guards the second pass: its size and steps as AUTOMATIC1111 counts them, and that it is image to image over the first, enlarged.</summary>
public sealed class SecondPassTests
{
    private static readonly GenerationRequest Small = new()
    {
        Prompt = "a cat",
        Steps = 2,
        Width = 64,
        Height = 64,
        Seed = 5,
        Sampler = "euler",
        Schedule = "karras",
        Strength = 0.5,
        Watermark = false,
    };

    [Theory]
    [InlineData(1.5, null, null, 768, 1152)]
    [InlineData(1.3, null, null, 664, 992)]
    [InlineData(null, 1000, null, 1000, 1496)]
    [InlineData(null, null, 1000, 664, 1000)]
    [InlineData(null, 640, 640, 640, 640)]
    public void TheSizeIsRoundedDown(double? scale, int? wide, int? high, int width, int height) =>
        Assert.Equal((width, height), SecondPass.SizeOf(new GenerationRequest { HiresScale = scale, HiresWidth = wide, HiresHeight = high }, 512, 768));

    /// <summary>Two steps at a strength of one half are the last two of a schedule of four: those that image to image takes of four at a quarter.</summary>
    [Fact]
    public void PicturesAreDrawnOver()
    {
        using var generator = ImageGenerator.Load(LoadedModel.Path("sd1"), new LoadOptions { Precision = Precision.Full });
        var first = generator.Generate(Small).Images[0];
        var result = generator.Generate(Small with { HiresScale = 1.5, HiresUpscaler = "Lanczos" }).Images[0];
        var over = Small with { InitImage = Resampling.Resize(first.Image, 96, 96), Width = 96, Height = 96, Steps = 4, Strength = 0.25 };
        Assert.Equal(generator.Generate(over).Images[0].Image.Pixels, result.Image.Pixels);
    }

    /// <summary>Of a batch each picture is the one its seed gives alone, and its text makes it again.</summary>
    [Fact]
    public void LatentsAreDrawnOver()
    {
        using var generator = ImageGenerator.Load(LoadedModel.Path("sd1"), new LoadOptions { Precision = Precision.Full });
        var request = Small with { HiresScale = 1.5, HiresUpscaler = "latent (nearest-exact)", HiresSteps = 1, HiresPrompt = "[a:a dog:1.5]", BatchSize = 2 };
        var second = generator.Generate(request).Images[1];
        Assert.Equal((96, 96), (second.Image.Width, second.Image.Height));

        var text = RequestInfotext.ToInfotext(second, "m", null).ToString();
        Assert.Contains("Size: 64x64, ", text);
        Assert.Contains("Denoising strength: 0.5, Hires upscale: 1.5, Hires upscaler: latent (nearest-exact), Hires steps: 1, Hires prompt: \"[a:a dog:1.5]\"",
            text);
        var again = generator.Generate(RequestInfotext.FromInfotext(Infotext.Parse(text)) with { Watermark = false }).Images[0];
        var difference = again.Image.Pixels.Zip(second.Image.Pixels, (a, b) => Math.Abs(a - b)).Max();
        Assert.InRange(difference, 0, 1); // sums of two pictures are made in another order than of one
    }

    /// <summary>Each way against its formula: the nearest ones take the positions of their definition, the smooth ones keep a plane a plane.</summary>
    [Fact]
    public void LatentsAreEnlargedAsTheirNamesSay()
    {
        using var scope = NewDisposeScope();
        var ramp = arange(0, 8, dtype: ScalarType.Float32).view(1, 1, 1, 8).expand(1, 4, 8, 8).contiguous();
        foreach (var name in SecondPass.LatentEnlargers)
        {
            var made = SecondPass.Enlarged(ramp, new GenerationRequest { HiresUpscaler = name, HiresScale = 1.5 }, 12, 12)[0, 0, 5];
            for (var x = 2; x < 10; x++)
            {
                var expected = name.Contains("exact", StringComparison.Ordinal) ? Math.Floor((x + 0.5) * 8 / 12)
                    : name.Contains("nearest", StringComparison.Ordinal) ? Math.Floor(x * 8 / 12.0) : (x + 0.5) * 8 / 12 - 0.5;
                Assert.Equal(expected, made[x].item<float>(), name.Contains("bicubic", StringComparison.Ordinal) ? 0.05 : 1e-4);
            }
        }
        var wide = SecondPass.Enlarged(ramp, new GenerationRequest { HiresUpscaler = "Latent (nearest)", HiresWidth = 128, HiresHeight = 64 }, 8, 16);
        Assert.Equal([1, 4, 8, 16], wide.shape);
        Assert.Equal(7, wide[0, 0, 0, 15].item<float>());
    }

    [Fact]
    public void WhatCannotBeEnlargedIsSaid()
    {
        using var generator = ImageGenerator.Load(LoadedModel.Path("sd1"), new LoadOptions { Precision = Precision.Full });
        Assert.Contains("no upscaler \"none such\"", Refused(Small with { HiresScale = 2, HiresUpscaler = "none such" }));
        Assert.Contains("text to image", Refused(Small with { HiresScale = 2, InitImage = new RgbImage(64, 64) }));
        Assert.Contains("sides must be from 64", Refused(Small with { Width = 4096, Height = 64, HiresScale = 4 }));

        string Refused(GenerationRequest request) => Assert.Throws<InvalidRequestException>(() => generator.Generate(request)).Message;
    }

    /// <summary>A picture's latents, stretched in place of its pixels, are those of the picture where nothing is stretched.</summary>
    [Fact]
    public void LatentsOfAPictureAreStretched()
    {
        using var generator = ImageGenerator.Load(LoadedModel.Path("sd1"), new LoadOptions { Precision = Precision.Full });
        var picture = generator.Generate(Small).Images[0].Image;
        var request = Small with { InitImage = picture, Fit = ImageFit.Latent };
        Assert.Equal(generator.Generate(request with { Fit = ImageFit.Stretch }).Images[0].Image.Pixels, generator.Generate(request).Images[0].Image.Pixels);
        var wide = request with { Width = 128 };
        Assert.Equal((128, 64), SizeOf(generator.Generate(wide).Images[0].Image));
        Assert.NotEqual(generator.Generate(wide with { Fit = ImageFit.Stretch }).Images[0].Image.Pixels, generator.Generate(wide).Images[0].Image.Pixels);

        static (int, int) SizeOf(RgbImage image) => (image.Width, image.Height);
    }
}
