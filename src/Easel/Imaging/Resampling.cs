namespace Easel.Imaging;

/// <summary>Changes the size of pictures and gives, bit for bit, what Pillow 9.4's <c>Image.resize</c> gives, because the reference scripts prepare their
/// inputs with it. When shrinking, the filter widens with the step, so nothing aliases.</summary>
/// <remarks>The mathematics is that of Pillow's src/libImaging/Resample.c: first rows, then columns, with 22-bit fixed-point weights and rounding to a byte in
/// between.</remarks>
public static class Resampling
{
    private const int PrecisionBits = 22;

    /// <summary>The picture at another size.</summary>
    /// <param name="image">The picture; it is not changed.</param>
    /// <param name="width">Pixels per row of the result, 1 to 16384.</param>
    /// <param name="height">Rows of the result, 1 to 16384.</param>
    /// <param name="filter">How source pixels are weighed.</param>
    /// <exception cref="EaselException">The size is out of range.</exception>
    public static RgbImage Resize(RgbImage image, int width, int height, ResampleFilter filter = ResampleFilter.Lanczos) =>
        new(width, height, Resize(image.Pixels, image.Width, image.Height, 3, width, height, filter));

    /// <summary>The mask at another size.</summary>
    /// <param name="image">The mask; it is not changed.</param>
    /// <param name="width">Pixels per row of the result, 1 to 16384.</param>
    /// <param name="height">Rows of the result, 1 to 16384.</param>
    /// <param name="filter">How source pixels are weighed; nearest makes no new values.</param>
    /// <exception cref="EaselException">The size is out of range.</exception>
    public static GrayImage Resize(GrayImage image, int width, int height, ResampleFilter filter = ResampleFilter.Nearest) =>
        new(width, height, Resize(image.Pixels, image.Width, image.Height, 1, width, height, filter));

    /// <summary>The picture in exactly the size asked for, whatever its proportions.</summary>
    /// <param name="image">The picture; it is not changed.</param>
    /// <param name="width">Pixels per row of the result, 1 to 16384.</param>
    /// <param name="height">Rows of the result, 1 to 16384.</param>
    /// <param name="fit">What to do where the proportions differ.</param>
    /// <param name="filter">How source pixels are weighed.</param>
    /// <exception cref="EaselException">The size is out of range.</exception>
    public static RgbImage Fit(RgbImage image, int width, int height, ImageFit fit, ResampleFilter filter = ResampleFilter.Lanczos)
    {
        CheckSize(width, height);
        if (fit is ImageFit.Stretch or ImageFit.Latent || (long)image.Width * height == (long)image.Height * width) return Resize(image, width, height, filter);

        var wide = (long)image.Width * height > (long)image.Height * width;
        if (fit == ImageFit.Crop)
        {
            var cropWidth = wide ? Share(image.Height, width, height) : image.Width;
            var cropHeight = wide ? image.Height : Share(image.Width, height, width);
            var region = new ImageRegion((image.Width - cropWidth) / 2, (image.Height - cropHeight) / 2, cropWidth, cropHeight);
            return Resize(image.Crop(region), width, height, filter);
        }

        var inner = Resize(image, wide ? width : Share(height, image.Width, image.Height), wide ? Share(width, image.Height, image.Width) : height, filter);
        var pixels = PadByEdge(inner.Pixels, inner.Width, inner.Height, 3, (width - inner.Width) / 2, (height - inner.Height) / 2, width, height);
        return new RgbImage(width, height, pixels);
    }

    /// <summary>length * numerator / denominator, rounded, at least 1.</summary>
    private static int Share(int length, int numerator, int denominator) =>
        Math.Max(1, (int)(((long)length * numerator * 2 + denominator) / (2L * denominator)));

