namespace Easel.Models.Upscaling;

/// <summary>The shape of a group of <see cref="WindowBlock"/>s, read off its tensors.</summary>
/// <param name="Features">Channels: 180, or 60 in light networks.</param> <param name="Heads">Attention heads: 6.</param> <param name="Side">Side of a
/// window: 8, 7 in the networks against JPEG, 16 in HAT.</param> <param name="Depth">Blocks: 6.</param> <param name="Inner">Channels inside the feed-forward
/// layers.</param> <param name="HasBias">Whether queries, keys and values have a bias.</param>
internal sealed record WindowGroupConfig(long Features, long Heads, int Side, int Depth, long Inner, bool HasBias)
{
    /// <summary>Channels inside the convolutions beside each block's attention, and inside what weighs their channels; null in SwinIR, which has
    /// none.</summary>
    public (long Inner, long Squeezed)? Convolutions { get; init; }

    /// <summary>Side of the windows whose pixels those of a smaller one look at when the blocks are done; null in SwinIR.</summary>
    public int? Reach { get; init; }

    /// <summary>What comes behind the blocks.</summary>
    public ResidualEnd End { get; init; } = ResidualEnd.One;
}

/// <summary>Convolutions at the end of a group, before it is added to its input.</summary>
internal enum ResidualEnd
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>One.</summary>
    One,

    /// <summary>Three, with a quarter of the channels between them.</summary>
    Three,
}

/// <summary>Blocks of windows and a convolution, added to their input: RSTB of SwinIR and RHAG of HAT. [n, h, w, c] in and out.</summary>
internal sealed class WindowGroup : Module<Tensor, Tensor>
{
    private readonly WindowBlocks residual_group;
    private readonly Module<Tensor, Tensor>? conv;

    public WindowGroup(WindowGroupConfig config) : base(nameof(WindowGroup))
    {
        residual_group = new WindowBlocks(config);
        conv = Made(config.End, config.Features);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        return Ended(residual_group.call(x), conv).add_(x).MoveToOuterDisposeScope();
    }

    /// <summary>The convolutions at the end of a group; null for none.</summary>
    public static Module<Tensor, Tensor>? Made(ResidualEnd end, long features) => end switch
    {
        ResidualEnd.None => null,
        ResidualEnd.One => new Conv2d(features, features, kernel: 3, padding: 1),
        _ => Sequential(
            ("0", new Conv2d(features, features / 4, kernel: 3, padding: 1)), ("1", LeakyReLU(0.2)),
            ("2", new Conv2d(features / 4, features / 4, kernel: 1)), ("3", LeakyReLU(0.2)),
            ("4", new Conv2d(features / 4, features, kernel: 3, padding: 1))),
    };

    /// <summary>[n, h, w, c] through the convolutions; a new tensor in any case.</summary>
    public static Tensor Ended(Tensor x, Module<Tensor, Tensor>? conv)
    {
        using var scope = NewDisposeScope();
        return (conv is null ? x.clone() : conv.call(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)).contiguous().MoveToOuterDisposeScope();
    }
}

/// <summary>The blocks of a group; the windows of every second one lie half a window aside.</summary>
internal sealed class WindowBlocks : Module<Tensor, Tensor>
{
    private readonly ModuleList<WindowBlock> blocks = new();
    private readonly OverlapBlock? overlap_attn;

    public WindowBlocks(WindowGroupConfig config) : base(nameof(WindowBlocks))
    {
        for (var i = 0; i < config.Depth; i++) blocks.Add(new WindowBlock(config, isShifted: i % 2 == 1));
        overlap_attn = config.Reach is { } reach ? new OverlapBlock(config, reach) : null;
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        var h = blocks.RunInOrder(x);
        if (overlap_attn is null) return h;
        using (h) return overlap_attn.call(h);
    }
}

/// <summary>Attention within windows, beside it HAT's convolutions, and a feed-forward network, each behind a norm and added to its input.</summary>
internal sealed class WindowBlock : Module<Tensor, Tensor>
{
    private const double OfConvolutions = 0.01; // how much of them is added

    private readonly LayerNorm norm1, norm2;
    private readonly WindowAttention attn;
    private readonly WeighedConvolutions? conv_block;
    private readonly GeluMlp mlp;

    public WindowBlock(WindowGroupConfig config, bool isShifted) : base(nameof(WindowBlock))
    {
        norm1 = new LayerNorm(config.Features);
        attn = new WindowAttention(config, isShifted);
        conv_block = config.Convolutions is { } inside ? new WeighedConvolutions(config.Features, inside.Inner, inside.Squeezed) : null;
        norm2 = new LayerNorm(config.Features);
        mlp = new GeluMlp(config.Features, config.Inner);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x) // [n, h, w, c]
    {
        using var scope = NewDisposeScope();
        var normal = norm1.call(x);
        var h = attn.call(normal).add_(x);
        if (conv_block is not null) h.add_(conv_block.call(normal.permute(0, 3, 1, 2)).permute(0, 2, 3, 1), alpha: OfConvolutions);
        return mlp.call(norm2.call(h)).add_(h).MoveToOuterDisposeScope();
    }
}

/// <summary>Attention of pixels to those of their window.</summary>
internal sealed class WindowAttention : Layer
{
    private readonly Window _window;
    private readonly int _shift;
    private readonly Linear qkv, proj;
    private Parameter relative_position_bias_table; // [ways in which two pixels of a window can lie to each other, heads]

