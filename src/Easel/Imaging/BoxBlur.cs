namespace Easel.Imaging;

/// <summary>
/// A Gaussian blur made of three box blurs with fractional radii (Gwosdek et al., "Theoretical Foundations of Gaussian Convolution by Extended Box Filtering",
/// 2011), in the 24-bit fixed point of Pillow's src/libImaging/BoxBlur.c, whose results it equals bit for bit. Its cost does not grow with the radius.
/// </summary>
internal static class BoxBlur
{
    private const int Passes = 3;

    /// <summary>Blurs samples [height, width, channels] in place; the edge pixels continue outside the picture.</summary>
    /// <param name="samples">The picture.</param>
    /// <param name="width">Pixels per row.</param>
    /// <param name="height">Rows.</param>
    /// <param name="channels">Samples per pixel.</param>
    /// <param name="sigma">The standard deviation in pixels; 0 leaves the picture as it is.</param>
    public static void Gaussian(byte[] samples, int width, int height, int channels, float sigma)
    {
        var radius = BoxRadius(sigma);
        if (radius == 0) return;

        var longest = Math.Max(width, height);
        var (line, blurred) = (new byte[longest], new byte[longest]);
        for (var channel = 0; channel < channels; channel++)
        {
            for (var y = 0; y < height; y++) BlurLine(samples, y * width * channels + channel, channels, line.AsSpan(0, width), blurred.AsSpan(0, width), radius);
        }
        for (var i = 0; i < width * channels; i++) BlurLine(samples, i, width * channels, line.AsSpan(0, height), blurred.AsSpan(0, height), radius);
    }

    /// <summary>The box radius whose three-fold blur has the variance asked for; single precision, as in the original.</summary>
    private static float BoxRadius(float sigma)
    {
        var variance = sigma * sigma / Passes;
        var length = (float)Math.Sqrt(12.0 * variance + 1.0);
        var whole = (float)Math.Floor((length - 1.0) / 2.0);
        var fraction = (2 * whole + 1) * (whole * (whole + 1) - 3 * variance);
        fraction /= 6 * (variance - (whole + 1) * (whole + 1));
        return whole + fraction;
    }

    private static void BlurLine(byte[] samples, int start, int step, Span<byte> line, Span<byte> blurred, float radius)
    {
        for (int i = 0, at = start; i < line.Length; i++, at += step) line[i] = samples[at];
        for (var pass = 0; pass < Passes; pass++)
        {
            Box(line, blurred, radius);
            var done = blurred;
            blurred = line;
            line = done;
        }
        for (int i = 0, at = start; i < line.Length; i++, at += step) samples[at] = line[i];
    }

    /// <summary>One box blur: a running sum over the whole radius, plus the two pixels at its rim with the weight of its fraction.</summary>
    private static void Box(ReadOnlySpan<byte> from, Span<byte> to, float radius)
    {
        var whole = (int)radius;
        var last = from.Length - 1;
        var inside = (uint)((1 << 24) / (radius * 2 + 1));
        var rim = ((1 << 24) - (uint)(whole * 2 + 1) * inside) / 2;

        // The sum for the pixel before the first: itself and the radius to its left are all the first pixel.
        var sum = (uint)(from[0] * (whole + 1));
        for (var i = 0; i < whole; i++) sum += from[Math.Min(i, last)];
        for (var x = 0; x <= last; x++)
        {
            sum += (uint)(from[Math.Min(x + whole, last)] - from[Math.Max(x - whole - 1, 0)]);
            var weighed = sum * inside + (uint)(from[Math.Max(x - whole - 1, 0)] + from[Math.Min(x + whole + 1, last)]) * rim;
            to[x] = (byte)(weighed + (1 << 23) >> 24);
        }
    }
}
