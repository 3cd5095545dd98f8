using Easel.Imaging;

namespace Easel.Server.Jobs;

/// <summary>Where models come from: the files of this machine, or what tests put in their place.</summary>
internal interface IModelSource
{
    /// <summary>Loads a model that draws.</summary>
    /// <param name="path">Its file or folder.</param>
    /// <param name="options">How.</param>
    /// <param name="onProgress">Told the share loaded, 0 to 1; throws to cancel.</param>
    /// <exception cref="EaselException">It cannot be loaded.</exception>
    IImageGenerator Generator(string path, LoadOptions options, Action<double> onProgress);

    /// <summary>Loads a network that enlarges.</summary>
    /// <param name="path">Its file.</param>
    /// <param name="options">How.</param>
    /// <exception cref="EaselException">It cannot be loaded.</exception>
    IUpscaler Upscaler(string path, LoadOptions options);

    /// <summary>Gives what a model that was let go of leaves free back to the system.</summary>
    void Trim();
}

/// <summary>Enlarges pictures with one network.</summary>
internal interface IUpscaler : IDisposable
{
    /// <summary>Pixels out for each pixel in, along a side.</summary>
    int Scale { get; }

    /// <summary>Enlarges a picture.</summary>
    /// <param name="picture">Of any size.</param>
    /// <param name="onTile">Told (tiles done, tiles in all) after each.</param>
    /// <param name="cancel">Ends it before the next tile.</param>
    /// <returns>The picture, <see cref="Scale"/> times as wide and high.</returns>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    RgbImage Upscale(RgbImage picture, Action<int, int> onTile, CancellationToken cancel);
}