    public WindowAttention(WindowGroupConfig config, bool isShifted) : base(nameof(WindowAttention))
    {
        (_window, _shift) = (new Window(config.Side, config.Side), isShifted ? config.Side / 2 : 0);
        relative_position_bias_table = Shaped((2 * config.Side - 1) * (2 * config.Side - 1), config.Heads);
        qkv = new Linear(config.Features, 3 * config.Features, config.HasBias);
        proj = new Linear(config.Features, config.Features);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x) // [n, h, w, c]
    {
        using var scope = NewDisposeScope();
        var bias = Bias(As(relative_position_bias_table, x)!, _window.Relations(), _window.Pixels);
        return proj.call(_window.Attend(qkv.call(x), (_shift, _shift), bias)).MoveToOuterDisposeScope();
    }

    private protected override void Adopt(string name, Parameter value) => relative_position_bias_table = value;

    /// <summary>[heads, pixels, others] out of a table's rows.</summary>
    public static Tensor Bias(Tensor table, Tensor relations, int pixels)
    {
        using var scope = NewDisposeScope();
        return table.index_select(0, relations.to(table.device)).reshape(pixels, -1, table.shape[1]).permute(2, 0, 1).contiguous().MoveToOuterDisposeScope();
    }
}

/// <summary>Two convolutions, then each channel as strongly as the whole picture says.</summary>
internal sealed class WeighedConvolutions : Module<Tensor, Tensor>
{
    private readonly ModuleList<Module<Tensor, Tensor>> cab = new();

    public WeighedConvolutions(long features, long inner, long squeezed) : base(nameof(WeighedConvolutions))
    {
        cab.Add(new Conv2d(features, inner, kernel: 3, padding: 1));
        cab.Add(GELU());
        cab.Add(new Conv2d(inner, features, kernel: 3, padding: 1));
        cab.Add(new ChannelWeights(features, squeezed));
        RegisterComponents();
    }

    public override Tensor forward(Tensor x) => cab.RunInOrder(x);

    private sealed class ChannelWeights : Module<Tensor, Tensor>
    {
        private readonly ModuleList<Module<Tensor, Tensor>> attention = new();

        public ChannelWeights(long features, long squeezed) : base(nameof(ChannelWeights))
        {
            attention.Add(AdaptiveAvgPool2d(1));
            attention.Add(new Conv2d(features, squeezed, kernel: 1));
            attention.Add(ReLU());
            attention.Add(new Conv2d(squeezed, features, kernel: 1));
            attention.Add(Sigmoid());
            RegisterComponents();
        }

        public override Tensor forward(Tensor x)
        {
            using var weights = attention.RunInOrder(x);
            return x * weights;
        }
    }
}

/// <summary>Attention of the pixels of a window to those of a larger one around it, and a feed-forward network: HAT's OCAB.</summary>
internal sealed class OverlapBlock : Layer
{
    private readonly Window _window;
    private readonly int _reach;
    private readonly LayerNorm norm1, norm2;
    private readonly Linear qkv, proj;
    private readonly GeluMlp mlp;
    private Parameter relative_position_bias_table; // [ways in which a pixel of the one can lie to one of the other, heads]

    public OverlapBlock(WindowGroupConfig config, int reach) : base(nameof(OverlapBlock))
    {
        (_window, _reach) = (new Window(config.Side, config.Side), reach);
        relative_position_bias_table = Shaped((config.Side + reach - 1) * (config.Side + reach - 1), config.Heads);
        norm1 = new LayerNorm(config.Features);
        qkv = new Linear(config.Features, 3 * config.Features, config.HasBias);
        proj = new Linear(config.Features, config.Features);
        norm2 = new LayerNorm(config.Features);
        mlp = new GeluMlp(config.Features, config.Inner);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x) // [n, h, w, c]
    {
        using var scope = NewDisposeScope();
        var parts = qkv.call(norm1.call(x)).chunk(3, dim: -1);
        var bias = WindowAttention.Bias(As(relative_position_bias_table, x)!, Relations(), _window.Pixels);
        var attended = Window.Attend(_window.Split(parts[0]), Around(parts[1]), Around(parts[2]), bias, regions: null);
        var h = proj.call(_window.Join(attended, x.shape[1], x.shape[2])).add_(x);
        return mlp.call(norm2.call(h)).add_(h).MoveToOuterDisposeScope();
    }

    private protected override void Adopt(string name, Parameter value) => relative_position_bias_table = value;

    /// <summary>[n · windows, reach · reach, c]: each window and what lies around it, beyond the picture nothing.</summary>
    private Tensor Around(Tensor x)
    {
        using var scope = NewDisposeScope();
        var more = (_reach - _window.Width) / 2;
        var wide = functional.pad(x, [0, 0, more, more, more, more]).unfold(1, _reach, _window.Height).unfold(2, _reach, _window.Width);
        return wide.permute(0, 1, 2, 4, 5, 3).reshape(-1, _reach * _reach, x.shape[3]).MoveToOuterDisposeScope(); // of [n, down, across, c, reach, reach]
    }

    private Tensor Relations()
    {
        var (side, ways) = (_window.Width, _window.Width + _reach - 1);
        var relations = new long[_window.Pixels * _reach * _reach];
        for (var i = 0; i < _window.Pixels; i++)
        {
            for (var j = 0; j < _reach * _reach; j++)
            {
                var place = (j / _reach - i / side + side - _reach + 1) * ways + j % _reach - i % side + side - _reach + 1;
                relations[i * _reach * _reach + j] = (place + ways * ways) % (ways * ways); // the original counts from the table's end where this is negative
            }
        }
        return tensor(relations);
    }
}
