using Easel.Imaging;

namespace Easel;

/// <summary>Enlarges pictures with one network: what shells enlarge with, and what tests put in its place.</summary>
public interface IUpscaler : IDisposable
{
    private const int MostPasses = 3; // of a network that enlarges less than is asked for, as in AUTOMATIC1111

    /// <summary>Pixels out for each pixel in, along a side: 1, 2, 4 or 8 as a rule.</summary>
    int Scale { get; }

    /// <summary>What mends faces with it: "GFPGAN" or "CodeFormer"; null for a network that enlarges and knows nothing of faces.</summary>
    string? MendsFaces => null;

    /// <summary>Mends the faces of a picture; a network that knows nothing of faces gives it back.</summary>
    /// <param name="picture">Of any size.</param>
    /// <param name="visibility">How much of what was mended is seen, 0 to 1.</param>
    /// <param name="fidelity">How true the faces stay to what was there, 0 to 1: CodeFormer's weight. GFPGAN cannot be told.</param>
    /// <param name="onFace">Told (faces done, faces in all) after each.</param>
    /// <param name="cancel">Ends the run before the next face.</param>
    /// <returns>The picture, and how many faces were found in it.</returns>
    (RgbImage Picture, int Faces) MendFaces(RgbImage picture, double visibility = 1, double fidelity = DefaultFidelity, Action<int, int>? onFace = null,
        CancellationToken cancel = default) => (picture, 0);

    /// <summary>What CodeFormer's weight is where nobody says so, as in AUTOMATIC1111.</summary>
    const double DefaultFidelity = 0.5;

    /// <summary>Enlarges a picture.</summary>
    /// <param name="picture">Of any size.</param>
    /// <param name="tile">Side of a tile in pixels of <paramref name="picture"/>; null for what suits the network. Neighbours overlap and fade into each
    /// other.</param>
    /// <param name="onTile">Told (tiles done, tiles in all) after each.</param>
    /// <param name="cancel">Ends the run before the next tile.</param>
    /// <returns>The picture, <see cref="Scale"/> times as wide and high.</returns>
    /// <exception cref="InvalidRequestException">The tile is too small.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    RgbImage Upscale(RgbImage picture, int? tile = null, Action<int, int>? onTile = null, CancellationToken cancel = default);

    /// <summary>Enlarges a picture to a size: with the network, again where once does not reach, and from there by resampling.</summary>
    /// <param name="picture">Of any size.</param>
    /// <param name="width">Width wanted, in pixels.</param>
    /// <param name="height">Height wanted, in pixels.</param>
    /// <param name="fit">What to do where the proportions differ.</param>
    /// <param name="onTile">Told (tiles done, tiles in all) after each, for each time that the network is used.</param>
    /// <param name="cancel">Ends the run before the next tile.</param>
    /// <returns>The picture, in that size.</returns>
    RgbImage UpscaleTo(RgbImage picture, int width, int height, ImageFit fit = ImageFit.Stretch,
        Action<int, int>? onTile = null, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(picture);
        for (var pass = 0; pass < MostPasses && (pass == 0 || Scale > 1) && (picture.Width < width || picture.Height < height); pass++)
            picture = Upscale(picture, onTile: onTile, cancel: cancel);
        return (picture.Width, picture.Height) == (width, height) ? picture : Resampling.Fit(picture, width, height, fit);
    }
}