    /// <summary>A picture on a larger sheet, its edge pixels repeated to the sheet's edges.</summary>
    /// <param name="source">[height, width, channels].</param>
    /// <param name="left">Where its left edge comes to lie.</param>
    /// <param name="top">Where its top edge comes to lie.</param>
    internal static byte[] PadByEdge(byte[] source, int width, int height, int channels, int left, int top, int newWidth, int newHeight)
    {
        var padded = new byte[ImageLimits.Samples(newWidth, newHeight, channels)];
        for (var y = 0; y < newHeight; y++)
        {
            var from = source.AsSpan(Math.Clamp(y - top, 0, height - 1) * width * channels, width * channels);
            var to = padded.AsSpan(y * newWidth * channels, newWidth * channels);
            from.CopyTo(to[(left * channels)..]);
            for (var x = 0; x < left; x++) from[..channels].CopyTo(to[(x * channels)..]);
            for (var x = left + width; x < newWidth; x++) from[^channels..].CopyTo(to[(x * channels)..]);
        }
        return padded;
    }

    private static void CheckSize(int width, int height)
    {
        if (width is < 1 or > ImageLimits.Side || height is < 1 or > ImageLimits.Side)
            throw new EaselException($"A picture can be resized to 1 to {ImageLimits.Side} pixels on a side, not to {width}x{height}.");
    }

    private static byte[] Resize(byte[] source, int width, int height, int channels, int newWidth, int newHeight, ResampleFilter filter)
    {
        CheckSize(newWidth, newHeight);
        if (width == newWidth && height == newHeight) return (byte[])source.Clone();
        if (filter == ResampleFilter.Nearest) return PickNearest(source, width, height, channels, newWidth, newHeight);

        var rows = source;
        if (newWidth != width) rows = ResizeRows(source, width, height, channels, newWidth, new Weights(width, newWidth, filter));
        return newHeight == height ? rows : ResizeColumns(rows, newWidth * channels, newHeight, new Weights(height, newHeight, filter));
    }

    private static byte[] ResizeRows(byte[] source, int width, int height, int channels, int newWidth, Weights weights)
    {
        var result = new byte[ImageLimits.Samples(newWidth, height, channels)];
        for (var y = 0; y < height; y++)
        {
            var from = source.AsSpan(y * width * channels, width * channels);
            var to = result.AsSpan(y * newWidth * channels, newWidth * channels);
            for (var x = 0; x < newWidth; x++)
            {
                var taps = weights.Of(x);
                var covered = from.Slice(weights.First[x] * channels, taps.Length * channels);
                if (channels == 3)
                {
                    int red = 1 << PrecisionBits - 1, green = red, blue = red;
                    for (int t = 0, p = 0; t < taps.Length; t++, p += 3)
                    {
                        red += covered[p] * taps[t];
                        green += covered[p + 1] * taps[t];
                        blue += covered[p + 2] * taps[t];
                    }
                    (to[x * 3], to[x * 3 + 1], to[x * 3 + 2]) = (ToByte(red), ToByte(green), ToByte(blue));
                }
                else
                {
                    var sum = 1 << PrecisionBits - 1;
                    for (var t = 0; t < taps.Length; t++) sum += covered[t] * taps[t];
                    to[x] = ToByte(sum);
                }
            }
        }
        return result;
    }

    private static byte[] ResizeColumns(byte[] source, int stride, int newHeight, Weights weights)
    {
        var result = new byte[ImageLimits.Samples(stride, newHeight, 1)];
        var sums = new int[stride];
        for (var y = 0; y < newHeight; y++)
        {
            Array.Fill(sums, 1 << PrecisionBits - 1);
            var taps = weights.Of(y);
            for (var t = 0; t < taps.Length; t++)
            {
                var weight = taps[t];
                var from = source.AsSpan((weights.First[y] + t) * stride, stride);
                for (var i = 0; i < from.Length; i++) sums[i] += from[i] * weight;
            }
            var to = result.AsSpan(y * stride, stride);
            for (var i = 0; i < to.Length; i++) to[i] = ToByte(sums[i]);
        }
        return result;
    }

