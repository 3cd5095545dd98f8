using Easel.Weights;
using Easel.Weights.Formats;
using Easel.Weights.Names;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Easel.Models;

/// <summary>
/// A small autoencoder distilled from the large one, for previews and quick decodes: 1.2 million parameters for each half. TAESD,
/// github.com/madebyollin/taesd, taesd.py. It works on latents as the UNet sees them, already multiplied by the family's latent scale. Field names are the
/// original's, whose networks are numbered lists.
/// </summary>
internal sealed class TinyAutoencoder : Module
{
    private const int Width = 64;       // channels at every resolution
    private const int Factor = 8;       // pixels along a side for each latent position

    /// <summary>Its kinds, the longer names first.</summary>
    private static readonly string[] Families = ["TAESDXL", "TAESD3", "TAEF1", "TAESD"];

    private readonly ModuleList<Module<Tensor, Tensor>>? encoder;
    private readonly ModuleList<Module<Tensor, Tensor>>? decoder;
    private readonly string _path;

    private TinyAutoencoder(string path, int latentChannels, bool encodes, bool decodes) : base(nameof(TinyAutoencoder))
    {
        _path = path;
        encoder = encodes ? Encoder(latentChannels) : null;
        decoder = decodes ? Decoder(latentChannels) : null;
        RegisterComponents();
    }

    /// <summary>Whether the encoder's weights were found.</summary>
    public bool CanEncode => encoder is not null;

    /// <summary>Whether the decoder's weights were found.</summary>
    public bool CanDecode => decoder is not null;

    /// <summary>
    /// Loads a file that holds the encoder, the decoder or both: the original's lists ("0.weight", "1.conv.0.weight"), or those under "encoder.", "decoder.",
    /// "taesd_decoder." and the like, or diffusers' AutoencoderTiny ("decoder.layers.0.weight"). Where a file has one half only, the other is taken from the
    /// file beside it whose name says "encoder" in place of "decoder" or the other way round, if there is one.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="latent">The space of the latents it is to decode.</param>
    /// <param name="type">The precision to run in.</param>
    /// <param name="device">Where to run.</param>
    /// <exception cref="CheckpointException">It is no tiny autoencoder, or one for other latents.</exception>
    public static TinyAutoencoder Load(string path, LatentSpace latent, ScalarType type, Device device)
    {
        using var file = TensorFile.Open(path);
        using var other = Partner(path) is { } beside ? TensorFile.Open(beside) : null;
        var tensors = TinyAutoencoderKeys.Read(file);
        if (tensors.Count == 0)
            throw new CheckpointException($"{path} is no tiny autoencoder (TAESD)"
                + (ModelKind.Describe(file.Tensors.Keys) is { } kind ? $" but {kind}." : "."));
        if (other is not null)
            foreach (var (name, slot) in TinyAutoencoderKeys.Read(other).Slots)
                if (tensors.Shape(name) is null) tensors.Add(name, slot);

        Check(path, tensors, latent);
        var model = new TinyAutoencoder(path, latent.Channels, tensors.Shape("encoder.0.weight") is not null, tensors.Shape("decoder.1.weight") is not null);
        tensors.Load(model, "tiny autoencoder", type, device);
        return model;
    }

    /// <summary>Latents to pictures.</summary>
    /// <param name="latents">[n, 4, h, w], as the sampler leaves them.</param>
    /// <param name="tile">Side of a tile in latent positions; larger latents are decoded in overlapping tiles. Null for the whole at once.</param>
    /// <returns>[n, 3, 8 h, 8 w], about [-1, 1].</returns>
    /// <exception cref="CheckpointException">Only the encoder was loaded.</exception>
    public Tensor Decode(Tensor latents, int? tile = null)
    {
        var half = decoder ?? throw new CheckpointException($"{_path} holds only the encoder of a tiny autoencoder, and pictures are made by its decoder.");
        return Tiles.Map(latents, tile, scaleUp: Factor, scaleDown: 1, z =>
        {
            using var scope = NewDisposeScope();
            return (2 * half.RunInOrder(z) - 1).MoveToOuterDisposeScope(); // the network's own range is [0, 1]
        });
    }

