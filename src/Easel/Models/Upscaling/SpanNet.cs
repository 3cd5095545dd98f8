namespace Easel.Models.Upscaling;

/// <summary>SPAN: convolutions whose own output says what of it counts, without parameters for that. "Swift Parameter-free Attention Network for Efficient
/// Super-Resolution", arXiv 2311.12770; basicsr/archs/span_arch.py of hongyuanyu/SPAN, whose names the fields have.</summary>
internal sealed class SpanNet : Module<Tensor, Tensor>
{
    private const double Range = 255;
    private static readonly float[] MeanColour = [0.4488f, 0.4371f, 0.4040f];

    private readonly int _scale;
    private readonly bool _norms;
    private readonly ThreefoldConv conv_1;
    private readonly SpanBlock block_1, block_2, block_3, block_4, block_5, block_6;
    private readonly Conv2d conv_cat;
    private readonly ThreefoldConv conv_2;
    private readonly ModuleList<Conv2d> upsampler = new();

    /// <param name="scale">Pixels out for each pixel in, along a side.</param> <param name="features">Channels: 48 or 52.</param>
    /// <param name="norms">Whether pictures are moved to their mean and widened first; newer networks do without.</param>
    public SpanNet(int scale, long features, bool norms) : base(nameof(SpanNet))
    {
        (_scale, _norms) = (scale, norms);
        conv_1 = new ThreefoldConv(3, features);
        block_1 = new SpanBlock(features);
        block_2 = new SpanBlock(features);
        block_3 = new SpanBlock(features);
        block_4 = new SpanBlock(features);
        block_5 = new SpanBlock(features);
        block_6 = new SpanBlock(features);
        conv_cat = new Conv2d(4 * features, features, kernel: 1);
        conv_2 = new ThreefoldConv(features, features);
        upsampler.Add(new Conv2d(features, 3L * scale * scale, kernel: 3, padding: 1));
        RegisterComponents();
    }

    public override Tensor forward(Tensor x) // [n, 3, h, w] in [0, 1]
    {
        using var scope = NewDisposeScope();
        if (_norms) x = (x - tensor(MeanColour, dtype: x.dtype, device: x.device).reshape(1, 3, 1, 1)) * Range;
        var begun = conv_1.call(x);
        var first = block_1.call(begun);
        var h = first;
        foreach (var block in (SpanBlock[])[block_2, block_3, block_4, block_5]) h = block.call(h);
        var (last, inner) = block_6.Run(h);
        h = conv_cat.call(cat([begun, conv_2.call(last), first, inner], dim: 1));
        return functional.pixel_shuffle(upsampler[0].call(h), _scale).MoveToOuterDisposeScope();
    }
}

/// <summary>Three convolutions, then their sum with the input, as strongly as they themselves stand out.</summary>
internal sealed class SpanBlock : Module<Tensor, Tensor>
{
    private readonly ThreefoldConv c1_r, c2_r, c3_r;

    public SpanBlock(long features) : base(nameof(SpanBlock))
    {
        c1_r = new ThreefoldConv(features, features);
        c2_r = new ThreefoldConv(features, features);
        c3_r = new ThreefoldConv(features, features);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        return Run(x).Out.MoveToOuterDisposeScope();
    }

    /// <summary>The output, and what the first convolution gave, activated.</summary>
    public (Tensor Out, Tensor Inner) Run(Tensor x)
    {
        using var scope = NewDisposeScope();
        var inner = functional.silu(c1_r.call(x));
        var made = c3_r.call(functional.silu(c2_r.call(inner)));
        return (((made + x) * (made.sigmoid() - 0.5)).MoveToOuterDisposeScope(), inner.MoveToOuterDisposeScope());
    }
}

/// <summary>A 3x3 convolution that was trained as three, one after another, beside a fourth; run as the one that they are.</summary>
internal sealed class ThreefoldConv : Module<Tensor, Tensor>
{
    private readonly Conv2d sk;
    private readonly ModuleList<Conv2d> conv = new();
    private Tensor? _weight, _bias; // made at the first call

    public ThreefoldConv(long inputs, long outputs) : base(nameof(ThreefoldConv))
    {
        sk = new Conv2d(inputs, outputs, kernel: 1);
        conv.Add(new Conv2d(inputs, 2 * inputs, kernel: 1));
        conv.Add(new Conv2d(2 * inputs, 2 * outputs, kernel: 3));
        conv.Add(new Conv2d(2 * outputs, outputs, kernel: 1));
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        if (_weight is null) Fold(x.dtype);
        return functional.conv2d(x, _weight!, _bias, [1, 1], [1, 1]);
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _weight?.Dispose();
            _bias?.Dispose();
        }
        base.Dispose(disposing);
    }

    private void Fold(ScalarType type)
    {
        using var scope = NewDisposeScope();
        var own = named_parameters().ToDictionary(parameter => parameter.name, parameter => parameter.parameter.to(ScalarType.Float32));
        var (first, second, third) = (own["conv.0.weight"].squeeze(3).squeeze(2), own["conv.1.weight"], own["conv.2.weight"].squeeze(3).squeeze(2));
        var folded = einsum("om,mikl,ij->ojkl", third, second, first); // [outputs, inputs, 3, 3]
        folded[.., .., 1, 1] = folded[.., .., 1, 1] + own["sk.weight"].squeeze(3).squeeze(2);
        var within = second.sum([2, 3]).mv(own["conv.0.bias"]) + own["conv.1.bias"];
        var bias = third.mv(within) + own["conv.2.bias"] + own["sk.bias"];
        (_weight, _bias) = (folded.to(type).DetachFromDisposeScope(), bias.to(type).DetachFromDisposeScope());
    }
}
