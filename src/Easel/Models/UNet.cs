using Easel.Models.Control;

namespace Easel.Models;

/// <summary>The transformers of one resolution level.</summary>
/// <param name="Depth">Transformer blocks in each; 0 where the level has none.</param>
/// <param name="SelfAttention">False where the first attention of a block looks at the prompt too.</param>
internal sealed record AttentionLevel(int Depth, long Heads, bool SelfAttention);

/// <summary>The shape of a <see cref="UNet"/>.</summary>
internal sealed record UNetConfig
{
    /// <summary>Channels in: 4 for the latent; 9 with a mask and the masked picture's latent; 5 with a depth map; 7 with a low-resolution picture.</summary>
    public required int InChannels { get; init; }

    /// <summary>Channels out: those of the latent.</summary>
    public required int OutChannels { get; init; }

    /// <summary>Channels of each resolution level, finest first: 320, 640, 1280, 1280 in SD 1 and 2. The timestep's embedding is four times as wide as the
    /// first.</summary>
    public required IReadOnlyList<int> Channels { get; init; }

    /// <summary>The transformers of each level, finest first.</summary>
    public required IReadOnlyList<AttentionLevel> Attention { get; init; }

    /// <summary>The transformer in the middle; of depth 0 where there is none.</summary>
    public required AttentionLevel MiddleAttention { get; init; }

    /// <summary>Residual blocks in each level on the way down; one more on the way up.</summary>
    public required int BlocksPerLevel { get; init; }

    /// <summary>Residual blocks in the middle, the transformer behind the first: 2; in networks made smaller 1, or 0 where the middle is left out.</summary>
    public int MiddleBlocks { get; init; } = 2;

    /// <summary>Transformer blocks behind each residual block on the way up, for each level, finest first; null where they are as many as on the way
    /// down.</summary>
    public IReadOnlyList<IReadOnlyList<int>>? UpDepths { get; init; }

    /// <summary>Width of the text encoder's vectors: 768 in SD 1, 1024 in SD 2.</summary>
    public required int ContextWidth { get; init; }

    /// <summary>Whether transformers project with linear layers (SD 2) and not with 1x1 convolutions (SD 1).</summary>
    public required bool LinearProjections { get; init; }

    /// <summary>Number of class labels (the x4 upscaler's noise levels); 0 where there are none.</summary>
    public int ClassCount { get; init; }

    /// <summary>Width of a vector that the network is told of the picture as a whole; 0 where there is none.</summary>
    public int VectorWidth { get; init; }

    /// <summary>Numbers in which the network is told the guidance scale, by which it guides itself (latent consistency models); 0 where it is not.</summary>
    public int GuidanceWidth { get; init; }

    /// <summary>The transformers behind a residual block on the way up.</summary>
    public AttentionLevel UpAttention(int level, int block) => Attention[level] with { Depth = UpDepths?[level][block] ?? Attention[level].Depth };
}

/// <summary>Predicts the noise (or v) in a latent at a timestep, attending to the prompt. "High-Resolution Image Synthesis with Latent Diffusion Models", arXiv
/// 2112.10752; UNetModel in the original ldm/modules/diffusionmodules/openaimodel.py. Field names are the diffusers parameter names.</summary>
internal sealed class UNet : Module<Tensor, Tensor, Tensor, Tensor?, Tensor>
{
    private readonly int _embeddingWidth;
    private readonly Conv2d conv_in;
    private readonly TimestepEmbedding time_embedding;
    private readonly Embedding? class_embedding;
    private readonly TimestepEmbedding? add_embedding;
    private readonly ModuleList<DownBlock> down_blocks;
    private readonly MiddleBlock? mid_block;
    private readonly ModuleList<UpBlock> up_blocks;
    private readonly GroupNorm conv_norm_out;
    private readonly Conv2d conv_out;

    public UNet(UNetConfig config) : base(nameof(UNet))
    {
        Config = config;
        _embeddingWidth = config.Channels[0];
        var timeWidth = 4 * _embeddingWidth;
        var levels = config.Channels.Count;

        conv_in = new Conv2d(config.InChannels, config.Channels[0], kernel: 3, padding: 1);
        time_embedding = new TimestepEmbedding(_embeddingWidth, timeWidth, config.GuidanceWidth);
        class_embedding = config.ClassCount > 0 ? new Embedding(config.ClassCount, timeWidth) : null;
        add_embedding = config.VectorWidth > 0 ? new TimestepEmbedding(config.VectorWidth, timeWidth) : null;

        down_blocks = new ModuleList<DownBlock>();
        var skips = new Stack<int>([config.Channels[0]]); // channels of the skip connections, in the order in which they are laid down
        for (var level = 0; level < levels; level++)
        {
            down_blocks.Add(new DownBlock(config, level, timeWidth));
            for (var i = 0; i < config.BlocksPerLevel; i++) skips.Push(config.Channels[level]);
            if (level < levels - 1) skips.Push(config.Channels[level]);
        }

        mid_block = config.MiddleBlocks > 0 ? new MiddleBlock(config, timeWidth) : null;

        up_blocks = new ModuleList<UpBlock>();
        for (var level = levels - 1; level >= 0; level--) up_blocks.Add(new UpBlock(config, level, skips, timeWidth));

        conv_norm_out = new GroupNorm(32, config.Channels[0], 1e-5);
        conv_out = new Conv2d(config.Channels[0], config.OutChannels, kernel: 3, padding: 1);
        RegisterComponents();
    }

