using Easel.Imaging;

namespace Easel.Tests.Support;

/// <summary>How close pictures are.</summary>
internal static class Closeness
{
    /// <summary>The peak signal-to-noise ratio of two pictures of one size, in dB.</summary>
    public static double Psnr(RgbImage a, RgbImage b)
    {
        Assert.Equal((a.Width, a.Height), (b.Width, b.Height));
        return 10 * Math.Log10(255.0 * 255 / a.Pixels.Zip(b.Pixels, (x, y) => (double)(x - y) * (x - y)).Average());
    }
}
