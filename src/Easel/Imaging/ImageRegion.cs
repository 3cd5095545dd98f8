namespace Easel.Imaging;

/// <summary>A rectangle of whole pixels inside a picture.</summary>
/// <param name="X">The left edge, counted from the picture's left edge.</param>
/// <param name="Y">The top edge, counted from the picture's top edge.</param>
/// <param name="Width">Pixels across.</param>
/// <param name="Height">Pixels down.</param>
public readonly record struct ImageRegion(int X, int Y, int Width, int Height)
{
    /// <summary>The first column to the right of the rectangle.</summary>
    public int Right => X + Width;

    /// <summary>The first row below the rectangle.</summary>
    public int Bottom => Y + Height;

    internal void CheckInside(int width, int height)
    {
        if (X < 0 || Y < 0 || Width < 1 || Height < 1 || (long)X + Width > width || (long)Y + Height > height)
            throw new EaselException($"The region {Width}x{Height} at ({X}, {Y}) does not lie inside a picture of {width}x{height} pixels.");
    }
}
