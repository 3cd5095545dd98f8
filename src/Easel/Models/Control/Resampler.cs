namespace Easel.Models.Control;

/// <summary>The shape of a <see cref="Resampler"/>.</summary>
/// <param name="Width">Width inside: 768, in SDXL 1280.</param> <param name="AttentionWidth">Width of all attention heads together.</param>
/// <param name="Layers">Layers: 4.</param> <param name="FeedForwardWidth">Width inside the feed-forward layers.</param>
internal sealed record ResamplerConfig(int Width, int AttentionWidth, int Layers, int FeedForwardWidth)
{
    /// <summary>Heads are 64 wide in all adapters that there are.</summary>
    public int Heads => Math.Max(1, AttentionWidth / 64);
}

/// <summary>A few learned queries that look at the patches of a picture ("Perceiver", arXiv 2103.03206; ip_adapter/resampler.py).</summary>
internal sealed class Resampler : Module<Tensor, Tensor>
{
    private readonly ResamplerQueries queries;
    private readonly Linear proj_in, proj_out;
    private readonly LayerNorm norm_out;
    private readonly ModuleList<ResamplerLayer> layers = new();

    public Resampler(ResamplerConfig config, IpAdapterConfig adapter) : base(nameof(Resampler))
    {
        queries = new ResamplerQueries(adapter.Tokens, config.Width);
        proj_in = new Linear(adapter.PictureWidth, config.Width);
        for (var i = 0; i < config.Layers; i++) layers.Add(new ResamplerLayer(config));
        proj_out = new Linear(config.Width, adapter.ContextWidth);
        norm_out = new LayerNorm(adapter.ContextWidth);
        RegisterComponents();
    }

    public override Tensor forward(Tensor picture) // [n, patches + 1, width]
    {
        using var scope = NewDisposeScope();
        var seen = proj_in.call(picture);
        var tokens = queries.call(seen);
        foreach (var layer in layers) tokens = layer.call(seen, tokens);
        return norm_out.call(proj_out.call(tokens)).MoveToOuterDisposeScope();
    }
}

/// <summary>The learned queries.</summary>
internal sealed class ResamplerQueries : Layer
{
    private Parameter latents; // [1, tokens, width]

    public ResamplerQueries(long tokens, long width) : base(nameof(ResamplerQueries))
    {
        latents = Shaped(1, tokens, width);
        RegisterComponents();
    }

    /// <summary>[n, tokens, width] for n pictures.</summary>
    public override Tensor forward(Tensor seen)
    {
        using var scope = NewDisposeScope();
        return latents.to(seen.dtype).expand(seen.shape[0], -1, -1).MoveToOuterDisposeScope();
    }

    private protected override void Adopt(string name, Parameter value) => latents = value;
}

/// <summary>Queries that attend to a picture and to themselves, and a feed-forward network, each added to its input.</summary>
internal sealed class ResamplerLayer : Module<Tensor, Tensor, Tensor>
{
    private readonly int _heads;
    private readonly LayerNorm norm1, norm2, norm3;
    private readonly Linear to_q, to_kv, to_out, linear_1, linear_2;

    public ResamplerLayer(ResamplerConfig config) : base(nameof(ResamplerLayer))
    {
        _heads = config.Heads;
        norm1 = new LayerNorm(config.Width);
        norm2 = new LayerNorm(config.Width);
        to_q = new Linear(config.Width, config.AttentionWidth, hasBias: false);
        to_kv = new Linear(config.Width, 2L * config.AttentionWidth, hasBias: false);
        to_out = new Linear(config.AttentionWidth, config.Width, hasBias: false);
        norm3 = new LayerNorm(config.Width);
        linear_1 = new Linear(config.Width, config.FeedForwardWidth, hasBias: false);
        linear_2 = new Linear(config.FeedForwardWidth, config.Width, hasBias: false);
        RegisterComponents();
    }

    public override Tensor forward(Tensor seen, Tensor tokens)
    {
        using var scope = NewDisposeScope();
        var own = norm2.call(tokens);
        var keysAndValues = to_kv.call(cat([norm1.call(seen), own], dim: 1)).chunk(2, dim: -1);
        tokens = tokens + to_out.call(Attention.MultiHead(to_q.call(own), keysAndValues[0].contiguous(), keysAndValues[1].contiguous(), _heads));
        return (tokens + linear_2.call(functional.gelu(linear_1.call(norm3.call(tokens))))).MoveToOuterDisposeScope();
    }
}
