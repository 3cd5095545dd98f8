namespace Easel.Models.Upscaling;

/// <summary>The shape of a group of DAT, read off its tensors.</summary>
/// <param name="Features">Channels: 180, or 60 in the light one.</param> <param name="Heads">Attention heads: 6.</param>
/// <param name="Window">The windows of one half of the channels: 8x32 or 8x16; those of the other half lie crosswise.</param>
/// <param name="Depth">Blocks: 6.</param> <param name="Inner">Channels inside the feed-forward layers.</param>
/// <param name="HasBias">Whether queries, keys and values have a bias.</param>
internal sealed record DatGroupConfig(long Features, long Heads, Window Window, int Depth, long Inner, bool HasBias)
{
    /// <inheritdoc cref="WindowGroupConfig.End"/>
    public ResidualEnd End { get; init; } = ResidualEnd.One;

    /// <summary>Which of the groups it is, by which the windows that lie aside are told.</summary>
    public int Number { get; init; }
}

/// <summary>Blocks that look at pixels and at channels by turns, and a convolution, added to their input. [n, h, w, c] in and out.</summary>
internal sealed class DatGroup : Module<Tensor, Tensor>
{
    private readonly ModuleList<DatBlock> blocks = new();
    private readonly Module<Tensor, Tensor>? conv;

    public DatGroup(DatGroupConfig config) : base(nameof(DatGroup))
    {
        for (var i = 0; i < config.Depth; i++) blocks.Add(new DatBlock(config, i));
        conv = WindowGroup.Made(config.End, config.Features);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        return WindowGroup.Ended(blocks.RunInOrder(x), conv).add_(x).MoveToOuterDisposeScope();
    }
}

/// <summary>Attention and a gated feed-forward network, each behind a norm and added to its input.</summary>
internal sealed class DatBlock : Module<Tensor, Tensor>
{
    private readonly LayerNorm norm1, norm2;
    private readonly Module<Tensor, Tensor> attn;
    private readonly SpatialGateMlp ffn;

    public DatBlock(DatGroupConfig config, int number) : base(nameof(DatBlock))
    {
        norm1 = new LayerNorm(config.Features);
        // Of the blocks that look at pixels every second one has its windows half a window aside; which, differs from group to group.
        var isShifted = config.Number % 2 == 0 ? number > 0 && (number - 2) % 4 == 0 : number % 4 == 0;
        attn = number % 2 == 0 ? new PixelAttention(config, isShifted) : new ChannelAttention(config);
        norm2 = new LayerNorm(config.Features);
        ffn = new SpatialGateMlp(config.Features, config.Inner);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x) // [n, h, w, c]
    {
        using var scope = NewDisposeScope();
        var h = attn.call(norm1.call(x)).add_(x);
        return ffn.call(norm2.call(h)).add_(h).MoveToOuterDisposeScope();
    }
}

/// <summary>What both kinds of DAT's attention have beside it: a convolution of the values; and each of the two is weighed by what the other holds.</summary>
internal sealed class Interaction
{
    /// <summary>The convolution.</summary>
    public ModuleList<Module<Tensor, Tensor>> Convolution { get; } = new();

    /// <summary>How much each channel counts.</summary>
    public ModuleList<Module<Tensor, Tensor>> OfChannels { get; } = new();

    /// <summary>How much each pixel counts.</summary>
    public ModuleList<Module<Tensor, Tensor>> OfPixels { get; } = new();

    public Interaction(long features)
    {
        Add(Convolution, new DepthwiseConv2d(features, kernel: 3, padding: 1, hasBias: true), new FrozenBatchNorm(features, 1e-5), GELU());
        Add(OfChannels, AdaptiveAvgPool2d(1), new Conv2d(features, features / 8, kernel: 1), new FrozenBatchNorm(features / 8, 1e-5), GELU(),
            new Conv2d(features / 8, features, kernel: 1));
        Add(OfPixels, new Conv2d(features, features / 16, kernel: 1), new FrozenBatchNorm(features / 16, 1e-5), GELU(),
            new Conv2d(features / 16, 1, kernel: 1));

        static void Add(ModuleList<Module<Tensor, Tensor>> list, params Module<Tensor, Tensor>[] modules)
        {
            foreach (var module in modules) list.Add(module);
        }
    }

