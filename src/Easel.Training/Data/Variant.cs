using Easel.Imaging;

namespace Easel.Training.Data;

/// <summary>One way of laying a drawing on a ground: place, size, aspect, mirroring, colours; and what a caption must say of it.</summary>
/// <param name="Pixels">The picture, <see cref="Side"/> pixels square.</param>
/// <param name="Colour">The word for most of the drawing; null where no one colour is most of it.</param>
/// <param name="MustSayColour">Whether the colour was changed, so that the caption is wrong without it.</param>
/// <param name="Ground">The word for the ground; null for white.</param>
internal sealed record Variant(RgbImage Pixels, string? Colour, bool MustSayColour, string? Ground)
{
    public const int Side = 128; // the side of the pictures that the model draws, in pixels
    public const int Count = 8; // variants of each drawing: five on white, one of them mirrored, one on a coloured ground, two in other colours

    private const double MainShare = 0.45; // from here on a drawing is "a red" something

    /// <summary>The variants of a drawing, the same for the same number.</summary>
    /// <param name="rgba">The drawing, <see cref="Drawing.Side"/> pixels square, four bytes for each.</param>
    public static IReadOnlyList<Variant> Of(byte[] rgba, bool canMirror, int seed)
    {
        var random = new Random(seed);
        var main = ColourWords.Main(rgba) is { Share: >= MainShare } found ? found.Word : null;
        var turnable = main is not null && ColourWords.Hues.Contains(main);
        var variants = new List<Variant>(Count);
        for (var i = 0; i < Count; i++)
        {
            var (scale, right, down) = i == 0 ? (0.9, 0, 0) : (0.86 + 0.06 * random.NextDouble(), random.Next(-2, 3), random.Next(-2, 3));
            var aspect = i == 0 ? 1 : 0.92 + 0.16 * random.NextDouble();
            var mirrored = i == 4 && canMirror;
            var (pixels, colour, turned) = (rgba, main, false);
            if (i >= 6 && turnable)
            {
                pixels = ColourWords.Turn(rgba, 45 + 270 * random.NextDouble());
                var other = ColourWords.Main(pixels);
                (colour, turned) = (other?.Share >= MainShare ? other.Value.Word : null, true);
                if (colour is null || colour == main) (pixels, colour, turned) = (rgba, main, false); // no new word for it
            }
            var ground = i == 5 ? ColourWords.Backgrounds[random.Next(ColourWords.Backgrounds.Count)] : (null, (byte)255, (byte)255, (byte)255);
            variants.Add(new Variant(Compose(pixels, scale, aspect, right, down, mirrored, (ground.Item2, ground.Item3, ground.Item4)), colour, turned,
                ground.Item1));
        }
        return variants;
    }

    internal static RgbImage Compose(byte[] rgba, double scale, double aspect, int right, int down, bool mirrored, (byte Red, byte Green, byte Blue) ground)
    {
        var flat = new RgbImage(Drawing.Side, Drawing.Side);
        for (var y = 0; y < Drawing.Side; y++)
            for (var x = 0; x < Drawing.Side; x++)
            {
                var from = 4 * (y * Drawing.Side + (mirrored ? Drawing.Side - 1 - x : x));
                var to = 3 * (y * Drawing.Side + x);
                flat.Pixels[to] = Over(rgba[from], ground.Red, rgba[from + 3]);
                flat.Pixels[to + 1] = Over(rgba[from + 1], ground.Green, rgba[from + 3]);
                flat.Pixels[to + 2] = Over(rgba[from + 2], ground.Blue, rgba[from + 3]);
            }
        // The longer side has the scale, so that no aspect makes it stick out.
        var (width, height) = ((int)Math.Round(Side * scale * Math.Min(1, aspect)), (int)Math.Round(Side * scale / Math.Max(1, aspect)));
        var small = Resampling.Resize(flat, width, height);
        var picture = new RgbImage(Side, Side);
        for (var i = 0; i < picture.Pixels.Length; i += 3) (picture.Pixels[i], picture.Pixels[i + 1], picture.Pixels[i + 2]) = ground;
        var (left, top) = (Math.Clamp((Side - width) / 2 + right, 0, Side - width), Math.Clamp((Side - height) / 2 + down, 0, Side - height));
        return picture.Paste(small, left, top);

        static byte Over(byte colour, byte under, byte alpha) => (byte)((colour * alpha + under * (255 - alpha) + 127) / 255);
    }
}
