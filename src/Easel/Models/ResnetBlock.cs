namespace Easel.Models;

/// <summary>Two normalised convolutions added to their input, the timestep's embedding joining between them (in the UNet; the autoencoder has none).</summary>
internal sealed class ResnetBlock : Module<Tensor, Tensor?, Tensor>
{
    private readonly GroupNorm norm1;
    private readonly Conv2d conv1;
    private readonly Linear? time_emb_proj;
    private readonly GroupNorm norm2;
    private readonly Conv2d conv2;
    private readonly Conv2d? conv_shortcut;

    /// <summary>Creates the block.</summary>
    /// <param name="timeWidth">Width of the timestep's embedding; 0 where there is none.</param>
    /// <param name="epsilon">The norms' epsilon: 1e-5 in the UNet, 1e-6 in the autoencoder.</param>
    /// <param name="groups">Groups of channels in each norm.</param>
    public ResnetBlock(long inputs, long outputs, long timeWidth, double epsilon, long groups = 32) : base(nameof(ResnetBlock))
    {
        norm1 = new GroupNorm(groups, inputs, epsilon);
        conv1 = new Conv2d(inputs, outputs, kernel: 3, padding: 1);
        time_emb_proj = timeWidth > 0 ? new Linear(timeWidth, outputs) : null;
        norm2 = new GroupNorm(groups, outputs, epsilon);
        conv2 = new Conv2d(outputs, outputs, kernel: 3, padding: 1);
        conv_shortcut = inputs != outputs ? new Conv2d(inputs, outputs, kernel: 1) : null;
        RegisterComponents();
    }

    public override Tensor forward(Tensor x, Tensor? time) => Forward(x, time, givesAway: false);

    /// <summary>Runs the block.</summary>
    /// <param name="x">[n, inputs, h, w].</param> <param name="time">SiLU of the time embedding, [n, time width].</param>
    /// <param name="givesAway">Whether the result may be written over <paramref name="x"/>.</param> <returns>[n, outputs, h, w].</returns>
    internal Tensor Forward(Tensor x, Tensor? time, bool givesAway)
    {
        using var scope = NewDisposeScope();
        using var normal1 = norm1.Silu(x); // let go as soon as may be: in the decoder each of these is 134 MB at 512x512
        using var convolved = conv1.call(normal1);
        normal1.Dispose();
        using var normal2 = norm2.Silu(convolved, time_emb_proj?.call(time!), givesAway: true);
        convolved.Dispose();
        // Input, its norm, the first convolution's output, its norm, and the sum.
        WorkCounter.Current?.Touch(2.0 * x.numel() + 3.0 * normal2.numel());
        return conv2.AddTo(conv_shortcut?.call(x) ?? (givesAway ? x : x.clone()), normal2).MoveToOuterDisposeScope();
    }
}

/// <summary>Halves height and width.</summary>
internal sealed class Downsample : Module<Tensor, Tensor>
{
    private readonly bool _padRightAndBottom;
    private readonly Conv2d conv;

    /// <summary>Creates the layer. The UNet pads all four sides, the autoencoder the right and the bottom only.</summary>
    public Downsample(long channels, bool padRightAndBottom) : base(nameof(Downsample))
    {
        _padRightAndBottom = padRightAndBottom;
        conv = new Conv2d(channels, channels, kernel: 3, stride: 2, padding: padRightAndBottom ? 0 : 1);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        return conv.call(_padRightAndBottom ? functional.pad(x, [0, 1, 0, 1]) : x).MoveToOuterDisposeScope();
    }
}

/// <summary>Enlarges to a given size (the double, as a rule) by repeating the nearest pixel, then convolves.</summary>
internal sealed class Upsample : Module<Tensor, long[]?, Tensor>
{
    private readonly DoubledConv2d conv;

    public Upsample(long channels) : base(nameof(Upsample))
    {
        conv = new DoubledConv2d(channels);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x, long[]? size) =>
        size is null ? conv.call(x) : conv.Forward(x, size[0], size[1]); // size: height and width wanted; null doubles
}
