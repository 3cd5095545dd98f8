namespace Easel.Models.Upscaling;

/// <summary>Real-ESRGAN's small network (realesr-general-x4v3, realesr-animevideov3): plain convolutions, all enlarging in the last; it learns what the nearest
/// pixels lack. SRVGGNetCompact in basicsr/archs/srvgg_arch.py of XPixelGroup/BasicSR, whose names the fields have.</summary>
internal sealed class CompactUpscaler : Module<Tensor, Tensor>
{
    private readonly int _scale;
    private readonly ModuleList<Module<Tensor, Tensor>> body = new();

    /// <param name="scale">Pixels out for each pixel in, along a side.</param> <param name="features">Channels: 64.</param>
    /// <param name="convolutions">Convolutions between the first and the last: 16 or 32.</param>
    public CompactUpscaler(int scale, long features, int convolutions) : base(nameof(CompactUpscaler))
    {
        _scale = scale;
        for (var i = 0; i <= convolutions; i++)
        {
            body.Add(new Conv2d(i == 0 ? 3 : features, features, kernel: 3, padding: 1));
            body.Add(new Prelu(features));
        }
        body.Add(new Conv2d(features, 3 * scale * scale, kernel: 3, padding: 1));
        RegisterComponents();
    }

    public override Tensor forward(Tensor x) // [n, 3, h, w] in [0, 1]
    {
        using var scope = NewDisposeScope();
        var nearest = functional.interpolate(x, [_scale * x.shape[2], _scale * x.shape[3]], mode: InterpolationMode.Nearest);
        return (functional.pixel_shuffle(body.RunInOrder(x), _scale) + nearest).MoveToOuterDisposeScope();
    }
}

/// <summary>Lets positive values pass and multiplies negative ones by a number learned for each channel.</summary>
internal sealed class Prelu : Layer
{
    private Parameter weight; // [channels]

    public Prelu(long channels) : base(nameof(Prelu))
    {
        weight = Shaped(channels);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x) => functional.prelu(x, weight);

    private protected override void Adopt(string name, Parameter value) => weight = value;
}
