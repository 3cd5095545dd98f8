using SkiaSharp;

namespace Easel.Training.Data;

/// <summary>Reads pictures with transparency.</summary>
internal static class TransparentPng
{
    /// <summary>The pixels of a picture scaled to a square, four bytes for each: red, green and blue times opacity, and opacity.</summary>
    public static byte[] Pixels(byte[] file, int side)
    {
        using var whole = SKBitmap.Decode(file) ?? throw new EaselException("The renderer made no picture.");
        using var scaled = new SKBitmap(new SKImageInfo(side, side, SKColorType.Rgba8888, SKAlphaType.Premul));
        if (!whole.ScalePixels(scaled, new SKSamplingOptions(SKFilterMode.Linear, SKMipmapMode.Linear)))
            throw new EaselException("A picture cannot be scaled.");
        return scaled.Bytes;
    }
}
