namespace Easel.Models.Tools;

/// <summary>MediaPipe's selfie segmentation: a small MobileNetV3 and three steps back up, each of which takes of what was seen at its size as much as the whole
/// picture says. Laid out as the graph in selfie_segmentation.tflite of npm @mediapipe/selfie_segmentation.</summary>
internal sealed class PersonNet : Module<Tensor, Tensor>
{
    /// <summary>Side of what it is shown and of what it gives, in pixels.</summary>
    public const int Side = 256;

    private readonly Conv2d stem;
    private readonly ModuleList<Bottleneck> blocks = new();
    private readonly Conv2d head, gate;
    private readonly ModuleList<StepUp> ups = new();
    private readonly TransposedConv2d last;

    public PersonNet() : base(nameof(PersonNet))
    {
        stem = new Conv2d(3, 16, kernel: 3, stride: 2);
        blocks.Add(new Bottleneck(16, 16, 16, kernel: 3, stride: 2, squeezed: 8));
        blocks.Add(new Bottleneck(16, 72, 24, kernel: 3, stride: 2));
        blocks.Add(new Bottleneck(24, 88, 24, kernel: 3));
        blocks.Add(new Bottleneck(24, 96, 32, kernel: 5, stride: 2, squeezed: 24, isHard: true));
        blocks.Add(new Bottleneck(32, 128, 32, kernel: 5, squeezed: 32, isHard: true));
        blocks.Add(new Bottleneck(32, 128, 32, kernel: 5, squeezed: 32, isHard: true));
        blocks.Add(new Bottleneck(32, 96, 32, kernel: 5, squeezed: 24, isHard: true));
        blocks.Add(new Bottleneck(32, 96, 32, kernel: 5, squeezed: 24, isHard: true));
        (head, gate) = (new Conv2d(32, 128, kernel: 1), new Conv2d(32, 128, kernel: 1));
        ups.Add(new StepUp(128, 24));
        ups.Add(new StepUp(24, 16));
        ups.Add(new StepUp(16, 16));
        last = new TransposedConv2d(16, 1, kernel: 2, stride: 2);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x) // [n, 3, 256, 256] in [0, 1]
    {
        using var scope = NewDisposeScope();
        var first = functional.hardswish(stem.call(MobileNetV2.Padded(x))); // 128 pixels
        var second = blocks[0].call(first); // 64
        var third = blocks[2].call(blocks[1].call(second)); // 32
        var h = third; // 16
        foreach (var block in blocks.Skip(3)) h = block.call(h);
        h = head.call(h).relu_() * gate.call(Mean(h)).sigmoid_();
        foreach (var (up, seen) in ups.Zip((Tensor[])[third, second, first])) h = up.Beside(h, seen);
        return last.call(h).sigmoid_().MoveToOuterDisposeScope(); // [n, 1, 256, 256]: how surely each pixel is of a person
    }

    private static Tensor Mean(Tensor x) => x.mean([2, 3], keepdim: true);

    /// <summary>Wider, filtered channel by channel, weighed, and narrow again; added to its input where both are of one shape.</summary>
    private sealed class Bottleneck : Module<Tensor, Tensor>
    {
        private readonly bool _adds, _isHard;
        private readonly int _before, _after;
        private readonly Conv2d expand, project;
        private readonly DepthwiseConv2d depthwise;
        private readonly Conv2d? squeeze1, squeeze2;

        public Bottleneck(long inputs, long inner, long outputs, int kernel, int stride = 1, long squeezed = 0, bool isHard = false) : base(nameof(Bottleneck))
        {
            (_isHard, _adds) = (isHard, inputs == outputs && stride == 1);
            (_before, _after) = stride == 1 ? (kernel / 2, kernel / 2) : ((kernel - 2) / 2, (kernel - 1) / 2);
            expand = new Conv2d(inputs, inner, kernel: 1);
            depthwise = new DepthwiseConv2d(inner, kernel, stride, hasBias: true);
            squeeze1 = squeezed > 0 ? new Conv2d(inner, squeezed, kernel: 1) : null;
            squeeze2 = squeezed > 0 ? new Conv2d(squeezed, inner, kernel: 1) : null;
            project = new Conv2d(inner, outputs, kernel: 1);
            RegisterComponents();
        }

        public override Tensor forward(Tensor x)
        {
            using var scope = NewDisposeScope();
            var h = Active(depthwise.call(functional.pad(Active(expand.call(x)), [_before, _after, _before, _after])));
            if (squeeze1 is not null) h = h * squeeze2!.call(squeeze1.call(Mean(h)).relu_()).sigmoid_();
            h = project.call(h);
            return (_adds ? h + x : h).MoveToOuterDisposeScope();

            Tensor Active(Tensor t) => _isHard ? functional.hardswish(t) : t.relu_();
        }
    }

    /// <summary>Twice the size, beside what was seen at that size.</summary>
    private sealed class StepUp : Module
    {
        private readonly Conv2d project, squeeze1, squeeze2, mix;
        private readonly DepthwiseConv2d depthwise;

        public StepUp(long inputs, long outputs) : base(nameof(StepUp))
        {
            project = new Conv2d(inputs, outputs, kernel: 1);
            squeeze1 = new Conv2d(outputs, outputs, kernel: 1);
            squeeze2 = new Conv2d(outputs, outputs, kernel: 1);
            mix = new Conv2d(outputs, outputs, kernel: 1);
            depthwise = new DepthwiseConv2d(outputs, kernel: 3, padding: 1, hasBias: true);
            RegisterComponents();
        }

        public Tensor Beside(Tensor x, Tensor seen)
        {
            using var scope = NewDisposeScope();
            var wide = functional.interpolate(x, [2 * x.shape[2], 2 * x.shape[3]], mode: InterpolationMode.Bilinear, align_corners: false);
            var up = project.call(wide);
            var weights = squeeze2.call(squeeze1.call(Mean(seen + up)).relu_()).sigmoid_();
            var mixed = mix.call(seen * weights + up).relu_();
            return (mixed + depthwise.call(mixed).relu_()).MoveToOuterDisposeScope();
        }
    }
}