    public UNetConfig Config { get; }

    /// <summary>The attentions to the prompt, in the order in which adapters number them: the way down, the way up, the middle.</summary>
    public IReadOnlyList<Attention> CrossAttentions => [.. new Module?[] { down_blocks, up_blocks, mid_block }.OfType<Module>()
        .SelectMany(part => part.named_modules()).Where(inner => inner.name.EndsWith("attn2", StringComparison.Ordinal))
        .Select(inner => (Attention)inner.module)];

    /// <summary>Predicts.</summary>
    /// <param name="x">[n, <see cref="UNetConfig.InChannels"/>, h, w]: the noisy latent, with what the model was trained to see beside it.</param>
    /// <param name="timesteps">[n], fp32, 0 to 999, fractions allowed.</param>
    /// <param name="context">[n, tokens, <see cref="UNetConfig.ContextWidth"/>]: the encoded prompt.</param>
    /// <param name="labels">[n], int64, class labels, for a network that has them.</param> <returns>[n, <see cref="UNetConfig.OutChannels"/>, h, w].</returns>
    public override Tensor forward(Tensor x, Tensor timesteps, Tensor context, Tensor? labels)
    {
        using var keys = new ContextKeys(context);
        return Predict(x, timesteps, keys, labels, null);
    }

    /// <summary>Predicts, reusing features of the deep part where <paramref name="deep"/> has them; null computes everything.</summary>
    /// <param name="control">What other networks add on the way; null for nothing.</param>
    internal Tensor Predict(Tensor x, Tensor timesteps, ContextKeys context, Tensor? labels, DeepRows? deep, ControlSignals? control = null)
    {
        using var scope = NewDisposeScope();
        var sinusoids = TimestepEmbedding.Sinusoids(timesteps, _embeddingWidth).to(x.dtype);
        var time = time_embedding.Forward(sinusoids, context.GuidanceScale); // [n, 4 * embedding width]
        if (class_embedding is not null) time = time + class_embedding.call(labels!).to(x.dtype);
        if (add_embedding is not null) time = time + add_embedding.call(context.Vector!);
        time = functional.silu(time); // every block begins with it

        var h = conv_in.call(x.ChannelsLast());
        var skips = new SkipConnections(control);
        context.Pictures = control?.Pictures ?? [];
        using var steered = control?.SteerLayers();
        skips.Push(h);
        if (deep is not null)
        {
            h = Reusing(deep, h, time, context, skips);
        }
        else
        {
            h = DownAndMiddle(h, time, context, skips);
            foreach (var block in up_blocks)
            {
                using var coarser = h;
                h = block.Forward(coarser, time, context, skips);
            }
        }

        return conv_out.call(conv_norm_out.Silu(h, givesAway: true)).contiguous().MoveToOuterDisposeScope();
    }

    /// <summary>From conv_in's output to what the last norm takes. The network is cut on both sides of its finest level: the outer blocks always run, and what
    /// lies between, ending with what the last <c>outer + 1</c> blocks on the way up are given, is taken from <paramref name="deep"/> if that has it.</summary>
    private Tensor Reusing(DeepRows deep, Tensor h, Tensor time, ContextKeys context, SkipConnections skips)
    {
        var outer = Math.Min(deep.OuterBlocks, Config.BlocksPerLevel);
        var (finest, first) = (up_blocks[^1], Config.BlocksPerLevel - outer);
        if (deep.Find() is { } kept)
        {
            down_blocks[0].Forward(h, time, context, skips, outer, skips.Control?.Level(0));
            return finest.Forward(kept, time, context, skips, first..);
        }
        h = DownAndMiddle(h, time, context, skips);
        foreach (var block in up_blocks.SkipLast(1)) h = block.Forward(h, time, context, skips);
        if (first > 0) h = finest.Forward(h, time, context, skips, ..first);
        deep.Keep(h);
        return finest.Forward(h, time, context, skips, first..);
    }

