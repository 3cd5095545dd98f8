namespace Easel.Models.Upscaling;

/// <summary>The shape of an <see cref="RrdbNet"/>, read off its tensors.</summary>
/// <param name="Unshuffle">Side of the squares of pixels that are stacked as channels before the first layer: 1, or 2 or 4 in networks that enlarge
/// less.</param> <param name="Features">Channels: 64.</param> <param name="Growth">Channels that each convolution of a dense block adds: 32.</param>
/// <param name="Blocks">Blocks in the trunk: 23, or 6 in the small ones.</param>
/// <param name="Doublings">How often height and width are doubled at the end: 2, in old x2 and x8 networks 1 and 3.</param>
internal sealed record RrdbConfig(int Unshuffle, long Features, long Growth, int Blocks, int Doublings);

/// <summary>ESRGAN's network: dense residual blocks at the picture's own size, then doublings. "ESRGAN: Enhanced Super-Resolution Generative Adversarial
/// Networks", arXiv 1809.00219, and "Real-ESRGAN", arXiv 2107.10833; basicsr/archs/rrdbnet_arch.py of XPixelGroup/BasicSR, whose names the fields
/// have.</summary>
internal sealed class RrdbNet : Module<Tensor, Tensor>
{
    private readonly RrdbConfig _config;
    private readonly Conv2d conv_first;
    private readonly ModuleList<Rrdb> body = new();
    private readonly Conv2d conv_body;
    private readonly Conv2d? conv_up1, conv_up2, conv_up3;
    private readonly Conv2d conv_hr;
    private readonly Conv2d conv_last;

    public RrdbNet(RrdbConfig config) : base(nameof(RrdbNet))
    {
        _config = config;
        var features = config.Features;
        conv_first = new Conv2d(3 * config.Unshuffle * config.Unshuffle, features, kernel: 3, padding: 1);
        for (var i = 0; i < config.Blocks; i++) body.Add(new Rrdb(features, config.Growth));
        conv_body = new Conv2d(features, features, kernel: 3, padding: 1);
        conv_up1 = config.Doublings > 0 ? new Conv2d(features, features, kernel: 3, padding: 1) : null;
        conv_up2 = config.Doublings > 1 ? new Conv2d(features, features, kernel: 3, padding: 1) : null;
        conv_up3 = config.Doublings > 2 ? new Conv2d(features, features, kernel: 3, padding: 1) : null;
        conv_hr = new Conv2d(features, features, kernel: 3, padding: 1);
        conv_last = new Conv2d(features, 3, kernel: 3, padding: 1);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x) // [n, 3, h, w] in [0, 1]; sides multiples of Unshuffle
    {
        using var scope = NewDisposeScope();
        var h = conv_first.call(_config.Unshuffle > 1 ? functional.pixel_unshuffle(x, _config.Unshuffle) : x);
        h = h + conv_body.call(body.RunInOrder(h)); // [n, features, h / unshuffle, w / unshuffle]
        foreach (var up in new[] { conv_up1, conv_up2, conv_up3 }.OfType<Conv2d>())
        {
            using var coarse = h; // the finest are hundreds of megabytes each
            using var enlarged = functional.interpolate(coarse, [2 * coarse.shape[2], 2 * coarse.shape[3]], mode: InterpolationMode.Nearest);
            h = functional.leaky_relu(up.call(enlarged), 0.2, inplace: true);
        }
        return conv_last.call(functional.leaky_relu(conv_hr.call(h), 0.2, inplace: true)).MoveToOuterDisposeScope();
    }
}

/// <summary>Three dense blocks added, weakly, to their input.</summary>
internal sealed class Rrdb : Module<Tensor, Tensor>
{
    private readonly DenseBlock rdb1, rdb2, rdb3;

    public Rrdb(long features, long growth) : base(nameof(Rrdb))
    {
        rdb1 = new DenseBlock(features, growth);
        rdb2 = new DenseBlock(features, growth);
        rdb3 = new DenseBlock(features, growth);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        return (0.2 * rdb3.call(rdb2.call(rdb1.call(x))) + x).MoveToOuterDisposeScope();
    }
}

/// <summary>Convolutions of which each sees the outputs of all before it.</summary>
internal sealed class DenseBlock : Module<Tensor, Tensor>
{
    private readonly Conv2d conv1, conv2, conv3, conv4, conv5;

    public DenseBlock(long features, long growth) : base(nameof(DenseBlock))
    {
        conv1 = new Conv2d(features, growth, kernel: 3, padding: 1);
        conv2 = new Conv2d(features + growth, growth, kernel: 3, padding: 1);
        conv3 = new Conv2d(features + 2 * growth, growth, kernel: 3, padding: 1);
        conv4 = new Conv2d(features + 3 * growth, growth, kernel: 3, padding: 1);
        conv5 = new Conv2d(features + 4 * growth, features, kernel: 3, padding: 1);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x) // [n, features, h, w]
    {
        using var scope = NewDisposeScope();
        var seen = x;
        foreach (var conv in (Conv2d[])[conv1, conv2, conv3, conv4]) seen = cat([seen, functional.leaky_relu(conv.call(seen), 0.2, inplace: true)], dim: 1);
        return (0.2 * conv5.call(seen) + x).MoveToOuterDisposeScope();
    }
}
