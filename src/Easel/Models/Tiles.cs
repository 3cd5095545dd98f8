namespace Easel.Models;

/// <summary>Runs a network over a large picture in overlapping tiles and blends them, so that memory follows the tile and not the picture.</summary>
internal static class Tiles
{
    /// <summary>Applies <paramref name="network"/> to tiles of <paramref name="x"/>. Neighbours overlap by a quarter of a tile and fade into each other
    /// linearly, so no seam shows where their group norms disagree.</summary>
    /// <param name="x">[n, c, h, w].</param>
    /// <param name="tile">Side of a tile in positions of <paramref name="x"/>; null, or a picture that fits one tile, runs the whole at once.</param>
    /// <param name="scaleUp">Positions out for each position in, along a side.</param>
    /// <param name="scaleDown">Positions in for each position out, along a side.</param> <param name="network">Tile in, tile out.</param>
    /// <param name="onTile">Told (tiles done, tiles in all) after each.</param>
    /// <param name="shared">Positions that neighbours share; null for a quarter of a tile.</param>
    public static Tensor Map(Tensor x, int? tile, int scaleUp, int scaleDown, Func<Tensor, Tensor> network, Action<int, int>? onTile = null,
        int? shared = null)
    {
        var (height, width) = (x.shape[2], x.shape[3]);
        if (tile is not { } side || (height <= side && width <= side))
        {
            var whole = network(x);
            onTile?.Invoke(1, 1);
            return whole;
        }

        using var scope = NewDisposeScope();
        var overlap = Math.Max(scaleDown, shared ?? side / 4 / scaleDown * scaleDown);
        var (rows, columns) = (Starts(height, side, overlap, scaleDown), Starts(width, side, overlap, scaleDown));
        Tensor? sum = null, weight = null;
        var done = 0;
        foreach (var top in rows)
        {
            foreach (var left in columns)
            {
                using var inner = NewDisposeScope();
                var (bottom, right) = (Math.Min(height, top + side), Math.Min(width, left + side));
                var made = network(x[.., .., (int)top..(int)bottom, (int)left..(int)right].contiguous());
                var ramp = Scale(overlap);
                using var feather = Feather(made.shape[2], ramp, top > 0, bottom < height).unsqueeze(1)
                    * Feather(made.shape[3], ramp, left > 0, right < width).unsqueeze(0); // [h, w]
                sum ??= zeros([made.shape[0], made.shape[1], Scale(height), Scale(width)], ScalarType.Float32, made.device).MoveToOuterDisposeScope();
                weight ??= zeros([Scale(height), Scale(width)], ScalarType.Float32, made.device).MoveToOuterDisposeScope();
                var (row, column) = ((int)Scale(top)..(int)Scale(bottom), (int)Scale(left)..(int)Scale(right));
                sum[.., .., row, column].add_(made.to(ScalarType.Float32) * feather.to(made.device));
                weight[row, column].add_(feather.to(made.device));
                onTile?.Invoke(++done, rows.Count * columns.Count);
            }
        }
        return (sum! / weight!).to(x.dtype).MoveToOuterDisposeScope();

        long Scale(long positions) => positions * scaleUp / scaleDown;
    }

    /// <summary>How many tiles of a side cover a picture; 1 where there is no side, or the whole fits one tile.</summary>
    public static int Count((long Height, long Width) size, int? tile, int scaleDown = 1)
    {
        if (tile is not { } side || (size.Height <= side && size.Width <= side)) return 1;
        var overlap = Math.Max(scaleDown, side / 4 / scaleDown * scaleDown);
        return Starts(size.Height, side, overlap, scaleDown).Count * Starts(size.Width, side, overlap, scaleDown).Count;
    }

    /// <summary>Where tiles begin so that they cover <paramref name="length"/>, neighbours sharing at least <paramref name="overlap"/>; multiples of
    /// <paramref name="step"/>.</summary>
    private static List<long> Starts(long length, long side, long overlap, long step)
    {
        if (length <= side) return [0];
        var count = (int)Math.Ceiling((length - overlap) / (double)(side - overlap));
        return Enumerable.Range(0, count).Select(i => (length - side) * i / (count - 1) / step * step).Distinct().ToList();
    }

    /// <summary>Weights of a tile's rows or columns: rising over the overlap at an edge that has a neighbour, otherwise 1.</summary>
    private static Tensor Feather(long length, long ramp, bool fadesIn, bool fadesOut)
    {
        var weights = new float[length];
        for (var i = 0; i < length; i++)
        {
            var rising = fadesIn ? Math.Min(1f, (i + 1f) / (ramp + 1)) : 1f;
            var falling = fadesOut ? Math.Min(1f, (length - i) / (ramp + 1f)) : 1f;
            weights[i] = rising * falling;
        }
        return tensor(weights);
    }
}
