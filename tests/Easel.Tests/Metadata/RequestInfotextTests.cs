using Easel.Imaging;
using Easel.Metadata;

namespace Easel.Tests.Metadata;

/// <summary>Guards the way from a request into the text of a picture and back: what comes back draws the same picture.</summary>
public sealed class RequestInfotextTests
{
    private static readonly GenerationRequest Plain = new()
    {
        Prompt = "a cat, (sitting:1.2)\nin two lines",
        NegativePrompt = "blurry, low: quality",
        Width = 512,
        Height = 768,
        Seed = 42,
        Steps = 31,
        GuidanceScale = 6.5,
        ClipSkip = 2,
        Sampler = "DPM++ 2M SDE Karras",
    };

    [Fact]
    public void SettingsAreNamedAndOrderedAsAutomatic1111Does()
    {
        var text = RequestInfotext.ToInfotext(Made(Plain) with { Precision = Precision.BFloat16 }, "model", "0123456789").ToString();
        Assert.StartsWith("a cat, (sitting:1.2)\nin two lines\nNegative prompt: blurry, low: quality\n"
            + "Steps: 31, Sampler: DPM++ 2M SDE, Schedule type: Karras, CFG scale: 6.5, Seed: 42, Size: 512x768, "
            + "Model hash: 0123456789, Model: model, Clip skip: 2, RNG: CPU, Precision: bf16, Version: Easel ", text);
    }

    [Fact]
    public void TextToImageComesBack()
    {
        var again = Again(Made(Plain));
        Assert.Equal(("DPM++ 2M SDE", "Karras"), (again.Sampler, again.Schedule));
        Same(Plain with { Sampler = again.Sampler, Schedule = again.Schedule }, again);
        Same(Plain with { Like = NoiseLike.A1111Gpu, Sampler = again.Sampler, Schedule = again.Schedule, Eta = 0.3 },
            Again(Made(Plain with { Like = NoiseLike.A1111Gpu, Eta = 0.3 })));
    }

    [Fact]
    public void WorkThatWasLeftOutIsLeftOutAgain()
    {
        Assert.Equal(FastLevel.Exact, Again(Made(Plain)).Fast);
        Assert.Equal(FastLevel.Strong, Again(Made(Plain with { Fast = FastLevel.Strong })).Fast);
        var unknown = Infotext.Parse("a cat\nSteps: 20, Sampler: Euler, CFG scale: 7, Fast: furious");
        Assert.Contains("newer version", Assert.Throws<InvalidRequestException>(() => RequestInfotext.FromInfotext(unknown)).Message);
    }

    [Fact]
    public void APictureOfManyComesBackAlone()
    {
        var again = Again(Made(Plain with { BatchSize = 4, BatchCount = 2 }, index: 5));
        Assert.Equal((47L, 1, 1), (again.Seed, again.BatchSize, again.BatchCount));
    }

    [Theory]
    [InlineData(2, 3, 1, 4, 2, 3)] // two batches before it
    [InlineData(2, 2, 5, 8, 2, 2)] // five prompts make batches of 2, 2 and 1: the last of the second time through
    [InlineData(3, 1, 1, 2, 3, 1)]
    public void APictureOfOneStreamComesBackWithTheRunBeforeIt(int size, int batches, int prompts, int index, int sizeAgain, int batchesAgain)
    {
        var request = Plain with
        {
            Prompts = [.. Enumerable.Repeat("x", prompts)],
            Like = NoiseLike.CompVis,
            BatchSize = size,
            BatchCount = batches,
            Literal = true,
            Watermark = false,
        };
        var text = Infotext.Parse(RequestInfotext.ToInfotext(Made(request, index), "m", null).ToString());
        var again = RequestInfotext.FromInfotext(text);
        Assert.Equal((42L, sizeAgain, batchesAgain, prompts, true, false),
            (again.Seed, again.BatchSize, again.BatchCount, again.Prompts.Count, again.Literal, again.Watermark));
        Assert.Equal(index, RequestInfotext.IndexIn(text, again));
    }

