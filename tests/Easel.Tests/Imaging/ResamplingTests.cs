using Easel.Imaging;

namespace Easel.Tests.Imaging;

/// <summary>Guards that input pictures are scaled exactly as the reference scripts (Pillow) scale them, and brought to a size without distortion.</summary>
public sealed class ResamplingTests
{
    [Theory]
    [InlineData(ResampleFilter.Nearest)]
    [InlineData(ResampleFilter.Box)]
    [InlineData(ResampleFilter.Bilinear)]
    [InlineData(ResampleFilter.Bicubic)]
    [InlineData(ResampleFilter.Lanczos)]
    public void Equals_Pillow_bit_for_bit(ResampleFilter filter)
    {
        var goldens = Pictures.Pillow();
        var source = goldens.Rgb("source");
        foreach (var (width, height) in ((int, int)[])[(32, 32), (61, 20), (100, 80), (7, 91), (64, 47), (1, 1)])
            Pictures.Same(goldens.Rgb($"resize.{filter}.{width}x{height}"), Resampling.Resize(source, width, height, filter));
    }

    [Theory]
    [InlineData(ResampleFilter.Nearest)]
    [InlineData(ResampleFilter.Lanczos)]
    public void Masks_equal_Pillow_bit_for_bit(ResampleFilter filter)
    {
        var goldens = Pictures.Pillow();
        foreach (var (width, height) in ((int, int)[])[(32, 32), (100, 80)])
            Assert.Equal(goldens.Gray($"mask.{filter}.{width}x{height}").Pixels, Resampling.Resize(goldens.Gray("mask"), width, height, filter).Pixels);
    }

    [Theory]
    [InlineData(300, 200, 64, 64)]
    [InlineData(200, 300, 64, 64)]
    [InlineData(64, 64, 128, 64)]
    [InlineData(1000, 1, 64, 64)]
    [InlineData(3, 5, 512, 64)]
    public void Every_fit_gives_the_size_asked_for(int width, int height, int newWidth, int newHeight)
    {
        foreach (var fit in Enum.GetValues<ImageFit>())
        {
            var fitted = Resampling.Fit(Pictures.Gradient(width, height), newWidth, newHeight, fit);
            Assert.Equal((newWidth, newHeight), (fitted.Width, fitted.Height));
        }
    }

    [Fact]
    public void Crop_takes_the_middle_and_pad_repeats_the_edge()
    {
        // Four columns: black, red, green, white.
        var image = new RgbImage(4, 2, [0, 0, 0, 255, 0, 0, 0, 255, 0, 255, 255, 255, 0, 0, 0, 255, 0, 0, 0, 255, 0, 255, 255, 255]);
        Pictures.Same(image.Crop(new ImageRegion(1, 0, 2, 2)), Resampling.Fit(image, 2, 2, ImageFit.Crop, ResampleFilter.Box));

        var padded = Resampling.Fit(image, 4, 6, ImageFit.Pad);
        for (var y = 0; y < 6; y++) Assert.Equal(image.Pixels.AsSpan(0, 12), padded.Pixels.AsSpan(y * 12, 12));
    }

    [Fact]
    public void A_size_out_of_range_is_refused()
    {
        var image = new RgbImage(2, 2);
        Assert.Throws<EaselException>(() => Resampling.Resize(image, 0, 5));
        Assert.Throws<EaselException>(() => Resampling.Fit(image, 5, 16385, ImageFit.Pad));
    }
}
