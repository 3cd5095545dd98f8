using SkiaSharp;

namespace Easel.Training.Data;

/// <summary>Pictures with transparency, in and out of files.</summary>
internal static class TransparentPng
{
    /// <summary>The PNG of a picture, scaled to a square of <paramref name="side"/> pixels.</summary>
    public static byte[] Resized(string path, int side)
    {
        using var whole = SKBitmap.Decode(path) ?? throw new EaselException($"{path} is no picture.");
        using var scaled = whole.Resize(
            new SKImageInfo(side, side, SKColorType.Rgba8888, SKAlphaType.Premul), new SKSamplingOptions(SKFilterMode.Linear, SKMipmapMode.Linear));
        using var data = scaled.Encode(SKEncodedImageFormat.Png, 100);
        return data.ToArray();
    }

    /// <summary>The pixels of a picture, four bytes for each: red, green, blue as they are without transparency, and alpha.</summary>
    public static byte[] Pixels(string path)
    {
        using var codec = SKCodec.Create(path) ?? throw new EaselException($"{path} is no picture.");
        using var bitmap = new SKBitmap(new SKImageInfo(codec.Info.Width, codec.Info.Height, SKColorType.Rgba8888, SKAlphaType.Unpremul));
        var result = codec.GetPixels(bitmap.Info, bitmap.GetPixels());
        return result == SKCodecResult.Success ? bitmap.Bytes : throw new EaselException($"{path} cannot be read: {result}.");
    }
}
