namespace Easel.Models;

/// <summary>The shape of an <see cref="Autoencoder"/>.</summary>
internal sealed record AutoencoderConfig
{
    /// <summary>Channels of each resolution level, finest first: 128, 256, 512, 512 in SD 1 and 2. Each level but the last halves the picture.</summary>
    public required IReadOnlyList<int> Channels { get; init; }

    /// <summary>Channels of a latent: 4.</summary>
    public required int LatentChannels { get; init; }

    /// <summary>Residual blocks in each level of the encoder; the decoder has one more.</summary>
    public required int BlocksPerLevel { get; init; }

    /// <summary>Groups of channels in each norm: 32 in SD 1 and 2, "norm_num_groups" in a diffusers configuration.</summary>
    public int NormGroups { get; init; } = 32;

    /// <summary>Pixels along a side for each latent position: 8, or 4 in the x4 upscaler.</summary>
    public int Factor => 1 << (Channels.Count - 1);
}

/// <summary>Turns pixels into latents and back. "Auto-Encoding Variational Bayes", arXiv 1312.6114, as AutoencoderKL in the original ldm/models/autoencoder.py.
/// Field names are the diffusers parameter names. Latents here are the network's own: the family's latent scale is the caller's.</summary>
internal sealed class Autoencoder : Module
{
    private readonly Encoder encoder;
    private readonly Conv2d quant_conv;
    private readonly Conv2d post_quant_conv;
    private readonly Decoder decoder;

    public Autoencoder(AutoencoderConfig config) : base(nameof(Autoencoder))
    {
        Config = config;
        encoder = new Encoder(config);
        quant_conv = new Conv2d(2 * config.LatentChannels, 2 * config.LatentChannels, kernel: 1);
        post_quant_conv = new Conv2d(config.LatentChannels, config.LatentChannels, kernel: 1);
        decoder = new Decoder(config);
        RegisterComponents();
    }

    public AutoencoderConfig Config { get; }

    /// <summary>Pictures to the distribution of their latents.</summary>
    /// <param name="pictures">[n, 3, h, w] in [-1, 1]; h and w multiples of <see cref="AutoencoderConfig.Factor"/>.</param>
    /// <param name="tile">Side of a tile in pixels; larger pictures are encoded in overlapping tiles. Null for the whole at once.</param>
    /// <returns>Mean and standard deviation, each [n, latent channels, h / factor, w / factor].</returns>
    public (Tensor Mean, Tensor Deviation) Encode(Tensor pictures, int? tile = null)
    {
        using var scope = NewDisposeScope();
        var moments = Tiles.Map(pictures, tile, scaleUp: 1, scaleDown: Config.Factor, p => quant_conv.call(encoder.call(p))).chunk(2, dim: 1);
        var deviation = exp(0.5 * moments[1].clamp(-30, 20));
        return (moments[0].MoveToOuterDisposeScope(), deviation.MoveToOuterDisposeScope());
    }

    /// <summary>Latents to pictures.</summary>
    /// <param name="latents">[n, latent channels, h, w].</param>
    /// <param name="tile">Side of a tile in latent positions; larger latents are decoded in overlapping tiles. Null for the whole at once.</param>
    /// <param name="onTile">Told (tiles done, tiles in all) after each.</param> <returns>[n, 3, h · factor, w · factor], about [-1, 1].</returns>
    public Tensor Decode(Tensor latents, int? tile = null, Action<int, int>? onTile = null) =>
        Tiles.Map(latents, tile, scaleUp: Config.Factor, scaleDown: 1, z =>
        {
            using var scope = NewDisposeScope();
            return decoder.call(post_quant_conv.call(z.ChannelsLast())).MoveToOuterDisposeScope();
        }, onTile);
}

internal sealed class Encoder : Module<Tensor, Tensor>
{
    private readonly Conv2d conv_in;
    private readonly ModuleList<EncoderLevel> down_blocks = new();
    private readonly AutoencoderMiddle mid_block;
    private readonly GroupNorm conv_norm_out;
    private readonly Conv2d conv_out;

    public Encoder(AutoencoderConfig config) : base(nameof(Encoder))
    {
        conv_in = new Conv2d(3, config.Channels[0], kernel: 3, padding: 1);
        for (var level = 0; level < config.Channels.Count; level++) down_blocks.Add(new EncoderLevel(config, level));
        mid_block = new AutoencoderMiddle(config);
        conv_norm_out = new GroupNorm(config.NormGroups, config.Channels[^1], 1e-6);
        conv_out = new Conv2d(config.Channels[^1], 2 * config.LatentChannels, kernel: 3, padding: 1);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        x = conv_in.call(x.ChannelsLast());
        foreach (var level in down_blocks)
        {
            using var finer = x;
            x = level.call(finer);
        }
        x = mid_block.call(x);
        return conv_out.call(conv_norm_out.Silu(x, givesAway: true)).contiguous().MoveToOuterDisposeScope();
    }
}

internal sealed class Decoder : Module<Tensor, Tensor>
{
    private readonly Conv2d conv_in;
    private readonly AutoencoderMiddle mid_block;
    private readonly ModuleList<DecoderLevel> up_blocks = new();
    private readonly GroupNorm conv_norm_out;
    private readonly Conv2d conv_out;

