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
}
