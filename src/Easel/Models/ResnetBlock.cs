using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Easel.Models;

/// <summary>Two normalised convolutions added to their input, the timestep's embedding joining between them (in the UNet; the autoencoder has none).</summary>
public sealed class ResnetBlock : Module<Tensor, Tensor?, Tensor>
{
    private readonly GroupNorm norm1;
    private readonly Conv2d conv1;
    private readonly Linear? time_emb_proj;
    private readonly GroupNorm norm2;
    private readonly Conv2d conv2;
    private readonly Conv2d? conv_shortcut;

    /// <summary>Creates the block.</summary>
    /// <param name="inputs">Channels in.</param>
    /// <param name="outputs">Channels out.</param>
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

    /// <inheritdoc/>
    public override Tensor forward(Tensor x, Tensor? time) // [n, inputs, h, w], SiLU of the time embedding [n, time width]
    {
        using var scope = NewDisposeScope();
        var h = conv1.call(functional.silu(norm1.call(x)));
        if (time_emb_proj is not null) h = h + time_emb_proj.call(time!).unsqueeze(-1).unsqueeze(-1);
        h = conv2.call(functional.silu(norm2.call(h)));
        return ((conv_shortcut?.call(x) ?? x) + h).MoveToOuterDisposeScope(); // [n, outputs, h, w]
    }
}

/// <summary>Halves height and width.</summary>
public sealed class Downsample : Module<Tensor, Tensor>
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

    /// <inheritdoc/>
    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        return conv.call(_padRightAndBottom ? functional.pad(x, [0, 1, 0, 1]) : x).MoveToOuterDisposeScope();
    }
}

/// <summary>Enlarges to a given size (the double, as a rule) by repeating the nearest pixel, then convolves.</summary>
public sealed class Upsample : Module<Tensor, long[]?, Tensor>
{
    private readonly Conv2d conv;

    /// <summary>Creates the layer.</summary>
    public Upsample(long channels) : base(nameof(Upsample))
    {
        conv = new Conv2d(channels, channels, kernel: 3, padding: 1);
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override Tensor forward(Tensor x, long[]? size) // size: height and width wanted; null doubles
    {
        using var scope = NewDisposeScope();
        var enlarged = functional.interpolate(x, size ?? [2 * x.shape[2], 2 * x.shape[3]], mode: InterpolationMode.Nearest);
        return conv.call(enlarged).MoveToOuterDisposeScope();
    }
}
