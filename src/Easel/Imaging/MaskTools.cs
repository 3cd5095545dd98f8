namespace Easel.Imaging;

/// <summary>What inpainting does to masks and with them. In a mask 255 means "paint here" and 0 "keep"; values between blend.</summary>
public static class MaskTools
{
    /// <summary>A mask with softened edges: what Pillow's <c>ImageFilter.GaussianBlur(radius)</c> gives.</summary>
    /// <param name="mask">The mask; it is not changed.</param>
    /// <param name="radius">The standard deviation in pixels, 0 to 1024; 0 gives a copy.</param>
    /// <exception cref="InvalidRequestException">The radius is out of range.</exception>
    internal static GrayImage Blur(GrayImage mask, float radius)
    {
        if (radius is not (>= 0 and <= 1024)) throw new InvalidRequestException("radius", $"The blur of a mask is 0 to 1024 pixels, not {radius}.");
        var blurred = Copy(mask);
        BoxBlur.Gaussian(blurred.Pixels, mask.Width, mask.Height, 1, radius);
        return blurred;
    }

    /// <summary>The mask of everything else: 255 - value.</summary>
    public static GrayImage Invert(GrayImage mask)
    {
        var inverted = Copy(mask);
        foreach (ref var value in inverted.Pixels.AsSpan()) value = (byte)(255 - value);
        return inverted;
    }

    /// <summary>A mask of 0 and 255 only: what is half or more (128 and above) is painted.</summary>
    public static GrayImage Threshold(GrayImage mask)
    {
        var hard = Copy(mask);
        foreach (ref var value in hard.Pixels.AsSpan()) value = (byte)(value >= 128 ? 255 : 0);
        return hard;
    }

    /// <summary>The smallest rectangle that holds everything painted, widened by some pixels but not past the picture; null when nothing is painted.</summary>
    /// <param name="mask">The mask; every value above 0 counts.</param>
    /// <param name="padding">Pixels to add on each side, at least 0.</param>
    /// <exception cref="InvalidRequestException">The padding is negative.</exception>
    internal static ImageRegion? PaintedRegion(GrayImage mask, int padding = 0)
    {
        if (padding < 0) throw new InvalidRequestException("padding", $"The padding of a mask is at least 0 pixels, not {padding}.");
        var (left, top, right, bottom) = (mask.Width, -1, 0, 0);
        for (var y = 0; y < mask.Height; y++)
        {
            var row = mask.Pixels.AsSpan(y * mask.Width, mask.Width);
            var first = row.IndexOfAnyExcept((byte)0);
            if (first < 0) continue;
            if (top < 0) top = y;
            (left, right, bottom) = (Math.Min(left, first), Math.Max(right, row.LastIndexOfAnyExcept((byte)0) + 1), y + 1);
        }
        if (top < 0) return null;

        padding = Math.Min(padding, ImageLimits.Side);
        (left, top) = (Math.Max(left - padding, 0), Math.Max(top - padding, 0));
        return new ImageRegion(left, top, Math.Min(right + padding, mask.Width) - left, Math.Min(bottom + padding, mask.Height) - top);
    }

    /// <summary>A region grown to the proportions of the picture it will be painted at, moved rather than cut at the borders; where the whole picture is too
    /// narrow, it ends there (AUTOMATIC1111 modules/masking.py, expand_crop_region).</summary>
    /// <param name="region">The region to grow.</param>
    /// <param name="paintWidth">Width at which it will be painted.</param>
    /// <param name="paintHeight">Height at which it will be painted.</param>
    /// <param name="imageWidth">Width of the whole picture.</param>
    /// <param name="imageHeight">Height of the whole picture.</param>
    /// <exception cref="EaselException">A size is not positive, or the region is not inside the picture.</exception>
    internal static ImageRegion GrowToAspect(ImageRegion region, int paintWidth, int paintHeight, int imageWidth, int imageHeight)
    {
        region.CheckInside(imageWidth, imageHeight);
        ImageLimits.Samples(paintWidth, paintHeight, 3);
        var ratio = (double)paintWidth / paintHeight;
        if ((double)region.Width / region.Height > ratio)
        {
            var (top, bottom) = Grow(region.Y, region.Bottom, (int)(region.Width / ratio - region.Height), imageHeight);
            return region with { Y = top, Height = bottom - top };
        }
        var (left, right) = Grow(region.X, region.Right, (int)(region.Height * ratio - region.Width), imageWidth);
        return region with { X = left, Width = right - left };
    }

