using Easel.Imaging;

namespace Easel.Models.Upscaling;

/// <summary>An upscaling network as it is read off its tensors.</summary>
/// <param name="Build">Makes it, still without its weights: [n, 3, h, w] in [0, 1] to [n, 3, scale · h, scale · w].</param>
/// <param name="Scale">Pixels out for each pixel in, along a side: 1, 2, 4 or 8 as a rule.</param>
internal sealed record UpscalerSpec(Func<Module<Tensor, Tensor>> Build, int Scale)
{
    /// <summary>What the sides of its input must be multiples of.</summary>
    public int Multiple { get; init; } = 1;

    /// <summary>How many pixels to each side of one it sees, where that is little; null where it is much, so that a quarter of a tile has to do.</summary>
    public int? Reach { get; init; }

    /// <summary>The side of a tile where none is named, in pixels.</summary>
    public int Tile { get; init; } = 256;
}

/// <summary>Enlarges pictures with a network, tile by tile: memory follows the tile and not the picture. Used from one thread at a time.</summary>
internal sealed class TiledUpscaler : IDisposable
{
    /// <summary>The smallest tile: what the network sees around a pixel would otherwise be mostly edge.</summary>
    public const int SmallestTile = 32;

    private readonly UpscalerSpec _spec;
    private readonly ScalarType _type;
    private readonly Device _device;

    /// <summary>Takes a network over.</summary>
    public TiledUpscaler(Module<Tensor, Tensor> network, UpscalerSpec spec, ScalarType type, Device device) =>
        (Network, _spec, _type, _device) = (network, spec, type, device);

    public Module<Tensor, Tensor> Network { get; }

    /// <inheritdoc cref="UpscalerSpec.Scale"/>
    public int Scale => _spec.Scale;

    /// <inheritdoc cref="UpscalerSpec.Tile"/>
    public int Tile => _spec.Tile;

    /// <summary>Enlarges a picture.</summary>
    /// <param name="picture">Of any size.</param>
    /// <param name="tile">Side of a tile in pixels of <paramref name="picture"/>, at least <see cref="SmallestTile"/>; null for the network's own. Neighbours
    /// overlap and fade into each other.</param> <param name="onTile">Told (tiles done, tiles in all) after each.</param>
    /// <param name="cancel">Ends the run before the next tile.</param> <returns>The picture, <see cref="Scale"/> times as wide and high.</returns>
    public RgbImage Upscale(RgbImage picture, int? tile = null, Action<int, int>? onTile = null, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(picture);
        if (tile < SmallestTile) throw new InvalidRequestException(nameof(tile), $"A tile of {tile} pixels is too small; the smallest has {SmallestTile}.");
        using var inference = inference_mode();
        using var scope = NewDisposeScope();

        var (step, side) = (_spec.Multiple, tile ?? Tile);
        var (right, bottom) = (Missing(picture.Width), Missing(picture.Height));
        var x = (ImageTensor.FromImage(picture) + 1) / 2;
        if (right + bottom > 0) x = functional.pad(x, [0, right, 0, bottom], PaddingModes.Replicate);

        var overlap = _spec.Reach is { } reach ? Math.Min(side / 4, 4 * reach) / step * step : (int?)null;
        var enlarged = Tiles.Map(x.to(_type, _device), side / step * step, scaleUp: Scale * step, scaleDown: step, part =>
        {
            cancel.ThrowIfCancellationRequested();
            return Network.call(part);
        }, onTile, overlap);
        return ToImage(enlarged[.., .., ..(picture.Height * Scale), ..(picture.Width * Scale)]);

        int Missing(int length) => (step - length % step) % step;
    }

    public void Dispose() => Network.Dispose();

    private static RgbImage ToImage(Tensor enlarged) // [1, 3, h, w] in [0, 1], rounded as the original does
    {
        using var bytes = (enlarged.to(ScalarType.Float32).clamp(0, 1) * 255).round_().to(ScalarType.Byte)[0].permute(1, 2, 0).contiguous().cpu();
        return new RgbImage((int)bytes.shape[1], (int)bytes.shape[0], bytes.data<byte>().ToArray());
    }
}
