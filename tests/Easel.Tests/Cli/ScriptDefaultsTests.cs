using Easel.Cli.Options;
using Easel.Imaging;
using Easel.Models;

namespace Easel.Tests.Cli;

/// <summary>
/// Guards the defaults of the original scripts, column by column of their own argument parsers: what a flag is when it is not given decides which picture a
/// seed gives.
/// </summary>
public sealed class ScriptDefaultsTests
{
    [Fact]
    public void CompVisTextToImage()
    {
        var settings = Command.ReadLine("easel txt2img --plms");
        var request = Command.Request("easel txt2img --skip_grid");
        Assert.Equal("a painting of a virus monster playing guitar", request.Prompt);
        Assert.Equal((3, 2, 50, 7.5), (request.BatchSize, request.BatchCount, request.Steps, request.GuidanceScale));
        Assert.Equal((512, 512, 42L, 0.0), (request.Width, request.Height, request.Seed, request.Eta));
        Assert.Equal(("ddim", NoiseLike.CompVis, true, false, true), (request.Sampler, request.Like, request.Literal, request.FixedCode, request.Watermark));
        Assert.Equal(("outputs/txt2img-samples", Naming.Samples, true),
            (Profile.For(settings).OutputFolder, Profile.For(settings).Naming, Profile.For(settings).Grid));
    }

    [Fact]
    public void CompVisImageToImage()
    {
        const string Line = "easel img2img --init-img x.png --n_iter 1";
        var request = Command.Request(Line, picture: (200, 100));
        Assert.Equal((2, 1, 50, 5.0, 0.75), (request.BatchSize, request.BatchCount, request.Steps, request.GuidanceScale, request.Strength));
        Assert.Equal((null, null, 42L, "ddim"), (request.Width, request.Height, request.Seed, request.Sampler));
        Assert.False(request.Watermark);
        Assert.Equal("outputs/img2img-samples", Profile.For(Command.ReadLine(Line)).OutputFolder);
    }

    [Fact]
    public void StabilityTextToImage()
    {
        var request = Command.Request("easel txt2img --dpm", ModelFamily.Sd2);
        Assert.Equal("a professional photograph of an astronaut riding a triceratops", request.Prompt);
        Assert.Equal((3, 3, 50, 9.0), (request.BatchSize, request.BatchCount, request.Steps, request.GuidanceScale));
        Assert.Equal((512, 512, 42L, "dpm_solver"), (request.Width, request.Height, request.Seed, request.Sampler));
    }

    [Fact]
    public void StabilityImageToImage()
    {
        var request = Command.Request("easel img2img --init-img x.png --n_samples 2", ModelFamily.Sd2, (200, 140));
        Assert.Equal((2, 1, 9.0, 0.8), (request.BatchSize, request.BatchCount, request.GuidanceScale, request.Strength));
        Assert.Equal((192, 128, ImageFit.Stretch), (request.Width, request.Height, request.Fit)); // whole multiples of 64
        Assert.True(request.Watermark);
    }

    [Fact]
    public void OptimizedTextToImage()
    {
        const string Line = "easel optimized_txt2img --prompt \"hello world\" --ckpt sd-v1-4.ckpt --skip_grid --n_samples 1";
        var request = Command.Request(Line);
        Assert.Equal(("hello world", 1, 1, 50, 7.5), (request.Prompt, request.BatchSize, request.BatchCount, request.Steps, request.GuidanceScale));
        Assert.Equal((null, "plms", NoiseLike.PerPicture), (request.Seed, request.Sampler, request.Like));
        Assert.Equal(5, Command.Request("easel optimized_txt2img").BatchSize);
        Assert.Equal(Naming.PerPrompt, Profile.For(Command.ReadLine(Line)).Naming);
    }

    [Fact]
    public void OptimizedImageToImage()
    {
        var request = Command.Request("easel optimized_img2img --init-img x.png");
        Assert.Equal(("ddim", 0.75, 7.5, 5, null), (request.Sampler, request.Strength, request.GuidanceScale, request.BatchSize, request.Seed));
    }

    [Theory]
    [InlineData("easel depth2img \"a statue\" -i x.png", 50, 9, 0.9, 0, 1)]
    [InlineData("easel inpaint \"a hat\" -i x.png", 45, 10, 1, 1, 4)]
    [InlineData("easel upscale -i x.png", 75, 10, 0.9, 0, 1)]
    [InlineData("easel superresolution configs/stable-diffusion/x4-upscaling.yaml x4-upscaler-ema.ckpt -i x.png", 75, 10, 0.9, 0, 1)]
    public void Demos(string line, int steps, double scale, double strength, double eta, int pictures)
    {
        var request = Command.Request(line);
        Assert.Equal((steps, scale, strength, eta), (request.Steps, request.GuidanceScale, request.Strength, request.Eta));
        Assert.Equal((pictures, "ddim", 20, null), (request.BatchSize * request.BatchCount, request.Sampler, request.NoiseLevel, request.Seed));
    }

    [Fact]
    public void GeneralDefaultsAreTheLibrarys()
    {
        var own = new GenerationRequest { Prompt = "a cat" };
        var request = Command.Request("easel \"a cat\"") with { Prompts = own.Prompts, Extend = own.Extend };
        Assert.Equal(own, request);
    }
}
