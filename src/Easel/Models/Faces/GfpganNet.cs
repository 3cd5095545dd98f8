namespace Easel.Models.Faces;

/// <summary>The shape of a <see cref="GfpganNet"/>, read off its tensors.</summary>
/// <param name="Inner">Channels of the first half at 512, 256, ... 8 and 4 pixels: 32, 64, 128, 256, 256, ...</param>
/// <param name="Outer">Channels of the second half at 4, 8, ... 512 pixels: 512, ..., 64.</param>
/// <param name="Style">Width of what tells each layer how to draw: 512.</param>
/// <param name="StylesEach">Whether each layer is told something of its own.</param>
/// <param name="SteersHalf">Whether half of the channels are steered by the picture, as in all published files.</param>
internal sealed record GfpganConfig(IReadOnlyList<long> Inner, IReadOnlyList<long> Outer, long Style, bool StylesEach, bool SteersHalf)
{
    /// <summary>How often sides are doubled from 4 pixels on: 7.</summary>
    public int Levels => Inner.Count - 1;

    /// <summary>Side of a face: 512.</summary>
    public int Side => 4 << Levels;

    /// <summary>How many layers of the second half are told how to draw.</summary>
    public int Styles => 2 * Levels + 2;
}

/// <summary>GFPGAN 1.2 to 1.4: a UNet that looks at a poor face and steers a StyleGAN2, which draws faces. "Towards Real-World Blind Face Restoration with
/// Generative Facial Prior", arXiv 2101.04061; gfpgan/archs/gfpganv1_clean_arch.py of TencentARC/GFPGAN, whose names the fields have. The noise that the
/// original draws anew for every face is the one that the file holds, so that a face comes out the same each time.</summary>
internal sealed class GfpganNet : Module<Tensor, Tensor>
{
    private readonly GfpganConfig _config;
    private readonly Conv2d conv_body_first;
    private readonly ModuleList<ResizingBlock> conv_body_down = new();
    private readonly Conv2d final_conv;
    private readonly ModuleList<ResizingBlock> conv_body_up = new();
    private readonly Linear final_linear;
    private readonly StyleDecoder stylegan_decoder;
    private readonly ModuleList<Module<Tensor, Tensor>> condition_scale = new(), condition_shift = new();

    public GfpganNet(GfpganConfig config) : base(nameof(GfpganNet))
    {
        _config = config;
        var inner = config.Inner;
        conv_body_first = new Conv2d(3, inner[0], kernel: 1);
        for (var i = 0; i < config.Levels; i++) conv_body_down.Add(new ResizingBlock(inner[i], inner[i + 1]));
        final_conv = new Conv2d(inner[^1], inner[^1], kernel: 3, padding: 1);
        final_linear = new Linear(inner[^1] * 16, config.StylesEach ? config.Styles * config.Style : config.Style);
        for (var i = 0; i < config.Levels; i++)
        {
            var (from, to) = (inner[config.Levels - i], inner[config.Levels - 1 - i]);
            conv_body_up.Add(new ResizingBlock(from, to));
            var steered = config.SteersHalf ? config.Outer[i + 1] / 2 : config.Outer[i + 1];
            condition_scale.Add(Steering(to, steered));
            condition_shift.Add(Steering(to, steered));
        }
        stylegan_decoder = new StyleDecoder(config);
        RegisterComponents();

        static Module<Tensor, Tensor> Steering(long features, long outputs) => Sequential(("0", new Conv2d(features, features, kernel: 3, padding: 1)),
            ("1", LeakyReLU(0.2)), ("2", new Conv2d(features, outputs, kernel: 3, padding: 1)));
    }

    public override Tensor forward(Tensor face) // [n, 3, side, side], -1 to 1, and out as well
    {
        using var scope = NewDisposeScope();
        var h = Leaky(conv_body_first.call(face));
        var seen = new List<Tensor>();
        foreach (var down in conv_body_down) seen.Add(h = down.Resized(h, 0.5));
        h = Leaky(final_conv.call(h));

        var styles = final_linear.call(h.flatten(1)).reshape(h.shape[0], -1, _config.Style);
        if (!_config.StylesEach) styles = styles.expand(-1, _config.Styles, -1);
        var steering = new List<(Tensor Scale, Tensor Shift)>();
        for (var i = 0; i < _config.Levels; i++)
        {
            h = conv_body_up[i].Resized(h + seen[^(i + 1)], 2);
            steering.Add((condition_scale[i].call(h), condition_shift[i].call(h)));
        }
        return stylegan_decoder.Draw(styles, steering).MoveToOuterDisposeScope();
    }

