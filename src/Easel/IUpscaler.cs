using Easel.Imaging;

namespace Easel;

/// <summary>Enlarges pictures with one network: what shells enlarge with, and what tests put in its place.</summary>
public interface IUpscaler : IDisposable
{
    /// <summary>Pixels out for each pixel in, along a side: 1, 2, 4 or 8 as a rule.</summary>
    int Scale { get; }

    /// <summary>Enlarges a picture.</summary>
    /// <param name="picture">Of any size.</param>
    /// <param name="tile">Side of a tile in pixels of <paramref name="picture"/>. Neighbours overlap by a quarter and fade into each other.</param>
    /// <param name="onTile">Told (tiles done, tiles in all) after each.</param>
    /// <param name="cancel">Ends the run before the next tile.</param>
    /// <returns>The picture, <see cref="Scale"/> times as wide and high.</returns>
    /// <exception cref="InvalidRequestException">The tile is too small.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    RgbImage Upscale(RgbImage picture, int tile = Upscaler.DefaultTile, Action<int, int>? onTile = null, CancellationToken cancel = default);
}
