namespace Easel.Imaging.Hints;

/// <summary>A picture in floating point, [height, width, channels], with what filters need.</summary>
internal sealed class Planes(int width, int height, int channels)
{
    public int Width => width;

    public int Height => height;

    public int Channels => channels;

    public float[] Values { get; } = new float[ImageLimits.Samples(width, height, channels)];

    public static Planes Of(RgbImage picture)
    {
        var planes = new Planes(picture.Width, picture.Height, 3);
        for (var i = 0; i < planes.Values.Length; i++) planes.Values[i] = picture.Pixels[i];
        return planes;
    }

    /// <summary>Blurred by a Gaussian whose tails are cut as OpenCV cuts them; beyond the edges the picture is mirrored about its last pixels.</summary>
    /// <param name="reach">The kernel's half width as a multiple of sigma: 4 for floating point, 3 for bytes.</param>
    public Planes Blurred(double sigma, double reach = 4)
    {
        var half = ((int)Math.Round(sigma * reach * 2 + 1) | 1) / 2;
        var kernel = Enumerable.Range(-half, 2 * half + 1).Select(i => Math.Exp(-i * i / (2 * sigma * sigma))).ToArray();
        var sum = kernel.Sum();
        var weights = kernel.Select(weight => (float)(weight / sum)).ToArray();
        return Along(weights, half, step: channels, length: width, lines: height, lineStep: width * channels)
            .Along(weights, half, step: width * channels, length: height, lines: width, lineStep: channels);
    }

    /// <summary>The byte that a value is rounded to.</summary>
    public static byte ToByte(float value) => (byte)Math.Clamp((int)MathF.Round(value), 0, 255);

    /// <summary>A gray picture with a value for each pixel.</summary>
    public static RgbImage Gray(int width, int height, Func<int, byte> value)
    {
        var made = new RgbImage(width, height);
        for (int i = 0, p = 0; i < width * height; i++, p += 3) made.Pixels[p] = made.Pixels[p + 1] = made.Pixels[p + 2] = value(i);
        return made;
    }

    private Planes Along(float[] weights, int half, int step, int length, int lines, int lineStep)
    {
        var made = new Planes(width, height, channels);
        var places = Enumerable.Range(-half, length + 2 * half).Select(i => Mirrored(i, length) * step).ToArray();
        for (var line = 0; line < lines; line++)
        {
            for (var channel = 0; channel < channels; channel++)
            {
                var start = line * lineStep + channel;
                for (var i = 0; i < length; i++)
                {
                    var sum = 0f;
                    for (var t = 0; t < weights.Length; t++) sum += weights[t] * Values[start + places[i + t]];
                    made.Values[start + i * step] = sum;
                }
            }
        }
        return made;
    }

    private static int Mirrored(int i, int length)
    {
        if (length == 1) return 0;
        var period = 2 * (length - 1);
        i = Math.Abs(i) % period;
        return i < length ? i : period - i;
    }
}
