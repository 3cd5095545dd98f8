namespace Easel.Models.Upscaling;

/// <summary>The shape of a <see cref="CuganNet"/>, read off its tensors.</summary>
/// <param name="Scale">Pixels out for each pixel in, along a side: 2, 3 or 4.</param> <param name="Width">Channels of the first layer: 32; all others have
/// twice to eight times as many.</param> <param name="IsPro">Whether the picture's range is made narrower first, as in the "pro" files.</param>
/// <param name="IsFast">Whether squares of four pixels are stacked as channels first.</param>
internal sealed record CuganConfig(int Scale, long Width, bool IsPro, bool IsFast)
{
    /// <summary>Whether the second network works within, and a last convolution makes the picture.</summary>
    public bool EndsApart => IsFast || Scale == 4;
}

/// <summary>Real-CUGAN: two small UNets, of which the first enlarges and the second mends. Real-CUGAN/upcunet_v3.py of bilibili/ailab, whose names the fields
/// have.</summary>
internal sealed class CuganNet : Module<Tensor, Tensor>
{
    private const double Narrowed = 0.7, Moved = 0.15; // what "pro" files are shown
    private const int SecondLoses = 20; // pixels at each edge

    private readonly CuganConfig _config;
    private readonly CuganUNet unet1, unet2;
    private readonly Conv2d? conv_final;

    public CuganNet(CuganConfig config) : base(nameof(CuganNet))
    {
        _config = config;
        var (width, inner) = (config.Width, config.EndsApart ? 2 * config.Width : 3);
        unet1 = new CuganUNet(config.IsFast ? 12 : 3, inner, width, enlarges: config.Scale == 3 ? 3 : 2, isDeep: false);
        unet2 = new CuganUNet(inner, inner, width, enlarges: 1, isDeep: true);
        conv_final = config.EndsApart ? new Conv2d(inner, 12, kernel: 3) : null;
        RegisterComponents();
    }

    public override Tensor forward(Tensor picture) // [n, 3, h, w] in [0, 1]
    {
        using var scope = NewDisposeScope();
        var (height, width) = ((int)picture.shape[2], (int)picture.shape[3]);
        var x = _config.IsPro ? picture * Narrowed + Moved : picture;
        var (multiple, around) = _config switch { { IsFast: true } => (4, 38), { Scale: 4 } => (2, 19), { Scale: 3 } => (4, 14), _ => (2, 18) };
        var (right, bottom) = ((multiple - width % multiple) % multiple, (multiple - height % multiple) % multiple);
        var h = Mirrored.Around(x, around, around + right, around, around + bottom);
        if (_config.IsFast) h = functional.pixel_unshuffle(h, 2);

        h = unet1.call(h);
        h = unet2.call(h).add_(Cropped(h, SecondLoses));
        if (conv_final is not null) h = functional.pixel_shuffle(Cropped(conv_final.call(h), 1), 2);
        h = h[.., .., ..(height * _config.Scale), ..(width * _config.Scale)];
        if (conv_final is not null) h = h + functional.interpolate(x, [h.shape[2], h.shape[3]], mode: InterpolationMode.Nearest);
        return (_config.IsPro ? (h - Moved) / Narrowed : h).MoveToOuterDisposeScope();
    }

    internal static Tensor Cropped(Tensor x, long edge) =>
        x.narrow(2, edge, x.shape[2] - 2 * edge).narrow(3, edge, x.shape[3] - 2 * edge);
}

/// <summary>A UNet without padding, whose output is smaller by what its kernels need around.</summary>
internal sealed class CuganUNet : Module<Tensor, Tensor>
{
    private readonly CuganConvs conv1, conv2;
    private readonly Conv2d conv1_down;
    private readonly Conv2d? conv2_down;
    private readonly TransposedConv2d? conv2_up, conv3_up, conv4_up;
    private readonly Module<Tensor, Tensor> conv3;
    private readonly CuganConvs? conv4;
    private readonly Conv2d? conv5;
    private readonly Layer conv_bottom;