    private static byte ToByte(int sum) => (byte)Math.Clamp(sum >> PrecisionBits, 0, 255);

    private static byte[] PickNearest(byte[] source, int width, int height, int channels, int newWidth, int newHeight)
    {
        var result = new byte[ImageLimits.Samples(newWidth, newHeight, channels)];
        var columns = NearestOf(width, newWidth);
        var rows = NearestOf(height, newHeight);
        for (var y = 0; y < newHeight; y++)
        {
            var from = source.AsSpan(rows[y] * width * channels, width * channels);
            var to = result.AsSpan(y * newWidth * channels, newWidth * channels);
            for (var x = 0; x < newWidth; x++) from.Slice(columns[x] * channels, channels).CopyTo(to[(x * channels)..]);
        }
        return result;
    }

    /// <summary>The source index below the middle of every new pixel. Steps are added up, as Pillow does, since that decides exact ties.</summary>
    private static int[] NearestOf(int length, int newLength)
    {
        var indices = new int[newLength];
        var step = (double)length / newLength;
        var at = step * 0.5;
        for (var i = 0; i < newLength; i++, at += step) indices[i] = Math.Min((int)at, length - 1);
        return indices;
    }

    /// <summary>For every new pixel the first source pixel that counts and the fixed-point weights from there on.</summary>
    private sealed class Weights
    {
        private readonly int[] taps;
        private readonly int[] counts;
        private readonly int stride;

        public Weights(int length, int newLength, ResampleFilter filter)
        {
            var scale = (double)length / newLength;
            var spread = Math.Max(1.0, scale);
            var support = SupportOf(filter) * spread;
            stride = (int)Math.Ceiling(support) * 2 + 1;
            taps = new int[ImageLimits.Samples(stride, newLength, 1)];
            counts = new int[newLength];
            First = new int[newLength];

            var exact = new double[stride];
            for (var i = 0; i < newLength; i++)
            {
                var center = (i + 0.5) * scale;
                First[i] = Math.Max(0, (int)(center - support + 0.5));
                counts[i] = Math.Min(length, (int)(center + support + 0.5)) - First[i];
                var sum = 0.0;
                for (var t = 0; t < counts[i]; t++) sum += exact[t] = WeightOf(filter, (t + First[i] - center + 0.5) * (1.0 / spread));
                for (var t = 0; t < counts[i]; t++)
                {
                    var share = sum != 0 ? exact[t] / sum : exact[t];
                    taps[i * stride + t] = (int)(share * (1 << PrecisionBits) + (share < 0 ? -0.5 : 0.5));
                }
            }
        }

        public int[] First { get; }

        public ReadOnlySpan<int> Of(int index) => taps.AsSpan(index * stride, counts[index]);
    }

    private static double SupportOf(ResampleFilter filter) => filter switch
    {
        ResampleFilter.Box => 0.5,
        ResampleFilter.Bilinear => 1,
        ResampleFilter.Bicubic => 2,
        ResampleFilter.Lanczos => 3,
        _ => throw new EaselException($"'{filter}' is not a resampling filter; use one of {string.Join(", ", Enum.GetNames<ResampleFilter>())}."),
    };

    private static double WeightOf(ResampleFilter filter, double x)
    {
        if (filter == ResampleFilter.Box) return x is > -0.5 and <= 0.5 ? 1 : 0;
        if (filter == ResampleFilter.Lanczos) return x is >= -3 and < 3 ? Sinc(x) * Sinc(x / 3) : 0;
        x = Math.Abs(x);
        if (filter == ResampleFilter.Bilinear) return x < 1 ? 1 - x : 0;
        return x switch
        {
            < 1 => ((-0.5 + 2.0) * x - (-0.5 + 3.0)) * x * x + 1,
            < 2 => (((x - 5) * x + 8) * x - 4) * -0.5,
            _ => 0,
        };
    }

    private static double Sinc(double x) => x == 0 ? 1 : Math.Sin(x * Math.PI) / (x * Math.PI);
}