    public Decoder(AutoencoderConfig config) : base(nameof(Decoder))
    {
        conv_in = new Conv2d(config.LatentChannels, config.Channels[^1], kernel: 3, padding: 1);
        mid_block = new AutoencoderMiddle(config);
        for (var level = config.Channels.Count - 1; level >= 0; level--) up_blocks.Add(new DecoderLevel(config, level));
        conv_norm_out = new GroupNorm(config.NormGroups, config.Channels[0], 1e-6);
        conv_out = new Conv2d(config.Channels[0], 3, kernel: 3, padding: 1);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        x = conv_in.call(x.ChannelsLast());
        x = mid_block.call(x);
        foreach (var level in up_blocks)
        {
            using var coarser = x; // at 512x512 one of these is 268 MB in fp32
            x = level.call(coarser);
        }
        return conv_out.call(conv_norm_out.Silu(x, givesAway: true)).contiguous().MoveToOuterDisposeScope();
    }
}

internal sealed class EncoderLevel : Module<Tensor, Tensor>
{
    private readonly ModuleList<ResnetBlock> resnets = new();
    private readonly ModuleList<Downsample> downsamplers = new();

    public EncoderLevel(AutoencoderConfig config, int level) : base(nameof(EncoderLevel))
    {
        var channels = config.Channels[level];
        for (var i = 0; i < config.BlocksPerLevel; i++)
            resnets.Add(new ResnetBlock(i == 0 ? config.Channels[Math.Max(level - 1, 0)] : channels, channels, timeWidth: 0, 1e-6, config.NormGroups));
        if (level < config.Channels.Count - 1) downsamplers.Add(new Downsample(channels, padRightAndBottom: true));
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        for (var i = 0; i < resnets.Count; i++)
        {
            var previous = x;
            x = resnets[i].Forward(x, null, givesAway: i > 0); // not the caller's input
            if (i > 0) previous.Dispose();
        }
        foreach (var downsampler in downsamplers) x = downsampler.call(x);
        return x.MoveToOuterDisposeScope();
    }
}

internal sealed class DecoderLevel : Module<Tensor, Tensor>
{
    private readonly ModuleList<ResnetBlock> resnets = new();
    private readonly ModuleList<Upsample> upsamplers = new();

    public DecoderLevel(AutoencoderConfig config, int level) : base(nameof(DecoderLevel))
    {
        var channels = config.Channels[level];
        for (var i = 0; i <= config.BlocksPerLevel; i++)
            resnets.Add(new ResnetBlock(i == 0 ? config.Channels[Math.Min(level + 1, config.Channels.Count - 1)]
                : channels, channels, timeWidth: 0, 1e-6, config.NormGroups));
        if (level > 0) upsamplers.Add(new Upsample(channels));
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        for (var i = 0; i < resnets.Count; i++)
        {
            var previous = x;
            x = resnets[i].Forward(x, null, givesAway: i > 0); // not the caller's input
            if (i > 0) previous.Dispose();
        }
        foreach (var upsampler in upsamplers) x = upsampler.call(x, null);
        return x.MoveToOuterDisposeScope();
    }
}

/// <summary>The coarsest level: a residual block, attention of every position to every other, a residual block.</summary>
internal sealed class AutoencoderMiddle : Module<Tensor, Tensor>
{
    private readonly ModuleList<ResnetBlock> resnets;
    private readonly ModuleList<PictureAttention> attentions;

    public AutoencoderMiddle(AutoencoderConfig config) : base(nameof(AutoencoderMiddle))
    {
        var channels = config.Channels[^1];
        resnets = new ModuleList<ResnetBlock>(new ResnetBlock(channels, channels, timeWidth: 0, 1e-6, config.NormGroups), new ResnetBlock(channels, channels,
            timeWidth: 0, 1e-6, config.NormGroups));
        attentions = new ModuleList<PictureAttention>(new PictureAttention(channels, config.NormGroups));
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        x = resnets[0].call(x, null);
        x = attentions[0].call(x);
        return resnets[1].Forward(x, null, givesAway: true).MoveToOuterDisposeScope();
    }
}

/// <summary>Single-head self-attention over the positions of a picture. The original stores its projections as 1x1 convolutions, which are the same
/// numbers.</summary>
internal sealed class PictureAttention : Module<Tensor, Tensor>
{
    private readonly GroupNorm group_norm;
    private readonly Linear to_q, to_k, to_v;
    private readonly ModuleList<Linear> to_out;

    public PictureAttention(long channels, long groups) : base(nameof(PictureAttention))
    {
        group_norm = new GroupNorm(groups, channels, 1e-6);
        to_q = new Linear(channels, channels);
        to_k = new Linear(channels, channels);
        to_v = new Linear(channels, channels);
        to_out = new ModuleList<Linear>(new Linear(channels, channels));
        RegisterComponents();
    }

    public override Tensor forward(Tensor x) // [n, channels, h, w]
    {
        using var scope = NewDisposeScope();
        var shape = x.shape;
        var tokens = Tokens(group_norm.call(x));
        var attended = Attention.MultiHead(to_q.call(tokens), to_k.call(tokens), to_v.call(tokens), heads: 1, fast: to_q.IsPacked);
        WorkCounter.Current?.Touch(7.0 * x.numel()); // it and its norm, queries, keys, values, what is attended to, and the sum
        return to_out[0].AddTo(Tokens(x), attended).view(shape[0], shape[2], shape[3], shape[1]).permute(0, 3, 1, 2).MoveToOuterDisposeScope();

        Tensor Tokens(Tensor t) => t.permute(0, 2, 3, 1).reshape(shape[0], shape[2] * shape[3], shape[1]);
    }
}
