using Easel.Imaging;

namespace Easel.Pipeline;

/// <summary>What stands between two passes: the first one's latents made larger, as latents or by way of pictures.</summary>
internal sealed class Enlargement : IDisposable
{
    private readonly GenerationRequest _request;
    private readonly IUpscaler? _network;

    private Enlargement(GenerationRequest request, IUpscaler? network) => (_request, _network) = (request, network);

    /// <summary>Makes ready what a request enlarges with; null where it has no second pass.</summary>
    /// <exception cref="InvalidRequestException">There is no upscaler of that name.</exception>
    public static Enlargement? For(GenerationRequest request, RunShape run, LoadOptions options)
    {
        if (run.Second is not var (second, _)) return null;
        var name = request.HiresUpscaler;
        if (SecondPass.IsBuiltIn(name))
        {
            var times = Math.Max((double)second.Canvas.Width / run.Canvas.Width, (double)second.Canvas.Height / run.Canvas.Height);
            return new Enlargement(request, Upscaler.LoadBuiltIn(times, options with { Precision = Precision.Auto }));
        }
        if (SecondPass.Enlargers.Contains(name, StringComparer.OrdinalIgnoreCase)) return new Enlargement(request, null);
        if (options.Upscalers is { } find) return new Enlargement(request, find(name));
        if (BuiltInTool.Find(name) is { Kind: ModelKind.Upscaler } tool) name = tool.Path;
        if (!File.Exists(name))
        {
            throw new InvalidRequestException(nameof(request.HiresUpscaler),
                $"There is no upscaler \"{name}\"; choose one of {string.Join(", ", SecondPass.Enlargers)}, or the file of an upscaling network.");
        }
        return new Enlargement(request, Upscaler.Load(name, options with { Precision = Precision.Auto }));
    }

    /// <summary>The latents that the second pass begins from, in its shape.</summary>
    /// <param name="clean">[n, c, h, w], what the first pass ended with.</param>
    /// <param name="decode">Latents of one picture to its pixels.</param>
    public Tensor Of(Tensor clean, long[] shape, Func<Tensor, Tensor> decode, LoadedNetworks model, int? tile, RunNoise noise, CancellationToken cancel)
    {
        if (SecondPass.TakesLatents(_request.HiresUpscaler)) return SecondPass.Enlarged(clean, _request, shape[2], shape[3]);
        using var scope = NewDisposeScope();
        var each = model.Family.PixelsPerLatent;
        var pictures = Enumerable.Range(0, (int)shape[0])
            .Select(i => Larger(ImageTensor.ToImage(decode(clean[i..(i + 1)])), (int)shape[3] * each, (int)shape[2] * each, cancel))
            .ToList();
        return TaskInputs.Encode(pictures, model, tile, noise).MoveToOuterDisposeScope();
    }

    public void Dispose() => _network?.Dispose();

    private RgbImage Larger(RgbImage picture, int width, int height, CancellationToken cancel) => _network is { } network
        ? network.UpscaleTo(picture, width, height, ImageFit.Crop, cancel: cancel)
        : Resampling.Fit(picture, width, height, ImageFit.Crop, SecondPass.FilterOf(_request.HiresUpscaler));
}
