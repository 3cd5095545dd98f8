using Easel.Imaging;

namespace Easel.Tests.Imaging;

/// <summary>Guards that inpainting's masks behave as AUTOMATIC1111's and that what is not masked is never touched.</summary>
public sealed class MaskToolsTests
{
    [Theory]
    [InlineData("0.3")]
    [InlineData("1")]
    [InlineData("4")]
    [InlineData("20.5")]
    [InlineData("64")]
    public void Blur_equals_Pillow(string radius)
    {
        var goldens = Pictures.Pillow();
        Assert.Equal(goldens.Gray($"blur.{radius}").Pixels, MaskTools.Blur(goldens.Gray("mask"), float.Parse(radius)).Pixels);
    }

    [Fact]
    public void Fill_equals_AUTOMATIC1111()
    {
        var goldens = Pictures.Pillow();
        Pictures.Same(goldens.Rgb("fill"), MaskTools.Fill(goldens.Rgb("source"), goldens.Gray("mask")));
    }

    [Fact]
    public void Composite_equals_Pillow()
    {
        var goldens = Pictures.Pillow();
        Pictures.Same(goldens.Rgb("composite"), MaskTools.Composite(goldens.Rgb("source"), goldens.Rgb("other"), goldens.Gray("composite.mask")));
    }

    [Fact]
    public void Composite_leaves_unmasked_pixels_bit_for_bit()
    {
        var (original, generated, mask) = (Pictures.Noise(40, 30), Pictures.Noise(40, 30, 2), new GrayImage(40, 30));
        for (var i = 0; i < mask.Pixels.Length; i++) mask.Pixels[i] = (byte)(i % 3 == 0 ? 255 : 0);
        var result = MaskTools.Composite(original, generated, mask);
        for (var i = 0; i < mask.Pixels.Length; i++)
            Assert.Equal((mask.Pixels[i] == 0 ? original : generated).Pixels.AsSpan(i * 3, 3), result.Pixels.AsSpan(i * 3, 3));
    }

    [Fact]
    public void Luma_equals_Pillow()
    {
        var goldens = Pictures.Pillow();
        Assert.Equal(goldens.Gray("luma").Pixels, goldens.Rgb("source").ToGray().Pixels);
    }

    [Fact]
    public void Invert_and_threshold()
    {
        var mask = new GrayImage(4, 1, [0, 127, 128, 255]);
        Assert.Equal([255, 128, 127, 0], MaskTools.Invert(mask).Pixels);
        Assert.Equal([0, 0, 255, 255], MaskTools.Threshold(mask).Pixels);
        Assert.Equal([0, 127, 128, 255], mask.Pixels);
    }

    [Fact]
    public void The_painted_region_holds_every_painted_pixel()
    {
        var mask = new GrayImage(100, 80);
        Assert.Null(MaskTools.PaintedRegion(mask, 8));
        mask.Pixels[20 * 100 + 30] = 1;
        Assert.Equal(new ImageRegion(30, 20, 1, 1), MaskTools.PaintedRegion(mask));
        mask.Pixels[60 * 100 + 95] = 255;
        Assert.Equal(new ImageRegion(30, 20, 66, 41), MaskTools.PaintedRegion(mask));
        Assert.Equal(new ImageRegion(20, 10, 80, 61), MaskTools.PaintedRegion(mask, 10));
    }

    /// <summary>Values computed with AUTOMATIC1111's expand_crop_region(region, w, h, image w, image h).</summary>
    [Theory]
    [InlineData(100, 100, 128, 32, 512, 512, 640, 480, 100, 52, 128, 128)]
    [InlineData(0, 0, 128, 32, 512, 512, 640, 480, 0, 0, 128, 128)]
    [InlineData(600, 440, 40, 40, 768, 512, 640, 480, 580, 440, 60, 40)]
    [InlineData(10, 10, 20, 400, 512, 256, 640, 480, 0, 10, 640, 400)]
    [InlineData(0, 100, 640, 100, 512, 768, 640, 480, 0, 0, 640, 480)]
    [InlineData(3, 5, 17, 11, 512, 512, 640, 480, 3, 2, 17, 17)]
    public void Regions_grow_as_in_AUTOMATIC1111(int x, int y, int w, int h, int paintW, int paintH, int imageW, int imageH, int ex, int ey, int ew, int eh) =>
        Assert.Equal(new ImageRegion(ex, ey, ew, eh), MaskTools.GrowToAspect(new ImageRegion(x, y, w, h), paintW, paintH, imageW, imageH));

    [Fact]
    public void Sizes_that_do_not_fit_are_refused()
    {
        var (image, mask) = (new RgbImage(4, 4), new GrayImage(4, 5));
        Assert.Throws<EaselException>(() => MaskTools.Composite(image, image, mask));
        Assert.Throws<EaselException>(() => MaskTools.Fill(image, mask));
        Assert.Throws<InvalidRequestException>(() => MaskTools.Blur(mask, float.NaN));
        Assert.Throws<InvalidRequestException>(() => MaskTools.PaintedRegion(mask, -1));
    }
}
