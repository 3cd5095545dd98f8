using Easel.Imaging;

namespace Easel.Training.Data;

/// <summary>The pictures to train on, all in memory: every variant of every drawing.</summary>
internal sealed class TrainingSet
{
    private readonly byte[][] _pixels; // one array cannot hold the whole data set

    private TrainingSet(IReadOnlyList<Drawing> drawings, byte[][] pixels, IReadOnlyList<(string? Colour, bool MustSayColour, string? Ground)> facts) =>
        (Drawings, _pixels, Facts) = (drawings, pixels, facts);

    /// <summary>The drawings; picture i shows drawing i / <see cref="Variant.Count"/>.</summary>
    public IReadOnlyList<Drawing> Drawings { get; }

    public IReadOnlyList<(string? Colour, bool MustSayColour, string? Ground)> Facts { get; }
    public int Count => Facts.Count;

    public static TrainingSet Load(string folder, IReadOnlyList<Drawing> drawings, Action<double>? onProgress = null)
    {
        var pixels = new byte[drawings.Count * Variant.Count][];
        var facts = new (string?, bool, string?)[drawings.Count * Variant.Count];
        var done = 0;
        Parallel.For(0, drawings.Count, new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount }, i =>
        {
            var rgba = TransparentPng.Pixels(Path.Combine(folder, drawings[i].File));
            // The same drawing looks the same in every run, whichever others are beside it.
            var variants = Variant.Of(rgba, drawings[i].CanMirror, StableHash(drawings[i].File));
            for (var v = 0; v < Variant.Count; v++)
            {
                var at = i * Variant.Count + v;
                pixels[at] = variants[v].Pixels.Pixels;
                facts[at] = (variants[v].Colour, variants[v].MustSayColour, variants[v].Ground);
            }
            lock (facts) onProgress?.Invoke((double)++done / drawings.Count);
        });
        return new TrainingSet(drawings, pixels, facts);
    }

    public RgbImage Picture(int index) => new(Variant.Side, Variant.Side, _pixels[index]);

    /// <summary>A square part of some pictures, [n, 3, side, side] in [-1, 1], fp32.</summary>
    /// <param name="parts">For each: which picture, and the left and top of the part.</param>
    public Tensor Batch(IReadOnlyList<(int Picture, int Left, int Top)> parts, int side)
    {
        using var scope = NewDisposeScope();
        var bytes = new byte[parts.Count * side * side * 3];
        for (var i = 0; i < parts.Count; i++)
            for (var y = 0; y < side; y++)
                _pixels[parts[i].Picture].AsSpan(((parts[i].Top + y) * Variant.Side + parts[i].Left) * 3, side * 3).CopyTo(
                    bytes.AsSpan((i * side + y) * side * 3));
        return tensor(bytes, [parts.Count, side, side, 3]).to(ScalarType.Float32).div_(127.5).sub_(1).permute(0, 3, 1, 2).contiguous(
            ).MoveToOuterDisposeScope();
    }

    /// <summary>A number for a text that is the same in every process (FNV-1a).</summary>
    internal static int StableHash(string text)
    {
        var hash = 2166136261u;
        foreach (var letter in text) hash = (hash ^ letter) * 16777619;
        return (int)(hash & 0x7fffffff);
    }
}
