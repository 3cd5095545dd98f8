namespace Easel.Models.Control;

/// <summary>The shape of a <see cref="ControlNet"/>.</summary>
/// <param name="Encoder">The shape of the UNet of which it is half a copy.</param>
/// <param name="HintInputs">Channels of a hint: 3.</param>
/// <param name="HintChannels">Channels of each resolution in which the hint is looked at: 16, 32, 96, 256.</param>
/// <param name="Union">What a network that knows several kinds of hints has beside; null for one that knows one.</param>
internal sealed record ControlNetConfig(UNetConfig Encoder, int HintInputs, IReadOnlyList<int> HintChannels, UnionConfig? Union = null)
{
    /// <summary>Values of all that is to be added in a pass over latents [rows, c, height, width].</summary>
    public double AddedValues(long rows, long height, long width)
    {
        double values = Encoder.Channels[0] * height * width;
        for (var level = 0; level < Encoder.Channels.Count; level++)
        {
            values += (double)Encoder.BlocksPerLevel * Encoder.Channels[level] * height * width;
            if (level < Encoder.Channels.Count - 1) (height, width) = ((height + 1) / 2, (width + 1) / 2);
            values += (double)Encoder.Channels[level] * height * width;
        }
        return rows * values;
    }
}

/// <summary>
/// Steers a UNet by a picture: a copy of its half on the way down that sees the hint beside the latents and tells what to add to the skip connections and to
/// the middle. "Adding Conditional Control to Text-to-Image Diffusion Models", arXiv 2302.05543; cldm/cldm.py in lllyasviel/ControlNet. Field names are the
/// diffusers parameter names.
/// </summary>
internal sealed class ControlNet : Module
{
    private readonly Conv2d conv_in;
    private readonly TimestepEmbedding time_embedding;
    private readonly TimestepEmbedding? add_embedding;
    private readonly HintEmbedding controlnet_cond_embedding;
    private readonly ModuleList<DownBlock> down_blocks = new();
    private readonly MiddleBlock mid_block;
    private readonly ModuleList<Conv2d> controlnet_down_blocks = new();
    private readonly Conv2d controlnet_mid_block;
    private readonly UnionParts? union;

    public ControlNet(ControlNetConfig config) : base(nameof(ControlNet))
    {
        Config = config;
        var (encoder, levels) = (config.Encoder, config.Encoder.Channels.Count);
        var timeWidth = 4 * encoder.Channels[0];
        conv_in = new Conv2d(encoder.InChannels, encoder.Channels[0], kernel: 3, padding: 1);
        time_embedding = new TimestepEmbedding(encoder.Channels[0], timeWidth);
        add_embedding = encoder.VectorWidth > 0 ? new TimestepEmbedding(encoder.VectorWidth, timeWidth) : null;
        controlnet_cond_embedding = new HintEmbedding(config.HintInputs, config.HintChannels, encoder.Channels[0]);
        union = config.Union is { } parts ? new UnionParts(parts, encoder.Channels[0], timeWidth) : null;
        controlnet_down_blocks.Add(Zero(encoder.Channels[0]));
        for (var level = 0; level < levels; level++)
        {
            down_blocks.Add(new DownBlock(encoder, level, timeWidth));
            var laid = encoder.BlocksPerLevel + (level < levels - 1 ? 1 : 0);
            for (var i = 0; i < laid; i++) controlnet_down_blocks.Add(Zero(encoder.Channels[level]));
        }
        mid_block = new MiddleBlock(encoder, timeWidth);
        controlnet_mid_block = Zero(encoder.Channels[^1]);
        RegisterComponents();

        static Conv2d Zero(int channels) => new(channels, channels, kernel: 1);
    }

    public ControlNetConfig Config { get; }

    /// <summary>What the network sees of a hint. It does not change from step to step.</summary>
    /// <param name="hint">[n, 3, 8h, 8w], 0 to 1.</param> <returns>[n, channels, h, w].</returns>
    public Tensor Embed(Tensor hint) => controlnet_cond_embedding.call(hint.ChannelsLast());

    /// <summary>What is to be added.</summary>
    /// <param name="x">[n, channels of the latent, h, w].</param> <param name="timesteps">[n], fp32.</param>
    /// <param name="hint">What <see cref="Embed"/> gave, [1 or n, channels, h, w].</param>
    /// <param name="types">The kinds of hints among those that the network knows; not looked at where it knows one.</param>
    /// <returns>For each skip connection, in their order, and for the middle.</returns>
    public (IReadOnlyList<Tensor> Skips, Tensor Middle) Predict(Tensor x, Tensor timesteps, ContextKeys context, Tensor hint, IReadOnlyList<int> types)
    {
        using var scope = NewDisposeScope();
        var time = time_embedding.call(TimestepEmbedding.Sinusoids(timesteps, Config.Encoder.Channels[0]).to(x.dtype));
        if (add_embedding is not null) time = time + add_embedding.call(context.Vector!);
        if (union is not null) time = time + union.TypeEmbedding(types, x);
        time = functional.silu(time);

        var seen = conv_in.call(x.ChannelsLast());
        var h = union is null ? seen + hint : union.Fused(seen, hint, types);
        var laid = new SkipConnections();
        laid.Push(h);
        foreach (var block in down_blocks) h = block.Forward(h, time, context, laid);
        var middle = controlnet_mid_block.call(mid_block.call(h, time, context));

        var skips = new Tensor[controlnet_down_blocks.Count];
        for (var i = skips.Length - 1; i >= 0; i--)
        {
            using var skip = laid.Pop();
            skips[i] = controlnet_down_blocks[i].call(skip).MoveToOuterDisposeScope();
            WorkCounter.Current?.Release(skip);
        }
        return (skips, middle.MoveToOuterDisposeScope());
    }
}

/// <summary>A hint in pixels to channels at the size of the latents.</summary>
internal sealed class HintEmbedding : Module<Tensor, Tensor>
{
    private readonly Conv2d conv_in;
    private readonly ModuleList<Conv2d> blocks = new();
    private readonly Conv2d conv_out;

    /// <param name="channels">Of each resolution; from one to the next height and width are halved.</param>
    public HintEmbedding(int inputs, IReadOnlyList<int> channels, int outputs) : base(nameof(HintEmbedding))
    {
        conv_in = new Conv2d(inputs, channels[0], kernel: 3, padding: 1);
        for (var i = 0; i < channels.Count - 1; i++)
        {
            blocks.Add(new Conv2d(channels[i], channels[i], kernel: 3, padding: 1));
            blocks.Add(new Conv2d(channels[i], channels[i + 1], kernel: 3, stride: 2, padding: 1));
        }
        conv_out = new Conv2d(channels[^1], outputs, kernel: 3, padding: 1);
        RegisterComponents();
    }

    public override Tensor forward(Tensor hint)
    {
        using var scope = NewDisposeScope();
        var h = functional.silu(conv_in.call(hint));
        foreach (var block in blocks) h = functional.silu(block.call(h));
        return conv_out.call(h).MoveToOuterDisposeScope();
    }
}
