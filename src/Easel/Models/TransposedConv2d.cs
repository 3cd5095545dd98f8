namespace Easel.Models;

/// <summary>A convolution the other way round, which enlarges by its step.</summary>
internal sealed class TransposedConv2d : Layer
{
    private readonly long _stride, _padding;
    private Parameter weight; // [inputs, outputs, kernel, kernel]
    private Parameter bias;

    public TransposedConv2d(long inputs, long outputs, long kernel, long stride, long padding = 0) : base(nameof(TransposedConv2d))
    {
        (_stride, _padding) = (stride, padding);
        weight = Shaped(inputs, outputs, kernel, kernel);
        bias = Shaped(outputs);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x) =>
        functional.conv_transpose2d(x, As(weight, x)!, As(bias, x), strides: [_stride, _stride], padding: [_padding, _padding]);

    private protected override void Adopt(string name, Parameter value) => _ = name == nameof(weight) ? weight = value : bias = value;
}
