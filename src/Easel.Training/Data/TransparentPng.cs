using SkiaSharp;

namespace Easel.Training.Data;

/// <summary>Pictures with transparency, in and out of files.</summary>
internal static class TransparentPng
{
    /// <summary>The PNG of a picture, scaled to a square of <paramref name="side"/> pixels.</summary>
    public static byte[] Resized(string path, int side)
    {
        using var whole = SKBitmap.Decode(path) ?? throw new EaselException($"{path} is no picture.");
        using var scaled = whole.Resize(new SKImageInfo(side, side, SKColorType.Rgba8888, SKAlphaType.Premul), new SKSamplingOptions(SKFilterMode.Linear, SKMipmapMode.Linear));
        using var data = scaled.Encode(SKEncodedImageFormat.Png, 100);
        return data.ToArray();
    }
}
