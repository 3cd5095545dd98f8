using Easel.Imaging;

namespace Easel.Pipeline;

/// <summary>What makes pictures larger: between two passes, as latents or by way of pictures, and after the only one of a model of small pictures.</summary>
internal sealed class Enlargement : IDisposable
{
    private readonly GenerationRequest _request;
    private readonly IUpscaler? _network;

    private Enlargement(GenerationRequest request, string name, IUpscaler? network) => (_request, Name, _network) = (request, name, network);

    /// <summary>What enlarges, as requests name it.</summary>
    public string Name { get; }

    /// <summary>Makes ready what a run enlarges with; null where it enlarges nothing.</summary>
    /// <exception cref="InvalidRequestException">There is no upscaler of that name.</exception>
    public static Enlargement? For(GenerationRequest request, RunShape run, LoadOptions options)
    {
        if (run.Second is null && !run.Canvas.Grows) return null;
        var name = run.Canvas.Grows ? SecondPass.DefaultEnlarger : request.HiresUpscaler;
        if (SecondPass.IsBuiltIn(name))
        {
            var (width, height) = run.Second is var (second, _) ? (second.Canvas.Width, second.Canvas.Height)
                : (run.Canvas.ResultWidth, run.Canvas.ResultHeight);
            var times = Math.Max((double)width / run.Canvas.Width, (double)height / run.Canvas.Height);
            var fitting = BuiltInTool.Enlarger(times);
            // A picture that is only made larger needs no network where there is none.
            if (run.Canvas.Grows && fitting is null) return new Enlargement(request, SecondPass.Plain, null);
            return new Enlargement(request, fitting?.Name ?? name, Upscaler.LoadBuiltIn(times, options with { Precision = Precision.Auto }));
        }
        if (SecondPass.Enlargers.Contains(name, StringComparer.OrdinalIgnoreCase)) return new Enlargement(request, name, null);
        if (options.Upscalers is { } find) return new Enlargement(request, name, find(name));
        if (BuiltInTool.Find(name) is { Kind: ModelKind.Upscaler } tool) name = tool.Path;
        if (!File.Exists(name))
        {
            throw new InvalidRequestException(nameof(request.HiresUpscaler),
                $"There is no upscaler \"{name}\"; choose one of {string.Join(", ", SecondPass.Enlargers)}, or the file of an upscaling network.");
        }
        return new Enlargement(request, name, Upscaler.Load(name, options with { Precision = Precision.Auto }));
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

    /// <summary>A picture in a larger size.</summary>
    public RgbImage Larger(RgbImage picture, int width, int height, CancellationToken cancel) => _network is { } network
        ? network.UpscaleTo(picture, width, height, ImageFit.Crop, cancel: cancel)
        : Resampling.Fit(picture, width, height, ImageFit.Crop, SecondPass.FilterOf(Name));

    public void Dispose() => _network?.Dispose();
}
