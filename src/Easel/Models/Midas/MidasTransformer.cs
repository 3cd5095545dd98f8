namespace Easel.Models.Midas;

/// <summary>A vision transformer over the features of a residual network ("An Image is Worth 16x16 Words", arXiv 2010.11929: the hybrid), for pictures of any
/// shape: the positions' vectors, learned on a square, are stretched to it. VisionTransformer in timm 0.6.13 with forward_flex of isl-org/MiDaS,
/// midas/vit.py.</summary>
internal sealed class MidasTransformer : Module
{
    private readonly MidasTokens tokens;
    private readonly MidasPatches patch_embed;
    private readonly ModuleList<MidasBlock> blocks = new();

    public MidasTransformer(MidasConfig config) : base(nameof(MidasTransformer))
    {
        tokens = new MidasTokens(config.Width, config.Grid);
        patch_embed = new MidasPatches(config);
        for (var i = 0; i < config.Depth; i++) blocks.Add(new MidasBlock(config.Width));
        RegisterComponents();
    }

    /// <summary>The features of the first two stages as pictures, then the tokens (the class token first) after three quarters of the blocks and after the
    /// last.</summary>
    public IReadOnlyList<Tensor> Features(Tensor x) // [n, 3, h, w]
    {
        using var scope = NewDisposeScope();
        var stages = patch_embed.Backbone.Features(x);
        var h = tokens.call(patch_embed.call(stages[^1])); // [n, 1 + h/16 * w/16, width]
        Tensor? early = null;
        for (var i = 0; i < blocks.Count; i++)
        {
            h = blocks[i].call(h);
            if (i == blocks.Count * 3 / 4 - 1) early = h;
        }
        return [.. new[] { stages[0], stages[1], early!, h }.Select(t => t.MoveToOuterDisposeScope())];
    }
}

/// <summary>The residual network, and what makes a token of each position of its output.</summary>
internal sealed class MidasPatches : Module<Tensor, Tensor>
{
    private readonly MidasBackbone backbone;
    private readonly Conv2d proj;

    public MidasPatches(MidasConfig config) : base(nameof(MidasPatches))
    {
        backbone = new MidasBackbone(config);
        proj = new Conv2d(config.StageChannels[^1], config.Width, kernel: 1);
        RegisterComponents();
    }

    public MidasBackbone Backbone => backbone;

    public override Tensor forward(Tensor features) => proj.call(features);
}

/// <summary>The class token and the positions' vectors: in the checkpoint two tensors of the transformer itself.</summary>
internal sealed class MidasTokens : Layer
{
    private readonly long _grid;
    private Parameter cls_token; // [1, 1, width]
    private Parameter pos_embed; // [1, 1 + grid * grid, width]

    public MidasTokens(long width, long grid) : base(nameof(MidasTokens))
    {
        _grid = grid;
        cls_token = Shaped(1, 1, width);
        pos_embed = Shaped(1, 1 + grid * grid, width);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x) // [n, width, h, w]
    {
        using var scope = NewDisposeScope();
        var (width, height, across) = (x.shape[1], x.shape[2], x.shape[3]);
        var square = pos_embed[.., 1..].view(1, _grid, _grid, width).permute(0, 3, 1, 2);
        var stretched = functional.interpolate(square, [height, across], mode: InterpolationMode.Bilinear, align_corners: false);
        var positions = cat([pos_embed[.., ..1], stretched.flatten(2).transpose(1, 2)], dim: 1);
        return (cat([cls_token.expand(x.shape[0], 1, width), x.flatten(2).transpose(1, 2)], dim: 1) + positions).MoveToOuterDisposeScope();
    }

    private protected override void Adopt(string name, Parameter value) => _ = name == nameof(cls_token) ? cls_token = value : pos_embed = value;
}

/// <summary>Self-attention and a feed-forward network, each behind a norm and added to its input.</summary>
internal sealed class MidasBlock : Module<Tensor, Tensor>
{
    private readonly LayerNorm norm1;
    private readonly MidasAttention attn;
    private readonly LayerNorm norm2;
    private readonly GeluMlp mlp;

    public MidasBlock(long width) : base(nameof(MidasBlock))
    {
        norm1 = new LayerNorm(width, 1e-6);
        attn = new MidasAttention(width);
        norm2 = new LayerNorm(width, 1e-6);
        mlp = new GeluMlp(width, 4 * width);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x) // [n, tokens, width]
    {
        using var scope = NewDisposeScope();
        x = x + attn.call(norm1.call(x));
        x = x + mlp.call(norm2.call(x));
        return x.MoveToOuterDisposeScope();
    }
}

/// <summary>Attention of all tokens to all, in heads of 64.</summary>
internal sealed class MidasAttention : Module<Tensor, Tensor>
{
    private readonly Linear qkv, proj;

    public MidasAttention(long width) : base(nameof(MidasAttention))
    {
        qkv = new Linear(width, 3 * width);
        proj = new Linear(width, width);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        var parts = qkv.call(x).chunk(3, dim: -1);
        return proj.call(Attention.MultiHead(parts[0], parts[1], parts[2], x.shape[2] / 64)).MoveToOuterDisposeScope();
    }
}
