using Easel.Kernels;

namespace Easel.Models;

/// <summary>Multi-head attention of tokens to a context, or to themselves where there is none ("Attention Is All You Need", 3.2).</summary>
internal sealed class Attention : Module<Tensor, ContextKeys?, Tensor>
{
    private readonly long _heads;
    private readonly Linear to_q, to_k, to_v;
    private readonly ModuleList<Linear> to_out;

    /// <summary>Width of queries, keys and values.</summary>
    public long Width { get; }

    /// <summary>Creates the layer: queries of width <paramref name="channels"/>, keys and values of width <paramref name="contextWidth"/>.</summary>
    public Attention(long channels, long contextWidth, long heads) : base(nameof(Attention))
    {
        (Width, _heads) = (channels, heads);
        to_q = new Linear(channels, channels, hasBias: false);
        to_k = new Linear(contextWidth, channels, hasBias: false);
        to_v = new Linear(contextWidth, channels, hasBias: false);
        to_out = new ModuleList<Linear>(new Linear(channels, channels));
        RegisterComponents();
    }

    public override Tensor forward(Tensor x, ContextKeys? context) // [n, tokens, channels]
    {
        using var scope = NewDisposeScope();
        return to_out[0].call(Attend(x, context)).MoveToOuterDisposeScope();
    }

    /// <summary>The layer's output added to <paramref name="residual"/>, which may be written over.</summary>
    internal Tensor AddTo(Tensor residual, Tensor x, ContextKeys? context)
    {
        using var scope = NewDisposeScope();
        return to_out[0].AddTo(residual, Attend(x, context)).MoveToOuterDisposeScope();
    }

    private Tensor Attend(Tensor x, ContextKeys? context)
    {
        var (keys, values) = context?.Of(this, KeysAndValues) ?? KeysAndValues(x);
        var queries = to_q.call(x);
        var attended = Attend(queries, keys, values);
        foreach (var picture in context?.Pictures ?? []) attended = picture.AddTo(attended, queries, this, context!, Attend);
        return attended;
    }

    private Tensor Attend(Tensor queries, Tensor keys, Tensor values) => MultiHead(queries, keys, values, _heads, fast: to_q.IsPacked);

    private (Tensor Keys, Tensor Values) KeysAndValues(Tensor x) => (to_k.call(x), to_v.call(x));

    /// <summary>softmax(Q Kᵀ / √d) V in each of <paramref name="heads"/> equal slices of the last dimension; where <paramref name="fast"/>, by Easel's own
    /// kernel if that serves the shapes.</summary>
    internal static Tensor MultiHead(Tensor q, Tensor k, Tensor v, long heads, bool fast = false, bool causal = false)
    {
        if (fast && !causal && FlashAttention.Serves(q, k, heads)) return FlashAttention.Attend(q, k, v, heads);
        if (WorkCounter.Attention(q, k) is { } counted) return counted;
        Tensor Split(Tensor t) => t.view(t.shape[0], t.shape[1], heads, -1).transpose(1, 2); // [n, heads, tokens, d]
        // In training, and on a CPU, the gradient of attention takes five times as long in bf16 as in fp32.
        var type = q.requires_grad && q.dtype == ScalarType.BFloat16 && q.device_type == TorchSharp.DeviceType.CPU ? ScalarType.Float32 : q.dtype;
        var attended = functional.scaled_dot_product_attention(Split(q.to(type)), Split(k.to(type)), Split(v.to(type)), is_casual: causal);
        return attended.transpose(1, 2).reshape(q.shape).to(q.dtype); // [n, tokens, channels]
    }
}

/// <summary>GELU-gated linear unit: the first half of the projection times GELU of the second ("GLU Variants Improve Transformer", arXiv 2002.05202).</summary>
internal sealed class GeGlu : Module<Tensor, Tensor>
{
    private readonly Linear proj;

    public GeGlu(long inputs, long outputs) : base(nameof(GeGlu))
    {
        proj = new Linear(inputs, 2 * outputs, parts: 2);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x) => proj.Gated(x);

    internal Layer.Holding Hold() => proj.Hold();
}

/// <summary>The feed-forward part of a transformer block: four times wider inside, gated.</summary>
internal sealed class FeedForward : Module<Tensor, Tensor>
{
    /// <summary>Where the numbers inside, four times as many as come in, are more than this (at 512x512 those of the finest level are 21 MB), a packed layer
    /// makes and uses them for so many rows at a time that they stay in the processor's cache. Written to memory and read again, the gate's product takes
    /// nearly twice as long.</summary>
    private const long CachedBytes = 12 << 20;

    private readonly long _channels;
    private readonly ModuleList<Module<Tensor, Tensor>> net; // "1" is the reference's dropout, which does nothing when drawing

    public FeedForward(long channels) : base(nameof(FeedForward))
    {
        _channels = channels;
        net = new ModuleList<Module<Tensor, Tensor>>(new GeGlu(channels, 4 * channels), Identity(), new Linear(4 * channels, channels));
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        return net[2].call(net[0].call(x)).MoveToOuterDisposeScope();
    }

