namespace Easel.Imaging;

/// <summary>A Gaussian blur made of three box blurs with fractional radii (Gwosdek et al., "Theoretical Foundations of Gaussian Convolution by Extended Box
/// Filtering", 2011), in the 24-bit fixed point of Pillow's src/libImaging/BoxBlur.c, whose results it equals bit for bit. Its cost does not grow with the
/// radius.</summary>
internal static class BoxBlur
{
    private const int Passes = 3;

    /// <summary>Blurs samples [height, width, channels] in place; the edge pixels continue outside the picture.</summary>
    /// <param name="width">Pixels per row.</param> <param name="channels">Samples per pixel.</param>
    /// <param name="sigma">The standard deviation in pixels; 0 leaves the picture as it is.</param>
    public static void Gaussian(byte[] samples, int width, int height, int channels, float sigma)
    {
        var radius = BoxRadius(sigma);
        if (radius == 0) return;

        // A line stands between two rims that repeat its ends, so that the running sum never has to ask where it is.
        var rims = 2 * ((int)radius + 1);
        var longest = Math.Max(width, height) + rims;
        var (line, blurred) = (new byte[longest], new byte[longest]);
        for (var y = 0; y < height; y++)
            for (var channel = 0; channel < channels; channel++)
                BlurLine(samples, y * width * channels + channel, channels, line.AsSpan(0, width + rims), blurred.AsSpan(0, width + rims), radius);
        for (var i = 0; i < width * channels; i++)
            BlurLine(samples, i, width * channels, line.AsSpan(0, height + rims), blurred.AsSpan(0, height + rims), radius);
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
        var rim = (int)radius + 1;
        for (int i = rim, at = start; i < line.Length - rim; i++, at += step) line[i] = samples[at];
        for (var pass = 0; pass < Passes; pass++)
        {
            line[..rim].Fill(line[rim]);
            line[^rim..].Fill(line[^(rim + 1)]);
            Box(line, blurred[rim..^rim], radius);
            var done = blurred;
            blurred = line;
            line = done;
        }
        for (int i = rim, at = start; i < line.Length - rim; i++, at += step) samples[at] = line[i];
    }

    /// <summary>One box blur: a running sum over the whole radius, plus the two pixels just outside with the weight of its fraction.</summary>
    private static void Box(ReadOnlySpan<byte> line, Span<byte> blurred, float radius)
    {
        var covered = 2 * (int)radius + 1;
        var inside = (uint)((1 << 24) / (radius * 2 + 1));
        var outside = ((1 << 24) - (uint)covered * inside) / 2;

        uint sum = 0;
        foreach (var value in line[..covered]) sum += value;
        for (var x = 0; x < blurred.Length; x++)
        {
            sum += (uint)(line[x + covered] - line[x]);
            blurred[x] = (byte)(sum * inside + (uint)(line[x] + line[x + covered + 1]) * outside + (1 << 23) >> 24);
        }
    }
}
