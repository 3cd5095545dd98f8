namespace Easel.Models.Control;

/// <summary>The shape of one part of a <see cref="ControlLllite"/>.</summary>
/// <param name="Layer">The layer of the UNet that it steers, as files name it: "input_blocks_4_1_transformer_blocks_0_attn1_to_q".</param>
/// <param name="Inputs">Width of what that layer is given.</param> <param name="HintWidth">Width of what is seen of the hint.</param>
/// <param name="Width">Width inside.</param> <param name="Depth">The level that the layer is in: 1, 2 or 3, finest first.</param>
internal sealed record LllitePart(string Layer, int Inputs, int HintWidth, int Width, int Depth);

/// <summary>Steers a UNet by a picture with very little: before some of its linear layers a small network looks at what they are given and at the hint, and
/// adds to it. ControlNet-LLLite, kohya-ss/sd-scripts, networks/control_net_lllite.py.</summary>
internal sealed class ControlLllite : Module
{
    private readonly ModuleList<LlliteModule> parts = new();

    public ControlLllite(IReadOnlyList<LllitePart> config) : base(nameof(ControlLllite))
    {
        Config = config;
        foreach (var part in config) parts.Add(new LlliteModule(part));
        RegisterComponents();
    }

    public IReadOnlyList<LllitePart> Config { get; }

    /// <summary>What each part sees of a hint, [1, positions, width]. It does not change from step to step.</summary>
    /// <param name="hint">[1, 3, 8h, 8w], 0 to 1.</param>
    public IReadOnlyList<Tensor> Embed(Tensor hint)
    {
        using var scope = NewDisposeScope();
        var seen = (2 * hint - 1).ChannelsLast();
        return [.. parts.Select(part => part.Embed(seen, (hint.shape[2] / 8, hint.shape[3] / 8)).MoveToOuterDisposeScope())];
    }

    /// <summary>What a layer is given, with what its part adds.</summary>
    public Tensor Before(int part, Tensor x, Tensor seen, double scale) => parts[part].Before(x, seen, scale);
}

internal sealed class LlliteModule : Module
{
    private readonly int _depth;
    private readonly ModuleList<Module<Tensor, Tensor>> conditioning1, down, mid, up; // between the numbered layers are activations

    public LlliteModule(LllitePart config) : base(nameof(LlliteModule))
    {
        _depth = config.Depth;
        var half = config.HintWidth / 2;
        conditioning1 = new ModuleList<Module<Tensor, Tensor>>(new Conv2d(3, half, kernel: 4, stride: 4), Identity());
        if (config.Depth == 3)
        {
            conditioning1.Add(new Conv2d(half, half, kernel: 4, stride: 4));
            conditioning1.Add(Identity());
        }
        conditioning1.Add(config.Depth == 2 ? new Conv2d(half, config.HintWidth, kernel: 4, stride: 4)
            : new Conv2d(half, config.HintWidth, kernel: 2, stride: 2));
        down = new ModuleList<Module<Tensor, Tensor>>(new Linear(config.Inputs, config.Width));
        mid = new ModuleList<Module<Tensor, Tensor>>(new Linear(config.Width + config.HintWidth, config.Width));
        up = new ModuleList<Module<Tensor, Tensor>>(new Linear(config.Width, config.Inputs));
        RegisterComponents();
    }

    /// <param name="latent">Height and width of the latents, of which the layer's level sees a half or a quarter.</param>
    public Tensor Embed(Tensor hint, (long Height, long Width) latent)
    {
        using var scope = NewDisposeScope();
        var h = hint;
        for (var i = 0; i < conditioning1.Count; i += 2)
        {
            h = conditioning1[i].call(h);
            if (i < conditioning1.Count - 1) h = functional.relu(h);
        }
        for (var level = 1; level < _depth; level++) latent = ((latent.Height + 1) / 2, (latent.Width + 1) / 2);
        long[] size = [latent.Height, latent.Width];
        if (!h.shape.AsSpan(2).SequenceEqual(size)) h = functional.interpolate(h, size, mode: InterpolationMode.Nearest);
        return h.flatten(2).transpose(1, 2).contiguous().MoveToOuterDisposeScope();
    }

    public Tensor Before(Tensor x, Tensor seen, double scale)
    {
        using var scope = NewDisposeScope();
        var own = functional.relu(down[0].call(x));
        var both = functional.relu(mid[0].call(cat([seen.expand(x.shape[0], -1, -1), own], dim: 2)));
        return (x + scale * up[0].call(both)).MoveToOuterDisposeScope();
    }
}
