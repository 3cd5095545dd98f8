namespace Easel.Models;

/// <summary>A small autoencoder distilled from the large one, for previews and quick decodes: the half that decodes, 1.2 million parameters. TAESD,
/// github.com/madebyollin/taesd, taesd.py. It works on latents as the UNet sees them, already multiplied by the family's latent scale. Field names are the
/// original's, whose network is a numbered list.</summary>
internal sealed class TinyAutoencoder : Module
{
    private const int Width = 64;       // channels at every resolution
    private const int Factor = 8;       // pixels along a side for each latent position

    private readonly ModuleList<Module<Tensor, Tensor>> decoder;

    /// <summary>A network without weights, for latents of so many channels.</summary>
    public TinyAutoencoder(int latentChannels) : base(nameof(TinyAutoencoder))
    {
        decoder = new(
            new SoftClamp(), new Conv2d(latentChannels, Width, kernel: 3, padding: 1), ReLU(),
            new TinyBlock(Width), new TinyBlock(Width), new TinyBlock(Width), new Doubling(), Plain(),
            new TinyBlock(Width), new TinyBlock(Width), new TinyBlock(Width), new Doubling(), Plain(),
            new TinyBlock(Width), new TinyBlock(Width), new TinyBlock(Width), new Doubling(), Plain(),
            new TinyBlock(Width), new Conv2d(Width, 3, kernel: 3, padding: 1));
        RegisterComponents();
    }

    /// <summary>Latents to pictures.</summary>
    /// <param name="latents">[n, 4, h, w], as the sampler leaves them.</param>
    /// <param name="tile">Side of a tile in latent positions; larger latents are decoded in overlapping tiles. Null for the whole at once.</param>
    /// <returns>[n, 3, 8 h, 8 w], about [-1, 1].</returns>
    public Tensor Decode(Tensor latents, int? tile = null) => Tiles.Map(latents, tile, scaleUp: Factor, scaleDown: 1, z =>
    {
        using var scope = NewDisposeScope();
        return (2 * decoder.RunInOrder(z) - 1).MoveToOuterDisposeScope(); // the network's own range is [0, 1]
    });

    private static Conv2d Plain() => new(Width, Width, kernel: 3, padding: 1, hasBias: false);
}

/// <summary>Three convolutions added to their input.</summary>
internal sealed class TinyBlock : Module<Tensor, Tensor>
{
    private readonly ModuleList<Module<Tensor, Tensor>> conv;

    public TinyBlock(long width) : base(nameof(TinyBlock))
    {
        conv = new ModuleList<Module<Tensor, Tensor>>(
            new Conv2d(width, width, kernel: 3, padding: 1), ReLU(),
            new Conv2d(width, width, kernel: 3, padding: 1), ReLU(),
            new Conv2d(width, width, kernel: 3, padding: 1));
        RegisterComponents();
    }

    public override Tensor forward(Tensor x) // [n, width, h, w]
    {
        using var scope = NewDisposeScope();
        var h = x;
        foreach (var layer in conv) h = layer.call(h);
        return functional.relu(h + x).MoveToOuterDisposeScope();
    }
}

/// <summary>Holds latents within ±3, smoothly.</summary>
internal sealed class SoftClamp() : Module<Tensor, Tensor>(nameof(SoftClamp))
{
    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        return (3 * tanh(x / 3)).MoveToOuterDisposeScope();
    }
}

/// <summary>Doubles height and width by repeating pixels.</summary>
internal sealed class Doubling() : Module<Tensor, Tensor>(nameof(Doubling))
{
    public override Tensor forward(Tensor x) => functional.interpolate(x, [2 * x.shape[2], 2 * x.shape[3]], mode: InterpolationMode.Nearest);
}
