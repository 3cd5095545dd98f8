namespace Easel.Models;

/// <summary>The activation inside a text encoder's feed-forward layers.</summary>
internal enum TextActivation
{
    /// <summary>x · sigmoid(1.702 x), as OpenAI's CLIP was trained (SD 1).</summary>
    QuickGelu,

    /// <summary>Exact GELU, as OpenCLIP was trained (SD 2).</summary>
    Gelu,
}

/// <summary>The shape of a <see cref="ClipTextModel"/>.</summary>
internal sealed record ClipTextConfig
{
    /// <summary>Tokens known: 49,408.</summary>
    public required int Vocabulary { get; init; }

    /// <summary>The longest sequence: 77.</summary>
    public required int Positions { get; init; }

    /// <summary>Width of a token's vector: 768 in SD 1, 1024 in SD 2.</summary>
    public required int Width { get; init; }

    /// <summary>Width inside the feed-forward layers: four times the width.</summary>
    public required int FeedForwardWidth { get; init; }

    /// <summary>Transformer layers stored.</summary>
    public required int Layers { get; init; }

    /// <summary>Attention heads: the width divided by 64 unless a configuration file says otherwise.</summary>
    public required int Heads { get; init; }

    public required TextActivation Activation { get; init; }

    /// <summary>The layers that the diffusion model was trained with: in SD 2 all of the whole tower but the last. Fewer may be stored, and more; null for all
    /// that are stored.</summary>
    public int? UsedLayers { get; init; }

    /// <summary>Whether a token attends to those behind it too, as in the picture half of CLIP.</summary>
    public bool SeesAhead { get; init; }

    /// <summary>Whether the final norm follows the last layer that is used.</summary>
    public bool HasFinalNorm { get; init; } = true;

    /// <summary>Width of the vector for a prompt as a whole: 1280 in the bigG of SDXL; 0 where there is none.</summary>
    public int PooledWidth { get; init; }
}

/// <summary>The text half of CLIP: token ids to one vector per token. "Learning Transferable Visual Models From Natural Language Supervision", arXiv
/// 2103.00020. Field names are those of transformers' CLIPTextModel; OpenCLIP's layout is a key table.</summary>
internal sealed class ClipTextModel : Module<Tensor, Tensor>
{
    private readonly TextTransformer text_model;
    private readonly Linear? text_projection;

    public ClipTextModel(ClipTextConfig config) : base(nameof(ClipTextModel))
    {
        Config = config;
        text_model = new TextTransformer(config);
        text_projection = config.PooledWidth > 0 ? new Linear(config.Width, config.PooledWidth, hasBias: false) : null;
        RegisterComponents();
    }

    public ClipTextConfig Config { get; }

    /// <summary>The format in which it computes, whatever its weights are kept in. Default fp32.</summary>
    public ScalarType RunType { get; init; } = ScalarType.Float32;

    /// <summary>Encodes with the layer that the diffusion model was trained on.</summary>
    /// <param name="ids">[n, tokens], int64.</param> <returns>[n, tokens, width], after the final norm where it belongs.</returns>
    public override Tensor forward(Tensor ids) => Encode(ids, clipSkip: 1);

    /// <summary>Encodes, stopping <paramref name="clipSkip"/> - 1 layers before the one that the diffusion model was trained on ("clip skip").</summary>
    public Tensor Encode(Tensor ids, int clipSkip) => EncodeVectors(text_model.TokenVectors(ids), null, clipSkip).Context;

    /// <summary>Encodes token vectors that are already looked up (some perhaps replaced by learned ones).</summary>
    /// <param name="vectors">[n, tokens, width].</param>
    /// <param name="ends">[n], int64, where each text ends, for an encoder that is asked for a vector of the whole; null where it is not.</param>
    /// <returns>[n, tokens, width], and [n, <see cref="ClipTextConfig.PooledWidth"/>].</returns>
    internal (Tensor Context, Tensor? Pooled) EncodeVectors(Tensor vectors, Tensor? ends, int clipSkip)
    {
        using var scope = NewDisposeScope();
        var used = Math.Clamp((Config.UsedLayers ?? Config.Layers) - (clipSkip - 1), 0, Config.Layers);
        var states = text_model.HiddenStates(text_model.AddPositions(vectors).to(RunType), ends is null ? used : Config.Layers);
        var context = Config.HasFinalNorm ? text_model.Finish(states[used]) : states[used];
        return (context.MoveToOuterDisposeScope(), ends is null ? null : Pooled(text_model.Finish(states[^1]), ends).MoveToOuterDisposeScope());
    }

    private Tensor Pooled(Tensor last, Tensor ends) =>
        text_projection!.call(last.take_along_dim(ends.view(-1, 1, 1).expand(-1, 1, last.shape[2]), 1).squeeze(1));

    /// <summary>The token table's vectors, without positions: [n, tokens, width].</summary>
    internal Tensor TokenVectors(Tensor ids) => text_model.TokenVectors(ids);