    /// <summary>Both put together.</summary>
    /// <param name="attended">[n, h, w, c].</param> <param name="values">[n, h, w, c].</param>
    /// <param name="byChannels">Whether what was attended is weighed channel by channel, and the convolution pixel by pixel; or the other way round.</param>
    public Tensor Together(Tensor attended, Tensor values, bool byChannels)
    {
        using var scope = NewDisposeScope();
        var (seen, filtered) = (attended.permute(0, 3, 1, 2), Convolution.RunInOrder(values.permute(0, 3, 1, 2)));
        var (first, second) = byChannels ? (OfChannels, OfPixels) : (OfPixels, OfChannels);
        var made = seen * first.RunInOrder(filtered).sigmoid_() + filtered * second.RunInOrder(seen).sigmoid_();
        return made.permute(0, 2, 3, 1).contiguous().MoveToOuterDisposeScope();
    }
}

/// <summary>Half of the channels look at windows that lie, half at windows that stand.</summary>
internal sealed class PixelAttention : Module<Tensor, Tensor>
{
    private readonly int _multiple;
    private readonly Interaction _interaction;
    private readonly Linear qkv, proj;
    private readonly ModuleList<HalfAttention> attns = new();
    private readonly ModuleList<Module<Tensor, Tensor>> dwconv, channel_interaction, spatial_interaction;

    public PixelAttention(DatGroupConfig config, bool isShifted) : base(nameof(PixelAttention))
    {
        var window = config.Window;
        _multiple = Math.Max(window.Height, window.Width);
        qkv = new Linear(config.Features, 3 * config.Features, config.HasBias);
        proj = new Linear(config.Features, config.Features);
        attns.Add(new HalfAttention(config.Features / 2, config.Heads / 2, window, isShifted));
        attns.Add(new HalfAttention(config.Features / 2, config.Heads / 2, new Window(window.Width, window.Height), isShifted));
        _interaction = new Interaction(config.Features);
        (dwconv, channel_interaction, spatial_interaction) = (_interaction.Convolution, _interaction.OfChannels, _interaction.OfPixels);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x) // [n, h, w, c]
    {
        using var scope = NewDisposeScope();
        var (height, width) = (x.shape[1], x.shape[2]);
        var made = qkv.call(x);
        var values = made.chunk(3, dim: -1)[2];
        var filled = functional.pad(made, [0, 0, 0, (_multiple - width % _multiple) % _multiple, 0, (_multiple - height % _multiple) % _multiple]);
        var halves = filled.chunk(6, dim: -1); // of the queries, of the keys, of the values
        var attended = cat([attns[0].call(cat([halves[0], halves[2], halves[4]], dim: -1)), attns[1].call(cat([halves[1], halves[3], halves[5]], dim: -1))],
            dim: -1)[.., ..(int)height, ..(int)width, ..].contiguous();
        return proj.call(_interaction.Together(attended, values, byChannels: true)).MoveToOuterDisposeScope();
    }

    /// <summary>Attention within windows of one kind.</summary>
    private sealed class HalfAttention : Module<Tensor, Tensor>
    {
        private readonly Window _window;
        private readonly (int Down, int Right) _shift;
        private readonly PlaceBias pos;

        public HalfAttention(long features, long heads, Window window, bool isShifted) : base(nameof(HalfAttention))
        {
            (_window, _shift) = (window, isShifted ? (window.Height / 2, window.Width / 2) : (0, 0));
            pos = new PlaceBias(features / 4, heads);
            RegisterComponents();
        }

        public override Tensor forward(Tensor qkv) // [n, h, w, 3c]
        {
            using var scope = NewDisposeScope();
            var (down, across) = (2 * _window.Height - 1, 2 * _window.Width - 1);
            var places = Enumerable.Range(0, down * across).SelectMany(i => (float[])[i / across + 1 - _window.Height, i % across + 1 - _window.Width]);
            var table = pos.call(tensor(places.ToArray(), dtype: qkv.dtype, device: qkv.device).reshape(-1, 2));
            return _window.Attend(qkv, _shift, WindowAttention.Bias(table, _window.Relations(), _window.Pixels)).MoveToOuterDisposeScope();
        }
    }

