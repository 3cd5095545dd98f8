namespace Easel.Models.Upscaling;

/// <summary>The shape of a <see cref="ResidualDenseNet"/>, read off its tensors.</summary>
/// <param name="Scale">Pixels out for each pixel in, along a side.</param> <param name="Features">Channels: 64.</param>
/// <param name="Growth">Channels that each convolution of a block adds.</param> <param name="Blocks">Dense blocks.</param>
/// <param name="Convolutions">Convolutions in each of them.</param>
internal sealed record ResidualDenseConfig(int Scale, long Features, long Growth, int Blocks, int Convolutions)
{
    /// <summary>How many pixels to each side of one the network sees.</summary>
    public int Reach => 7 + Blocks * Convolutions;
}

/// <summary>The network of the upscalers that come with Easel (ESRGAN slim): dense blocks, of which all outputs are seen at the end, then convolutions, an
/// enlargement to the nearest pixel and a last convolution. "Residual Dense Network for Image Super-Resolution", arXiv 1802.08797, as idealo's
/// image-super-resolution has it and UpscalerJS trained it; it works on bytes, 0 to 255.</summary>
internal sealed class ResidualDenseNet : Module<Tensor, Tensor>
{
    private const double Bytes = 255;

    private readonly Conv2d first, second;
    private readonly ModuleList<ResidualDenseBlock> blocks = new();
    private readonly Conv2d fuse1, fuse2;
    private readonly Conv2d up1, up2, up3;
    private readonly NearestConv2d last;

    public ResidualDenseNet(ResidualDenseConfig config) : base(nameof(ResidualDenseNet))
    {
        var features = config.Features;
        first = new Conv2d(3, features, kernel: 3, padding: 1);
        second = new Conv2d(features, features, kernel: 3, padding: 1);
        for (var i = 0; i < config.Blocks; i++) blocks.Add(new ResidualDenseBlock(features, config.Growth, config.Convolutions));
        fuse1 = new Conv2d(config.Blocks * features, features, kernel: 1);
        fuse2 = new Conv2d(features, features, kernel: 3, padding: 1);
        up1 = new Conv2d(features, 64, kernel: 5, padding: 2);
        up2 = new Conv2d(64, 32, kernel: 3, padding: 1);
        up3 = new Conv2d(32, 3L * config.Scale * config.Scale, kernel: 3, padding: 1);
        last = new NearestConv2d(config.Scale, 3L * config.Scale * config.Scale, 3);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x) // [n, 3, h, w] in [0, 1]
    {
        using var scope = NewDisposeScope();
        var shallow = first.call(x * Bytes);
        var h = second.call(shallow);
        var seen = new List<Tensor>();
        foreach (var block in blocks) seen.Add(h = block.call(h));
        h = fuse2.call(fuse1.call(cat(seen, dim: 1))).add_(shallow);
        foreach (var up in (Conv2d[])[up1, up2])
        {
            using var before = h;
            h = up.call(before).relu_();
        }
        return last.call(up3.call(h)).div_(Bytes).MoveToOuterDisposeScope(); // [n, 3, scale · h, scale · w]
    }
}

/// <summary>Convolutions of which each sees the outputs of all before it, made as wide as the input again and added to it.</summary>
internal sealed class ResidualDenseBlock : Module<Tensor, Tensor>
{
    private readonly ModuleList<Conv2d> convs = new();
    private readonly Conv2d fuse;

    public ResidualDenseBlock(long features, long growth, int convolutions) : base(nameof(ResidualDenseBlock))
    {
        for (var i = 0; i < convolutions; i++) convs.Add(new Conv2d(features + i * growth, growth, kernel: 3, padding: 1));
        fuse = new Conv2d(features + convolutions * growth, features, kernel: 1);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x) // [n, features, h, w]
    {
        using var scope = NewDisposeScope();
        var seen = x;
        foreach (var conv in convs) seen = cat([seen, conv.call(seen).relu_()], dim: 1);
        return fuse.call(seen).add_(x).MoveToOuterDisposeScope();
    }
}
