namespace Easel.Imaging.Hints;

/// <summary>Makes hints of pictures. What the ControlNet extension of AUTOMATIC1111's web UI makes without a network is made as there.</summary>
internal static class HintMaker
{
    private const int MostDrawnOut = 16;
    private const long MostPixels = 4096 * 4096;

    /// <param name="first">The kind's first number; null for its default.</param> <param name="second">Its second.</param>
    /// <param name="resolution">Pixels of the shorter side at which the picture is looked at; null for its own.</param>
    /// <param name="depth">Tells how near each point of a picture is, near is bright, in any size; null where no estimator is at hand.</param>
    /// <exception cref="InvalidRequestException">A number is out of its range, or depth is asked for and cannot be told.</exception>
    public static RgbImage Make(RgbImage picture, HintKind kind, double? first = null, double? second = null, int? resolution = null,
        Func<RgbImage, RgbImage?>? depth = null)
    {
        CheckShape(picture);
        var row = HintInfo.Of(kind);
        var (a, b) = (row.Value(0, first), row.Value(1, second));
        var seen = Resized(picture, SizeOf(picture, kind, resolution));
        return kind switch
        {
            HintKind.Canny => Padded(seen, whole => Canny.Find(whole, (int)a, (int)b).ToRgb()),
            HintKind.Lineart => Padded(seen, Lineart),
            HintKind.SoftEdge => Padded(seen, SoftEdge),
            HintKind.Scribble => Padded(seen, whole => Scribble(whole, a)),
            HintKind.Invert => Negative(seen),
            HintKind.Threshold => Planes.Gray(seen.Width, seen.Height, i => (byte)(Least(seen, i) > a ? 255 : 0)),
            HintKind.Blur => Bytes(Planes.Of(seen).Blurred(a, reach: 3)),
            HintKind.Tile => a < 1.1 ? seen : HintResampling.Resize(seen, Side(seen.Width / a), Side(seen.Height / a), HintResampling.Way.Area),
            HintKind.Gray => Gray(seen, a),
            HintKind.Color => Squares(picture, resolution),
            HintKind.Depth => depth?.Invoke(seen) is { } near ? HintResampling.Resize(near, seen.Width, seen.Height, HintResampling.Way.Cubic)
                : throw new InvalidRequestException(nameof(GenerationRequest.Controls),
                    "A depth hint needs the depth estimator (MiDaS DPT-Hybrid): name its file when loading the model, or give a depth map as it is."),
            _ => picture,
        };
    }

    /// <summary>Refuses a picture of which hardly anything would be seen: brought to size by its shorter side, its longer one would be endless.</summary>
    public static void CheckShape(RgbImage picture)
    {
        var (shorter, longer) = (Math.Min(picture.Width, picture.Height), Math.Max(picture.Width, picture.Height));
        if (longer > MostDrawnOut * (long)shorter)
            throw new InvalidRequestException(nameof(GenerationRequest.Controls),
                $"The picture of a control is {picture.Width}x{picture.Height}; its longer side may be at most {MostDrawnOut} times its shorter one.");
    }

    /// <summary>The size at which a picture is looked at.</summary>
    public static (int Width, int Height) SizeOf(RgbImage picture, HintKind kind, int? resolution)
    {
        if (!HintInfo.Of(kind).TakesResolution || kind == HintKind.Color || resolution is not { } side) return (picture.Width, picture.Height);
        var scale = (double)side / Math.Min(picture.Width, picture.Height);
        return (Side(Math.Round(picture.Width * scale)), Side(Math.Round(picture.Height * scale)));
    }

    private static RgbImage Resized(RgbImage picture, (int Width, int Height) size)
    {
        if (size == (picture.Width, picture.Height)) return picture;
        if ((long)size.Width * size.Height > MostPixels)
            throw new InvalidRequestException(nameof(GenerationRequest.Controls),
                $"The hint of a control would be made at {size.Width}x{size.Height} pixels; it may have {MostPixels} in all: "
                + "give a lower resolution or a less drawn-out picture.");
        return HintResampling.Resize(picture, size.Width, size.Height,
            Math.Min(size.Width, size.Height) > Math.Min(picture.Width, picture.Height) ? HintResampling.Way.Cubic : HintResampling.Way.Area);
    }

    /// <summary>Made of the picture with its edges repeated up to multiples of 64, so that none of the hint is made of what lies beyond an edge.</summary>
    private static RgbImage Padded(RgbImage picture, Func<RgbImage, RgbImage> make)
    {
        var (width, height) = ((picture.Width + 63) / 64 * 64, (picture.Height + 63) / 64 * 64);
        var whole = new RgbImage(width, height, Resampling.PadByEdge(picture.Pixels, picture.Width, picture.Height, 3, 0, 0, width, height));
        return make(whole).Crop(new ImageRegion(0, 0, picture.Width, picture.Height));
    }

