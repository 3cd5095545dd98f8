namespace Easel.Models.Tools;

/// <summary>The tiny network of face-api that finds 68 points of a face. src/faceFeatureExtractor/TinyFaceFeatureExtractor.ts of vladmandic/face-api, whose
/// names the fields have.</summary>
internal sealed class FacePointsNet : Module<Tensor, Tensor>
{
    /// <summary>Side of what it is shown, in pixels.</summary>
    public const int Side = 112;

    private static readonly float[] MeanColour = [122.782f, 117.001f, 104.298f];

    private readonly DenseBlock dense0, dense1, dense2;
    private readonly Linear fc;

    public FacePointsNet() : base(nameof(FacePointsNet))
    {
        dense0 = new DenseBlock(3, 32, isFirst: true);
        dense1 = new DenseBlock(32, 64);
        dense2 = new DenseBlock(64, 128);
        fc = new Linear(128, 2 * 68);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x) // [n, 3, 112, 112], 0 to 255
    {
        using var scope = NewDisposeScope();
        var h = (x - tensor(MeanColour).reshape(1, 3, 1, 1)) / 255;
        foreach (var block in (DenseBlock[])[dense0, dense1, dense2]) h = block.call(h);
        return fc.call(h.mean([2, 3])).MoveToOuterDisposeScope(); // [n, 136]: across and down by turns, in shares of the side
    }

    /// <summary>Three convolutions of which each sees the sum of those before.</summary>
    private sealed class DenseBlock : Module<Tensor, Tensor>
    {
        private readonly Module<Tensor, Tensor> conv0;
        private readonly Separable conv1, conv2;

        public DenseBlock(long inputs, long outputs, bool isFirst = false) : base(nameof(DenseBlock))
        {
            conv0 = isFirst ? new Conv2d(inputs, outputs, kernel: 3, stride: 2) : new Separable(inputs, outputs, stride: 2);
            conv1 = new Separable(outputs, outputs, stride: 1);
            conv2 = new Separable(outputs, outputs, stride: 1);
            RegisterComponents();
        }

        public override Tensor forward(Tensor x)
        {
            using var scope = NewDisposeScope();
            var first = conv0.call(MobileNetV2.Padded(x)).relu_();
            var second = conv1.call(first);
            var third = conv2.call((first + second).relu_());
            return (first + second + third).relu_().MoveToOuterDisposeScope();
        }
    }

    private sealed class Separable : Module<Tensor, Tensor>
    {
        private readonly DepthwiseConv2d depthwise;
        private readonly Conv2d pointwise;

        public Separable(long inputs, long outputs, int stride) : base(nameof(Separable))
        {
            depthwise = new DepthwiseConv2d(inputs, kernel: 3, stride, padding: stride == 1 ? 1 : 0);
            pointwise = new Conv2d(inputs, outputs, kernel: 1);
            RegisterComponents();
        }

        public override Tensor forward(Tensor x)
        {
            using var scope = NewDisposeScope();
            return pointwise.call(depthwise.call(x)).MoveToOuterDisposeScope();
        }
    }
}
