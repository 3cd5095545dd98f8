namespace Easel.Imaging;

/// <summary>OpenCV's conversion between 8-bit RGB and YUV planes (BT.601, 14-bit fixed point, U and V around 128), bit for bit.</summary>
internal static class Yuv
{
    private const int Shift = 14, Rounding = 1 << Shift - 1;

    public static (byte[] Y, byte[] U, byte[] V) FromRgb(RgbImage image)
    {
        var count = image.Width * image.Height;
        var (y, u, v) = (new byte[count], new byte[count], new byte[count]);
        for (int i = 0, p = 0; i < count; i++, p += 3)
        {
            int red = image.Pixels[p], blue = image.Pixels[p + 2];
            var luma = Luma(red, image.Pixels[p + 1], blue);
            y[i] = (byte)luma;
            u[i] = ToU(blue, luma);
            v[i] = ToByte((red - luma) * 14369 + (128 << Shift) + Rounding >> Shift);
        }
        return (y, u, v);
    }

    public static byte[] PlaneU(RgbImage image)
    {
        var u = new byte[image.Width * image.Height];
        for (int i = 0, p = 0; i < u.Length; i++, p += 3)
            u[i] = ToU(image.Pixels[p + 2], Luma(image.Pixels[p], image.Pixels[p + 1], image.Pixels[p + 2]));
        return u;
    }

    public static RgbImage ToRgb(byte[] y, byte[] u, byte[] v, int width, int height)
    {
        var image = new RgbImage(width, height);
        for (int i = 0, p = 0; i < y.Length; i++, p += 3)
        {
            int luma = y[i], blueness = u[i] - 128, redness = v[i] - 128;
            image.Pixels[p] = ToByte(luma + (redness * 18678 + Rounding >> Shift));
            image.Pixels[p + 1] = ToByte(luma + (blueness * -6472 + redness * -9519 + Rounding >> Shift));
            image.Pixels[p + 2] = ToByte(luma + (blueness * 33292 + Rounding >> Shift));
        }
        return image;
    }

    private static int Luma(int red, int green, int blue) => blue * 1868 + green * 9617 + red * 4899 + Rounding >> Shift;

    private static byte ToU(int blue, int luma) => ToByte((blue - luma) * 8061 + (128 << Shift) + Rounding >> Shift);

    private static byte ToByte(int value) => (byte)Math.Clamp(value, 0, 255);
}
