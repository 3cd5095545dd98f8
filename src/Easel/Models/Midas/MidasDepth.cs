using Easel.Imaging;

namespace Easel.Models.Midas;

/// <summary>The shape of a <see cref="MidasDepth"/>, read off its tensors.</summary>
internal sealed record MidasConfig
{
    /// <summary>Channels after the first convolution: 64.</summary>
    public required long StemChannels { get; init; }

    /// <summary>Channels of each stage of the residual network: 256, 512, 1024.</summary>
    public required IReadOnlyList<long> StageChannels { get; init; }

    /// <summary>Blocks in each stage: 3, 4, 9.</summary>
    public required IReadOnlyList<int> StageDepths { get; init; }

    /// <summary>Width of a token: 768.</summary>
    public required long Width { get; init; }

    /// <summary>Blocks of the transformer: 12.</summary>
    public required int Depth { get; init; }

    /// <summary>Side of the square on which the positions were learned: 24, from pictures of 384.</summary>
    public required long Grid { get; init; }

    /// <summary>Channels of the two pictures made of tokens: 768, 768.</summary>
    public required (long Early, long Last) Reassembled { get; init; }

    /// <summary>Channels while features are joined: 256.</summary>
    public required long Features { get; init; }

    /// <summary>Channels before the last convolution: 32.</summary>
    public required long HeadChannels { get; init; }
}

/// <summary>Estimates how near each pixel of a picture is: DPT-Hybrid, the estimator of SD 2's depth-to-image model. "Vision Transformers for Dense
/// Prediction", arXiv 2103.13413; isl-org/MiDaS, midas/dpt_depth.py. Field names are those of the original checkpoint, dpt_hybrid-midas-501f0c75.pt.</summary>
internal sealed class MidasDepth : Module
{
    private const int TrainedSide = 384, Multiple = 32;

    private readonly MidasPretrained pretrained;
    private readonly MidasScratch scratch;
    private readonly ScalarType _type;
    private readonly Device _device;

    /// <summary>A network without weights.</summary>
    /// <param name="type">The precision to run in; it runs once for a picture, so that full precision costs little.</param>
    public MidasDepth(MidasConfig config, ScalarType type, Device device) : base(nameof(MidasDepth))
    {
        (_type, _device) = (type, device);
        pretrained = new MidasPretrained(config);
        scratch = new MidasScratch(config);
        RegisterComponents();
    }

    /// <summary>Estimates a picture's depth.</summary>
    /// <param name="picture">Of any size; it is looked at with its shorter or longer side, whichever changes it less, brought to about 384 pixels.</param>
    /// <returns>[1, 1, height, width] in fp32, of the size at which the picture was looked at: 0 is infinitely far, larger is nearer, the unit unknown. Depth
    /// to image takes it as it is.</returns>
    public Tensor Estimate(RgbImage picture)
    {
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        return Forward(Prepare(picture)).MoveToOuterDisposeScope();
    }

    /// <param name="x">[n, 3, h, w] in [-1, 1], sides multiples of 32.</param> <returns>[n, 1, h, w] in fp32.</returns>
    internal Tensor Forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        x = x.to(_type, _device);
        var depth = scratch.Forward(pretrained.Features(x));
        return depth.to(ScalarType.Float32).MoveToOuterDisposeScope();
    }

    /// <summary>The picture as the estimator was trained to see it: [1, 3, h, w] in [-1, 1]. AddMiDaS in the original ldm/data/util.py.</summary>
    internal static Tensor Prepare(RgbImage picture)
    {
        using var scope = NewDisposeScope();
        var (width, height) = SizeFor(picture.Width, picture.Height);
        // The cubic kernel is OpenCV's (a = -0.75), without smoothing where the picture shrinks.
        var x = ImageTensor.FromImage(picture);
        return functional.interpolate(x, [height, width], mode: InterpolationMode.Bicubic, align_corners: false).MoveToOuterDisposeScope();
    }

    /// <summary>The size at which a picture is looked at: its shape kept but for rounding to multiples of 32, scaled "as least as possible"
    /// (midas/transforms.py, Resize).</summary>
    internal static (int Width, int Height) SizeFor(int width, int height)
    {
        var (across, down) = ((double)TrainedSide / width, (double)TrainedSide / height);
        var scale = Math.Abs(1 - across) < Math.Abs(1 - down) ? across : down;
        return (Rounded(scale * width), Rounded(scale * height));

        static int Rounded(double side) => Math.Max(Multiple, (int)Math.Round(side / Multiple, MidpointRounding.ToEven) * Multiple);
    }
}

