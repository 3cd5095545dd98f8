using Easel.Kernels;

namespace Easel.Models;

/// <summary>y = x Wᵀ + b over the last dimension.</summary>
internal sealed class Linear : Layer
{
    private readonly int _parts;
    private PackedWeight[]? _packed; // one for each part
    private Parameter weight; // [outputs, inputs]
    private Parameter? bias;

    /// <param name="parts">Equal parts of the outputs that are asked for one by one: 2 for a gated unit.</param>
    public Linear(long inputs, long outputs, bool hasBias = true, int parts = 1) : base(nameof(Linear))
    {
        (_parts, Inputs) = (parts, inputs);
        weight = Shaped(outputs, inputs);
        bias = hasBias ? Shaped(outputs) : null;
        RegisterComponents();
    }

    /// <summary>Width of what it is given.</summary>
    internal long Inputs { get; }

    /// <summary>Whether the weight is laid out for the processor, or will be when it is read.</summary>
    internal bool IsPacked => _packed is not null || Packs && Rests is not null;

    private protected override Parameter? Restable => weight;

    private protected override Parameter? Added => bias;

    /// <summary>What is done to what the layer is given, where another network steers it; null for nothing.</summary>
    internal Func<Tensor, Tensor>? Before { get; set; }

    public override Tensor forward(Tensor x)
    {
        if (Before is { } before)
        {
            using var steered = before(x);
            return Product(steered);
        }
        return Product(x);
    }

    private Tensor Product(Tensor x)
    {
        if (InParts(along: -1, () => Product(x)) is { } joined) return joined;
        using var held = Hold();
        using var scope = NewDisposeScope();
        if (_packed is [var packed]) return OneDnn.Linear(x, packed.Values, Addend).MoveToOuterDisposeScope();
        if (_packed is { } parts)
            return cat([.. parts.Select((part, i) => OneDnn.Linear(x, part.Values, Addend?.chunk(_parts)[i]))], -1).MoveToOuterDisposeScope();
        return (WorkCounter.Linear(x, weight) ?? functional.linear(x, As(weight, x)!, As(Addend, x))).MoveToOuterDisposeScope();
    }

    internal override Tensor AddTo(Tensor residual, Tensor x)
    {
        if (InParts(along: -1, () => Product(x)) is { } joined)
        {
            using (joined) return residual + joined;
        }
        using var held = Hold();
        return _packed is [var packed] ? OneDnn.LinearAdd(x, residual, packed.Values, bias) : base.AddTo(residual, x);
    }

    /// <summary>The first part of the outputs times GELU of the second.</summary>
    internal Tensor Gated(Tensor x)
    {
        using var scope = NewDisposeScope();
        var both = InParts(along: -1, () => Product(x));
        using var held = both is null ? Hold() : default;
        if (both is null && _packed is [var value, var gate])
        {
            var biases = bias?.chunk(2);
            return OneDnn.LinearMultiply(x, OneDnn.LinearGelu(x, gate.Values, biases?[1]), value.Values, biases?[0]).MoveToOuterDisposeScope();
        }
        var halves = (both ?? call(x)).chunk(2, dim: -1);
        return (halves[0] * functional.gelu(halves[1])).MoveToOuterDisposeScope();
    }

    private protected override void Adopt(string name, Parameter value) => _ = name == nameof(weight) ? weight = value : bias = value;

    private protected override bool CanPack => true;

    private protected override void Pack(IWeightRows rows)
    {
        Unpack();
        using (rows)
        {
            var each = rows.Shape[0] / _parts;
            _packed = [.. Enumerable.Range(0, _parts).Select(part => WeightLayout.Linear(new PartRows(rows, part * each, each)))];
        }
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing) Unpack();
        base.Dispose(disposing);
    }

    private protected override void Unpack()
    {
        foreach (var part in _packed ?? []) part.Dispose();
        _packed = null;
    }
}

/// <summary>A two-dimensional convolution with square kernels.</summary>
internal sealed class Conv2d : Layer
{
    private readonly long _stride;
    private readonly long _padding;
    private readonly bool _isPointwise; // a linear layer over the channels of each pixel, and packed as one
    private PackedWeight? _linear;
    private PackedConvolution? _packed;
    private Parameter weight; // [outputs, inputs, kernel, kernel]
    private Parameter? bias;

    public Conv2d(long inputs, long outputs, long kernel, long stride = 1, long padding = 0, bool hasBias = true) : base(nameof(Conv2d))
    {
        (_stride, _padding, _isPointwise) = (stride, padding, kernel == 1 && stride == 1 && padding == 0);
        weight = Shaped(outputs, inputs, kernel, kernel);
        bias = hasBias ? Shaped(outputs) : null;
        RegisterComponents();
    }

    /// <summary>Whether beyond an edge lies the opposite edge and not nothing, so that pictures tile.</summary>
    internal bool Wraps { get; set; }

    private protected override Parameter? Restable => weight;

    private protected override Parameter? Added => bias;

    public override Tensor forward(Tensor x)
    {
        if (!Wraps || _padding == 0) return Convolved(x);
        using var scope = NewDisposeScope();
        // So much of the opposite edges all round that what the padding reaches is cut off again.
        var made = Convolved(x.Wrapped(_stride * _padding));
        return made.narrow(2, _padding, Length(x.shape[2])).narrow(3, _padding, Length(x.shape[3])).ChannelsLast().MoveToOuterDisposeScope();

        long Length(long side) => (side + 2 * _padding - weight.shape[2]) / _stride + 1;
    }

