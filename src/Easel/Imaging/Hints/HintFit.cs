namespace Easel.Imaging.Hints;

/// <summary>Brings a hint to the size that is drawn, as the ControlNet extension of AUTOMATIC1111's web UI does: lines stay one pixel wide, and pictures of few
/// colours keep these.</summary>
internal static class HintFit
{
    /// <summary>The resolution of the shorter side at which a picture has as many pixels as will be drawn of it.</summary>
    public static int Resolution(RgbImage picture, int width, int height, ImageFit fit)
    {
        var (down, across) = ((double)height / picture.Height, (double)width / picture.Width);
        var scale = fit == ImageFit.Pad ? Math.Min(down, across) : Math.Max(down, across);
        return Math.Max(1, (int)Math.Round(scale * Math.Min(picture.Width, picture.Height)));
    }

    /// <param name="fit">Stretch is the extension's "Just Resize", crop its "Crop and Resize", and pad its "Resize and Fill".</param>
    public static RgbImage Fit(RgbImage hint, int width, int height, ImageFit fit)
    {
        if (fit == ImageFit.Stretch) return Resized(hint, width, height);
        var (down, across) = ((double)height / hint.Height, (double)width / hint.Width);
        var scale = fit == ImageFit.Pad ? Math.Min(down, across) : Math.Max(down, across);
        var (wide, high) = (Side(hint.Width * scale), Side(hint.Height * scale));
        if (fit == ImageFit.Pad)
        {
            (wide, high) = (Math.Min(wide, width), Math.Min(high, height));
            return Filled(hint, width, height).Paste(Resized(hint, wide, high), (width - wide) / 2, (height - high) / 2);
        }
        (wide, high) = (Math.Max(wide, width), Math.Max(high, height));
        return Resized(hint, wide, high).Crop(new ImageRegion((wide - width) / 2, (high - height) / 2, width, height));

        static int Side(double length) => Math.Max(1, (int)Math.Round(length));
    }

    private static RgbImage Resized(RgbImage hint, int width, int height)
    {
        if ((hint.Width, hint.Height) == (width, height)) return hint;
        var (old, now) = ((long)hint.Width * hint.Height, (long)width * height);
        var colours = Colours(hint, atMost: 200);
        var way = colours is > 2 and < 200 ? HintResampling.Way.Nearest : now < old ? HintResampling.Way.Area : HintResampling.Way.Cubic;
        var made = HintResampling.Resize(hint, width, height, way);
        if (colours != 2 || hint.Pixels.Min() >= 16 || hint.Pixels.Max() <= 240) return made;
        var gray = Mean(made);
        return EdgeThinning.IsOfLines(hint) ? EdgeThinning.Thinned(gray, prunes: now > old).ToRgb() : EdgeThinning.Split(gray).ToRgb();
    }

    private static int Colours(RgbImage hint, int atMost)
    {
        var seen = new HashSet<int>();
        for (var p = 0; p < hint.Pixels.Length && seen.Count < atMost; p += 3)
            seen.Add(hint.Pixels[p] << 16 | hint.Pixels[p + 1] << 8 | hint.Pixels[p + 2]);
        return seen.Count;
    }

    private static GrayImage Mean(RgbImage picture)
    {
        var gray = new GrayImage(picture.Width, picture.Height);
        for (int i = 0, p = 0; i < gray.Pixels.Length; i++, p += 3)
            gray.Pixels[i] = (byte)((picture.Pixels[p] + picture.Pixels[p + 1] + picture.Pixels[p + 2]) / 3);
        return gray;
    }

    /// <summary>A sheet of the middle colour of the hint's border.</summary>
    private static RgbImage Filled(RgbImage hint, int width, int height)
    {
        var border = Enumerable.Range(0, hint.Width).SelectMany(x => (int[])[x, (hint.Height - 1) * hint.Width + x])
            .Concat(Enumerable.Range(0, hint.Height).SelectMany(y => (int[])[y * hint.Width, (y + 1) * hint.Width - 1])).ToList();
        var middle = Enumerable.Range(0, 3).Select(c => border.Select(at => hint.Pixels[at * 3 + c]).Order().ToList())
            .Select(values => (byte)((values[(values.Count - 1) / 2] + values[values.Count / 2]) / 2)).ToArray();
        var sheet = new RgbImage(width, height);
        for (var p = 0; p < sheet.Pixels.Length; p++) sheet.Pixels[p] = middle[p % 3];
        return sheet;
    }
}
