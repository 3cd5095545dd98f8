using Easel.Imaging;
using Easel.Models.Upscaling;
using Easel.Runtime;

namespace Easel.Server.Jobs;

/// <summary>The models in the files of this machine.</summary>
internal sealed class ModelFiles : IModelSource
{
    public IImageGenerator Generator(string path, LoadOptions options, Action<double> onProgress) => ImageGenerator.Load(path, options, onProgress);

    public IUpscaler Upscaler(string path, LoadOptions options)
    {
        NativeRuntime.Prepare();
        var device = Hardware.Device(options.Device);
        var precision = options.Precision == Precision.Auto ? Precision.Full : options.Precision;
        return new Network(Esrgan.Load(path, Hardware.NumberFormat(precision, device).Run, device));
    }

    public void Trim() => NativeRuntime.Trim();

    private sealed class Network(Esrgan esrgan) : IUpscaler
    {
        public int Scale => esrgan.Scale;

        public RgbImage Upscale(RgbImage picture, Action<int, int> onTile, CancellationToken cancel) => esrgan.Upscale(picture, onTile: onTile, cancel: cancel);

        public void Dispose() => esrgan.Dispose();
    }
}
