namespace Easel.Models.Faces;

/// <summary>The shape of a <see cref="CodeFormerNet"/>, read off its tensors.</summary>
/// <param name="Channels">Channels at 512, 256, ... 16 pixels: 64, 128, 128, 256, 256, 512.</param> <param name="Latent">Channels of what a face is
/// encoded as: 256.</param> <param name="Codes">How many codes there are: 1,024.</param> <param name="Width">Width of the transformer: 512.</param>
/// <param name="Inner">Width inside its feed-forward layers.</param> <param name="Layers">Its layers: 9.</param>
/// <param name="Fused">Sides, in pixels, at which what was seen can be mixed in: 32, 64, 128, 256.</param>
internal sealed record CodeFormerConfig(IReadOnlyList<long> Channels, long Latent, long Codes, long Width, long Inner, int Layers, IReadOnlyList<int> Fused)
{
    /// <summary>Groups of the norms; all files have 32.</summary>
    public int Groups { get; init; } = 32;

    /// <summary>Attention heads; all files have 8.</summary>
    public int Heads { get; init; } = 8;
}

/// <summary>CodeFormer: a face is encoded, a transformer says which codes a good face would have there, and those are decoded; what was seen is mixed in as
/// far as is asked for. "Towards Robust Blind Face Restoration with Codebook Lookup Transformer", arXiv 2206.11253; basicsr/archs/codeformer_arch.py of
/// sczhou/CodeFormer, whose names the fields have.</summary>
internal sealed class CodeFormerNet : Layer
{
    public const int Side = 512;

    private readonly CodeFormerConfig _config;
    private readonly FaceCoder encoder, generator;
    private readonly CodeBook quantize;
    private readonly Linear feat_emb;
    private readonly ModuleList<CodeLayer> ft_layers = new();
    private readonly Module<Tensor, Tensor> idx_pred_layer;
    private readonly ModuleDict<FaceFusion> fuse_convs_dict = new();
    private Parameter position_emb; // [places, width]

    public CodeFormerNet(CodeFormerConfig config) : base(nameof(CodeFormerNet))
    {
        _config = config;
        encoder = FaceCoder.Encoding(config);
        generator = FaceCoder.Decoding(config);
        quantize = new CodeBook(config);
        feat_emb = new Linear(config.Latent, config.Width);
        position_emb = Shaped(16 * 16, config.Width);
        for (var i = 0; i < config.Layers; i++) ft_layers.Add(new CodeLayer(config));
        idx_pred_layer = Sequential(("0", new LayerNorm(config.Width)), ("1", new Linear(config.Width, config.Codes, hasBias: false)));
        foreach (var side in config.Fused) fuse_convs_dict.Add((Name(side), new FaceFusion(ChannelsAt(config, side), config.Groups)));
        RegisterComponents();
    }

    public override Tensor forward(Tensor face) => Restored(face, 0.5);

    /// <summary>[n, 3, 512, 512] in and out, -1 to 1.</summary>
    /// <param name="fidelity">How much of what was seen is mixed in, 0 to 1: at 0 the codes alone draw.</param>
    public Tensor Restored(Tensor face, double fidelity)
    {
        using var scope = NewDisposeScope();
        var seen = new Dictionary<int, Tensor>();
        var latent = encoder.Run(face, (side, x) =>
        {
            if (fidelity > 0 && _config.Fused.Contains(side)) seen[side] = x.alias().MoveToOuterDisposeScope();
            return x;
        });
        var tokens = feat_emb.call(latent.flatten(2).transpose(1, 2)); // [n, places, width]
        foreach (var layer in ft_layers) tokens = layer.Run(tokens, As(position_emb, tokens)!);
        var best = idx_pred_layer.call(tokens).argmax(2); // [n, places]
        var drawn = quantize.Of(best).to(latent.dtype).transpose(1, 2).reshape(latent.shape);
        return generator.Run(Adapted(drawn, latent), (side, x) =>
            seen.TryGetValue(side, out var own) ? fuse_convs_dict[Name(side)].Mixed(own, x, fidelity) : x).MoveToOuterDisposeScope();
    }

    private protected override void Adopt(string name, Parameter value) => position_emb = value;

    internal static long ChannelsAt(CodeFormerConfig config, int side) => config.Channels[System.Numerics.BitOperations.Log2((uint)(Side / side))];

    /// <summary>What each code stands for.</summary>
    private sealed class CodeBook : Module
    {
        private readonly Embedding embedding;

        public CodeBook(CodeFormerConfig config) : base(nameof(CodeBook))
        {
            embedding = new Embedding(config.Codes, config.Latent);
            RegisterComponents();
        }

        public Tensor Of(Tensor codes) => embedding.call(codes);
    }

    private static string Name(int side) => side.ToString(CultureInfo.InvariantCulture);

