namespace Easel.Models.Upscaling;

/// <summary>The shape of a <see cref="PlksrNet"/>, read off its tensors.</summary>
/// <param name="Scale">Pixels out for each pixel in, along a side.</param> <param name="Features">Channels: 64.</param> <param name="Blocks">28 or 12.</param>
/// <param name="Seen">Channels that the large kernel sees: 16.</param> <param name="Kernel">Its side: 17.</param>
/// <param name="Mixers">Sides of the two kernels that mix channels.</param> <param name="Attends">Whether the output says what of it counts.</param>
/// <param name="IsReal">Whether it is RealPLKSR, with group norms and Mish.</param>
internal sealed record PlksrConfig(int Scale, long Features, int Blocks, long Seen, long Kernel, (long First, long Second) Mixers, bool Attends, bool IsReal);

/// <summary>PLKSR: large kernels over a part of the channels. "Partial Large Kernel CNNs for Efficient Super-Resolution", arXiv 2404.11848;
/// dslisleedh/PLKSR, and RealPLKSR of neosr, whose names the fields have.</summary>
internal sealed class PlksrNet : Module<Tensor, Tensor>
{
    private readonly int _scale;
    private readonly ModuleList<Module<Tensor, Tensor>> feats = new();

    public PlksrNet(PlksrConfig config) : base(nameof(PlksrNet))
    {
        _scale = config.Scale;
        feats.Add(new Conv2d(3, config.Features, kernel: 3, padding: 1));
        for (var i = 0; i < config.Blocks; i++) feats.Add(new PlkBlock(config));
        if (config.IsReal) feats.Add(Identity()); // where the dropout of its training is counted
        feats.Add(new Conv2d(config.Features, 3L * _scale * _scale, kernel: 3, padding: 1));
        RegisterComponents();
    }

    public override Tensor forward(Tensor x) // [n, 3, h, w] in [0, 1]
    {
        using var scope = NewDisposeScope();
        return functional.pixel_shuffle(feats.RunInOrder(x) + x.repeat_interleave(_scale * _scale, dim: 1), _scale).MoveToOuterDisposeScope();
    }
}

/// <summary>Channels mixed, a part of them filtered far around, and the sum with the input.</summary>
internal sealed class PlkBlock : Module<Tensor, Tensor>
{
    private const int NormGroups = 4;

    private readonly ModuleList<Module<Tensor, Tensor>>? channe_mixer, channel_mixer; // as the two makes spell it
    private readonly PartialConv lk;
    private readonly ElementAttention? attn;
    private readonly Conv2d refine;
    private readonly GroupNorm? norm;

    public PlkBlock(PlksrConfig config) : base(nameof(PlkBlock))
    {
        var features = config.Features;
        var mixer = new ModuleList<Module<Tensor, Tensor>>();
        mixer.Add(new Conv2d(features, 2 * features, config.Mixers.First, padding: config.Mixers.First / 2));
        mixer.Add(config.IsReal ? (Module<Tensor, Tensor>)Mish() : GELU());
        mixer.Add(new Conv2d(2 * features, features, config.Mixers.Second, padding: config.Mixers.Second / 2));
        if (config.IsReal) channel_mixer = mixer;
        else channe_mixer = mixer;
        lk = new PartialConv(config.Seen, config.Kernel);
        attn = config.Attends ? new ElementAttention(features) : null;
        refine = new Conv2d(features, features, kernel: 1);
        norm = config.IsReal ? new GroupNorm(NormGroups, features, 1e-5) : null;
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        var h = lk.call((channe_mixer ?? channel_mixer)!.RunInOrder(x));
        if (attn is not null) h = attn.call(h);
        h = refine.call(h);
        if (norm is not null) h = norm.call(h);
        return (h + x).MoveToOuterDisposeScope();
    }

    /// <summary>A convolution of the first channels alone.</summary>
    private sealed class PartialConv : Module<Tensor, Tensor>
    {
        private readonly long _seen;
        private readonly Conv2d conv;

        public PartialConv(long seen, long kernel) : base(nameof(PartialConv))
        {
            _seen = seen;
            conv = new Conv2d(seen, seen, kernel, padding: kernel / 2);
            RegisterComponents();
        }

        public override Tensor forward(Tensor x)
        {
            using var scope = NewDisposeScope();
            return cat([conv.call(x.narrow(1, 0, _seen).contiguous()), x.narrow(1, _seen, x.shape[1] - _seen)], dim: 1).MoveToOuterDisposeScope();
        }
    }

    /// <summary>Each number as strongly as its surroundings say.</summary>
    private sealed class ElementAttention : Module<Tensor, Tensor>
    {
        private readonly ModuleList<Conv2d> f = new();

        public ElementAttention(long features) : base(nameof(ElementAttention))
        {
            f.Add(new Conv2d(features, features, kernel: 3, padding: 1));
            RegisterComponents();
        }

        public override Tensor forward(Tensor x)
        {
            using var scope = NewDisposeScope();
            return (x * f[0].call(x).sigmoid()).MoveToOuterDisposeScope();
        }
    }
}