    private Tensor Convolved(Tensor x)
    {
        if (InParts(along: 1, () => Convolved(x)) is { } joined) return joined;
        using var held = Hold();
        using var scope = NewDisposeScope();
        if (_packed is not null) return _packed.Apply(x, Addend).MoveToOuterDisposeScope();
        if (_linear is not null) return Picture(OneDnn.Linear(Pixels(x), _linear.Values, Addend)).MoveToOuterDisposeScope();
        var made = WorkCounter.Convolution(x, weight, _stride, _padding)
            ?? functional.conv2d(x, As(weight, x)!, As(Addend, x), [_stride, _stride], [_padding, _padding]);
        return made.MoveToOuterDisposeScope();
    }

    internal override Tensor AddTo(Tensor residual, Tensor x)
    {
        if (!Wraps && InParts(along: 1, () => Convolved(x)) is { } joined)
        {
            using (joined) return residual + joined;
        }
        using var held = Hold();
        if (_packed is not null && !Wraps) return _packed.AddTo(residual, x, bias);
        if (_linear is null) return base.AddTo(residual, x);
        using var scope = NewDisposeScope();
        return Picture(OneDnn.LinearAdd(Pixels(x), Pixels(residual), _linear.Values, bias)).MoveToOuterDisposeScope();
    }

    private static Tensor Pixels(Tensor x) => x.permute(0, 2, 3, 1);

    private static Tensor Picture(Tensor pixels) => pixels.permute(0, 3, 1, 2);

    private protected override void Adopt(string name, Parameter value) => _ = name == nameof(weight) ? weight = value : bias = value;

    private protected override bool CanPack => true;

    private protected override void Pack(IWeightRows rows)
    {
        Unpack();
        if (!_isPointwise)
        {
            _packed = new PackedConvolution(rows, _padding, _stride);
            return;
        }
        using (rows) _linear = WeightLayout.Linear(rows);
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing) Unpack();
        base.Dispose(disposing);
    }

    private protected override void Unpack()
    {
        _linear?.Dispose();
        _packed?.Dispose();
        (_linear, _packed) = (null, null);
    }
}

/// <summary>Normalises each group of channels of each picture to mean 0 and variance 1, then scales and shifts each channel.</summary>
internal sealed class GroupNorm : Layer
{
    private readonly long _groups;
    private readonly double _epsilon;
    private Parameter weight; // [channels]
    private Parameter bias;

    public GroupNorm(long groups, long channels, double epsilon) : base(nameof(GroupNorm))
    {
        (_groups, _epsilon) = (groups, epsilon);
        weight = Shaped(channels);
        bias = Shaped(channels);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        if (Packs && GroupNormSilu.Serves(x)) return GroupNormSilu.Apply(x, null, (int)_groups, weight, bias, _epsilon, silu: false);
        if (weight.requires_grad && GroupNormSilu.Serves(x)) return GroupNormGradient.Apply(x, null, (int)_groups, weight, bias, _epsilon, silu: false);
        using var scope = NewDisposeScope();
        return (WorkCounter.Norm(x) ?? functional.group_norm(x, _groups, As(weight, x), As(bias, x), _epsilon)).MoveToOuterDisposeScope();
    }

    /// <summary>SiLU of the layer's output.</summary>
    /// <param name="x">[n, channels, h, w].</param> <param name="addend">[n, channels], added to x first; null for nothing.</param>
    /// <param name="givesAway">Whether the result may be written over <paramref name="x"/>.</param>
    internal Tensor Silu(Tensor x, Tensor? addend = null, bool givesAway = false)
    {
        if (Packs && GroupNormSilu.Serves(x)) return GroupNormSilu.Apply(x, addend, (int)_groups, weight, bias, _epsilon, silu: true, givesAway);
        if (weight.requires_grad && GroupNormSilu.Serves(x)) return GroupNormGradient.Apply(x, addend, (int)_groups, weight, bias, _epsilon, silu: true);
        using var scope = NewDisposeScope();
        if (addend is not null) x = x + addend.unsqueeze(-1).unsqueeze(-1);
        return functional.silu(call(x)).MoveToOuterDisposeScope();
    }

    private protected override void Adopt(string name, Parameter value) => _ = name == nameof(weight) ? weight = value : bias = value;
}

/// <summary>Normalises the last dimension to mean 0 and variance 1, then scales and shifts it.</summary>
internal sealed class LayerNorm : Layer
{
    private readonly long[] _shape;
    private readonly double _epsilon;
    private Parameter weight; // [width]
    private Parameter bias;

    public LayerNorm(long width, double epsilon = 1e-5) : base(nameof(LayerNorm))
    {
        (_shape, _epsilon) = ([width], epsilon);
        weight = Shaped(width);
        bias = Shaped(width);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        return (WorkCounter.Norm(x) ?? functional.layer_norm(x, _shape, As(weight, x), As(bias, x), _epsilon)).MoveToOuterDisposeScope();
    }

    private protected override void Adopt(string name, Parameter value) => _ = name == nameof(weight) ? weight = value : bias = value;
}

/// <summary>A table of vectors, looked up by integer.</summary>
internal sealed class Embedding : Layer
{
    private Parameter weight; // [count, width]

    public Embedding(long count, long width) : base(nameof(Embedding))
    {
        weight = Shaped(count, width);
        RegisterComponents();
    }

    private protected override Parameter? Restable => weight;

    public override Tensor forward(Tensor ids)
    {
        using var held = Hold();
        using var scope = NewDisposeScope();
        var found = WorkCounter.LookUp(ids, weight) ?? weight.index_select(0, ids.flatten()).view([.. ids.shape, weight.shape[1]]);
        return found.MoveToOuterDisposeScope();
    }

    private protected override void Adopt(string name, Parameter value) => weight = value;
}
