namespace Easel.Server.Jobs;

/// <summary>Where models come from: the files of this machine, or what tests put in their place.</summary>
internal interface IModelSource
{
    /// <summary>Loads a model that draws.</summary>
    /// <param name="onProgress">Told the share loaded, 0 to 1; throws to cancel.</param>
    IImageGenerator Generator(string path, LoadOptions options, Action<double> onProgress);

    /// <summary>Loads a network that enlarges.</summary>
    IUpscaler Upscaler(string path, LoadOptions options);
}