    /// <summary>How much darker each pixel is than its surroundings, the strokes brought to a half of full light.</summary>
    private static RgbImage Lineart(RgbImage picture)
    {
        var (own, around) = (Planes.Of(picture), Planes.Of(picture).Blurred(6));
        var darker = new float[picture.Width * picture.Height];
        for (var i = 0; i < darker.Length; i++)
            darker[i] = Math.Clamp(Enumerable.Range(3 * i, 3).Min(p => around.Values[p] - own.Values[p]), 0, 255);
        var strokes = darker.Where(value => value > 8).Order().ToList();
        var middle = strokes.Count == 0 ? 0 : (strokes[(strokes.Count - 1) / 2] + strokes[strokes.Count / 2]) / 2;
        return Planes.Gray(picture.Width, picture.Height, i => (byte)Math.Clamp(darker[i] / Math.Max(16, middle) * 127, 0, 255));
    }

    /// <summary>The difference of two blurs, all or nothing ("XDoG", H. Winnemöller et al., 2012).</summary>
    private static RgbImage Scribble(RgbImage picture, double threshold)
    {
        var (narrow, wide) = (Planes.Of(picture).Blurred(0.5), Planes.Of(picture).Blurred(5));
        return Planes.Gray(picture.Width, picture.Height, i =>
        {
            var difference = (byte)Math.Clamp(255 - Enumerable.Range(3 * i, 3).Min(p => wide.Values[p] - narrow.Values[p]), 0, 255);
            return (byte)((byte)(2 * (255 - difference)) > threshold ? 255 : 0);
        });
    }

    /// <summary>The steepness of the picture at three sizes of blur, each by itself as strong as its strongest hundredth allows, the mean of them.</summary>
    private static RgbImage SoftEdge(RgbImage picture)
    {
        var sum = new float[picture.Width * picture.Height];
        foreach (var sigma in (double[])[1, 2, 4])
        {
            var steepness = Steepness(Planes.Of(picture).Blurred(sigma));
            var most = Math.Max(steepness.Order().ElementAt((int)((steepness.Length - 1) * 0.99)), (float)(8 / sigma));
            for (var i = 0; i < sum.Length; i++) sum[i] += Math.Min(1, steepness[i] / most) / 3;
        }
        return Planes.Gray(picture.Width, picture.Height, i => Planes.ToByte(255 * sum[i]));
    }

    private static float[] Steepness(Planes picture)
    {
        var made = new float[picture.Width * picture.Height];
        for (var y = 0; y < picture.Height; y++)
        {
            var (above, below) = (Math.Max(0, y - 1), Math.Min(picture.Height - 1, y + 1));
            for (var x = 0; x < picture.Width; x++)
            {
                var (left, right) = (Math.Max(0, x - 1), Math.Min(picture.Width - 1, x + 1));
                for (var c = 0; c < 3; c++)
                {
                    float At(int row, int column) => picture.Values[(row * picture.Width + column) * 3 + c];
                    var (across, down) = (At(y, right) - At(y, left), At(below, x) - At(above, x));
                    made[y * picture.Width + x] = Math.Max(made[y * picture.Width + x], MathF.Sqrt(across * across + down * down));
                }
            }
        }
        return made;
    }

    /// <summary>Squares of 64 pixels of a picture that is brought to a resolution.</summary>
    private static RgbImage Squares(RgbImage picture, int? resolution)
    {
        var scale = (double)(resolution ?? Math.Min(picture.Width, picture.Height)) / Math.Min(picture.Width, picture.Height);
        var (width, height) = (Side(Math.Round(picture.Width * scale)), Side(Math.Round(picture.Height * scale)));
        var sized = HintResampling.Resize(picture, width, height, HintResampling.Way.Area);
        var small = HintResampling.Resize(sized, Math.Max(1, width / 64), Math.Max(1, height / 64), HintResampling.Way.Cubic);
        return HintResampling.Resize(small, width, height, HintResampling.Way.Nearest);
    }

    private static RgbImage Gray(RgbImage picture, double gamma)
    {
        var gray = picture.ToGray();
        return Planes.Gray(picture.Width, picture.Height, i => (byte)Math.Clamp(255 * Math.Pow(gray.Pixels[i] / 255.0, gamma), 0, 255));
    }

    private static RgbImage Negative(RgbImage picture) => new(picture.Width, picture.Height, [.. picture.Pixels.Select(value => (byte)(255 - value))]);

    private static RgbImage Bytes(Planes planes) => new(planes.Width, planes.Height, [.. planes.Values.Select(Planes.ToByte)]);

    private static byte Least(RgbImage picture, int i) =>
        Math.Min(picture.Pixels[3 * i], Math.Min(picture.Pixels[3 * i + 1], picture.Pixels[3 * i + 2]));

    private static int Side(double length) => Math.Max(1, (int)length);
}
