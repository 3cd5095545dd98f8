namespace Easel.Imaging;

/// <summary>The invisible watermark of the reference scripts: ShieldMnt/invisible-watermark, method "dwtDct" (imwatermark/maxDct.py), equal to it sample by
/// sample. A picture that carries it says that a machine painted it. It survives small changes, and JPEG where that keeps the full colour resolution (as
/// <see cref="ImageFile"/> does from quality 90 on), but neither scaling nor cropping, and JPEG and WebP with halved colours in some pictures and not in
/// others: where one has lost it, <see cref="ImageFile"/> says so in its settings.</summary>
/// <remarks>The picture becomes YUV, and the U plane is halved by a Haar wavelet. In every 4x4 block of that half-size plane the largest of 15 coefficients
/// carries one bit: its remainder modulo 36 is set to 9 for 0 and to 27 for 1. Bits follow each other along the rows of blocks and start over when all are
/// used. (Despite the method's name no cosine transform is left in the original.)</remarks>
public static class Watermark
{
    private const double Scale = 36;

    /// <summary>The smallest picture the original accepts, in pixels.</summary>
    private const int SmallestArea = 256 * 256;

    private static readonly double Half = Math.Sqrt(0.5);

    /// <summary>Whether a picture is large enough to be marked: 65,536 pixels, and 8 on each side.</summary>
    public static bool CanCarry(RgbImage image) => (long)image.Width * image.Height >= SmallestArea && image.Width >= 8 && image.Height >= 8;

    /// <summary>The picture with the mark in it.</summary>
    /// <param name="image">The picture; it is not changed.</param>
    /// <param name="mark">The bits to write.</param>
    /// <exception cref="EaselException">The picture is too small (see <see cref="CanCarry"/>).</exception>
    public static RgbImage Write(RgbImage image, WatermarkMark mark)
    {
        CheckSize(image);
        var (y, u, v) = Yuv.FromRgb(image);
        var bits = mark.Span;
        var (width, columns) = (image.Width, image.Width / 8);
        Span<double> block = stackalloc double[16];
        for (int row = 0, bit = 0; row < image.Height / 8; row++)
        {
            for (var column = 0; column < columns; column++, bit = bit + 1 == bits.Length ? 0 : bit + 1)
            {
                ReadBlock(u, width, row, column, block);
                var at = Carrier(block);
                block[at] = (Whole(block[at]) + 0.25 + (bits[bit] ? 0.5 : 0)) * Scale;
                for (var cell = 0; cell < 16; cell++) Rebuild(u, (row * 8 + cell / 4 * 2) * width + column * 8 + cell % 4 * 2, width, block[cell]);
            }
        }
        RebuildRim(u, width, image.Height);
        return Yuv.ToRgb(y, u, v, width, image.Height);
    }

    /// <summary>Reads as many bits as asked for, each by the majority of its blocks, as the original decoder does.</summary>
    /// <param name="image">The picture.</param>
    /// <param name="bits">How many bits the mark has: the reader must know, 1 to 4096.</param>
    /// <exception cref="EaselException">The picture is too small, or the number of bits is out of range.</exception>
    public static bool[] Read(RgbImage image, int bits)
    {
        if (bits is < 1 or > 4096) throw new EaselException($"A watermark has 1 to 4096 bits, not {bits}.");
        return Majority(Carriers(image), bits);
    }

    /// <summary>Compares a picture with watermarks. Instead of the original's hard decisions each block votes with its certainty, and the votes are correlated
    /// with the mark's bits, so that flat pictures, from which the original reads nothing, are recognised too.</summary>
    /// <param name="image">The picture.</param>
    /// <param name="marks">The marks to look for; by default the three that are known.</param>
    /// <returns>One match for every mark, the best score first.</returns>
    /// <exception cref="EaselException">The picture is too small.</exception>
    public static IReadOnlyList<WatermarkMatch> Examine(RgbImage image, params IReadOnlyList<WatermarkMark> marks)
    {
        var carriers = Carriers(image);
        if (marks.Count == 0) marks = [WatermarkMark.StableDiffusion1, WatermarkMark.StableDiffusion2, WatermarkMark.StableDiffusionXl];
        return [.. marks.Select(mark => Compare(carriers, mark)).OrderByDescending(match => match.Score)];
    }