    internal static Tensor Leaky(Tensor x) => functional.leaky_relu(x, 0.2, inplace: true);

    internal static Tensor Interpolated(Tensor x, double times) => functional.interpolate(x, [(long)(x.shape[2] * times), (long)(x.shape[3] * times)],
        mode: InterpolationMode.Bilinear, align_corners: false);

    /// <summary>Two convolutions with a change of size between them, added to the input so changed.</summary>
    private sealed class ResizingBlock : Module<Tensor, Tensor>
    {
        private readonly Conv2d conv1, conv2, skip;

        public ResizingBlock(long inputs, long outputs) : base(nameof(ResizingBlock))
        {
            conv1 = new Conv2d(inputs, inputs, kernel: 3, padding: 1);
            conv2 = new Conv2d(inputs, outputs, kernel: 3, padding: 1);
            skip = new Conv2d(inputs, outputs, kernel: 1, hasBias: false);
            RegisterComponents();
        }

        public override Tensor forward(Tensor x) => Resized(x, 1);

        public Tensor Resized(Tensor x, double times)
        {
            using var scope = NewDisposeScope();
            var made = Leaky(conv2.call(Interpolated(Leaky(conv1.call(x)), times)));
            return (made + skip.call(Interpolated(x, times))).MoveToOuterDisposeScope();
        }
    }
}

/// <summary>StyleGAN2's second half, steered by a picture.</summary>
internal sealed class StyleDecoder : Module
{
    private readonly GfpganConfig _config;
    private readonly StartingPoint constant_input;
    private readonly StyledConv style_conv1;
    private readonly StyledColours to_rgb1;
    private readonly ModuleList<StyledConv> style_convs = new();
    private readonly ModuleList<StyledColours> to_rgbs = new();
    private readonly StoredNoise noises;

    public StyleDecoder(GfpganConfig config) : base(nameof(StyleDecoder))
    {
        _config = config;
        var outer = config.Outer;
        constant_input = new StartingPoint(outer[0]);
        style_conv1 = new StyledConv(outer[0], outer[0], config.Style, doubles: false);
        to_rgb1 = new StyledColours(outer[0], config.Style);
        for (var i = 1; i <= config.Levels; i++)
        {
            style_convs.Add(new StyledConv(outer[i - 1], outer[i], config.Style, doubles: true));
            style_convs.Add(new StyledConv(outer[i], outer[i], config.Style, doubles: false));
            to_rgbs.Add(new StyledColours(outer[i], config.Style));
        }
        noises = new StoredNoise(2 * config.Levels + 1);
        RegisterComponents();
    }

    /// <summary>[n, 3, side, side].</summary>
    /// <param name="styles">[n, layers, style].</param>
    public Tensor Draw(Tensor styles, IReadOnlyList<(Tensor Scale, Tensor Shift)> steering)
    {
        using var scope = NewDisposeScope();
        var h = style_conv1.Draw(constant_input.call(styles), Style(0), noises.Of(0));
        var picture = to_rgb1.Draw(h, Style(1));
        for (var i = 0; i < _config.Levels; i++)
        {
            using var level = NewDisposeScope();
            var (place, (scale, shift)) = (2 * i + 1, steering[i]);
            h = style_convs[2 * i].Draw(h, Style(place), noises.Of(place));
            if (_config.SteersHalf)
            {
                var halves = h.chunk(2, dim: 1);
                h = cat([halves[0], halves[1] * scale + shift], dim: 1);
            }
            else
            {
                h = h * scale + shift;
            }
            h = style_convs[2 * i + 1].Draw(h, Style(place + 1), noises.Of(place + 1)).MoveToOuterDisposeScope();
            picture = (to_rgbs[i].Draw(h, Style(place + 2)) + GfpganNet.Interpolated(picture, 2)).MoveToOuterDisposeScope();
        }
        return picture.MoveToOuterDisposeScope();

        Tensor Style(int layer) => styles.select(1, layer);
    }

    /// <summary>What every face begins from.</summary>
    private sealed class StartingPoint : Layer
    {
        private Parameter weight; // [1, channels, 4, 4]

        public StartingPoint(long channels) : base(nameof(StartingPoint))
        {
            weight = Shaped(1, channels, 4, 4);
            RegisterComponents();
        }

        public override Tensor forward(Tensor styles) => As(weight, styles)!.expand(styles.shape[0], -1, -1, -1);

