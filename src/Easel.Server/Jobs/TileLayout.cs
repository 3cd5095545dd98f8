using Easel.Imaging;

namespace Easel.Server.Jobs;

/// <summary>How a picture is parted into tiles that overlap, each to be drawn by itself, and put together again.</summary>
/// <param name="Width">The picture's width in pixels.</param>
/// <param name="Height">Its height.</param>
/// <param name="TileWidth">A tile's width, at most the picture's.</param>
/// <param name="TileHeight">A tile's height.</param>
/// <param name="Overlap">Pixels that neighbours have in common at the least, below both sides of a tile.</param>
public sealed record TileLayout(int Width, int Height, int TileWidth, int TileHeight, int Overlap)
{
    /// <summary>Where the tiles lie, row by row: as few as have the overlap, at even distances.</summary>
    [JsonIgnore]
    public IReadOnlyList<ImageRegion> Regions =>
    [
        .. Places(Height, TileHeight).SelectMany(top => Places(Width, TileWidth).Select(left => new ImageRegion(left, top, TileWidth, TileHeight))),
    ];

    /// <summary>Puts drawn tiles together; each fades in over what lies left of it and above it, across the overlap.</summary>
    /// <param name="tile">The tile of a place, counted row by row.</param>
    public RgbImage Join(Func<int, RgbImage> tile)
    {
        ArgumentNullException.ThrowIfNull(tile);
        var whole = new RgbImage(Width, Height);
        var (columns, place) = (Places(Width, TileWidth), 0);
        foreach (var top in Places(Height, TileHeight))
        {
            var row = new RgbImage(Width, TileHeight);
            foreach (var left in columns) Lay(tile(place++), row, left, 0, fadesAcross: left > 0, fadesDown: false);
            Lay(row, whole, 0, top, fadesAcross: false, fadesDown: top > 0);
        }
        return whole;
    }

    private void Lay(RgbImage part, RgbImage under, int left, int top, bool fadesAcross, bool fadesDown)
    {
        for (var y = 0; y < part.Height; y++)
        {
            for (var x = 0; x < part.Width; x++)
            {
                var share = fadesAcross && x < Overlap ? x * 255 / Overlap : fadesDown && y < Overlap ? y * 255 / Overlap : 255;
                var (from, to) = ((y * part.Width + x) * 3, ((top + y) * under.Width + left + x) * 3);
                for (var channel = 0; channel < 3; channel++)
                    under.Pixels[to + channel] = (byte)((part.Pixels[from + channel] * share + under.Pixels[to + channel] * (255 - share) + 127) / 255);
            }
        }
    }

    private List<int> Places(int whole, int tile)
    {
        var count = Math.Max(1, (whole - Overlap + tile - Overlap - 1) / (tile - Overlap));
        return [.. Enumerable.Range(0, count).Select(number => count == 1 ? 0 : (int)((long)number * (whole - tile) / (count - 1)))];
    }
}