    /// <summary>The known watermark that a picture carries, or null: no mark, or a picture too small for any.</summary>
    /// <param name="image">The picture.</param>
    public static WatermarkMatch? Detect(RgbImage image) => CanCarry(image) && Examine(image)[0] is { Found: true } match ? match : null;

    private static WatermarkMatch Compare(double[] carriers, WatermarkMark mark)
    {
        var bits = mark.Span;
        var matching = 0;
        var read = Majority(carriers, bits.Length);
        for (var i = 0; i < bits.Length; i++) matching += read[i] == bits[i] ? 1 : 0;

        // A remainder of 9 votes -1 and one of 27 votes +1; what lies between the two places of the scheme says little and counts little.
        var (votes, counts) = (new double[bits.Length], new int[bits.Length]);
        for (var i = 0; i < carriers.Length; i++)
        {
            votes[i % bits.Length] -= Math.Sin(carriers[i] * (2 * Math.PI / Scale));
            counts[i % bits.Length]++;
        }
        for (var i = 0; i < votes.Length; i++) votes[i] /= Math.Max(1, counts[i]);
        return new WatermarkMatch(mark, (double)matching / bits.Length, Score(votes, bits));
    }

    /// <summary>The correlation of votes and bits as a standard normal number (Fisher's transformation). Means are taken out first, so that a picture's leaning
    /// to 0 or 1 moves nothing; for whole bytes, one mean for each of the eight places in a byte, since all texts have much the same upper bits.</summary>
    private static double Score(double[] votes, ReadOnlySpan<bool> bits)
    {
        var places = bits.Length >= 32 && bits.Length % 8 == 0 ? 8 : 1;
        if (bits.Length < places + 3) return 0;
        var wanted = new double[bits.Length];
        for (var i = 0; i < wanted.Length; i++) wanted[i] = bits[i] ? 1 : 0;
        for (var place = 0; place < places; place++)
        {
            Center(votes, place, places);
            Center(wanted, place, places);
        }

        double both = 0, ofVotes = 0, ofBits = 0;
        for (var i = 0; i < votes.Length; i++)
        {
            both += votes[i] * wanted[i];
            ofVotes += votes[i] * votes[i];
            ofBits += wanted[i] * wanted[i];
        }
        if (ofVotes < 1e-12 || ofBits < 1e-12) return 0;
        return Math.Atanh(Math.Clamp(both / Math.Sqrt(ofVotes * ofBits), -0.999999, 0.999999)) * Math.Sqrt(votes.Length - places - 2);
    }

    private static void Center(double[] values, int first, int step)
    {
        double sum = 0;
        var count = 0;
        for (var i = first; i < values.Length; i += step, count++) sum += values[i];
        for (var i = first; i < values.Length; i += step) values[i] -= sum / count;
    }

    private static bool[] Majority(double[] carriers, int bits)
    {
        var (ones, counts) = (new int[bits], new int[bits]);
        for (var i = 0; i < carriers.Length; i++)
        {
            ones[i % bits] += carriers[i] % Scale > 0.5 * Scale ? 1 : 0;
            counts[i % bits]++;
        }
        var read = new bool[bits];
        for (var i = 0; i < bits; i++) read[i] = counts[i] > 0 && (double)ones[i] / counts[i] * 255 > 127;
        return read;
    }

