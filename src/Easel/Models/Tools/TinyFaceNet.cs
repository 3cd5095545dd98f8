namespace Easel.Models.Tools;

/// <summary>The tiny face detector of face-api: a small YOLO (v2) of separable convolutions with one class. src/tinyYolov2/TinyYolov2Base.ts of
/// vladmandic/face-api.</summary>
internal sealed class TinyFaceNet : Module<Tensor, Tensor>
{
    private static readonly float[] MeanColour = [117.001f, 114.697f, 97.404f];

    private readonly Conv2d conv0;
    private readonly SeparableConv conv1, conv2, conv3, conv4, conv5;
    private readonly Conv2d conv8;

    /// <param name="outputs">Five numbers for each anchor: where in its cell, how large, how sure.</param>
    public TinyFaceNet(long outputs) : base(nameof(TinyFaceNet))
    {
        conv0 = new Conv2d(3, 16, kernel: 3);
        conv1 = new SeparableConv(16, 32);
        conv2 = new SeparableConv(32, 64);
        conv3 = new SeparableConv(64, 128);
        conv4 = new SeparableConv(128, 256);
        conv5 = new SeparableConv(256, 512);
        conv8 = new Conv2d(512, outputs, kernel: 1);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x) // [n, 3, side, side], 0 to 255
    {
        using var scope = NewDisposeScope();
        var h = (x - tensor(MeanColour).reshape(1, 3, 1, 1)) / 255;
        h = Halved(SeparableConv.Leaky(conv0.call(h)));
        foreach (var conv in (SeparableConv[])[conv1, conv2, conv3, conv4]) h = Halved(conv.call(h));
        h = functional.pad(conv5.call(h), [0, 1, 0, 1], PaddingModes.Constant, double.NegativeInfinity); // "same" with a step of 1
        return conv8.call(functional.max_pool2d(h, 2, 1)).MoveToOuterDisposeScope(); // [n, outputs, cells, cells]
    }

    private static Tensor Halved(Tensor x) => functional.max_pool2d(x, 2, 2, ceil_mode: true);
}

/// <summary>A convolution of each channel, then one over the channels of each pixel.</summary>
internal sealed class SeparableConv : Module<Tensor, Tensor>
{
    private readonly DepthwiseConv2d depthwise;
    private readonly Conv2d pointwise;

    public SeparableConv(long inputs, long outputs) : base(nameof(SeparableConv))
    {
        depthwise = new DepthwiseConv2d(inputs, kernel: 3, padding: 1);
        pointwise = new Conv2d(inputs, outputs, kernel: 1);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        return Leaky(pointwise.call(depthwise.call(x))).MoveToOuterDisposeScope();
    }

    internal static Tensor Leaky(Tensor x) => functional.leaky_relu(x, 0.1);
}