/// <summary>The part that was trained to classify pictures, and what makes pictures of its tokens.</summary>
internal sealed class MidasPretrained : Module
{
    private const int PatchSide = 16;
    private readonly MidasTransformer model;
    private readonly MidasReassembly act_postprocess3;
    private readonly MidasReassembly act_postprocess4;

    public MidasPretrained(MidasConfig config) : base(nameof(MidasPretrained))
    {
        model = new MidasTransformer(config);
        act_postprocess3 = new MidasReassembly(config.Width, config.Reassembled.Early, halves: false);
        act_postprocess4 = new MidasReassembly(config.Width, config.Reassembled.Last, halves: true);
        RegisterComponents();
    }

    /// <summary>Features at a fourth, an eighth, a sixteenth and a thirty-second of the picture's sides.</summary>
    public IReadOnlyList<Tensor> Features(Tensor x)
    {
        using var scope = NewDisposeScope();
        var (height, width) = (x.shape[2] / PatchSide, x.shape[3] / PatchSide);
        var features = model.Features(x);
        var (third, fourth) = (act_postprocess3.Forward(features[2], height, width), act_postprocess4.Forward(features[3], height, width));
        return [.. new[] { features[0], features[1], third, fourth }.Select(t => t.MoveToOuterDisposeScope())];
    }
}

/// <summary>The part that was trained for depth: joins the features from coarse to fine.</summary>
internal sealed class MidasScratch : Module
{
    private readonly Conv2d layer1_rn, layer2_rn, layer3_rn, layer4_rn;
    private readonly MidasFusion refinenet4, refinenet3, refinenet2, refinenet1;
    private readonly ModuleList<Module<Tensor, Tensor>> output_conv;

    public MidasScratch(MidasConfig config) : base(nameof(MidasScratch))
    {
        var features = config.Features;
        layer1_rn = Narrowing(config.StageChannels[0]);
        layer2_rn = Narrowing(config.StageChannels[1]);
        layer3_rn = Narrowing(config.Reassembled.Early);
        layer4_rn = Narrowing(config.Reassembled.Last);
        refinenet4 = new MidasFusion(features, coarsest: true);
        refinenet3 = new MidasFusion(features, coarsest: false);
        refinenet2 = new MidasFusion(features, coarsest: false);
        refinenet1 = new MidasFusion(features, coarsest: false);
        output_conv = new ModuleList<Module<Tensor, Tensor>>(
            new Conv2d(features, features / 2, kernel: 3, padding: 1), new MidasDoubling(),
            new Conv2d(features / 2, config.HeadChannels, kernel: 3, padding: 1), ReLU(),
            new Conv2d(config.HeadChannels, 1, kernel: 1), ReLU());
        RegisterComponents();

        Conv2d Narrowing(long inputs) => new(inputs, features, kernel: 3, padding: 1, hasBias: false);
    }

    public Tensor Forward(IReadOnlyList<Tensor> levels) // finest first
    {
        using var scope = NewDisposeScope();
        var h = refinenet4.call(layer4_rn.call(levels[3]), null);
        h = refinenet3.call(h, layer3_rn.call(levels[2]));
        h = refinenet2.call(h, layer2_rn.call(levels[1]));
        h = refinenet1.call(h, layer1_rn.call(levels[0])); // [n, features, h/2, w/2]
        foreach (var layer in output_conv) h = layer.call(h);
        return h.MoveToOuterDisposeScope(); // [n, 1, h, w]
    }
}
