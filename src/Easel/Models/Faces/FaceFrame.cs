using Easel.Imaging;

namespace Easel.Models.Faces;

/// <summary>A face turned upright into a square, and laid back into its picture: what facexlib's FaceRestoreHelper does around a restorer.</summary>
internal static class FaceFrame
{
    /// <summary>Pixels along a side.</summary>
    public const int Side = 512;

    /// <summary>Where in the square eyes, nose and the corners of the mouth belong.</summary>
    private static readonly FacePoint[] Places =
        [new(192.98138, 239.94708), new(318.90277, 240.1936), new(256.63416, 314.01935), new(201.26117, 371.41043), new(313.08905, 371.15118)];

    private static readonly double[] Beyond = [135, 133, 132]; // the colour around a picture

    /// <summary>How much of the square counts along each of its axes: nothing at the edges, all within.</summary>
    private static readonly float[] Weights = Soft(inset: Side / 20 + 1, deviation: 8);

    /// <summary>What turns a face upright into the square.</summary>
    /// <param name="points">Eyes, nose, corners of the mouth, the left ones first.</param>
    public static Similarity Into(IReadOnlyList<FacePoint> points) => Similarity.Robust(points, Places);

    /// <summary>The square.</summary>
    public static RgbImage Cut(RgbImage picture, Similarity into)
    {
        var (square, back) = (new RgbImage(Side, Side), into.Inverse());
        Span<double> colour = stackalloc double[3];
        for (var y = 0; y < Side; y++)
        {
            for (var x = 0; x < Side; x++)
            {
                var place = back.At(x, y);
                Sample(picture, place.X, place.Y, colour);
                for (var c = 0; c < 3; c++) square.Pixels[(y * Side + x) * 3 + c] = (byte)Math.Clamp(Math.Round(colour[c]), 0, 255);
            }
        }
        return square;
    }

    /// <summary>Lays a square back into a copy of its picture, with soft edges.</summary>
    /// <param name="visibility">How much of it is seen, 0 to 1.</param>
    public static RgbImage Laid(RgbImage picture, RgbImage square, Similarity into, double visibility)
    {
        var (result, back) = (new RgbImage(picture.Width, picture.Height, [.. picture.Pixels]), into.Inverse());
        FacePoint[] corners = [back.At(0, 0), back.At(Side, 0), back.At(0, Side), back.At(Side, Side)];
        var (left, right) = (First(corners.Min(corner => corner.X)), Math.Min(picture.Width, First(corners.Max(corner => corner.X)) + 2));
        var (top, bottom) = (First(corners.Min(corner => corner.Y)), Math.Min(picture.Height, First(corners.Max(corner => corner.Y)) + 2));
        Span<double> colour = stackalloc double[3];
        for (var y = top; y < bottom; y++)
        {
            for (var x = left; x < right; x++)
            {
                var (u, v) = into.At(x, y);
                if (!(u >= 0 && v >= 0 && u <= Side - 1 && v <= Side - 1)) continue;
                var share = visibility * Weight(u) * Weight(v);
                if (share <= 0) continue;
                Sample(square, u, v, colour);
                for (var c = 0; c < 3; c++)
                {
                    ref var pixel = ref result.Pixels[(y * picture.Width + x) * 3 + c];
                    pixel = (byte)Math.Clamp(Math.Round(pixel + share * (colour[c] - pixel)), 0, 255);
                }
            }
        }
        return result;

        static int First(double place) => (int)Math.Max(0, Math.Floor(Math.Min(place, 1 << 20)));
    }

    private static double Weight(double place)
    {
        var first = Math.Min((int)place, Side - 2);
        return Weights[first] + (place - first) * (Weights[first + 1] - Weights[first]);
    }

    /// <summary>A pixel between pixels.</summary>
    private static void Sample(RgbImage image, double x, double y, Span<double> colour)
    {
        var (left, top) = ((int)Math.Floor(Math.Clamp(x, -2, image.Width + 1)), (int)Math.Floor(Math.Clamp(y, -2, image.Height + 1)));
        var (across, down) = (Math.Clamp(x - left, 0, 1), Math.Clamp(y - top, 0, 1));
        for (var c = 0; c < 3; c++)
        {
            var (above, below) = (At(left, top, c) * (1 - across) + At(left + 1, top, c) * across,
                At(left, top + 1, c) * (1 - across) + At(left + 1, top + 1, c) * across);
            colour[c] = above * (1 - down) + below * down;
        }

        double At(int column, int row, int channel) => (uint)column < (uint)image.Width && (uint)row < (uint)image.Height
            ? image.Pixels[(row * image.Width + column) * 3 + channel] : Beyond[channel];
    }

    /// <summary>A box that ends so many pixels before the edges, smoothed.</summary>
    private static float[] Soft(int inset, double deviation)
    {
        var reach = 3 * (int)deviation;
        var kernel = Enumerable.Range(-reach, 2 * reach + 1).Select(i => Math.Exp(-i * i / (2 * deviation * deviation))).ToArray();
        var sum = kernel.Sum();
        return [.. Enumerable.Range(0, Side).Select(place => (float)(Enumerable.Range(0, kernel.Length)
            .Where(i => place + i - reach is var at && at >= inset && at < Side - inset).Sum(i => kernel[i]) / sum))];
    }
}
