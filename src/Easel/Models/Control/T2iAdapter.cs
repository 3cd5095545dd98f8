namespace Easel.Models.Control;

/// <summary>The shape of a <see cref="T2iAdapter"/>.</summary>
/// <param name="HintInputs">Channels of a hint: 3, or 1 for lines.</param>
/// <param name="Shrink">Pixels along a side that become channels: 8, in SDXL 16.</param>
/// <param name="Channels">Of each level.</param> <param name="Blocks">Residual blocks in each level.</param>
/// <param name="InnerChannels">Channels inside each level of a light adapter; null for a full one.</param>
internal sealed record T2iAdapterConfig(int HintInputs, int Shrink, IReadOnlyList<int> Channels, int Blocks, IReadOnlyList<int>? InnerChannels = null)
{
    /// <summary>Whether a level begins by halving height and width. In SDXL, where the first halving is part of the shrinking, only the third does.</summary>
    public bool Halves(int level) => Shrink == 16 && InnerChannels is null ? level == 2 : level > 0;
}

/// <summary>
/// Steers a UNet by a picture that it looks at once: features of four sizes, added to what the UNet's levels give on the way down at every step.
/// "T2I-Adapter: Learning Adapters to Dig out More Controllable Ability for Text-to-Image Diffusion Models", arXiv 2302.08453; field names are those of
/// diffusers.
/// </summary>
internal sealed class T2iAdapter : Module
{
    private readonly T2iAdapterConfig _config;
    private readonly Conv2d? conv_in;
    private readonly ModuleList<AdapterLevel> body = new();

    public T2iAdapter(T2iAdapterConfig config) : base(nameof(T2iAdapter))
    {
        _config = config;
        var inputs = config.HintInputs * config.Shrink * config.Shrink;
        conv_in = config.InnerChannels is null ? new Conv2d(inputs, config.Channels[0], kernel: 3, padding: 1) : null;
        for (var level = 0; level < config.Channels.Count; level++)
        {
            var from = level > 0 ? config.Channels[level - 1] : conv_in is null ? inputs : config.Channels[0];
            body.Add(new AdapterLevel(from, config.Channels[level], config.InnerChannels?[level], config.Blocks, config.Halves(level)));
        }
        RegisterComponents();
    }

    public T2iAdapterConfig Config => _config;

    /// <summary>The features of a hint, finest first.</summary>
    /// <param name="hint">[n, 3, h, w], 0 to 1; an adapter of one channel sees the first.</param>
    public IReadOnlyList<Tensor> Features(Tensor hint)
    {
        using var scope = NewDisposeScope();
        var h = functional.pixel_unshuffle(hint.narrow(1, 0, _config.HintInputs), _config.Shrink).ChannelsLast();
        if (conv_in is not null) h = conv_in.call(h);
        var features = new List<Tensor>();
        foreach (var level in body) features.Add((h = level.call(h)).MoveToOuterDisposeScope());
        return features;
    }
}

/// <summary>One resolution level of an adapter.</summary>
internal sealed class AdapterLevel : Module<Tensor, Tensor>
{
    private readonly bool _halves;
    private readonly Conv2d? in_conv;
    private readonly ModuleList<AdapterBlock> resnets = new();
    private readonly Conv2d? out_conv;

    /// <param name="inner">Channels inside, of a light adapter; null for as many as come out.</param>
    public AdapterLevel(int inputs, int outputs, int? inner, int blocks, bool halves) : base(nameof(AdapterLevel))
    {
        _halves = halves;
        in_conv = inner is not null || inputs != outputs ? new Conv2d(inputs, inner ?? outputs, kernel: 1) : null;
        for (var i = 0; i < blocks; i++) resnets.Add(new AdapterBlock(inner ?? outputs, inner is null ? 1 : 3));
        out_conv = inner is { } narrow ? new Conv2d(narrow, outputs, kernel: 1) : null;
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        var h = _halves ? functional.avg_pool2d(x, 2, stride: 2, ceil_mode: true) : x.alias();
        if (in_conv is not null) h = in_conv.call(h);
        foreach (var block in resnets) h = block.call(h);
        if (out_conv is not null) h = out_conv.call(h);
        return h.MoveToOuterDisposeScope();
    }
}

/// <summary>Two convolutions added to their input.</summary>
internal sealed class AdapterBlock : Module<Tensor, Tensor>
{
    private readonly Conv2d block1, block2;

    public AdapterBlock(int channels, int secondKernel) : base(nameof(AdapterBlock))
    {
        block1 = new Conv2d(channels, channels, kernel: 3, padding: 1);
        block2 = new Conv2d(channels, channels, secondKernel, padding: secondKernel / 2);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        return (x + block2.call(functional.relu(block1.call(x)))).MoveToOuterDisposeScope();
    }
}
