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

    /// <summary>The layout that oneDNN has chosen for a kind of call; null where it is none that is known here.</summary>
    private static readonly ConcurrentDictionary<Kind, WeightLayout?> Layouts = new();

    private readonly long _padding;
    private readonly long _stride;
    private IWeightRows? _rows; // until the first call
    private PackedWeight? _weight;
    private WeightLayout? _layout;
    private Kind _kind;

    /// <param name="rows">The weight, which is the object's own from here on.</param>
    public PackedConvolution(IWeightRows rows, long padding, long stride) => (_rows, _padding, _stride) = (rows, padding, stride);

    /// <param name="weight">The weight, which is the object's own from here on.</param>
    public PackedConvolution(Tensor weight, long padding, long stride) : this(new TensorRows(weight), padding, stride) { }

    /// <summary>x [n, inputs, h, w] convolved, plus the bias.</summary>
    public Tensor Apply(Tensor x, Tensor? bias) => OneDnn.Convolution(x, For(x), bias, _padding, _stride);

    /// <summary>Adds the convolution of <paramref name="x"/> and the bias to <paramref name="sum"/>, in place; returns it.</summary>
    public Tensor AddTo(Tensor sum, Tensor x, Tensor? bias) => OneDnn.AddConvolution(sum, x, For(x), bias, _padding, _stride);

    public void Dispose()
    {
        _rows?.Dispose();
        _weight?.Dispose();
    }

    private Tensor For(Tensor x)
    {
        var seen = x.shape;
        var shape = _rows is null ? _weight!.Values.shape : _rows.Shape;
        var type = _rows?.Type ?? _weight!.Values.dtype;
        var kind = new Kind(shape[0], shape[1], shape[2], _padding, _stride, type, seen[0], seen[2], seen[3], get_num_threads());
        if (_weight is not null && kind == _kind) return _weight.Values;
        if (Layouts.Count > MostKinds) Layouts.Clear();
        var layout = Layouts.GetOrAdd(kind, _ => WeightLayout.Of(shape, type, Pack));
        if (_weight is null || layout is null || !layout.LiesAs(_layout))
        {
            // A weight that was laid out is itself the rows of the next. Where that does not succeed all is as it was.
            using var again = _rows is null ? new TensorRows(_weight!.Values.to_dense()) : null;
            var rows = _rows ?? again!;
            var packed = layout?.Lay(rows) ?? Packed(rows);
            _rows?.Dispose();
            _weight?.Dispose();
            (_rows, _weight, _layout) = (null, packed, layout);
        }
        _kind = kind;
        return _weight.Values;

        Tensor Pack(Tensor plain) => OneDnn.PackConvolution(plain, _padding, _stride, seen);

        PackedWeight Packed(IWeightRows rows)
        {
            using var scope = NewDisposeScope();
            return new PackedWeight(Pack(TensorRows.Read(rows)).DetachFromDisposeScope());
        }
    }

    /// <summary>All that a layout depends on, on one machine.</summary>
    private readonly record struct Kind(long Outputs, long Inputs, long Kernel, long Padding, long Stride, ScalarType Type, long Count, long Height, long Width,
        int Threads);
}