    /// <summary>With each channel's mean and deviation those of another's.</summary>
    private static Tensor Adapted(Tensor x, Tensor like)
    {
        using var scope = NewDisposeScope();
        var ((mean, deviation), (wantedMean, wanted)) = (Moments(x), Moments(like));
        return ((x - mean) / deviation * wanted + wantedMean).MoveToOuterDisposeScope();

        static (Tensor Mean, Tensor Deviation) Moments(Tensor t)
        {
            var flat = t.flatten(2);
            return (flat.mean([2]).reshape(t.shape[0], -1, 1, 1), (flat.var(2, unbiased: true) + 1e-5).sqrt().reshape(t.shape[0], -1, 1, 1));
        }
    }
}

/// <summary>The encoder or the generator of CodeFormer: one list of blocks, with places between them where one may look.</summary>
internal sealed class FaceCoder : Module
{
    private readonly ModuleList<Module<Tensor, Tensor>> blocks = new();
    private readonly Dictionary<int, int> _places = []; // number of a block to the side of its output

    private FaceCoder() : base(nameof(FaceCoder)) { }

    public static FaceCoder Encoding(CodeFormerConfig config)
    {
        var (coder, channels) = (new FaceCoder(), config.Channels);
        coder.blocks.Add(new Conv2d(3, channels[0], kernel: 3, padding: 1));
        var from = channels[0];
        for (var level = 0; level < channels.Count; level++)
        {
            var isLast = level == channels.Count - 1;
            for (var i = 0; i < 2; i++)
            {
                coder.blocks.Add(new FaceResnet(from, from = channels[level], config.Groups));
                if (isLast) coder.blocks.Add(new FaceAttention(from, config.Groups));
            }
            if (isLast) continue;
            coder._places[coder.blocks.Count - 1] = CodeFormerNet.Side >> level;
            coder.blocks.Add(new FaceHalving(from));
        }
        coder.Middle(from, config.Groups);
        coder.blocks.Add(new GroupNorm(config.Groups, from, 1e-6));
        coder.blocks.Add(new Conv2d(from, config.Latent, kernel: 3, padding: 1));
        coder.RegisterComponents();
        return coder;
    }

    public static FaceCoder Decoding(CodeFormerConfig config)
    {
        var (coder, channels) = (new FaceCoder(), config.Channels);
        var from = channels[^1];
        coder.blocks.Add(new Conv2d(config.Latent, from, kernel: 3, padding: 1));
        coder.Middle(from, config.Groups);
        for (var level = channels.Count - 1; level >= 0; level--)
        {
            var isFirst = level == channels.Count - 1;
            for (var i = 0; i < 2; i++)
            {
                coder.blocks.Add(new FaceResnet(from, from = channels[level], config.Groups));
                if (isFirst) coder.blocks.Add(new FaceAttention(from, config.Groups));
                else if (i == 0) coder._places[coder.blocks.Count - 1] = CodeFormerNet.Side >> level;
            }
            if (level > 0) coder.blocks.Add(new FaceDoubling(from));
        }
        coder.blocks.Add(new GroupNorm(config.Groups, from, 1e-6));
        coder.blocks.Add(new Conv2d(from, 3, kernel: 3, padding: 1));
        coder.RegisterComponents();
        return coder;
    }

    /// <summary>Runs the blocks.</summary>
    /// <param name="at">Given the side and the output of the blocks that it may look at; what it gives goes on.</param>
    public Tensor Run(Tensor x, Func<int, Tensor, Tensor> at)
    {
        using var scope = NewDisposeScope();
        var h = x.alias();
        for (var i = 0; i < blocks.Count; i++)
        {
            using var before = h;
            h = blocks[i].call(before);
            if (_places.TryGetValue(i, out var side)) h = at(side, h);
        }
        return h.MoveToOuterDisposeScope();
    }

    private void Middle(long channels, int groups)
    {
        blocks.Add(new FaceResnet(channels, channels, groups));
        blocks.Add(new FaceAttention(channels, groups));
        blocks.Add(new FaceResnet(channels, channels, groups));
    }
}

/// <summary>Two convolutions, each behind a norm, added to the input.</summary>
internal sealed class FaceResnet : Module<Tensor, Tensor>
{
    private readonly GroupNorm norm1, norm2;
    private readonly Conv2d conv1, conv2;
    private readonly Conv2d? conv_out;

    public FaceResnet(long inputs, long outputs, int groups) : base(nameof(FaceResnet))
    {
        norm1 = new GroupNorm(groups, inputs, 1e-6);
        conv1 = new Conv2d(inputs, outputs, kernel: 3, padding: 1);
        norm2 = new GroupNorm(groups, outputs, 1e-6);
        conv2 = new Conv2d(outputs, outputs, kernel: 3, padding: 1);
        conv_out = inputs == outputs ? null : new Conv2d(inputs, outputs, kernel: 1);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        var made = conv2.call(norm2.Silu(conv1.call(norm1.Silu(x))));
        return made.add_(conv_out is null ? x : conv_out.call(x)).MoveToOuterDisposeScope();
    }
}

/// <summary>Every position looks at all others, with one head.</summary>
internal sealed class FaceAttention : Module<Tensor, Tensor>
{
    private readonly GroupNorm norm;
    private readonly Conv2d q, k, v, proj_out;

