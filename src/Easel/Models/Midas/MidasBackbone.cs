namespace Easel.Models.Midas;

/// <summary>A residual network of 50 layers less its last stage, as it begins the hybrid vision transformer: group norms, weight-standardised convolutions,
/// TensorFlow's padding. "Big Transfer (BiT)", arXiv 1912.11370; ResNetV2 with preact=False in timm 0.6.13, timm/models/resnetv2.py.</summary>
internal sealed class MidasBackbone : Module
{
    private readonly MidasStem stem;
    private readonly ModuleList<MidasStage> stages = new();

    public MidasBackbone(MidasConfig config) : base(nameof(MidasBackbone))
    {
        stem = new MidasStem(config.StemChannels);
        var inputs = config.StemChannels;
        for (var i = 0; i < config.StageChannels.Count; i++)
        {
            stages.Add(new MidasStage(inputs, config.StageChannels[i], config.StageDepths[i], stride: i == 0 ? 1 : 2));
            inputs = config.StageChannels[i];
        }
        RegisterComponents();
    }

    /// <summary>The output of each stage, finest first: a fourth, an eighth and a sixteenth of the picture's sides.</summary>
    public IReadOnlyList<Tensor> Features(Tensor x) // [n, 3, h, w]
    {
        var outputs = new List<Tensor>();
        x = stem.call(x); // [n, stem, h/4, w/4]
        foreach (var stage in stages) outputs.Add(x = stage.call(x)); // h/4, h/8, h/16
        return outputs;
    }
}

/// <summary>A large convolution and a pooling, each halving height and width.</summary>
internal sealed class MidasStem : Module<Tensor, Tensor>
{
    private readonly StandardisedConv2d conv;
    private readonly GroupNorm norm;

    public MidasStem(long channels) : base(nameof(MidasStem))
    {
        conv = new StandardisedConv2d(3, channels, kernel: 7, stride: 2);
        norm = new GroupNorm(32, channels, 1e-5);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        x = functional.relu(norm.call(conv.call(x)));
        var padded = SamePadding.Pad(x, kernel: 3, stride: 2, value: double.NegativeInfinity);
        return functional.max_pool2d(padded, kernel_size: 3, stride: 2).MoveToOuterDisposeScope();
    }
}

/// <summary>Residual blocks of one resolution.</summary>
internal sealed class MidasStage : Module<Tensor, Tensor>
{
    private readonly ModuleList<MidasBottleneck> blocks = new();

    public MidasStage(long inputs, long outputs, int depth, long stride) : base(nameof(MidasStage))
    {
        for (var i = 0; i < depth; i++) blocks.Add(new MidasBottleneck(i == 0 ? inputs : outputs, outputs, i == 0 ? stride : 1, changesShape: i == 0));
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        foreach (var block in blocks) x = block.call(x);
        return x.MoveToOuterDisposeScope();
    }
}

/// <summary>Narrow, convolve, widen; added to the input.</summary>
internal sealed class MidasBottleneck : Module<Tensor, Tensor>
{
    private readonly MidasShortcut? downsample;
    private readonly StandardisedConv2d conv1;
    private readonly GroupNorm norm1;
    private readonly StandardisedConv2d conv2;
    private readonly GroupNorm norm2;
    private readonly StandardisedConv2d conv3;
    private readonly GroupNorm norm3;

    public MidasBottleneck(long inputs, long outputs, long stride, bool changesShape) : base(nameof(MidasBottleneck))
    {
        var narrow = outputs / 4;
        downsample = changesShape ? new MidasShortcut(inputs, outputs, stride) : null;
        conv1 = new StandardisedConv2d(inputs, narrow, kernel: 1);
        norm1 = new GroupNorm(32, narrow, 1e-5);
        conv2 = new StandardisedConv2d(narrow, narrow, kernel: 3, stride);
        norm2 = new GroupNorm(32, narrow, 1e-5);
        conv3 = new StandardisedConv2d(narrow, outputs, kernel: 1);
        norm3 = new GroupNorm(32, outputs, 1e-5);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x) // [n, inputs, h, w]
    {
        using var scope = NewDisposeScope();
        var h = functional.relu(norm1.call(conv1.call(x)));
        h = functional.relu(norm2.call(conv2.call(h)));
        h = norm3.call(conv3.call(h));
        return functional.relu(h + (downsample?.call(x) ?? x)).MoveToOuterDisposeScope(); // [n, outputs, h / stride, w / stride]
    }
}

/// <summary>Brings a block's input to the shape of its output.</summary>
internal sealed class MidasShortcut : Module<Tensor, Tensor>
{
    private readonly StandardisedConv2d conv;
    private readonly GroupNorm norm;

    public MidasShortcut(long inputs, long outputs, long stride) : base(nameof(MidasShortcut))
    {
        conv = new StandardisedConv2d(inputs, outputs, kernel: 1, stride);
        norm = new GroupNorm(32, outputs, 1e-5);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        return norm.call(conv.call(x)).MoveToOuterDisposeScope();
    }
}

/// <summary>A convolution of which each output's weights are brought to mean 0 and variance 1 ("Weight Standardization", arXiv 1903.10520), with TensorFlow's
/// padding.</summary>
internal sealed class StandardisedConv2d : Layer
{
    private readonly long _kernel, _stride;
    private Parameter weight; // [outputs, inputs, kernel, kernel]

    public StandardisedConv2d(long inputs, long outputs, long kernel, long stride = 1) : base(nameof(StandardisedConv2d))
    {
        (_kernel, _stride) = (kernel, stride);
        weight = Shaped(outputs, inputs, kernel, kernel);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        var flat = weight.flatten(1).to(ScalarType.Float32);
        var centred = flat - flat.mean([1], keepdim: true);
        var standard = (centred / (centred.square().mean([1], keepdim: true) + 1e-8).sqrt()).view_as(weight).to(x.dtype);
        return functional.conv2d(SamePadding.Pad(x, _kernel, _stride, value: 0), standard, strides: [_stride, _stride]).MoveToOuterDisposeScope();
    }

    private protected override void Adopt(string name, Parameter value) => weight = value;
}

/// <summary>TensorFlow's "SAME" padding: ceil(size / stride) positions out, what is missing added on both sides and the odd one at the right and
/// bottom.</summary>
internal static class SamePadding
{
    public static Tensor Pad(Tensor x, long kernel, long stride, double value)
    {
        var (down, across) = (Missing(x.shape[2]), Missing(x.shape[3]));
        return down + across == 0 ? x.alias() : functional.pad(x, [across / 2, across - across / 2, down / 2, down - down / 2], PaddingModes.Constant, value);

        long Missing(long size) => Math.Max(0, ((size + stride - 1) / stride - 1) * stride + kernel - size);
    }
}
