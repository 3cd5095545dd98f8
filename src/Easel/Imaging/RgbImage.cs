namespace Easel.Imaging;

/// <summary>A picture in memory: rows from the top, pixels from the left, three bytes (red, green, blue; sRGB, 0..255) each, with no padding.</summary>
public sealed class RgbImage
{
    /// <summary>Creates a black picture.</summary>
    /// <param name="width">Pixels per row, at least 1.</param>
    /// <param name="height">Rows, at least 1.</param>
    /// <exception cref="EaselException">The size is not positive or too large for one array.</exception>
    public RgbImage(int width, int height) : this(width, height, new byte[ImageLimits.Samples(width, height, 3)]) { }

    /// <summary>Wraps pixels that are already there; they are not copied.</summary>
    /// <param name="width">Pixels per row, at least 1.</param>
    /// <param name="height">Rows, at least 1.</param>
    /// <param name="pixels">Exactly <paramref name="width"/> * <paramref name="height"/> * 3 bytes.</param>
    /// <exception cref="EaselException">The size is not positive, or the array is of another length.</exception>
    public RgbImage(int width, int height, byte[] pixels)
    {
        ImageLimits.CheckLength(width, height, 3, pixels.Length);
        (Width, Height, Pixels) = (width, height, pixels);
    }

    /// <summary>Pixels per row.</summary>
    public int Width { get; }

    /// <summary>Rows.</summary>
    public int Height { get; }

    /// <summary>The samples themselves, [height, width, 3]; writing to them changes the picture.</summary>
    public byte[] Pixels { get; }

    /// <summary>A copy of a part of the picture.</summary>
    /// <exception cref="EaselException">The region is empty or reaches outside.</exception>
    public RgbImage Crop(ImageRegion region)
    {
        region.CheckInside(Width, Height);
        var part = new RgbImage(region.Width, region.Height);
        for (var y = 0; y < region.Height; y++)
            Pixels.AsSpan(((region.Y + y) * Width + region.X) * 3, region.Width * 3).CopyTo(part.Pixels.AsSpan(y * region.Width * 3));
        return part;
    }

    /// <summary>A copy of the picture with <paramref name="part"/> laid over it.</summary>
    /// <param name="part">What to lay over.</param>
    /// <param name="x">Where its left edge comes to lie.</param>
    /// <param name="y">Where its top edge comes to lie.</param>
    /// <exception cref="EaselException">The part reaches outside.</exception>
    public RgbImage Paste(RgbImage part, int x, int y)
    {
        new ImageRegion(x, y, part.Width, part.Height).CheckInside(Width, Height);
        var whole = new RgbImage(Width, Height, (byte[])Pixels.Clone());
        for (var row = 0; row < part.Height; row++)
            part.Pixels.AsSpan(row * part.Width * 3, part.Width * 3).CopyTo(whole.Pixels.AsSpan(((y + row) * Width + x) * 3));
        return whole;
    }

    /// <summary>The brightness of every pixel: ITU-R 601 luma in the 16-bit fixed point of Pillow's conversion to "L".</summary>
    public GrayImage ToGray()
    {
        var gray = new GrayImage(Width, Height);
        for (int i = 0, p = 0; i < gray.Pixels.Length; i++, p += 3)
            gray.Pixels[i] = (byte)(Pixels[p] * 19595 + Pixels[p + 1] * 38470 + Pixels[p + 2] * 7471 + 0x8000 >> 16);
        return gray;
    }
}
