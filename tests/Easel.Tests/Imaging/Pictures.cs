using Easel.Imaging;
using Easel.Tests.Support;
using static TorchSharp.torch;

namespace Easel.Tests.Imaging;

/// <summary>The golden arrays as pictures, and made-up pictures.</summary>
internal static class Pictures
{
    public static RgbImage Rgb(this Dictionary<string, Tensor> goldens, string name) =>
        new((int)goldens[name].shape[1], (int)goldens[name].shape[0], goldens[name].bytes.ToArray());

    public static GrayImage Gray(this Dictionary<string, Tensor> goldens, string name) =>
        new((int)goldens[name].shape[1], (int)goldens[name].shape[0], goldens[name].bytes.ToArray());

    public static Dictionary<string, Tensor> Pillow() => Goldens.Tensors("imaging/pillow.safetensors");

    public static RgbImage Noise(int width, int height, int seed = 1)
    {
        var image = new RgbImage(width, height);
        new Random(seed).NextBytes(image.Pixels);
        return image;
    }

    /// <summary>Soft colours, as JPEG likes them.</summary>
    public static RgbImage Gradient(int width, int height)
    {
        var image = new RgbImage(width, height);
        for (var y = 0; y < height; y++)
            for (var x = 0; x < width; x++)
                (image.Pixels[(y * width + x) * 3], image.Pixels[(y * width + x) * 3 + 1], image.Pixels[(y * width + x) * 3 + 2]) =
                    ((byte)(x * 255 / width), (byte)(y * 255 / height), (byte)(128 + 60 * Math.Sin((x + y) / 20.0)));
        return image;
    }

    public static void Same(RgbImage expected, RgbImage actual)
    {
        Assert.Equal((expected.Width, expected.Height), (actual.Width, actual.Height));
        Assert.Equal(0, expected.Pixels.Zip(actual.Pixels).Count(p => p.First != p.Second));
    }

    public static void Near(RgbImage expected, RgbImage actual, double mean)
    {
        Assert.Equal((expected.Width, expected.Height), (actual.Width, actual.Height));
        Assert.InRange(expected.Pixels.Zip(actual.Pixels).Average(p => Math.Abs(p.First - p.Second)), 0, mean);
    }
}