    public FaceAttention(long channels, int groups) : base(nameof(FaceAttention))
    {
        norm = new GroupNorm(groups, channels, 1e-6);
        (q, k, v, proj_out) = (Pointwise(), Pointwise(), Pointwise(), Pointwise());
        RegisterComponents();

        Conv2d Pointwise() => new(channels, channels, kernel: 1);
    }

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        var normal = norm.call(x);
        var attended = Attention.MultiHead(Tokens(q), Tokens(k), Tokens(v), heads: 1);
        return proj_out.call(attended.transpose(1, 2).reshape(x.shape)).add_(x).MoveToOuterDisposeScope();

        Tensor Tokens(Conv2d conv) => conv.call(normal).flatten(2).transpose(1, 2).contiguous();
    }
}

/// <summary>Half the size.</summary>
internal sealed class FaceHalving : Module<Tensor, Tensor>
{
    private readonly Conv2d conv;

    public FaceHalving(long channels) : base(nameof(FaceHalving))
    {
        conv = new Conv2d(channels, channels, kernel: 3, stride: 2);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        using var wide = functional.pad(x, [0, 1, 0, 1]);
        return conv.call(wide);
    }
}

/// <summary>Twice the size.</summary>
internal sealed class FaceDoubling : Module<Tensor, Tensor>
{
    private readonly DoubledConv2d conv;

    public FaceDoubling(long channels) : base(nameof(FaceDoubling))
    {
        conv = new DoubledConv2d(channels);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x) => conv.call(x);
}

/// <summary>What was seen, mixed into what is drawn.</summary>
internal sealed class FaceFusion : Module
{
    private readonly FaceResnet encode_enc;
    private readonly Module<Tensor, Tensor> scale, shift;

    public FaceFusion(long channels, int groups) : base(nameof(FaceFusion))
    {
        encode_enc = new FaceResnet(2 * channels, channels, groups);
        (scale, shift) = (Steering(), Steering());
        RegisterComponents();

        Module<Tensor, Tensor> Steering() => Sequential(("0", new Conv2d(channels, channels, kernel: 3, padding: 1)), ("1", LeakyReLU(0.2)),
            ("2", new Conv2d(channels, channels, kernel: 3, padding: 1)));
    }

    public Tensor Mixed(Tensor seen, Tensor drawn, double share)
    {
        using var scope = NewDisposeScope();
        var both = encode_enc.call(cat([seen, drawn], dim: 1));
        return (drawn + (drawn * scale.call(both) + shift.call(both)) * share).MoveToOuterDisposeScope();
    }
}

/// <summary>A layer of the transformer: the places of a face look at one another.</summary>
internal sealed class CodeLayer : Module
{
    private readonly LayerNorm norm1, norm2;
    private readonly JoinedAttention self_attn;
    private readonly Linear linear1, linear2;

    public CodeLayer(CodeFormerConfig config) : base(nameof(CodeLayer))
    {
        norm1 = new LayerNorm(config.Width);
        self_attn = new JoinedAttention(config.Width, config.Heads);
        norm2 = new LayerNorm(config.Width);
        linear1 = new Linear(config.Width, config.Inner);
        linear2 = new Linear(config.Inner, config.Width);
        RegisterComponents();
    }

    public Tensor Run(Tensor x, Tensor places)
    {
        using var scope = NewDisposeScope();
        var normal = norm1.call(x);
        var h = self_attn.Attend(normal + places, normal).add_(x);
        return linear2.call(functional.gelu(linear1.call(norm2.call(h)))).add_(h).MoveToOuterDisposeScope();
    }

    /// <summary>PyTorch's own layer, which keeps what makes queries, keys and values in one tensor.</summary>
    private sealed class JoinedAttention : Layer
    {
        private readonly long _heads;
        private readonly Linear out_proj;
        private Parameter in_proj_weight; // [3 · width, width]
        private Parameter in_proj_bias;

        public JoinedAttention(long width, long heads) : base(nameof(JoinedAttention))
        {
            _heads = heads;
            in_proj_weight = Shaped(3 * width, width);
            in_proj_bias = Shaped(3 * width);
            out_proj = new Linear(width, width);
            RegisterComponents();
        }

        public override Tensor forward(Tensor x) => Attend(x, x);

        public Tensor Attend(Tensor looking, Tensor values)
        {
            using var scope = NewDisposeScope();
            var (weights, biases) = (As(in_proj_weight, values)!.chunk(3), As(in_proj_bias, values)!.chunk(3));
            Tensor Part(Tensor x, int part) => functional.linear(x, weights[part], biases[part]);
            return out_proj.call(Attention.MultiHead(Part(looking, 0), Part(looking, 1), Part(values, 2), _heads)).MoveToOuterDisposeScope();
        }

        private protected override void Adopt(string name, Parameter value) =>
            _ = name == nameof(in_proj_weight) ? in_proj_weight = value : in_proj_bias = value;
    }
}
