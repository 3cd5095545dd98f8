namespace Easel.Models.Upscaling;

/// <summary>An enlargement to the nearest pixel and a 3x3 convolution of what comes of it, computed as one convolution of the small picture: of the pixels
/// under the kernel many are the same one, so that their weights add up, and nothing is ever as large as the enlarged picture with all its channels.</summary>
internal sealed class NearestConv2d : Layer
{
    private readonly int _scale;
    private Parameter weight; // [outputs, inputs, 3, 3]
    private Parameter bias;

    public NearestConv2d(int scale, long inputs, long outputs) : base(nameof(NearestConv2d))
    {
        _scale = scale;
        weight = Shaped(outputs, inputs, 3, 3);
        bias = Shaped(outputs);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x) // [n, inputs, h, w]
    {
        using var scope = NewDisposeScope();
        var made = functional.conv2d(x, Folded().to(x.dtype), As(bias, x)!.repeat_interleave(_scale * _scale), strides: [1, 1], padding: [1, 1]);
        return functional.pixel_shuffle(made, _scale).MoveToOuterDisposeScope(); // [n, outputs, scale · h, scale · w]
    }

    private protected override void Adopt(string name, Parameter value) => _ = name == nameof(weight) ? weight = value : bias = value;

    /// <summary>[outputs · scale², inputs, 3, 3]: for each of the pixels that one becomes, what it takes of the nine around that one.</summary>
    private Tensor Folded()
    {
        var taken = zeros([_scale, 3, 3], weight.dtype, weight.device); // which of the three small pixels the taps of a large one fall on
        for (var pixel = 0; pixel < _scale; pixel++)
            for (var tap = 0; tap < 3; tap++) taken[pixel, (pixel + tap - 1 + _scale) / _scale, tap] = 1;
        return einsum("iyt,jxs,octs->oijcyx", taken, taken, weight).reshape(-1, weight.shape[1], 3, 3);
    }
}
