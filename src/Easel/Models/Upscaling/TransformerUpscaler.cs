namespace Easel.Models.Upscaling;

/// <summary>How a <see cref="TransformerUpscaler"/> makes a picture of what its groups gave.</summary>
internal enum TransformerEnd
{
    /// <summary>The picture keeps its size, and what was made is added to it: against noise and JPEG.</summary>
    SameSize,

    /// <summary>A convolution, pixels shuffled once for each doubling (or tripling), and a last convolution.</summary>
    Shuffled,

    /// <summary>One convolution that gives all the pixels of which one becomes several.</summary>
    ShuffledAtOnce,

    /// <summary>Doublings to the nearest pixel, a convolution behind each.</summary>
    Nearest,
}

/// <summary>What SwinIR, HAT and DAT have in common around their groups, read off their tensors.</summary>
/// <param name="Features">Channels: 180, or 60 in light networks.</param> <param name="End">How they end.</param>
/// <param name="Steps">Enlargements one after another, each of so many times: 2 and 2 for x4.</param>
internal sealed record TransformerConfig(long Features, TransformerEnd End, IReadOnlyList<int> Steps)
{
    /// <summary>What the sides of a picture are filled up to multiples of, by mirroring: the side of a window; 1 for none.</summary>
    public int Multiple { get; init; } = 1;

    /// <summary>Side of the squares of pixels that are stacked as channels before the first layer.</summary>
    public int Unshuffle { get; init; } = 1;

    /// <summary>What white is to the network: 1, or 255.</summary>
    public double Range { get; init; } = 1;

    /// <summary>Channels behind the groups: 64.</summary>
    public long EndFeatures { get; init; }

    /// <summary>Whether there is a norm before the groups.</summary>
    public bool HasFirstNorm { get; init; }

    /// <summary>Whether that is called as in DAT, and not as in the others.</summary>
    public bool IsDat { get; init; }

    /// <summary>Convolutions behind the groups.</summary>
    public ResidualEnd AfterBody { get; init; } = ResidualEnd.One;

    /// <summary>Makes the groups: [n, h, w, c] in and out.</summary>
    public required IReadOnlyList<Func<Module<Tensor, Tensor>>> Groups { get; init; }

    /// <summary>Pixels out for each pixel in, along a side.</summary>
    public int Scale => Steps.Aggregate(1, (product, step) => product * step) / Unshuffle;
}

/// <summary>A convolution, groups of transformer blocks, added to what went into them, and an enlargement. "SwinIR", arXiv 2108.10257; "Activating More Pixels
/// in Image Super-Resolution Transformer" (HAT), arXiv 2205.04437; "Dual Aggregation Transformer for Image Super-Resolution" (DAT), arXiv 2308.03364;
/// JingyunLiang/SwinIR, XPixelGroup/HAT and zhengchen1999/DAT, whose names the fields have.</summary>
internal sealed class TransformerUpscaler : Module<Tensor, Tensor>
{
    private static readonly float[] MeanColour = [0.4488f, 0.4371f, 0.4040f];

    private readonly TransformerConfig _config;
    private readonly Conv2d conv_first;
    private readonly Module<Tensor, Tensor>? patch_embed, before_RG; // a norm, as the makes call it
    private readonly ModuleList<Module<Tensor, Tensor>> layers = new();
    private readonly LayerNorm norm;
    private readonly Module<Tensor, Tensor>? conv_after_body;
    private readonly Module<Tensor, Tensor>? conv_before_upsample;
    private readonly ModuleList<Module<Tensor, Tensor>>? upsample;
    private readonly NearestConv2d? conv_up1, conv_up2, conv_up3;
    private readonly Conv2d? conv_hr;
    private readonly Conv2d? conv_last;

