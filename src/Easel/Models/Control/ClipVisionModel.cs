namespace Easel.Models.Control;

/// <summary>The shape of a <see cref="ClipVisionModel"/>.</summary>
/// <param name="Width">Width of a token: 1280 in ViT-H, 1664 in bigG.</param> <param name="Layers">Transformer layers.</param>
/// <param name="Heads">Attention heads: 16 in all that are in use.</param> <param name="FeedForwardWidth">Width inside the feed-forward layers.</param>
/// <param name="Patch">Pixels along the side of a patch: 14.</param> <param name="Side">Pixels along the side of the picture: 224.</param>
/// <param name="Projection">Width of what is said of the picture as a whole.</param>
internal sealed record ClipVisionConfig(int Width, int Layers, int Heads, int FeedForwardWidth, int Patch, int Side, int Projection,
    TextActivation Activation);

/// <summary>The picture half of CLIP. "Learning Transferable Visual Models From Natural Language Supervision", arXiv 2103.00020; field names are those of
/// transformers' CLIPVisionModelWithProjection.</summary>
internal sealed class ClipVisionModel : Module
{
    private static readonly float[] Mean = [0.48145466f, 0.4578275f, 0.40821073f], Deviation = [0.26862954f, 0.26130258f, 0.27577711f];

    private readonly VisionTransformer vision_model;
    private readonly Linear visual_projection;

    public ClipVisionModel(ClipVisionConfig config) : base(nameof(ClipVisionModel))
    {
        Config = config;
        vision_model = new VisionTransformer(config);
        visual_projection = new Linear(config.Width, config.Projection, hasBias: false);
        RegisterComponents();
    }

    public ClipVisionConfig Config { get; }

    /// <summary>Looks at pictures.</summary>
    /// <param name="pixels">[n, 3, side, side], 0 to 1.</param>
    /// <returns>What is said of each as a whole, [n, projection], and of each patch, [n, 1 + patches, width]: the state that enters the last layer.</returns>
    public (Tensor Whole, Tensor Patches) Look(Tensor pixels)
    {
        using var scope = NewDisposeScope();
        Tensor Colours(float[] values) => tensor(values, pixels.dtype, pixels.device).view(1, 3, 1, 1);
        return Encode((pixels - Colours(Mean)) / Colours(Deviation)) is var (whole, patches)
            ? (whole.MoveToOuterDisposeScope(), patches.MoveToOuterDisposeScope()) : default;
    }

    /// <summary>Looks at pictures whose pixels are brought to CLIP's own mean and deviation.</summary>
    public (Tensor Whole, Tensor Patches) Encode(Tensor normal)
    {
        using var scope = NewDisposeScope();
        var (last, patches) = vision_model.Encode(normal);
        return (visual_projection.call(last).MoveToOuterDisposeScope(), patches.MoveToOuterDisposeScope());
    }
}

internal sealed class VisionTransformer : Module
{
    private readonly VisionEmbeddings embeddings;
    private readonly LayerNorm pre_layrnorm; // so spelt in every file
    private readonly TextEncoderLayers encoder;
    private readonly LayerNorm post_layernorm;

    public VisionTransformer(ClipVisionConfig config) : base(nameof(VisionTransformer))
    {
        embeddings = new VisionEmbeddings(config);
        pre_layrnorm = new LayerNorm(config.Width);
        encoder = new TextEncoderLayers(new ClipTextConfig
        {
            Vocabulary = 0,
            Positions = 0,
            Width = config.Width,
            FeedForwardWidth = config.FeedForwardWidth,
            Layers = config.Layers,
            Heads = config.Heads,
            Activation = config.Activation,
            SeesAhead = true,
        });
        post_layernorm = new LayerNorm(config.Width);
        Layers = config.Layers;
        RegisterComponents();
    }

    private int Layers { get; }

    public (Tensor Last, Tensor Penultimate) Encode(Tensor pixels)
    {
        using var scope = NewDisposeScope();
        var h = pre_layrnorm.call(embeddings.call(pixels));
        for (var i = 0; i < Layers - 1; i++) h = encoder.Layer(i).call(h);
        var last = encoder.Layer(Layers - 1).call(h).select(1, 0).contiguous(); // the token that stands for the whole
        return (post_layernorm.call(last).MoveToOuterDisposeScope(), h.MoveToOuterDisposeScope());
    }
}

/// <summary>A picture to tokens: one for the whole, then one for each patch, with their places.</summary>
internal sealed class VisionEmbeddings : Module<Tensor, Tensor>
{
    private readonly VisionToken whole;
    private readonly Conv2d patch_embedding;
    private readonly Embedding position_embedding;

    public VisionEmbeddings(ClipVisionConfig config) : base(nameof(VisionEmbeddings))
    {
        whole = new VisionToken(config.Width);
        patch_embedding = new Conv2d(3, config.Width, config.Patch, stride: config.Patch, hasBias: false);
        var side = config.Side / config.Patch;
        position_embedding = new Embedding(1 + side * side, config.Width);
        RegisterComponents();
    }

    public override Tensor forward(Tensor pixels)
    {
        using var scope = NewDisposeScope();
        var patches = patch_embedding.call(pixels).flatten(2).transpose(1, 2); // [n, patches, width]
        var tokens = cat([whole.call(patches), patches], dim: 1);
        var places = position_embedding.call(arange(tokens.shape[1], dtype: ScalarType.Int64, device: tokens.device));
        return (tokens + places.to(tokens.dtype)).MoveToOuterDisposeScope();
    }
}

/// <summary>The token that stands for a picture as a whole.</summary>
internal sealed class VisionToken : Layer
{
    private Parameter class_embedding; // [width]

    public VisionToken(long width) : base(nameof(VisionToken))
    {
        class_embedding = Shaped(width);
        RegisterComponents();
    }

    /// <summary>[n, 1, width] for n pictures.</summary>
    public override Tensor forward(Tensor patches)
    {
        using var scope = NewDisposeScope();
        return class_embedding.to(patches.dtype).expand(patches.shape[0], 1, -1).MoveToOuterDisposeScope();
    }

    private protected override void Adopt(string name, Parameter value) => class_embedding = value;
}
