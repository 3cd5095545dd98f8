namespace Easel.Server.Jobs;

/// <summary>The models in the files of this machine.</summary>
internal sealed class ModelFiles : IModelSource
{
    public IImageGenerator Generator(string path, LoadOptions options, Action<double> onProgress) => ImageGenerator.Load(path, options, onProgress);

    public IUpscaler Upscaler(string path, LoadOptions options) => Easel.Upscaler.Load(path, options);
}