    private static (int Start, int End) Grow(int start, int end, int by, int limit)
    {
        start -= by / 2;
        end += by - by / 2;
        if (end >= limit) (start, end) = (start - (end - limit), limit);
        if (start < 0) (start, end) = (0, end - start);
        return (start, Math.Min(end, limit));
    }

    /// <summary>The picture with what is painted filled by its surroundings, blurred from far to near, so that a sampler starts from fitting colours
    /// (AUTOMATIC1111 modules/masking.py, fill; equal to it bit for bit).</summary>
    /// <exception cref="EaselException">The mask is of another size.</exception>
    internal static RgbImage Fill(RgbImage image, GrayImage mask)
    {
        CheckSizes(image, mask);
        var kept = new byte[ImageLimits.Samples(image.Width, image.Height, 4)];
        for (int i = 0, p = 0, q = 0; i < mask.Pixels.Length; i++, p += 3, q += 4)
        {
            var opacity = 255 - mask.Pixels[i];
            for (var c = 0; c < 3; c++) kept[q + c] = (byte)Over255(image.Pixels[p + c] * opacity);
            kept[q + 3] = (byte)opacity;
        }

        var filled = new byte[kept.Length];
        foreach (var (radius, repeats) in ((float, int)[])[(256, 1), (64, 1), (16, 2), (4, 4), (2, 2), (0, 1)])
        {
            var layer = (byte[])kept.Clone();
            BoxBlur.Gaussian(layer, image.Width, image.Height, 4, radius);
            Unpremultiply(layer);
            for (var i = 0; i < repeats; i++) LayOver(filled, layer);
        }

        var result = new RgbImage(image.Width, image.Height);
        for (int p = 0, q = 0; p < result.Pixels.Length; p += 3, q += 4) filled.AsSpan(q, 3).CopyTo(result.Pixels.AsSpan(p));
        return result;
    }

    /// <summary>The generated picture laid over the original through a mask: where it is 0 the original's pixels stay bit for bit, where it is 255 the
    /// generated ones are taken bit for bit, and between the two are mixed.</summary>
    /// <exception cref="EaselException">The three are not of one size.</exception>
    internal static RgbImage Composite(RgbImage original, RgbImage generated, GrayImage mask)
    {
        CheckSizes(original, mask);
        CheckSizes(generated, mask);
        var result = new RgbImage(original.Width, original.Height);
        for (int i = 0, p = 0; i < mask.Pixels.Length; i++)
        {
            var opacity = mask.Pixels[i];
            for (var end = p + 3; p < end; p++) result.Pixels[p] = (byte)Over255(original.Pixels[p] * (255 - opacity) + generated.Pixels[p] * opacity);
        }
        return result;
    }

    private static GrayImage Copy(GrayImage mask) => new(mask.Width, mask.Height, (byte[])mask.Pixels.Clone());

    private static void CheckSizes(RgbImage image, GrayImage mask)
    {
        if (image.Width != mask.Width || image.Height != mask.Height)
            throw new EaselException($"The mask is {mask.Width}x{mask.Height} pixels and the picture {image.Width}x{image.Height}; they must be of one size.");
    }

    /// <summary>value / 255, rounded: exact for every value up to 255 * 255.</summary>
    private static int Over255(int value) => (value + 128 >> 8) + value + 128 >> 8;

    private static void Unpremultiply(byte[] rgba)
    {
        for (var q = 0; q < rgba.Length; q += 4)
        {
            int opacity = rgba[q + 3];
            if (opacity is 0 or 255) continue;
            for (var c = 0; c < 3; c++) rgba[q + c] = (byte)Math.Min(255, 255 * rgba[q + c] / opacity);
        }
    }

    /// <summary>Lays straight-alpha <paramref name="over"/> on <paramref name="under"/> in the fixed point of Pillow's AlphaComposite.c.</summary>
    private static void LayOver(byte[] under, byte[] over)
    {
        for (var q = 0; q < under.Length; q += 4)
        {
            uint opacity = over[q + 3];
            if (opacity == 0) continue;
            var total = opacity * 255 + under[q + 3] * (255 - opacity);
            var share = (opacity * 255 * 255 << 7) / total;
            var rest = (255 << 7) - share;
            for (var c = 0; c < 3; c++)
            {
                var mixed = over[q + c] * share + under[q + c] * rest + (0x80 << 7);
                under[q + c] = (byte)((mixed >> 8) + mixed >> 8 >> 7);
            }
            total += 0x80;
            under[q + 3] = (byte)((total >> 8) + total >> 8);
        }
    }
}