    public TransformerUpscaler(TransformerConfig config) : base(nameof(TransformerUpscaler))
    {
        _config = config;
        var (features, inner, end) = (config.Features, config.EndFeatures, config.End);
        conv_first = new Conv2d(3L * config.Unshuffle * config.Unshuffle, features, kernel: 3, padding: 1);
        if (config.HasFirstNorm && config.IsDat) before_RG = Sequential(("1", new LayerNorm(features)));
        else if (config.HasFirstNorm) patch_embed = Sequential(("norm", new LayerNorm(features)));
        foreach (var group in config.Groups) layers.Add(group());
        norm = new LayerNorm(features);
        conv_after_body = WindowGroup.Made(config.AfterBody, features);
        if (end is TransformerEnd.Shuffled or TransformerEnd.Nearest)
            conv_before_upsample = Sequential(("0", new Conv2d(features, inner, kernel: 3, padding: 1)), ("1", LeakyReLU()));
        if (end is TransformerEnd.Shuffled or TransformerEnd.ShuffledAtOnce)
        {
            upsample = new();
            foreach (var step in config.Steps)
            {
                var (inputs, outputs) = end == TransformerEnd.Shuffled ? (inner, inner) : (features, 3);
                upsample.Add(new Conv2d(inputs, outputs * step * step, kernel: 3, padding: 1));
                upsample.Add(PixelShuffle(step));
            }
        }
        if (end == TransformerEnd.Nearest)
        {
            conv_up1 = Doubling(1);
            conv_up2 = Doubling(2);
            conv_up3 = Doubling(3);
            conv_hr = new Conv2d(inner, inner, kernel: 3, padding: 1);
        }
        if (end != TransformerEnd.ShuffledAtOnce)
            conv_last = new Conv2d(end == TransformerEnd.SameSize ? features : inner, 3, kernel: 3, padding: 1);
        RegisterComponents();

        NearestConv2d? Doubling(int number) => config.Steps.Count >= number ? new NearestConv2d(2, inner, inner) : null;
    }

    public override Tensor forward(Tensor picture) // [n, 3, h, w] in [0, 1]
    {
        using var scope = NewDisposeScope();
        var (height, width) = ((int)picture.shape[2], (int)picture.shape[3]);
        var mean = tensor(MeanColour, dtype: picture.dtype, device: picture.device).reshape(1, 3, 1, 1);
        var x = (Mirrored.To(picture, _config.Multiple) - mean) * _config.Range;
        if (_config.Unshuffle > 1) x = functional.pixel_unshuffle(x, _config.Unshuffle);
        var shallow = conv_first.call(x);
        var y = Enlarged(Deep(shallow).add_(shallow));
        if (_config.End == TransformerEnd.SameSize) y = y + x;
        return (y / _config.Range + mean)[.., .., ..(height * _config.Scale), ..(width * _config.Scale)].MoveToOuterDisposeScope();
    }

    private Tensor Deep(Tensor shallow)
    {
        using var scope = NewDisposeScope();
        var pixels = shallow.permute(0, 2, 3, 1).contiguous();
        var h = layers.RunInOrder((patch_embed ?? before_RG)?.call(pixels) ?? pixels);
        return WindowGroup.Ended(norm.call(h), conv_after_body).permute(0, 3, 1, 2).contiguous().MoveToOuterDisposeScope();
    }

    private Tensor Enlarged(Tensor x)
    {
        using var scope = NewDisposeScope();
        var h = conv_before_upsample is null ? x : conv_before_upsample.call(x);
        if (upsample is not null) h = upsample.RunInOrder(h);
        foreach (var conv in (NearestConv2d?[])[conv_up1, conv_up2, conv_up3])
        {
            if (conv is null) break;
            using var before = h;
            h = Leaky(conv.call(before));
        }
        if (conv_hr is not null) h = Leaky(conv_hr.call(h));
        return (conv_last is null ? h : conv_last.call(h)).MoveToOuterDisposeScope();

        static Tensor Leaky(Tensor t) => functional.leaky_relu(t, 0.2, inplace: true);
    }
}