    /// <summary>The embedding sum and the output of each layer, before the final norm.</summary>
    internal IReadOnlyList<Tensor> HiddenStates(Tensor ids) => text_model.HiddenStates(text_model.Embed(ids).to(RunType), Config.Layers);
}

internal sealed class TextTransformer : Module
{
    private readonly TextEmbeddings embeddings;
    private readonly TextEncoderLayers encoder;
    private readonly LayerNorm final_layer_norm;

    public TextTransformer(ClipTextConfig config) : base(nameof(TextTransformer))
    {
        embeddings = new TextEmbeddings(config);
        encoder = new TextEncoderLayers(config);
        final_layer_norm = new LayerNorm(config.Width);
        RegisterComponents();
    }

    public Tensor TokenVectors(Tensor ids) => embeddings.Tokens(ids);

    public Tensor AddPositions(Tensor vectors) => embeddings.AddPositions(vectors);

    public Tensor Embed(Tensor ids) => embeddings.AddPositions(embeddings.Tokens(ids));

    public IReadOnlyList<Tensor> HiddenStates(Tensor x, int layers)
    {
        var states = new List<Tensor> { x };
        for (var i = 0; i < layers; i++) states.Add(encoder.Layer(i).call(states[^1]));
        return states;
    }

    public Tensor Finish(Tensor x) => final_layer_norm.call(x);
}

internal sealed class TextEmbeddings : Module
{
    private readonly Embedding token_embedding;
    private readonly Embedding position_embedding;

    public TextEmbeddings(ClipTextConfig config) : base(nameof(TextEmbeddings))
    {
        token_embedding = new Embedding(config.Vocabulary, config.Width);
        position_embedding = new Embedding(config.Positions, config.Width);
        RegisterComponents();
    }

    public Tensor Tokens(Tensor ids) => token_embedding.call(ids);

    public Tensor AddPositions(Tensor vectors) =>
        vectors + position_embedding.call(arange(vectors.shape[1], dtype: ScalarType.Int64, device: vectors.device)).unsqueeze(0);
}

internal sealed class TextEncoderLayers : Module
{
    private readonly ModuleList<TextEncoderLayer> layers = new();

    public TextEncoderLayers(ClipTextConfig config) : base(nameof(TextEncoderLayers))
    {
        for (var i = 0; i < config.Layers; i++) layers.Add(new TextEncoderLayer(config));
        RegisterComponents();
    }

    public TextEncoderLayer Layer(int index) => layers[index];
}

internal sealed class TextEncoderLayer : Module<Tensor, Tensor>
{
    private readonly LayerNorm layer_norm1;
    private readonly TextAttention self_attn;
    private readonly LayerNorm layer_norm2;
    private readonly TextFeedForward mlp;

    public TextEncoderLayer(ClipTextConfig config) : base(nameof(TextEncoderLayer))
    {
        layer_norm1 = new LayerNorm(config.Width);
        self_attn = new TextAttention(config);
        layer_norm2 = new LayerNorm(config.Width);
        mlp = new TextFeedForward(config);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x) // [n, tokens, width]
    {
        using var scope = NewDisposeScope();
        x = x + self_attn.call(layer_norm1.call(x));
        x = x + mlp.call(layer_norm2.call(x));
        return x.MoveToOuterDisposeScope();
    }
}

/// <summary>Attention of each token to itself and those before it, or to all.</summary>
internal sealed class TextAttention : Module<Tensor, Tensor>
{
    private readonly long _heads;
    private readonly bool _causal;
    private readonly Linear q_proj, k_proj, v_proj, out_proj;

    public TextAttention(ClipTextConfig config) : base(nameof(TextAttention))
    {
        (_heads, _causal) = (config.Heads, !config.SeesAhead);
        q_proj = new Linear(config.Width, config.Width);
        k_proj = new Linear(config.Width, config.Width);
        v_proj = new Linear(config.Width, config.Width);
        out_proj = new Linear(config.Width, config.Width);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        var attended = Attention.MultiHead(q_proj.call(x), k_proj.call(x), v_proj.call(x), _heads, causal: _causal);
        return out_proj.call(attended).MoveToOuterDisposeScope();
    }
}

internal sealed class TextFeedForward : Module<Tensor, Tensor>
{
    private readonly TextActivation _activation;
    private readonly Linear fc1, fc2;

    public TextFeedForward(ClipTextConfig config) : base(nameof(TextFeedForward))
    {
        _activation = config.Activation;
        fc1 = new Linear(config.Width, config.FeedForwardWidth);
        fc2 = new Linear(config.FeedForwardWidth, config.Width);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        x = fc1.call(x);
        x = _activation == TextActivation.QuickGelu ? x * sigmoid(1.702 * x) : functional.gelu(x);
        return fc2.call(x).MoveToOuterDisposeScope();
    }
}
