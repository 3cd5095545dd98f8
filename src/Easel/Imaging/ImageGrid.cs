namespace Easel.Imaging;

/// <summary>Many pictures on one sheet.</summary>
public static class ImageGrid
{
    private const int Border = 2;

    /// <summary>Lays pictures out in rows, left to right and top to bottom, with two black pixels around and between them; a single picture is returned as it
    /// is. The sheet equals torchvision's <c>make_grid(images, nrow: columns)</c> as the reference scripts save it.</summary>
    /// <param name="images">At least one picture, all of one size.</param>
    /// <param name="columns">Pictures per row, at least 1; never more are used than there are pictures.</param>
    /// <exception cref="EaselException">No picture, pictures of different sizes, no column, or a sheet too large.</exception>
    public static RgbImage Make(IReadOnlyList<RgbImage> images, int columns)
    {
        if (images.Count == 0) throw new EaselException("A grid needs at least one picture.");
        if (columns < 1) throw new EaselException($"A grid has at least 1 picture per row, not {columns}.");
        var (width, height) = (images[0].Width, images[0].Height);
        var odd = images.FirstOrDefault(i => i.Width != width || i.Height != height);
        if (odd is not null)
            throw new EaselException($"The pictures of a grid are all of one size, but {width}x{height} and {odd.Width}x{odd.Height} came together.");
        if (images.Count == 1) return images[0];

        columns = Math.Min(columns, images.Count);
        var rows = (images.Count + columns - 1) / columns;
        var (stepX, stepY) = (width + Border, height + Border);
        var sheet = new RgbImage((int)Math.Min(int.MaxValue, (long)stepX * columns + Border), (int)Math.Min(int.MaxValue, (long)stepY * rows + Border));
        for (var i = 0; i < images.Count; i++)
        {
            var (left, top) = (i % columns * stepX + Border, i / columns * stepY + Border);
            for (var y = 0; y < height; y++)
                images[i].Pixels.AsSpan(y * width * 3, width * 3).CopyTo(sheet.Pixels.AsSpan(((top + y) * sheet.Width + left) * 3));
        }
        return sheet;
    }
}
