using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Easel.Models;

/// <summary>
/// A layer whose parameters come from a checkpoint. It is built without memory (on the meta device: shapes only), and <see cref="Assign"/> gives each parameter
/// its values one at a time, so that loading a model never holds it twice and never fills weights with random numbers first. Weights may be kept in a narrower format than
/// the numbers that flow through: each is then widened while its layer runs.
/// </summary>
public abstract class Layer : Module<Tensor, Tensor>
{
    private protected Layer(string name) : base(name) { }

    /// <summary>Replaces a parameter by <paramref name="value"/>, which the layer then owns. Its shape must be the parameter's.</summary>
    internal void Assign(string name, Tensor value)
    {
        var parameter = new Parameter(value, requires_grad: false);
        parameter.DetachFromDisposeScope();
        _internal_params[name].Dispose();
        _internal_params[name] = parameter;
        Adopt(name, parameter);
    }

    /// <summary>Points the layer's field at the new parameter.</summary>
    private protected abstract void Adopt(string name, Parameter value);

    /// <summary>The parameter in the format of what flows through the layer.</summary>
    private protected static Tensor? As(Parameter? parameter, Tensor x) => parameter is null || parameter.dtype == x.dtype ? parameter : parameter.to(x.dtype);

    private protected static Parameter Shaped(params long[] shape) => new(empty(shape, device: META), requires_grad: false);
}

/// <summary>y = x Wᵀ + b over the last dimension.</summary>
public sealed class Linear : Layer
{
    private Parameter weight; // [outputs, inputs]
    private Parameter? bias;

    /// <summary>Creates the layer.</summary>
    public Linear(long inputs, long outputs, bool hasBias = true) : base(nameof(Linear))
    {
        weight = Shaped(outputs, inputs);
        bias = hasBias ? Shaped(outputs) : null;
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        return functional.linear(x, As(weight, x)!, As(bias, x)).MoveToOuterDisposeScope();
    }

    private protected override void Adopt(string name, Parameter value) => _ = name == nameof(weight) ? weight = value : bias = value;
}

/// <summary>A two-dimensional convolution with square kernels.</summary>
public sealed class Conv2d : Layer
{
    private readonly long _stride;
    private readonly long _padding;
    private Parameter weight; // [outputs, inputs, kernel, kernel]
    private Parameter? bias;

    /// <summary>Creates the layer.</summary>
    public Conv2d(long inputs, long outputs, long kernel, long stride = 1, long padding = 0, bool hasBias = true) : base(nameof(Conv2d))
    {
        (_stride, _padding) = (stride, padding);
        weight = Shaped(outputs, inputs, kernel, kernel);
        bias = hasBias ? Shaped(outputs) : null;
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        return functional.conv2d(x, As(weight, x)!, As(bias, x), [_stride, _stride], [_padding, _padding]).MoveToOuterDisposeScope();
    }

    private protected override void Adopt(string name, Parameter value) => _ = name == nameof(weight) ? weight = value : bias = value;
}

/// <summary>Normalises each group of channels of each picture to mean 0 and variance 1, then scales and shifts each channel.</summary>
public sealed class GroupNorm : Layer
{
    private readonly long _groups;
    private readonly double _epsilon;
    private Parameter weight; // [channels]
    private Parameter bias;

    /// <summary>Creates the layer.</summary>
    public GroupNorm(long groups, long channels, double epsilon) : base(nameof(GroupNorm))
    {
        (_groups, _epsilon) = (groups, epsilon);
        weight = Shaped(channels);
        bias = Shaped(channels);
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        return functional.group_norm(x, _groups, As(weight, x), As(bias, x), _epsilon).MoveToOuterDisposeScope();
    }

    private protected override void Adopt(string name, Parameter value) => _ = name == nameof(weight) ? weight = value : bias = value;
}

/// <summary>Normalises the last dimension to mean 0 and variance 1, then scales and shifts it.</summary>
public sealed class LayerNorm : Layer
{
    private readonly long[] _shape;
    private readonly double _epsilon;
    private Parameter weight; // [width]
    private Parameter bias;

    /// <summary>Creates the layer.</summary>
    public LayerNorm(long width, double epsilon = 1e-5) : base(nameof(LayerNorm))
    {
        (_shape, _epsilon) = ([width], epsilon);
        weight = Shaped(width);
        bias = Shaped(width);
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        return functional.layer_norm(x, _shape, As(weight, x), As(bias, x), _epsilon).MoveToOuterDisposeScope();
    }

    private protected override void Adopt(string name, Parameter value) => _ = name == nameof(weight) ? weight = value : bias = value;
}

/// <summary>A table of vectors, looked up by integer.</summary>
public sealed class Embedding : Layer
{
    private Parameter weight; // [count, width]

    /// <summary>Creates the layer.</summary>
    public Embedding(long count, long width) : base(nameof(Embedding))
    {
        weight = Shaped(count, width);
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override Tensor forward(Tensor ids)
    {
        using var scope = NewDisposeScope();
        return weight.index_select(0, ids.flatten()).view([.. ids.shape, weight.shape[1]]).MoveToOuterDisposeScope();
    }

    private protected override void Adopt(string name, Parameter value) => weight = value;
}
