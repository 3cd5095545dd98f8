namespace Easel.Models.Tools;

/// <summary>MobileNetV2 with three layers behind it that tell classes apart, as nsfwjs trained it. "MobileNetV2: Inverted Residuals and Linear
/// Bottlenecks", arXiv 1801.04381; laid out and padded as Keras' application of that name.</summary>
internal sealed class MobileNetV2 : Module<Tensor, Tensor>
{
    private const double Epsilon = 1e-3;

    /// <summary>Channels, how many blocks, step of the first of them.</summary>
    private static readonly (long Channels, int Count, int Stride)[] Stages =
        [(16, 1, 1), (24, 2, 2), (32, 3, 2), (64, 4, 2), (96, 3, 1), (160, 3, 2), (320, 1, 1)];

    private readonly ConvNorm first;
    private readonly ModuleList<InvertedResidual> blocks = new();
    private readonly ConvNorm last;
    private readonly Linear dense1, dense2, dense3;

    public MobileNetV2(long classes) : base(nameof(MobileNetV2))
    {
        first = new ConvNorm(new Conv2d(3, 32, kernel: 3, stride: 2, hasBias: false), 32);
        long channels = 32;
        foreach (var (outputs, count, stride) in Stages)
        {
            for (var i = 0; i < count; i++)
            {
                blocks.Add(new InvertedResidual(channels, outputs, expands: blocks.Count > 0, i == 0 ? stride : 1));
                channels = outputs;
            }
        }
        last = new ConvNorm(new Conv2d(channels, 1280, kernel: 1, hasBias: false), 1280);
        dense1 = new Linear(1280, 256);
        dense2 = new Linear(256, 128);
        dense3 = new Linear(128, classes);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x) // [n, 3, 224, 224] in [0, 1]
    {
        using var scope = NewDisposeScope();
        var h = blocks.RunInOrder(Relu6(first.call(Padded(x))));
        h = Relu6(last.call(h)).mean([2, 3]); // [n, 1280]
        h = dense2.call(dense1.call(h).relu_()).relu_();
        return dense3.call(h).MoveToOuterDisposeScope(); // [n, classes], before the softmax
    }

    internal static Tensor Relu6(Tensor x) => x.clamp_(0, 6);

    /// <summary>With a row and a column of nothing at the bottom and right, for a step of two.</summary>
    internal static Tensor Padded(Tensor x) => functional.pad(x, [0, 1, 0, 1]);

    /// <summary>A convolution and its norm.</summary>
    internal sealed class ConvNorm : Module<Tensor, Tensor>
    {
        private readonly Layer conv;
        private readonly FrozenBatchNorm norm;

        public ConvNorm(Layer convolution, long channels) : base(nameof(ConvNorm))
        {
            conv = convolution;
            norm = new FrozenBatchNorm(channels, Epsilon);
            RegisterComponents();
        }

        public override Tensor forward(Tensor x)
        {
            using var scope = NewDisposeScope();
            return norm.call(conv.call(x)).MoveToOuterDisposeScope();
        }
    }

    /// <summary>Wider, filtered channel by channel, and narrow again; added to its input where both are of one shape.</summary>
    internal sealed class InvertedResidual : Module<Tensor, Tensor>
    {
        private const int Widening = 6;

        private readonly bool _adds, _halves;
        private readonly ConvNorm? expand;
        private readonly ConvNorm depthwise, project;

        public InvertedResidual(long inputs, long outputs, bool expands, int stride) : base(nameof(InvertedResidual))
        {
            (_adds, _halves) = (stride == 1 && inputs == outputs, stride == 2);
            var inner = expands ? Widening * inputs : inputs;
            expand = expands ? new ConvNorm(new Conv2d(inputs, inner, kernel: 1, hasBias: false), inner) : null;
            depthwise = new ConvNorm(new DepthwiseConv2d(inner, kernel: 3, stride, padding: stride == 1 ? 1 : 0), inner);
            project = new ConvNorm(new Conv2d(inner, outputs, kernel: 1, hasBias: false), outputs);
            RegisterComponents();
        }

        public override Tensor forward(Tensor x)
        {
            using var scope = NewDisposeScope();
            var h = expand is null ? x : Relu6(expand.call(x));
            h = project.call(Relu6(depthwise.call(_halves ? Padded(h) : h)));
            return (_adds ? h + x : h).MoveToOuterDisposeScope();
        }
    }
}
