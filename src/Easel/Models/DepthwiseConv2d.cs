namespace Easel.Models;

/// <summary>A convolution of each channel by itself.</summary>
internal sealed class DepthwiseConv2d : Layer
{
    private readonly long _stride, _padding;
    private Parameter weight; // [channels, 1, kernel, kernel]
    private Parameter? bias;

    public DepthwiseConv2d(long channels, long kernel, long stride = 1, long padding = 0, bool hasBias = false) : base(nameof(DepthwiseConv2d))
    {
        (_stride, _padding) = (stride, padding);
        weight = Shaped(channels, 1, kernel, kernel);
        bias = hasBias ? Shaped(channels) : null;
        RegisterComponents();
    }

    public override Tensor forward(Tensor x) =>
        functional.conv2d(x, As(weight, x)!, As(bias, x), [_stride, _stride], [_padding, _padding], [1, 1], groups: weight.shape[0]);

    private protected override void Adopt(string name, Parameter value) => _ = name == nameof(weight) ? weight = value : bias = value;
}

/// <summary>A batch norm whose mean and variance are those that training left.</summary>
internal sealed class FrozenBatchNorm : Layer
{
    private readonly double _epsilon;
    private Parameter weight, bias, running_mean, running_var; // [channels] each

    public FrozenBatchNorm(long channels, double epsilon) : base(nameof(FrozenBatchNorm))
    {
        _epsilon = epsilon;
        (weight, bias, running_mean, running_var) = (Shaped(channels), Shaped(channels), Shaped(channels), Shaped(channels));
        RegisterComponents();
    }

    public override Tensor forward(Tensor x) => functional.batch_norm(x, running_mean, running_var, weight, bias, training: false, eps: _epsilon);

    private protected override void Adopt(string name, Parameter value)
    {
        switch (name)
        {
            case nameof(weight): weight = value; break;
            case nameof(bias): bias = value; break;
            case nameof(running_mean): running_mean = value; break;
            default: running_var = value; break;
        }
    }
}