    /// <param name="enlarges">How many times the last layer enlarges: 1, 2 or 3.</param>
    /// <param name="isDeep">Whether it halves twice, or once.</param>
    public CuganUNet(long inputs, long outputs, long width, int enlarges, bool isDeep) : base(nameof(CuganUNet))
    {
        var (two, four, eight) = (2 * width, 4 * width, 8 * width);
        conv1 = new CuganConvs(inputs, width, two, weighs: false);
        conv1_down = new Conv2d(two, two, kernel: 2, stride: 2);
        if (isDeep)
        {
            conv2 = new CuganConvs(two, two, four);
            conv2_down = new Conv2d(four, four, kernel: 2, stride: 2);
            conv3 = new CuganConvs(four, eight, four);
            conv3_up = new TransposedConv2d(four, four, kernel: 2, stride: 2);
            conv4 = new CuganConvs(four, two, two);
            conv4_up = new TransposedConv2d(two, two, kernel: 2, stride: 2);
            conv5 = new Conv2d(two, two, kernel: 3);
        }
        else
        {
            conv2 = new CuganConvs(two, four, two);
            conv2_up = new TransposedConv2d(two, two, kernel: 2, stride: 2);
            conv3 = new Conv2d(two, two, kernel: 3);
        }
        conv_bottom = enlarges switch
        {
            1 => new Conv2d(two, outputs, kernel: 3),
            2 => new TransposedConv2d(two, outputs, kernel: 4, stride: 2, padding: 3),
            _ => new TransposedConv2d(two, outputs, kernel: 5, stride: 3, padding: 2),
        };
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        var first = conv1.call(x);
        var second = conv2.call(Leaky(conv1_down.call(first)));
        Tensor h;
        if (conv2_down is null)
        {
            h = CuganNet.Cropped(first, 4) + Leaky(conv2_up!.call(second));
            h = Leaky(conv3.call(h));
        }
        else
        {
            var third = conv3.call(Leaky(conv2_down.call(second)));
            third = conv4!.call(CuganNet.Cropped(second, 4) + Leaky(conv3_up!.call(third)));
            h = Leaky(conv5!.call(CuganNet.Cropped(first, 16) + Leaky(conv4_up!.call(third))));
        }
        return conv_bottom.call(h).MoveToOuterDisposeScope();
    }

    internal static Tensor Leaky(Tensor x) => functional.leaky_relu(x, 0.1, inplace: true);
}

/// <summary>Two convolutions, then each channel as strongly as the whole picture says.</summary>
internal sealed class CuganConvs : Module<Tensor, Tensor>
{
    private const int Squeezed = 8;

    private readonly Module<Tensor, Tensor> conv;
    private readonly ChannelWeights? seblock;

    public CuganConvs(long inputs, long inner, long outputs, bool weighs = true) : base(nameof(CuganConvs))
    {
        conv = Sequential(("0", new Conv2d(inputs, inner, kernel: 3)), ("1", LeakyReLU(0.1)),
            ("2", new Conv2d(inner, outputs, kernel: 3)), ("3", LeakyReLU(0.1)));
        seblock = weighs ? new ChannelWeights(outputs) : null;
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        var h = conv.call(x);
        if (seblock is null) return h;
        using (h) return seblock.call(h);
    }

    private sealed class ChannelWeights : Module<Tensor, Tensor>
    {
        private readonly Conv2d conv1, conv2;

        public ChannelWeights(long channels) : base(nameof(ChannelWeights))
        {
            conv1 = new Conv2d(channels, channels / Squeezed, kernel: 1);
            conv2 = new Conv2d(channels / Squeezed, channels, kernel: 1);
            RegisterComponents();
        }

        public override Tensor forward(Tensor x)
        {
            using var scope = NewDisposeScope();
            return (x * conv2.call(conv1.call(x.mean([2, 3], keepdim: true)).relu_()).sigmoid_()).MoveToOuterDisposeScope();
        }
    }
}
