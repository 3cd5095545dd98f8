namespace Easel.Imaging;

/// <summary>A picture with one 16-bit number per pixel: a depth map, in whatever unit its maker used.</summary>
public sealed class DepthImage
{
    /// <summary>Wraps values that are already there; they are not copied.</summary>
    /// <param name="width">Pixels per row, at least 1.</param>
    /// <param name="height">Rows, at least 1.</param>
    /// <param name="values">Exactly <paramref name="width"/> * <paramref name="height"/> numbers, [height, width].</param>
    /// <exception cref="EaselException">The size is not positive, or the array is of another length.</exception>
    public DepthImage(int width, int height, ushort[] values)
    {
        ImageLimits.CheckLength(width, height, 1, values.Length);
        (Width, Height, Values) = (width, height, values);
    }

    /// <summary>Pixels per row.</summary>
    public int Width { get; }

    /// <summary>Rows.</summary>
    public int Height { get; }

    /// <summary>The numbers themselves, [height, width], 0..65535; writing to them changes the map.</summary>
    public ushort[] Values { get; }
}
