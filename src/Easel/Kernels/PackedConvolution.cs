using System.Collections.Concurrent;

namespace Easel.Kernels;

/// <summary>
/// A convolution's weight [outputs, inputs, k, k], laid out as oneDNN wants it for the pictures that come and the threads that there are. Another layout serves
/// as well and gives the same numbers, but is laid out anew at every call, by a slow path, which takes ten times as long as the convolution of a small picture.
/// </summary>
/// <remarks>There is one copy of the weight: as it came until the first call, then laid out, and laid out again when a call wants another layout.</remarks>
internal sealed class PackedConvolution : IDisposable
{
    /// <summary>Kinds of calls that are remembered; a server that draws all sizes meets ever new ones.</summary>
    private const int MostKinds = 20_000;

    /// <summary>The layout that oneDNN has chosen for a kind of call, as it writes it down itself.</summary>
    private static readonly ConcurrentDictionary<Kind, string> Layouts = new();

    private readonly long[] _shape;
    private readonly long _padding;
    private readonly long _stride;
    private Tensor _weight;
    private string? _layout; // null for a weight that is as it came
    private Kind _kind;

    /// <param name="weight">The weight, which is the object's own from here on.</param>
    public PackedConvolution(Tensor weight, long padding, long stride) =>
        (_weight, _shape, _padding, _stride) = (weight.DetachFromDisposeScope(), weight.shape, padding, stride);

    /// <summary>x [n, inputs, h, w] convolved, plus the bias.</summary>
    public Tensor Apply(Tensor x, Tensor? bias) => OneDnn.Convolution(x, For(x), bias, _padding, _stride);

    /// <summary>Adds the convolution of <paramref name="x"/> and the bias to <paramref name="sum"/>, in place; returns it.</summary>
    public Tensor AddTo(Tensor sum, Tensor x, Tensor? bias) => OneDnn.AddConvolution(sum, x, For(x), bias, _padding, _stride);

    public void Dispose() => _weight.Dispose();

    private Tensor For(Tensor x)
    {
        var seen = x.shape;
        var kind = new Kind(_shape[0], _shape[1], _shape[2], _padding, _stride, _weight.dtype, seen[0], seen[2], seen[3], get_num_threads());
        if (_layout is not null && kind == _kind) return _weight;
        if (_layout is null || !Layouts.TryGetValue(kind, out var wanted) || wanted != _layout)
        {
            using var plain = _layout is null ? null : _weight.to_dense();
            var packed = OneDnn.PackConvolution(plain ?? _weight, _padding, _stride, seen).DetachFromDisposeScope();
            _weight.Dispose();
            _weight = packed;
            _layout = OneDnn.Layout(packed);
            if (Layouts.Count > MostKinds) Layouts.Clear();
            Layouts[kind] = _layout;
        }
        _kind = kind;
        return _weight;
    }

    /// <summary>All that a layout depends on, on one machine.</summary>
    private readonly record struct Kind(long Outputs, long Inputs, long Kernel, long Padding, long Stride, ScalarType Type, long Count, long Height, long Width,
        int Threads);
}
