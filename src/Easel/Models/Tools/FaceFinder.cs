using Easel.Imaging;

namespace Easel.Models.Tools;

/// <summary>A face that was found.</summary>
/// <param name="Score">How sure that is, 0 to 1.</param> <param name="X">The left edge in pixels; edges may lie outside the picture.</param>
/// <param name="Y">The upper edge.</param> <param name="Width">Pixels.</param> <param name="Height">Pixels.</param>
internal readonly record struct Face(double Score, double X, double Y, double Width, double Height);

/// <summary>Finds faces in pictures, as face-api's tiny detector does.</summary>
internal sealed class FaceFinder(TinyFaceNet network) : IDisposable
{
    /// <summary>Numbers for each anchor of the network's output.</summary>
    public const int Numbers = 5;

    private const int Side = 416;
    private const double MostOverlap = 0.4;

    /// <summary>Widths and heights that the network judges by, in cells.</summary>
    private static readonly (double Width, double Height)[] Anchors =
        [(1.603231, 2.094468), (6.041143, 7.080126), (2.882459, 3.518061), (4.266906, 5.178857), (9.041765, 10.66308)];

    /// <summary>How many anchors there are.</summary>
    public static int AnchorCount => Anchors.Length;

    public TinyFaceNet Network => network;

    /// <summary>The faces of a picture, the surest first; of those that overlap the surest alone.</summary>
    /// <param name="least">How sure it must be, 0 to 1.</param>
    public IReadOnlyList<Face> Find(RgbImage picture, double least)
    {
        using var inference = inference_mode();
        using var scope = NewDisposeScope();
        var cells = network.call(Input(picture))[0].to(ScalarType.Float64).cpu(); // [anchors · 5, rows, columns]
        var (values, count) = (cells.contiguous().data<double>().ToArray(), (int)cells.shape[1]);

        // The picture fills the upper left of the square only.
        var scale = (double)Side / Math.Max(picture.Width, picture.Height);
        var (wide, high) = (Math.Floor(picture.Width * scale + 0.5), Math.Floor(picture.Height * scale + 0.5));
        var (across, down) = (Math.Max(wide, high) / wide / count, Math.Max(wide, high) / high / count);
        var found = new List<Face>();
        for (var row = 0; row < count; row++)
        {
            for (var column = 0; column < count; column++)
            {
                for (var anchor = 0; anchor < Anchors.Length; anchor++)
                {
                    double At(int number) => values[((anchor * Numbers + number) * count + row) * count + column];
                    var score = Sigmoid(At(4));
                    if (!(score > least)) continue;
                    var (x, y) = ((column + Sigmoid(At(0))) * across, (row + Sigmoid(At(1))) * down);
                    var (width, height) = (Math.Exp(At(2)) * Anchors[anchor].Width * across, Math.Exp(At(3)) * Anchors[anchor].Height * down);
                    found.Add(new Face(score, x - width / 2, y - height / 2, width, height));
                }
            }
        }
        return [.. Apart(found).Select(face => new Face(face.Score, face.X * picture.Width, face.Y * picture.Height, face.Width * picture.Width,
            face.Height * picture.Height))];
    }

    public void Dispose() => network.Dispose();

    /// <summary>The picture as the network wants it: made square with black at the right or bottom, and resized as TensorFlow does, whose pixels are
    /// corners and not squares.</summary>
    internal static Tensor Input(RgbImage picture)
    {
        using var scope = NewDisposeScope();
        var x = (ImageTensor.FromImage(picture) + 1) * 127.5;
        x = x.round(); // bytes again
        var square = Math.Max(picture.Width, picture.Height);
        if (picture.Width != picture.Height) x = functional.pad(x, [0, square - picture.Width, 0, square - picture.Height]);
        return Resized(x, Side).MoveToOuterDisposeScope();
    }

    /// <summary>A square resized as TensorFlow does it.</summary>
    internal static Tensor Resized(Tensor x, int side) => x.shape[2] == side ? x : Resized(Resized(x, 2, side), 3, side);

    private static Tensor Resized(Tensor x, int dimension, int side)
    {
        var from = (int)x.shape[dimension];
        var places = Enumerable.Range(0, side).Select(i => (float)i * from / side).ToArray();
        var first = places.Select(place => (long)place).ToArray();
        var share = tensor(places.Zip(first, (place, whole) => place - whole).ToArray()).reshape(dimension == 2 ? [1, 1, -1, 1] : [1, 1, 1, -1]);
        var before = x.index_select(dimension, tensor(first));
        var after = x.index_select(dimension, tensor(first.Select(i => Math.Min(i + 1, from - 1)).ToArray()));
        return before + (after - before) * share;
    }

    private static List<Face> Apart(List<Face> found)
    {
        var kept = new List<Face>();
        foreach (var face in found.OrderByDescending(face => face.Score)) if (kept.TrueForAll(other => Overlap(face, other) <= MostOverlap)) kept.Add(face);
        return kept;
    }

    private static double Overlap(Face a, Face b)
    {
        var width = Math.Max(0, Math.Min(a.X + a.Width, b.X + b.Width) - Math.Max(a.X, b.X));
        var height = Math.Max(0, Math.Min(a.Y + a.Height, b.Y + b.Height) - Math.Max(a.Y, b.Y));
        return width * height / (a.Width * a.Height + b.Width * b.Height - width * height);
    }

    private static double Sigmoid(double x) => 1 / (1 + Math.Exp(-x));
}