    /// <summary>What is added to the attention of two pixels, out of how they lie to each other.</summary>
    private sealed class PlaceBias : Module<Tensor, Tensor>
    {
        private readonly Linear pos_proj;
        private readonly Module<Tensor, Tensor> pos1, pos2, pos3;

        public PlaceBias(long features, long heads) : base(nameof(PlaceBias))
        {
            var inner = features / 4;
            pos_proj = new Linear(2, inner);
            (pos1, pos2, pos3) = (Step(inner), Step(inner), Step(heads));
            RegisterComponents();

            Module<Tensor, Tensor> Step(long outputs) => Sequential(("0", new LayerNorm(inner)), ("1", ReLU()), ("2", new Linear(inner, outputs)));
        }

        public override Tensor forward(Tensor places) // [count, 2]
        {
            using var scope = NewDisposeScope();
            return pos3.call(pos2.call(pos1.call(pos_proj.call(places)))).MoveToOuterDisposeScope(); // [count, heads]
        }
    }
}

/// <summary>Attention of the channels of each head to one another ("XCiT", arXiv 2106.09681).</summary>
internal sealed class ChannelAttention : Layer
{
    private readonly long _heads;
    private readonly Interaction _interaction;
    private readonly Linear qkv, proj;
    private readonly ModuleList<Module<Tensor, Tensor>> dwconv, channel_interaction, spatial_interaction;
    private Parameter temperature; // [heads, 1, 1]

    public ChannelAttention(DatGroupConfig config) : base(nameof(ChannelAttention))
    {
        _heads = config.Heads;
        temperature = Shaped(_heads, 1, 1);
        qkv = new Linear(config.Features, 3 * config.Features, config.HasBias);
        proj = new Linear(config.Features, config.Features);
        _interaction = new Interaction(config.Features);
        (dwconv, channel_interaction, spatial_interaction) = (_interaction.Convolution, _interaction.OfChannels, _interaction.OfPixels);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x) // [n, h, w, c]
    {
        using var scope = NewDisposeScope();
        var parts = qkv.call(x).chunk(3, dim: -1);
        var (q, k, v) = (Channels(parts[0]), Channels(parts[1]), Channels(parts[2]));
        var scores = functional.normalize(q, dim: -1).matmul(functional.normalize(k, dim: -1).transpose(2, 3)) * As(temperature, x)!;
        var attended = scores.softmax(3).matmul(v).permute(0, 3, 1, 2).reshape(x.shape);
        return proj.call(_interaction.Together(attended, parts[2], byChannels: false)).MoveToOuterDisposeScope();

        Tensor Channels(Tensor t) => t.reshape(t.shape[0], t.shape[1] * t.shape[2], _heads, -1).permute(0, 2, 3, 1); // [n, heads, d, pixels]
    }

    private protected override void Adopt(string name, Parameter value) => temperature = value;
}

/// <summary>A feed-forward network of which one half gates the other, filtered.</summary>
internal sealed class SpatialGateMlp : Module<Tensor, Tensor>
{
    private readonly Linear fc1, fc2;
    private readonly Gate sg;

    public SpatialGateMlp(long features, long inner) : base(nameof(SpatialGateMlp))
    {
        fc1 = new Linear(features, inner);
        sg = new Gate(inner / 2);
        fc2 = new Linear(inner / 2, features);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x) // [n, h, w, c]
    {
        using var scope = NewDisposeScope();
        return fc2.call(sg.call(functional.gelu(fc1.call(x)))).MoveToOuterDisposeScope();
    }

    private sealed class Gate : Module<Tensor, Tensor>
    {
        private readonly LayerNorm norm;
        private readonly DepthwiseConv2d conv;

        public Gate(long features) : base(nameof(Gate))
        {
            norm = new LayerNorm(features);
            conv = new DepthwiseConv2d(features, kernel: 3, padding: 1, hasBias: true);
            RegisterComponents();
        }

        public override Tensor forward(Tensor x)
        {
            using var scope = NewDisposeScope();
            var halves = x.chunk(2, dim: -1);
            return (halves[0] * conv.call(norm.call(halves[1]).permute(0, 3, 1, 2)).permute(0, 2, 3, 1)).MoveToOuterDisposeScope();
        }
    }
}