    private Tensor DownAndMiddle(Tensor h, Tensor time, ContextKeys context, SkipConnections skips)
    {
        for (var level = 0; level < down_blocks.Count; level++) h = down_blocks[level].Forward(h, time, context, skips, added: skips.Control?.Level(level));
        if (mid_block is null) return h;
        h = mid_block.call(h, time, context);
        return skips.Control?.AddToMiddle(h, down_blocks.Count) ?? h;
    }
}

/// <summary>Sines and cosines of the timestep, through two linear layers; before them what is told of the guidance scale is added, where anything is.</summary>
internal sealed class TimestepEmbedding : Module<Tensor, Tensor>
{
    private readonly long _guidanceWidth;
    private readonly Linear linear_1, linear_2;
    private readonly Linear? cond_proj;

    public TimestepEmbedding(long inputs, long outputs, int guidanceWidth = 0) : base(nameof(TimestepEmbedding))
    {
        _guidanceWidth = guidanceWidth;
        cond_proj = guidanceWidth > 0 ? new Linear(guidanceWidth, inputs, hasBias: false) : null;
        linear_1 = new Linear(inputs, outputs);
        linear_2 = new Linear(outputs, outputs);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x) => Forward(x, null);

    /// <param name="guidanceScale">What a network that guides itself is told; null to tell it nothing.</param>
    public Tensor Forward(Tensor x, double? guidanceScale)
    {
        using var scope = NewDisposeScope();
        if (cond_proj is not null && guidanceScale is { } scale)
            x = x + cond_proj.call(GuidanceSinusoids(scale, (int)_guidanceWidth, x.device).to(x.dtype));
        return linear_2.call(functional.silu(linear_1.call(x))).MoveToOuterDisposeScope();
    }

    /// <summary>[1, width] of a guidance scale: sines of 1000 (scale - 1) / 10000^(i / (half - 1)) first, then the cosines ("Latent Consistency Models", arXiv
    /// 2310.04378; get_guidance_scale_embedding in the authors' pipeline).</summary>
    internal static Tensor GuidanceSinusoids(double scale, int width, Device device)
    {
        using var scope = NewDisposeScope();
        var half = width / 2;
        var frequencies = exp(arange(half, dtype: ScalarType.Float32, device: device) * (float)(-Math.Log(10000) / (half - 1)));
        var angles = frequencies.unsqueeze(0) * (float)((scale - 1) * 1000);
        return functional.pad(cat([sin(angles), cos(angles)], dim: 1), [0, width - 2 * half]).MoveToOuterDisposeScope();
    }

    /// <summary>[n] timesteps to [n, width]: cosines of t / 10000^(i / half) first, then the sines, as the original's timestep_embedding has them.</summary>
    internal static Tensor Sinusoids(Tensor timesteps, int width)
    {
        using var scope = NewDisposeScope();
        var half = width / 2;
        var frequencies = exp(arange(half, dtype: ScalarType.Float32, device: timesteps.device) * (-Math.Log(10000) / half));
        var angles = timesteps.to(ScalarType.Float32).unsqueeze(1) * frequencies.unsqueeze(0);
        return cat([cos(angles), sin(angles)], dim: 1).MoveToOuterDisposeScope();
    }
}

/// <summary>What the way down lays by for the way up, the last first.</summary>
/// <param name="control">What other networks add to it; null for nothing.</param>
internal sealed class SkipConnections(ControlSignals? control = null)
{
    private readonly Stack<Tensor> _tensors = new();

    public ControlSignals? Control => control;

    /// <summary>Height and width of the next.</summary>
    public long[] NextSize => _tensors.Peek().shape[2..];

    public void Push(Tensor skip)
    {
        _tensors.Push(skip);
        WorkCounter.Current?.Hold(skip);
    }

    /// <summary>The next, which is the caller's to let go.</summary>
    public Tensor Pop()
    {
        var skip = _tensors.Pop();
        if (control is not { Skips.Count: > 0 }) return skip;
        using (skip) return ControlSignals.Added(skip, control.Skips[_tensors.Count]);
    }
}

/// <summary>One resolution level on the way down. Every output is also laid on the stack of skip connections.</summary>
internal sealed class DownBlock : Module
{
    private readonly ModuleList<ResnetBlock> resnets = new();
    private readonly ModuleList<Transformer2D> attentions = new();
    private readonly ModuleList<Downsample> downsamplers = new();

    public DownBlock(UNetConfig config, int level, long timeWidth) : base(nameof(DownBlock))
    {
        var channels = config.Channels[level];
        for (var i = 0; i < config.BlocksPerLevel; i++)
        {
            resnets.Add(new ResnetBlock(i == 0 ? config.Channels[Math.Max(level - 1, 0)] : channels, channels, timeWidth, 1e-5));
            if (config.Attention[level].Depth > 0) attentions.Add(new Transformer2D(channels, config.Attention[level], config.ContextWidth,
                config.LinearProjections));
        }
        if (level < config.Channels.Count - 1) downsamplers.Add(new Downsample(channels, padRightAndBottom: false));
        RegisterComponents();
    }

