namespace Easel.Imaging;

/// <summary>What is refused before any memory is taken for it.</summary>
internal static class ImageLimits
{
    /// <summary>The longest side of a picture that is read or written: four times what any model here can paint.</summary>
    public const int Side = 16384;

    /// <summary>The most pixels of a picture that is read. Decoding takes seven bytes for each, however few the file has.</summary>
    public const long Pixels = 100_000_000;

    /// <summary>The largest file that is read.</summary>
    public const long FileBytes = 512L << 20;

    /// <summary>All text of one picture together, unpacked, in bytes or characters: far above any workflow, far below a bomb.</summary>
    public const int Text = 16 << 20;

    /// <summary>Refuses more text than is read.</summary>
    public static void CheckText(long length, string name)
    {
        if (length > Text) throw new EaselException($"'{name}' holds more than {Text >> 20} MB of text.");
    }

    /// <summary>The length of the sample array of a picture, or a refusal.</summary>
    public static int Samples(int width, int height, int channels)
    {
        if (width < 1 || height < 1 || (long)width * height * channels > Array.MaxLength)
            throw new EaselException($"A picture cannot be {width}x{height} pixels: both sides must be at least 1 and all its samples must fit in memory.");
        return width * height * channels;
    }

    /// <summary>Refuses an array that is not exactly as long as the picture needs.</summary>
    public static void CheckLength(int width, int height, int channels, int length)
    {
        var needed = Samples(width, height, channels);
        if (length != needed)
            throw new EaselException($"A picture of {width}x{height} pixels with {channels} sample(s) each needs {needed} samples, not {length}.");
    }

    /// <summary>Refuses the size a file claims, before it is decoded: a few bytes can claim to be terabytes of pixels.</summary>
    public static void CheckClaim(int width, int height, string name)
    {
        if (width < 1 || height < 1)
            throw new EaselException($"'{name}' says that it is {width}x{height} pixels, which no picture can be.");
        if (width > Side || height > Side)
            throw new EaselException($"'{name}' is {width}x{height} pixels; at most {Side} on a side can be read.");
        if ((long)width * height > Pixels)
            throw new EaselException($"'{name}' is {width}x{height} pixels, {(long)width * height} in all; at most {Pixels} can be read.");
    }
}