    /// <summary>The coefficient that carries the bit, for every block in reading order.</summary>
    private static double[] Carriers(RgbImage image)
    {
        CheckSize(image);
        var u = Yuv.PlaneU(image);
        var (rows, columns) = (image.Height / 8, image.Width / 8);
        var carriers = new double[rows * columns];
        Span<double> block = stackalloc double[16];
        for (var i = 0; i < carriers.Length; i++)
        {
            ReadBlock(u, image.Width, i / columns, i % columns, block);
            carriers[i] = block[Carrier(block)];
        }
        return carriers;
    }

    /// <summary>The index of the largest coefficient but the first; of equals the first. They are sums of bytes, so none is negative.</summary>
    private static int Carrier(ReadOnlySpan<double> block)
    {
        var largest = 1;
        for (var i = 2; i < block.Length; i++)
            if (block[i] > block[largest]) largest = i;
        return largest;
    }

    /// <summary>Floor division by the scale as numpy computes it, which decides values that lie on a multiple.</summary>
    private static double Whole(double value)
    {
        var quotient = (value - value % Scale) / Scale;
        var floor = Math.Floor(quotient);
        return quotient - floor > 0.5 ? floor + 1 : floor;
    }

    /// <summary>The 4x4 Haar approximations of a block of 8x8 pixels.</summary>
    private static void ReadBlock(byte[] u, int width, int row, int column, Span<double> block)
    {
        for (var cell = 0; cell < 16; cell++)
        {
            var at = (row * 8 + cell / 4 * 2) * width + column * 8 + cell % 4 * 2;
            block[cell] = Half * (Half * u[at] + Half * u[at + width]) + Half * (Half * u[at + 1] + Half * u[at + width + 1]);
        }
    }

    /// <summary>The inverse transform of one cell of 2x2 pixels with a new approximation. The original hands the horizontal and the vertical detail over in
    /// each other's place and lets numpy cut the result to a byte, wrapping what lies outside; both are kept, for they are in every picture it marked. Each sum
    /// and product stands in PyWavelets' order, since cutting turns the last bit of a double into a whole step.</summary>
    private static void Rebuild(byte[] u, int at, int width, double approximation)
    {
        double topLeft = u[at], topRight = u[at + 1], bottomLeft = u[at + width], bottomRight = u[at + width + 1];
        double highLeft = Half * topLeft - Half * bottomLeft, highRight = Half * topRight - Half * bottomRight;
        double lowLeft = Half * topLeft + Half * bottomLeft, lowRight = Half * topRight + Half * bottomRight;
        var horizontal = Half * highLeft + Half * highRight;
        var vertical = Half * lowLeft - Half * lowRight;
        var diagonal = Half * highLeft - Half * highRight;

        lowLeft = Half * approximation + Half * horizontal;
        lowRight = Half * approximation - Half * horizontal;
        highLeft = Half * vertical + Half * diagonal;
        highRight = Half * vertical - Half * diagonal;
        u[at] = (byte)(int)(Half * lowLeft + Half * highLeft);
        u[at + 1] = (byte)(int)(Half * lowRight + Half * highRight);
        u[at + width] = (byte)(int)(Half * lowLeft - Half * highLeft);
        u[at + width + 1] = (byte)(int)(Half * lowRight - Half * highRight);
    }

    /// <summary>The strips of four pixels right and below that have no whole block still pass through the transforms, and their details swap too.</summary>
    private static void RebuildRim(byte[] u, int width, int height)
    {
        var (right, bottom) = (width / 8 * 8, height / 8 * 8);
        for (var y = 0; y < height / 4 * 4; y += 2)
        {
            for (var x = y < bottom ? right : 0; x < width / 4 * 4; x += 2)
            {
                var at = y * width + x;
                Rebuild(u, at, width, Half * (Half * u[at] + Half * u[at + width]) + Half * (Half * u[at + 1] + Half * u[at + width + 1]));
            }
        }
    }

    private static void CheckSize(RgbImage image)
    {
        if (!CanCarry(image))
            throw new EaselException(
                $"A picture of {image.Width}x{image.Height} pixels is too small for a watermark: it takes {SmallestArea} pixels and 8 on each side.");
    }
}