        private protected override void Adopt(string name, Parameter value) => weight = value;
    }

    /// <summary>Noise at each layer's size.</summary>
    private sealed class StoredNoise : Layer
    {
        private readonly Parameter[] _noise;

        public StoredNoise(int count) : base(nameof(StoredNoise))
        {
            _noise = new Parameter[count];
            for (var i = 0; i < count; i++) register_parameter(Name(i), _noise[i] = Shaped(1, 1, Side(i), Side(i)));
            RegisterComponents();
        }

        public override Tensor forward(Tensor x) => x;

        public Tensor Of(int layer) => _noise[layer];

        private static long Side(int layer) => 1L << (layer + 5) / 2;

        private static string Name(int layer) => "noise" + layer.ToString(CultureInfo.InvariantCulture);

        private protected override void Adopt(string name, Parameter value) => _noise[int.Parse(name.AsSpan(5), CultureInfo.InvariantCulture)] = value;
    }
}

/// <summary>A convolution whose kernel is weighed anew for each face.</summary>
internal sealed class StyledKernel : Layer
{
    private readonly bool _evens;
    private readonly Linear modulation;
    private Parameter weight; // [1, outputs, inputs, kernel, kernel]

    /// <param name="evens">Whether each output is brought to one size.</param>
    public StyledKernel(long inputs, long outputs, long kernel, long style, bool evens) : base(nameof(StyledKernel))
    {
        _evens = evens;
        modulation = new Linear(style, inputs);
        weight = Shaped(1, outputs, inputs, kernel, kernel);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x) => throw new NotSupportedException(); // it needs a style

    /// <param name="style">[n, style].</param>
    public Tensor Convolved(Tensor x, Tensor style)
    {
        using var scope = NewDisposeScope();
        var (count, channels, kernel) = (x.shape[0], x.shape[1], weight.shape[4]);
        var styled = As(weight, x)! * modulation.call(style).reshape(count, 1, channels, 1, 1);
        if (_evens) styled = styled * (styled.square().sum([2, 3, 4], keepdim: true) + 1e-8).rsqrt();
        var made = functional.conv2d(x.reshape(1, count * channels, x.shape[2], x.shape[3]), styled.reshape(-1, channels, kernel, kernel),
            padding: [kernel / 2, kernel / 2], groups: count);
        return made.reshape(count, -1, made.shape[2], made.shape[3]).MoveToOuterDisposeScope();
    }

    private protected override void Adopt(string name, Parameter value) => weight = value;
}

/// <summary>A styled convolution with noise, a bias and an activation.</summary>
internal sealed class StyledConv : Layer
{
    private readonly bool _doubles;
    private readonly StyledKernel modulated_conv;
    private Parameter weight; // [1]: how much of the noise
    private Parameter bias; // [1, outputs, 1, 1]

    public StyledConv(long inputs, long outputs, long style, bool doubles) : base(nameof(StyledConv))
    {
        _doubles = doubles;
        modulated_conv = new StyledKernel(inputs, outputs, kernel: 3, style, evens: true);
        weight = Shaped(1);
        bias = Shaped(1, outputs, 1, 1);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x) => throw new NotSupportedException(); // it needs a style

    public Tensor Draw(Tensor x, Tensor style, Tensor noise)
    {
        using var scope = NewDisposeScope();
        var made = modulated_conv.Convolved(_doubles ? GfpganNet.Interpolated(x, 2) : x, style) * Math.Sqrt(2);
        return GfpganNet.Leaky(made + As(weight, x)! * noise.to(x.dtype) + As(bias, x)!).MoveToOuterDisposeScope();
    }

    private protected override void Adopt(string name, Parameter value) => _ = name == nameof(weight) ? weight = value : bias = value;
}

/// <summary>A layer's share of the picture.</summary>
internal sealed class StyledColours : Layer
{
    private readonly StyledKernel modulated_conv;
    private Parameter bias; // [1, 3, 1, 1]

    public StyledColours(long inputs, long style) : base(nameof(StyledColours))
    {
        modulated_conv = new StyledKernel(inputs, 3, kernel: 1, style, evens: false);
        bias = Shaped(1, 3, 1, 1);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x) => throw new NotSupportedException(); // it needs a style

    public Tensor Draw(Tensor x, Tensor style)
    {
        using var scope = NewDisposeScope();
        return (modulated_conv.Convolved(x, style) + As(bias, x)!).MoveToOuterDisposeScope();
    }

    private protected override void Adopt(string name, Parameter value) => bias = value;
}