    /// <summary>The layer's output added to <paramref name="residual"/>, which may be written over.</summary>
    internal Tensor AddTo(Tensor residual, Tensor x)
    {
        using var scope = NewDisposeScope();
        var last = (Linear)net[2];
        var (rows, bytes) = (x.numel() / _channels, 4 * x.numel() * x.element_size());
        if (!last.IsPacked || bytes <= CachedBytes) return last.AddTo(residual, net[0].call(x)).MoveToOuterDisposeScope();

        using var held = last.Hold();
        using var gate = ((GeGlu)net[0]).Hold(); // for all parts
        var (all, sum) = (x.view(rows, _channels), residual.view(rows, _channels));
        var parts = 2 * (bytes / CachedBytes + 1);
        var atOnce = (rows + parts - 1) / parts;
        for (var first = 0L; first < rows; first += atOnce)
        {
            using var part = NewDisposeScope();
            var count = Math.Min(atOnce, rows - first);
            var own = sum.narrow(0, first, count);
            own.copy_(last.AddTo(own, net[0].call(all.narrow(0, first, count))));
        }
        return residual.alias().MoveToOuterDisposeScope();
    }
}

/// <summary>Self-attention, cross-attention to the prompt, and a feed-forward network, each behind a norm and added to its input.</summary>
internal sealed class TransformerBlock : Module<Tensor, ContextKeys, Tensor>
{
    private readonly bool _attendsToItself;
    private readonly LayerNorm norm1, norm2, norm3;
    private readonly Attention attn1, attn2;
    private readonly FeedForward ff;

    /// <summary>Creates the block. Where <paramref name="selfAttention"/> is false the first attention looks at the prompt as well (the x4 upscaler's outer
    /// levels).</summary>
    public TransformerBlock(long channels, long contextWidth, long heads, bool selfAttention) : base(nameof(TransformerBlock))
    {
        _attendsToItself = selfAttention;
        norm1 = new LayerNorm(channels);
        attn1 = new Attention(channels, selfAttention ? channels : contextWidth, heads);
        norm2 = new LayerNorm(channels);
        attn2 = new Attention(channels, contextWidth, heads);
        norm3 = new LayerNorm(channels);
        ff = new FeedForward(channels);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x, ContextKeys context) // [n, tokens, channels]
    {
        using var scope = NewDisposeScope();
        using var attended = Added(norm1, x, (to, y) => attn1.AddTo(to, y, _attendsToItself ? null : context));
        using var prompted = Added(norm2, attended, (to, y) => attn2.AddTo(to, y, context));
        return Added(norm3, prompted, ff.AddTo).MoveToOuterDisposeScope();

        static Tensor Added(LayerNorm norm, Tensor x, Func<Tensor, Tensor, Tensor> addTo)
        {
            using var normal = norm.call(x);
            return addTo(x, normal);
        }
    }
}

/// <summary>Transformer blocks over the positions of a picture, added to it: SpatialTransformer in the original ldm/modules/attention.py.</summary>
internal sealed class Transformer2D : Module<Tensor, ContextKeys, Tensor>
{
    private readonly bool _linearProjections;
    private readonly GroupNorm norm;
    private readonly Layer proj_in;
    private readonly ModuleList<TransformerBlock> transformer_blocks;
    private readonly Layer proj_out;

    /// <summary>Creates the layer. SD 1 projects with 1x1 convolutions, SD 2 with linear layers.</summary>
    public Transformer2D(long channels, AttentionLevel level, long contextWidth, bool linearProjections) : base(nameof(Transformer2D))
    {
        _linearProjections = linearProjections;
        norm = new GroupNorm(32, channels, 1e-6);
        proj_in = Projection();
        transformer_blocks = new ModuleList<TransformerBlock>();
        for (var i = 0; i < level.Depth; i++) transformer_blocks.Add(new TransformerBlock(channels, contextWidth, level.Heads, level.SelfAttention));
        proj_out = Projection();
        RegisterComponents();

        Layer Projection() => linearProjections ? new Linear(channels, channels) : new Conv2d(channels, channels, kernel: 1);
    }

    public override Tensor forward(Tensor x, ContextKeys context) // [n, channels, h, w], which may be written over
    {
        using var scope = NewDisposeScope();
        var shape = x.shape;

        Tensor h;
        using (var normal = norm.call(x)) h = _linearProjections ? proj_in.call(Tokens(normal)) : Tokens(proj_in.call(normal)); // [n, h*w, channels]
        foreach (var block in transformer_blocks)
        {
            using var before = h;
            h = block.call(before, context);
        }
        // The picture, its norm and projection, three norms inside; the gated unit's two halves and what comes of them.
        WorkCounter.Current?.Touch(15.0 * x.numel());
        h = _linearProjections ? Picture(proj_out.AddTo(Tokens(x), h)) : proj_out.AddTo(x, Picture(h));
        return h.MoveToOuterDisposeScope();

        Tensor Tokens(Tensor t) => t.permute(0, 2, 3, 1).reshape(shape[0], shape[2] * shape[3], shape[1]);
        Tensor Picture(Tensor t) => t.view(shape[0], shape[2], shape[3], shape[1]).permute(0, 3, 1, 2);
    }
}
