using Easel.Imaging;

namespace Easel.Models.Upscaling;

/// <summary>Enlarges pictures with an ESRGAN or Real-ESRGAN network, of which people have trained hundreds. Memory follows the tile and not the picture. Used
/// from one thread at a time.</summary>
internal sealed class Esrgan : IDisposable
{
    /// <summary>The smallest tile: what the network sees around a pixel would otherwise be mostly edge.</summary>
    public const int SmallestTile = 32;

    private readonly int _unshuffle;
    private readonly ScalarType _type;
    private readonly Device _device;

    /// <summary>Takes a network over.</summary>
    /// <param name="network">[n, 3, h, w] in [0, 1] to [n, 3, scale · h, scale · w].</param>
    /// <param name="scale">Pixels out for each pixel in, along a side.</param>
    /// <param name="unshuffle">What the sides of its input must be multiples of.</param>
    public Esrgan(Module<Tensor, Tensor> network, int scale, int unshuffle, ScalarType type, Device device) =>
        (Network, Scale, _unshuffle, _type, _device) = (network, scale, unshuffle, type, device);

    public Module<Tensor, Tensor> Network { get; }

    /// <summary>Pixels out for each pixel in, along a side: 1, 2, 4 or 8 as a rule.</summary>
    public int Scale { get; }

    /// <summary>Enlarges a picture.</summary>
    /// <param name="picture">Of any size.</param>
    /// <param name="tile">Side of a tile in pixels of <paramref name="picture"/>, at least <see cref="SmallestTile"/>. Neighbours overlap by a quarter and fade
    /// into each other.</param> <param name="onTile">Told (tiles done, tiles in all) after each.</param>
    /// <param name="cancel">Ends the run before the next tile.</param> <returns>The picture, <see cref="Scale"/> times as wide and high.</returns>
    public RgbImage Upscale(RgbImage picture, int tile = 256, Action<int, int>? onTile = null, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(picture);
        if (tile < SmallestTile) throw new InvalidRequestException(nameof(tile), $"A tile of {tile} pixels is too small; the smallest has {SmallestTile}.");
        using var inference = inference_mode();
        using var scope = NewDisposeScope();

        var (right, bottom) = (Missing(picture.Width), Missing(picture.Height));
        var x = (ImageTensor.FromImage(picture) + 1) / 2;
        if (right + bottom > 0) x = functional.pad(x, [0, right, 0, bottom], PaddingModes.Replicate);

        var enlarged = Tiles.Map(x.to(_type, _device), tile / _unshuffle * _unshuffle, scaleUp: Scale * _unshuffle, scaleDown: _unshuffle, part =>
        {
            cancel.ThrowIfCancellationRequested();
            return Network.call(part);
        }, onTile);
        return ToImage(enlarged[.., .., ..(picture.Height * Scale), ..(picture.Width * Scale)]);

        int Missing(int side) => (_unshuffle - side % _unshuffle) % _unshuffle;
    }

    public void Dispose() => Network.Dispose();

    private static RgbImage ToImage(Tensor enlarged) // [1, 3, h, w] in [0, 1], rounded as the original does
    {
        using var bytes = (enlarged.to(ScalarType.Float32).clamp(0, 1) * 255).round_().to(ScalarType.Byte)[0].permute(1, 2, 0).contiguous().cpu();
        return new RgbImage((int)bytes.shape[1], (int)bytes.shape[0], bytes.data<byte>().ToArray());
    }
}