    [Fact]
    public void FixedCodeKeepsItsRun()
    {
        var again = Again(Made(Plain with { FixedCode = true, BatchSize = 2, BatchCount = 2 }, index: 3));
        Assert.Equal((true, 42L, 2, 2), (again.FixedCode, again.Seed, again.BatchSize, again.BatchCount));
    }

    [Fact]
    public void ImageToImageComesBackButForItsPictures()
    {
        var request = Plain with
        {
            InitImage = new RgbImage(300, 200),
            Mask = new GrayImage(300, 200),
            Strength = 0.6,
            Fit = ImageFit.Pad,
            MaskBlur = 2.5,
            InvertMask = true,
            Fill = MaskFill.Nothing,
            OnlyMasked = true,
            OnlyMaskedPadding = 12,
            Extend = new Margins(1, 2, 3, 4),
            NoiseLevel = 33,
        };
        var again = Again(Made(request), request);
        Same(request with { InitImage = null, Mask = null, Sampler = again.Sampler, Schedule = again.Schedule }, again);
        Assert.True(RequestInfotext.NeedsPicture(RequestInfotext.ToInfotext(Made(request), null, null)));
    }

    [Theory]
    [InlineData(NoiseLike.PerPicture, 304, 200, false)]
    [InlineData(NoiseLike.CompVis, 288, 192, false)]
    [InlineData(NoiseLike.PerPicture, 307, 203, true)]
    public void ASizeThatFollowsFromTheInputIsLeftOpen(NoiseLike like, int width, int height, bool masked)
    {
        var request = Plain with
        {
            Like = like,
            InitImage = new RgbImage(307, 203),
            Mask = masked ? new GrayImage(307, 203) : null,
            Width = width,
            Height = height,
        };
        var open = Again(Made(request), request with { Width = null, Height = null });
        Assert.Equal((null, null), (open.Width, open.Height));
        Assert.Equal((width, height), (Again(Made(request)).Width, Again(Made(request)).Height));
        Assert.Equal(masked ? 512 : width, Again(Made(request), request with { Width = 512, Height = null }).Width);
    }

    [Fact]
    public void Automatic1111sTextIsUnderstood()
    {
        var text = Infotext.Parse("a castle <lora:x:0.5>\nNegative prompt: people\nSteps: 20, Sampler: DPM++ 2M Karras, CFG scale: 7, Seed: 1234567890123, "
            + "Size: 640x448, Model hash: fe4efff1e1, Model: sd-v1-4, Clip skip: 2, Version: v1.6.0");
        var request = RequestInfotext.FromInfotext(text);
        Assert.Equal(("a castle <lora:x:0.5>", "people", 20, "DPM++ 2M Karras", null),
            (request.Prompt, request.NegativePrompt, request.Steps, request.Sampler, request.Schedule));
        Assert.Equal((7.0, 1234567890123L, 640, 448, 2, NoiseLike.A1111Gpu),
            (request.GuidanceScale, request.Seed, request.Width, request.Height, request.ClipSkip, request.Like));
        Assert.False(RequestInfotext.NeedsPicture(text));

        const string Newer = "x\nSteps: 20, Sampler: Euler a, Schedule type: Automatic, CFG scale: 7, Seed: 1, Size: 512x512, RNG: CPU, Version: v1.10.1";
        var newer = RequestInfotext.FromInfotext(Infotext.Parse(Newer));
        Assert.Equal(("Euler a", null, NoiseLike.PerPicture), (newer.Sampler, newer.Schedule, newer.Like));
    }

    /// <summary>A strength does not say that there was a picture to begin from.</summary>
    [Theory]
    [InlineData(false, "Denoising strength: 0")]
    [InlineData(false, "Denoising strength: 0.7, First pass size: 64x64")]
    [InlineData(false, "Denoising strength: 0.7, Hires upscale: 2, Hires upscaler: Latent")]
    [InlineData(false, "Denoising strength: 0.7, Hires steps: 5")]
    [InlineData(true, "Denoising strength: 0.7")]
    [InlineData(true, "Denoising strength: 0.7, Mask blur: 4")]
    [InlineData(true, "Denoising strength: 0, Init image hash: 0123456789")]
    public void WhatBeganFromAPictureNeedsIt(bool needs, string settings) =>
        Assert.Equal(needs, RequestInfotext.NeedsPicture(Infotext.Parse("x\nSteps: 2, Seed: 1, Size: 64x64, " + settings)));