    /// <summary>Pictures to latents.</summary>
    /// <param name="pictures">[n, 3, h, w] in [-1, 1]; h and w multiples of 8.</param>
    /// <param name="tile">Side of a tile in pixels; larger pictures are encoded in overlapping tiles. Null for the whole at once.</param>
    /// <returns>[n, 4, h / 8, w / 8], as the sampler begins from.</returns>
    /// <exception cref="CheckpointException">Only the decoder was loaded.</exception>
    public Tensor Encode(Tensor pictures, int? tile = null)
    {
        var half = encoder ?? throw new CheckpointException($"{_path} holds only the decoder of a tiny autoencoder, and pictures are read by its encoder.");
        return Tiles.Map(pictures, tile, scaleUp: 1, scaleDown: Factor, x =>
        {
            using var scope = NewDisposeScope();
            return half.RunInOrder((x + 1) / 2).MoveToOuterDisposeScope();
        });
    }

    private static ModuleList<Module<Tensor, Tensor>> Encoder(int latentChannels) => new(
        new Conv2d(3, Width, kernel: 3, padding: 1), new TinyBlock(Width),
        Halving(), new TinyBlock(Width), new TinyBlock(Width), new TinyBlock(Width),
        Halving(), new TinyBlock(Width), new TinyBlock(Width), new TinyBlock(Width),
        Halving(), new TinyBlock(Width), new TinyBlock(Width), new TinyBlock(Width),
        new Conv2d(Width, latentChannels, kernel: 3, padding: 1));

    private static ModuleList<Module<Tensor, Tensor>> Decoder(int latentChannels) => new(
        new SoftClamp(), new Conv2d(latentChannels, Width, kernel: 3, padding: 1), ReLU(),
        new TinyBlock(Width), new TinyBlock(Width), new TinyBlock(Width), new Doubling(), Plain(),
        new TinyBlock(Width), new TinyBlock(Width), new TinyBlock(Width), new Doubling(), Plain(),
        new TinyBlock(Width), new TinyBlock(Width), new TinyBlock(Width), new Doubling(), Plain(),
        new TinyBlock(Width), new Conv2d(Width, 3, kernel: 3, padding: 1));

    private static Conv2d Halving() => new(Width, Width, kernel: 3, stride: 2, padding: 1, hasBias: false);

    private static Conv2d Plain() => new(Width, Width, kernel: 3, padding: 1, hasBias: false);

    /// <summary>Refuses a file for other latents, by what its name says (as its authors call it) and by its channels.</summary>
    private static void Check(string path, StateDict tensors, LatentSpace latent)
    {
        if (latent.TinyAutoencoder is not { } fitting)
            throw new CheckpointException($"{path} is a tiny autoencoder, and there is none for this model's latents.");
        var channels = tensors.Shape("decoder.1.weight") is { Length: 4 } decoder ? decoder[1]
            : tensors.Shape("encoder.14.weight") is { Length: 4 } encoder ? encoder[0]
            : latent.Channels;
        if (channels != latent.Channels)
            throw new CheckpointException($"{path} is a tiny autoencoder for latents of {channels} channels; this model's have {latent.Channels}, "
                + $"for which {fitting} is made.");
        if (Families.FirstOrDefault(name => Path.GetFileName(path).Contains(name, StringComparison.OrdinalIgnoreCase)) is { } named && named != fitting)
            throw new CheckpointException($"{path} is called {named}, which is made for other latents; {fitting} is made for this model's.");
    }

    /// <summary>"taesd_encoder.pth" for "taesd_decoder.pth" and the other way round, where it exists.</summary>
    private static string? Partner(string path)
    {
        var name = Path.GetFileName(path);
        var other = name.Contains("decoder") ? name.Replace("decoder", "encoder") : name.Replace("encoder", "decoder");
        var beside = Path.Combine(Path.GetDirectoryName(path) ?? "", other);
        return other != name && File.Exists(beside) ? beside : null;
    }
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
