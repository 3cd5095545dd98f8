namespace Easel.Models.Control;

/// <summary>What a ControlNet that knows several kinds of hints has beside.</summary>
/// <param name="Types">Kinds of hints known: 6, or 8 in ProMax.</param> <param name="TypeWidth">Width of the sinusoids of each kind: 256.</param>
/// <param name="Layers">Transformer layers that weigh the hints: 1.</param> <param name="Heads">Their attention heads: 8.</param>
internal sealed record UnionConfig(int Types, int TypeWidth, int Layers, int Heads);

/// <summary>
/// The parts of a union ControlNet that tell it which kinds of hints it is given: an embedding of the kinds joins the timestep's, and a small transformer over
/// one token for each hint and one for the latents tells what to add to each hint. xinsir6/ControlNetPlus, models/controlnet_union.py; field names are those of
/// diffusers, whose own spelling is kept.
/// </summary>
internal sealed class UnionParts : Module
{
    private readonly UnionConfig _config;
    private readonly UnionTasks tasks;
    private readonly ModuleList<UnionLayer> transformer_layes = new();
    private readonly Linear spatial_ch_projs;
    private readonly TimestepEmbedding control_add_embedding;

    public UnionParts(UnionConfig config, int channels, int timeWidth) : base(nameof(UnionParts))
    {
        _config = config;
        tasks = new UnionTasks(config.Types, channels);
        for (var i = 0; i < config.Layers; i++) transformer_layes.Add(new UnionLayer(channels, config.Heads));
        spatial_ch_projs = new Linear(channels, channels);
        control_add_embedding = new TimestepEmbedding((long)config.Types * config.TypeWidth, timeWidth);
        RegisterComponents();
    }

    /// <summary>[1, time width]: which kinds of hints there are, to be added to the timestep's embedding.</summary>
    public Tensor TypeEmbedding(IReadOnlyList<int> types, Tensor like)
    {
        using var scope = NewDisposeScope();
        var given = new float[_config.Types];
        foreach (var type in types) given[type] = 1;
        var waves = TimestepEmbedding.Sinusoids(tensor(given, device: like.device), _config.TypeWidth).reshape(1, -1);
        return control_add_embedding.call(waves.to(like.dtype)).MoveToOuterDisposeScope();
    }

    /// <summary>The latents with the hints added to them.</summary>
    /// <param name="seen">[n, channels, h, w], the latents as the network sees them.</param>
    /// <param name="hint">[1 or n, channels, h, w].</param> <param name="types">The kind of the hint.</param>
    public Tensor Fused(Tensor seen, Tensor hint, IReadOnlyList<int> types)
    {
        using var scope = NewDisposeScope();
        var hints = hint.expand(seen.shape[0], -1, -1, -1);
        var task = tasks.Of(types[0]).to(seen.dtype);
        var tokens = stack([hints.mean([2, 3]) + task, seen.mean([2, 3])], dim: 1); // [n, hints + 1, channels]
        foreach (var layer in transformer_layes) tokens = layer.call(tokens);
        var alpha = spatial_ch_projs.call(tokens.select(1, 0).contiguous()).unsqueeze(-1).unsqueeze(-1);
        return (seen + hints + alpha).MoveToOuterDisposeScope();
    }
}

/// <summary>A vector for each kind of hint.</summary>
internal sealed class UnionTasks : Layer
{
    private Parameter task_embedding; // [kinds, channels]

    public UnionTasks(long types, long channels) : base(nameof(UnionTasks))
    {
        task_embedding = Shaped(types, channels);
        RegisterComponents();
    }

    public Tensor Of(int type) => task_embedding[type];

    public override Tensor forward(Tensor ids) => task_embedding.index_select(0, ids);

    private protected override void Adopt(string name, Parameter value) => task_embedding = value;
}

/// <summary>Self-attention and a feed-forward network, each behind a norm and added to its input, as in CLIP.</summary>
internal sealed class UnionLayer : Module<Tensor, Tensor>
{
    private readonly int _heads;
    private readonly Linear q_proj, k_proj, v_proj, out_proj;
    private readonly LayerNorm ln_1, ln_2;
    private readonly Linear c_fc, c_proj;

    public UnionLayer(long channels, int heads) : base(nameof(UnionLayer))
    {
        _heads = heads;
        (q_proj, k_proj, v_proj) = (new Linear(channels, channels), new Linear(channels, channels), new Linear(channels, channels));
        out_proj = new Linear(channels, channels);
        ln_1 = new LayerNorm(channels);
        c_fc = new Linear(channels, 4 * channels);
        c_proj = new Linear(4 * channels, channels);
        ln_2 = new LayerNorm(channels);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x) // [n, tokens, channels]
    {
        using var scope = NewDisposeScope();
        var normal = ln_1.call(x);
        x = x + out_proj.call(Attention.MultiHead(q_proj.call(normal), k_proj.call(normal), v_proj.call(normal), _heads));
        var inner = c_fc.call(ln_2.call(x));
        return (x + c_proj.call(inner * sigmoid(1.702 * inner))).MoveToOuterDisposeScope();
    }
}
