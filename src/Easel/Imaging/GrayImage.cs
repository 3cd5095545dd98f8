namespace Easel.Imaging;

/// <summary>A picture with one byte per pixel: a mask (255 = paint here, 0 = keep) or the opacity of a picture (255 = opaque).</summary>
public sealed class GrayImage
{
    /// <summary>Creates a black picture.</summary>
    /// <param name="width">Pixels per row, at least 1.</param>
    /// <param name="height">Rows, at least 1.</param>
    /// <exception cref="EaselException">The size is not positive or too large for one array.</exception>
    public GrayImage(int width, int height) : this(width, height, new byte[ImageLimits.Samples(width, height, 1)]) { }

    /// <summary>Wraps pixels that are already there; they are not copied.</summary>
    /// <param name="width">Pixels per row, at least 1.</param>
    /// <param name="height">Rows, at least 1.</param>
    /// <param name="pixels">Exactly <paramref name="width"/> * <paramref name="height"/> bytes.</param>
    /// <exception cref="EaselException">The size is not positive, or the array is of another length.</exception>
    public GrayImage(int width, int height, byte[] pixels)
    {
        ImageLimits.CheckLength(width, height, 1, pixels.Length);
        (Width, Height, Pixels) = (width, height, pixels);
    }

    /// <summary>Pixels per row.</summary>
    public int Width { get; }

    /// <summary>Rows.</summary>
    public int Height { get; }

    /// <summary>The samples themselves, [height, width]; writing to them changes the picture.</summary>
    public byte[] Pixels { get; }

    /// <summary>A copy of a part of the picture.</summary>
    /// <exception cref="EaselException">The region is empty or reaches outside.</exception>
    public GrayImage Crop(ImageRegion region)
    {
        region.CheckInside(Width, Height);
        var part = new GrayImage(region.Width, region.Height);
        for (var y = 0; y < region.Height; y++)
            Pixels.AsSpan((region.Y + y) * Width + region.X, region.Width).CopyTo(part.Pixels.AsSpan(y * region.Width));
        return part;
    }

    /// <summary>The same picture with red, green and blue alike.</summary>
    public RgbImage ToRgb()
    {
        var rgb = new RgbImage(Width, Height);
        for (var i = 0; i < Pixels.Length; i++) rgb.Pixels.AsSpan(i * 3, 3).Fill(Pixels[i]);
        return rgb;
    }
}
