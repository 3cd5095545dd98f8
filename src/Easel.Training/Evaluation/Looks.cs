using Easel.Imaging;

namespace Easel.Training.Evaluation;

/// <summary>
/// How alike two pictures are, by plain measures that no model has been trained on and that therefore flatter none: coarse colours, and how strong edges are
/// in each direction at each place.
/// </summary>
internal static class Looks
{
    private const int Cells = 16;
    private const int Directions = 4;
    private const float EdgeShare = 2.0f; // brings edges to about the weight of colours

    /// <summary>How many features there are.</summary>
    public const int Count = Cells * Cells * (3 + Directions);

    /// <summary>The features of a picture: 16 x 16 cells of mean colour, and of edge strength in four directions.</summary>
    public static float[] Of(RgbImage picture)
    {
        var small = Resampling.Resize(picture, 2 * Cells, 2 * Cells, ResampleFilter.Bilinear); // each pixel the mean of a part
        var side = 2 * Cells;
        var features = new float[Cells * Cells * (3 + Directions)];
        for (var y = 0; y < side; y++)
            for (var x = 0; x < side; x++)
            {
                var cell = (y / 2 * Cells + x / 2) * (3 + Directions);
                for (var channel = 0; channel < 3; channel++) features[cell + channel] += At(x, y, channel) / 4;
                var (across, down) = (0f, 0f);
                for (var channel = 0; channel < 3; channel++)
                {
                    across += (At(x + 1, y, channel) - At(x - 1, y, channel)) / 3;
                    down += (At(x, y + 1, channel) - At(x, y - 1, channel)) / 3;
                }
                var strength = MathF.Sqrt(across * across + down * down);
                var direction = (int)MathF.Floor((MathF.Atan2(down, across) + MathF.PI) / MathF.PI * Directions) % Directions; // an edge has no front and back
                features[cell + 3 + direction] += EdgeShare * strength / 4;
            }
        return features;

        float At(int x, int y, int channel) => small.Pixels[3 * (Math.Clamp(y, 0, side - 1) * side + Math.Clamp(x, 0, side - 1)) + channel] / 255f;
    }

    public static float Distance(float[] one, float[] other)
    {
        var sum = System.Numerics.Vector<float>.Zero;
        var width = System.Numerics.Vector<float>.Count;
        for (var i = 0; i + width <= one.Length; i += width)
        {
            var difference = new System.Numerics.Vector<float>(one, i) - new System.Numerics.Vector<float>(other, i);
            sum += difference * difference;
        }
        return System.Numerics.Vector.Sum(sum);
    }

    /// <summary>The word for most of what is drawn, of what stands out from the ground.</summary>
    public static string? MainColour(RgbImage picture)
    {
        var segments = new Segments(picture);
        return segments.Parts.Count == 0 ? null : segments.ColourOf(new Segments.Box(0, 0, Segments.Across, Segments.Across));
    }
}
