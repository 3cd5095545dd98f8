namespace Easel.Models.Upscaling;

/// <summary>The rectangles that a picture is cut into, within which its pixels look at each other ("Swin Transformer", arXiv 2103.14030).</summary>
/// <param name="Height">Pixels.</param> <param name="Width">Pixels.</param>
internal readonly record struct Window(int Height, int Width)
{
    private const double Apart = -100; // added where two pixels must not look at each other
    private const long MostScores = 1 << 24; // held at once: 64 MB

    public int Pixels => Height * Width;

    /// <summary>[n, h, w, c] as [n · windows, pixels, c].</summary>
    public Tensor Split(Tensor x)
    {
        using var scope = NewDisposeScope();
        var (count, down, across, channels) = (x.shape[0], x.shape[1] / Height, x.shape[2] / Width, x.shape[3]);
        return x.reshape(count, down, Height, across, Width, channels).permute(0, 1, 3, 2, 4, 5).reshape(-1, Pixels, channels).MoveToOuterDisposeScope();
    }

    /// <summary>What <see cref="Split"/> made of [n, h, w, c].</summary>
    public Tensor Join(Tensor windows, long height, long width)
    {
        using var scope = NewDisposeScope();
        var channels = windows.shape[2];
        return windows.reshape(-1, height / Height, width / Width, Height, Width, channels).permute(0, 1, 3, 2, 4, 5).reshape(-1, height, width, channels)
            .MoveToOuterDisposeScope();
    }

    /// <summary>Each pixel's look at those of its window.</summary>
    /// <param name="qkv">[n, h, w, 3c]: queries, keys and values; h and w are multiples of the window's sides.</param>
    /// <param name="shift">How far up and to the left the picture is moved first, what leaves it coming in at the other side.</param>
    /// <param name="bias">[heads, pixels, pixels].</param> <returns>[n, h, w, c].</returns>
    public Tensor Attend(Tensor qkv, (int Down, int Right) shift, Tensor bias)
    {
        using var scope = NewDisposeScope();
        var (height, width) = (qkv.shape[1], qkv.shape[2]);
        var isMoved = shift != (0, 0);
        var moved = isMoved ? qkv.roll([-shift.Down, -shift.Right], [1, 2]) : qkv;
        var parts = Split(moved).chunk(3, dim: -1);
        var attended = Attend(parts[0], parts[1], parts[2], bias, isMoved ? Regions(height, width, shift).repeat(qkv.shape[0], 1) : null);
        var joined = Join(attended, height, width);
        return (isMoved ? joined.roll([shift.Down, shift.Right], [1, 2]) : joined).MoveToOuterDisposeScope();
    }

    /// <summary>softmax(Q Kᵀ / √d + bias) V, so many windows at a time that memory does not follow the picture.</summary>
    /// <param name="q">[windows, n, c].</param> <param name="k">[windows, m, c].</param> <param name="v">[windows, m, c].</param>
    /// <param name="bias">[heads, n, m].</param> <param name="regions">[windows, n]: pixels of different numbers are strangers; null where all are of
    /// one.</param>
    public static Tensor Attend(Tensor q, Tensor k, Tensor v, Tensor bias, Tensor? regions)
    {
        using var scope = NewDisposeScope();
        var (windows, heads) = (q.shape[0], bias.shape[0]);
        var scale = 1 / Math.Sqrt(q.shape[2] / heads);
        var atOnce = Math.Max(1, MostScores / bias.numel());
        var made = new List<Tensor>();
        for (var first = 0L; first < windows; first += atOnce)
        {
            using var part = NewDisposeScope();
            var count = Math.Min(atOnce, windows - first);
            var scores = Heads(q).mul(scale).matmul(Heads(k).transpose(2, 3)).add_(bias);
            if (regions?.narrow(0, first, count) is { } own)
                scores.add_(own.unsqueeze(1).ne(own.unsqueeze(2)).to(scores.dtype).mul_(Apart).unsqueeze(1));
            made.Add(scores.softmax(3).matmul(Heads(v)).transpose(1, 2).reshape(count, -1, q.shape[2]).MoveToOuterDisposeScope());

            Tensor Heads(Tensor x) => x.narrow(0, first, count).reshape(count, x.shape[1], heads, -1).transpose(1, 2); // [count, heads, pixels, d]
        }
        return (made.Count == 1 ? made[0] : cat(made, dim: 0)).MoveToOuterDisposeScope();
    }

    /// <summary>For every two pixels of a window the number of how they lie to each other, [pixels · pixels].</summary>
    public Tensor Relations()
    {
        var relations = new long[Pixels * Pixels];
        for (var i = 0; i < Pixels; i++)
            for (var j = 0; j < Pixels; j++)
                relations[i * Pixels + j] = (i / Width - j / Width + Height - 1) * (2 * Width - 1) + i % Width - j % Width + Width - 1;
        return tensor(relations);
    }

    /// <summary>[windows, pixels]: which pixels of a moved picture were neighbours before it was moved.</summary>
    private Tensor Regions(long height, long width, (int Down, int Right) shift)
    {
        using var scope = NewDisposeScope();
        var rows = Enumerable.Range(0, (int)height).Select(y => Region(y, height, shift.Down)).ToArray();
        var columns = Enumerable.Range(0, (int)width).Select(x => Region(x, width, shift.Right)).ToArray();
        return Split((tensor(rows).unsqueeze(1) * 2 + tensor(columns)).reshape(1, height, width, 1)).squeeze(2).MoveToOuterDisposeScope();

        static int Region(int place, long length, int shift) => place < length - shift ? 0 : 1;
    }
}