    /// <summary>A list of what is understood has no hole; one of what is not would.</summary>
    [Theory]
    [InlineData("ADetailer model: face.pt", true)]
    [InlineData("ControlNet Enabled: True", true)]
    [InlineData("freeu_enabled: True", true)]
    [InlineData("freeu_enabled: False", false)]
    [InlineData("Discard penultimate sigma: True", true)]
    [InlineData("Noise Schedule: Zero Terminal SNR", true)]
    [InlineData("Emphasis: No norm", true)]
    [InlineData("Emphasis: Original", false)]
    [InlineData("Hypernet: x(0a1b2c3d)", true)]
    [InlineData("Seed resize from: 128x64", false)]
    [InlineData("Distilled CFG Scale: 3.5", true)]
    [InlineData("First pass size: 64x64", true)]
    [InlineData("Face restoration: CodeFormer", false)]
    [InlineData("RNG: std_default", true)]
    [InlineData("RNG: NV", false)]
    [InlineData("Schedule rho: 5", false)]
    [InlineData("Template: a __b__", false)]
    public void WhatIsNotDoneAgainIsTold(string setting, bool isTold) =>
        Assert.Equal(isTold, RequestInfotext.NotUnderstood(Infotext.Parse("x\nSteps: 2, Seed: 1, Size: 64x64, " + setting)).Any());

    [Theory]
    [InlineData("x\nSampler: Euler, Seed: 1, Size: 8x8")]
    [InlineData("x\nSteps: many, Seed: 1, Size: 512x512")]
    [InlineData("x\nSteps: 20, Seed: 99999999999999999999, Size: 512x512")]
    [InlineData("x\nSteps: 20, Seed: 1, Size: ax512")]
    [InlineData("x\nSteps: 20, Seed: 1, CFG scale: high")]
    public void NonsenseIsRefused(string text) => Assert.Throws<InvalidRequestException>(() => RequestInfotext.FromInfotext(Infotext.Parse(text)));

    [Theory]
    [InlineData("Like: compvis, Batch size: 2, Batch number: 0, Batch pos: 2")]
    [InlineData("Like: compvis, Batch size: 2, Batch number: 2000000000, Batch pos: 0")]
    [InlineData("Like: compvis, Batch size: 2, Batch number: -1, Batch pos: 0")]
    [InlineData("Like: compvis, Batch size: 0, Batch number: 1, Batch pos: 0")]
    public void AHostileRunIsRefused(string run)
    {
        var text = Infotext.Parse("x\nSteps: 20, Seed: 1, Size: 512x512, " + run);
        Assert.Throws<InvalidRequestException>(() => RequestInfotext.IndexIn(text, RequestInfotext.FromInfotext(text)));
    }

    private static GeneratedImage Made(GenerationRequest request, int index = 0) =>
        new(new RgbImage(8, 8), request, request.Prompts[0], request.Seed!.Value + (request.Like == NoiseLike.CompVis ? 0 : index), index, false);

    private static GenerationRequest Again(GeneratedImage image, GenerationRequest? asked = null) =>
        RequestInfotext.FromInfotext(
            Infotext.Parse(RequestInfotext.ToInfotext(image with { Asked = asked ?? image.Request, Precision = Precision.Full }, "m", "h").ToString()));

    private static void Same(GenerationRequest expected, GenerationRequest actual)
    {
        Assert.Equal(expected.Prompts, actual.Prompts);
        Assert.Equal(expected.Controls, actual.Controls);
        Assert.Equal(expected, actual with { Prompts = expected.Prompts, Controls = expected.Controls });
    }
}
