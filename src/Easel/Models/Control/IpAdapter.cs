namespace Easel.Models.Control;

/// <summary>The shape of an <see cref="IpAdapter"/>.</summary>
/// <param name="PictureWidth">Width of what the vision tower gives.</param> <param name="ContextWidth">Width of a token: as wide as the prompt's.</param>
/// <param name="Tokens">Tokens that a picture becomes: 4, or 16 where each patch of it is looked at.</param>
/// <param name="Resampler">The shape of what looks at the patches; null where the picture is seen as a whole.</param>
/// <param name="LayerWidths">Width of each cross-attention, in the order in which files number them.</param>
internal sealed record IpAdapterConfig(int PictureWidth, int ContextWidth, int Tokens, ResamplerConfig? Resampler, IReadOnlyList<long> LayerWidths)
{
    /// <summary>Whether the picture goes through a perceptron and is told as one token, as the "full face" adapter does.</summary>
    public bool IsPerceptron { get; init; }
}

/// <summary>
/// The picture as a prompt: makes tokens of what CLIP's vision tower says of a picture, and keys and values of these for every cross-attention of the UNet.
/// "IP-Adapter: Text Compatible Image Prompt Adapter for Text-to-Image Diffusion Models", arXiv 2308.06721; tencent-ailab/IP-Adapter.
/// </summary>
internal sealed class IpAdapter : Module
{
    private readonly Module<Tensor, Tensor> image_proj;
    private readonly ModuleList<PromptedAttention> ip_adapter = new();

    public IpAdapter(IpAdapterConfig config) : base(nameof(IpAdapter))
    {
        Config = config;
        image_proj = config.Resampler is { } patches ? new Resampler(patches, config)
            : config.IsPerceptron ? new PicturePerceptron(config) : new PictureProjection(config);
        foreach (var width in config.LayerWidths) ip_adapter.Add(new PromptedAttention(config.ContextWidth, width));
        RegisterComponents();
    }

    public IpAdapterConfig Config { get; }

    /// <summary>What the vision tower says of a picture to tokens [n, tokens, context width].</summary>
    /// <param name="picture">[n, width], the picture as a whole, or [n, patches + 1, width] where each patch is looked at.</param>
    public Tensor Tokens(Tensor picture) => image_proj.call(picture);

    /// <summary>The layer that serves a cross-attention, by its number.</summary>
    public PromptedAttention Layer(int index) => ip_adapter[index];
}

/// <summary>Keys and values of a picture's tokens, for one cross-attention.</summary>
internal sealed class PromptedAttention : Module
{
    private readonly Linear to_k_ip, to_v_ip;

    public PromptedAttention(long contextWidth, long channels) : base(nameof(PromptedAttention))
    {
        to_k_ip = new Linear(contextWidth, channels, hasBias: false);
        to_v_ip = new Linear(contextWidth, channels, hasBias: false);
        RegisterComponents();
    }

    public (Tensor Keys, Tensor Values) KeysAndValues(Tensor tokens) => (to_k_ip.call(tokens), to_v_ip.call(tokens));
}

/// <summary>A picture to attend to beside the prompt, in one call of a UNet.</summary>
/// <param name="layers">Which of the adapter's layers serves each of the UNet's cross-attentions.</param>
/// <param name="tokens">[rows, tokens, width]: the picture's in rows that are told the prompt, those of no picture in the others.</param>
/// <param name="scale">How much it counts beside the prompt.</param> <param name="owner">Tells the pictures of one adapter apart.</param>
internal sealed class PicturePrompt(IReadOnlyDictionary<Attention, PromptedAttention> layers, Tensor tokens, double scale, object owner)
{
    /// <summary>What a cross-attention saw, with what it sees in the picture added.</summary>
    /// <param name="attended">[rows, positions, channels], of the prompt.</param> <param name="queries">[rows, positions, channels].</param>
    public Tensor AddTo(Tensor attended, Tensor queries, Attention layer, ContextKeys context, Func<Tensor, Tensor, Tensor, Tensor> attend)
    {
        if (scale == 0 || !layers.TryGetValue(layer, out var own)) return attended;
        using var scope = NewDisposeScope();
        var (keys, values) = context.Of(own, _ => own.KeysAndValues(tokens), owner);
        return (attended + scale * attend(queries, keys, values)).MoveToOuterDisposeScope();
    }
}

/// <summary>A picture as a whole to a few tokens.</summary>
internal sealed class PictureProjection : Module<Tensor, Tensor>
{
    private readonly int _tokens;
    private readonly Linear proj;
    private readonly LayerNorm norm;

    public PictureProjection(IpAdapterConfig config) : base(nameof(PictureProjection))
    {
        _tokens = config.Tokens;
        proj = new Linear(config.PictureWidth, (long)config.Tokens * config.ContextWidth);
        norm = new LayerNorm(config.ContextWidth);
        RegisterComponents();
    }

    public override Tensor forward(Tensor picture)
    {
        using var scope = NewDisposeScope();
        return norm.call(proj.call(picture).view(picture.shape[0], _tokens, -1)).MoveToOuterDisposeScope();
    }
}

/// <summary>Each patch of a picture to a token, through a perceptron.</summary>
internal sealed class PicturePerceptron : Module<Tensor, Tensor>
{
    private readonly ModuleList<Module<Tensor, Tensor>> proj;

    public PicturePerceptron(IpAdapterConfig config) : base(nameof(PicturePerceptron))
    {
        proj = new ModuleList<Module<Tensor, Tensor>>(new Linear(config.PictureWidth, config.PictureWidth), Identity(),
            new Linear(config.PictureWidth, config.ContextWidth), new LayerNorm(config.ContextWidth));
        RegisterComponents();
    }

    public override Tensor forward(Tensor picture)
    {
        using var scope = NewDisposeScope();
        return proj[3].call(proj[2].call(functional.gelu(proj[0].call(picture)))).MoveToOuterDisposeScope();
    }
}