    /// <param name="blocks">How many of the blocks run, and nothing behind them; null for the whole level.</param>
    /// <param name="added">An adapter's feature, added to what the level's last block gives, or, of a level without transformers, to what the level gives;
    /// null for nothing.</param>
    public Tensor Forward(Tensor h, Tensor time, ContextKeys context, SkipConnections skips, int? blocks = null, Tensor? added = null)
    {
        for (var i = 0; i < (blocks ?? resnets.Count); i++)
        {
            h = resnets[i].call(h, time);
            if (attentions.Count > 0)
            {
                using var convolved = h;
                h = attentions[i].call(convolved, context);
            }
            if (i == resnets.Count - 1 && (attentions.Count > 0 || downsamplers.Count == 0)) h = With(added, h);
            skips.Push(h);
        }
        if (blocks is not null) return h;
        foreach (var downsampler in downsamplers)
        {
            h = downsampler.call(h);
            if (attentions.Count == 0) h = With(added, h);
            skips.Push(h);
        }
        return h;

        static Tensor With(Tensor? added, Tensor h)
        {
            if (added is null) return h;
            using (h) return ControlSignals.Added(h, added);
        }
    }
}

/// <summary>The bottom of the UNet.</summary>
internal sealed class MiddleBlock : Module<Tensor, Tensor, ContextKeys, Tensor>
{
    private readonly ModuleList<ResnetBlock> resnets = new();
    private readonly ModuleList<Transformer2D> attentions = new();

    public MiddleBlock(UNetConfig config, long timeWidth) : base(nameof(MiddleBlock))
    {
        var channels = config.Channels[^1];
        for (var i = 0; i < config.MiddleBlocks; i++) resnets.Add(new ResnetBlock(channels, channels, timeWidth, 1e-5));
        if (config.MiddleAttention.Depth > 0)
            attentions.Add(new Transformer2D(channels, config.MiddleAttention, config.ContextWidth, config.LinearProjections));
        RegisterComponents();
    }

    public override Tensor forward(Tensor h, Tensor time, ContextKeys context)
    {
        using var scope = NewDisposeScope();
        h = resnets[0].call(h, time);
        foreach (var attention in attentions) h = attention.call(h, context);
        if (resnets.Count > 1) h = resnets[1].Forward(h, time, givesAway: true);
        return h.MoveToOuterDisposeScope();
    }
}

/// <summary>One resolution level on the way up. Every residual block takes a skip connection off the stack.</summary>
internal sealed class UpBlock : Module
{
    private readonly ModuleList<ResnetBlock> resnets = new();
    private readonly ModuleList<Transformer2D> attentions = new();
    private readonly ModuleList<Upsample> upsamplers = new();

    public UpBlock(UNetConfig config, int level, Stack<int> skips, long timeWidth) : base(nameof(UpBlock))
    {
        var channels = config.Channels[level];
        for (var i = 0; i <= config.BlocksPerLevel; i++)
        {
            var inputs = i == 0 ? config.Channels[Math.Min(level + 1, config.Channels.Count - 1)] : channels;
            resnets.Add(new ResnetBlock(inputs + skips.Pop(), channels, timeWidth, 1e-5));
            if (config.UpAttention(level, i) is { Depth: > 0 } attention)
                attentions.Add(new Transformer2D(channels, attention, config.ContextWidth, config.LinearProjections));
        }
        if (level > 0) upsamplers.Add(new Upsample(channels));
        RegisterComponents();
    }

    /// <param name="blocks">Which of the blocks run, at least one; null for the whole level.</param>
    public Tensor Forward(Tensor h, Tensor time, ContextKeys context, SkipConnections skips, Range? blocks = null)
    {
        using var scope = NewDisposeScope();
        var (first, count) = (blocks ?? Range.All).GetOffsetAndLength(resnets.Count);
        for (var i = first; i < first + count; i++)
        {
            using var skip = skips.Pop();
            using var joined = cat([h, skip], dim: 1);
            WorkCounter.Current?.Hold(joined); // the two that were joined beside their joint
            if (i > first) h.Dispose(); // not the caller's input
            h = resnets[i].call(joined, time);
            WorkCounter.Current?.Release(joined);
            if (attentions.Count > 0)
            {
                using var convolved = h;
                h = attentions[i].call(convolved, context);
            }
            WorkCounter.Current?.Release(skip);
        }
        if (first + count < resnets.Count) return h.MoveToOuterDisposeScope();
        // The next skip tells the size to reach: a side that was odd on the way down is not the double of its half.
        foreach (var upsampler in upsamplers) h = upsampler.call(h, skips.NextSize);
        return h.MoveToOuterDisposeScope();
    }
}
