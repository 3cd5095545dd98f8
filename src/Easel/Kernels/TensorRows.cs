namespace Easel.Kernels;

/// <summary>The rows of a weight that lies in memory.</summary>
internal sealed unsafe class TensorRows : IWeightRows
{
    private readonly Tensor _values;
    private readonly byte* _address;
    private readonly long _row; // bytes
    private readonly int _taps; // that lie inside of the inputs and have to be brought outside; 1 where they do not

    /// <param name="values">The weight, contiguous or with its inputs last, which is the object's own from here on.</param>
    public TensorRows(Tensor values)
    {
        (_values, Shape, Type) = (values.DetachFromDisposeScope(), values.shape, values.dtype);
        _address = (byte*)TensorMemory.Address(values);
        _row = values.numel() / Shape[0] * Type.ElementSize();
        using var inputsLast = values.dim() == 4 ? values.permute(0, 2, 3, 1) : values.alias();
        _taps = inputsLast.is_contiguous() ? 1 : (int)(Shape[2] * Shape[3]);
    }

    public long[] Shape { get; }

    public ScalarType Type { get; }

    public bool IsBrief => false;

    public byte* Read(long first, int count, byte* workspace)
    {
        var rows = _address + first * _row;
        if (_taps == 1) return rows;
        if (Type.ElementSize() == sizeof(float)) TapsOutside((uint*)rows, count, (uint*)workspace);
        else TapsOutside((ushort*)rows, count, (ushort*)workspace);
        return workspace;
    }

    /// <summary>A weight as it is without anything laid out; the caller's own.</summary>
    public static Tensor Read(IWeightRows rows)
    {
        long[] shape = rows.Shape is [var outputs, var inputs, var height, var width] ? [outputs, height, width, inputs] : rows.Shape;
        var values = empty(shape, rows.Type);
        var to = (byte*)TensorMemory.Address(values);
        var row = values.numel() / shape[0] * rows.Type.ElementSize();
        for (var i = 0L; i < shape[0]; i++)
        {
            var from = rows.Read(i, 1, to + i * row);
            if (from != to + i * row) Buffer.MemoryCopy(from, to + i * row, row, row);
        }
        return shape.Length == 4 ? values.permute(0, 3, 1, 2) : values;
    }

    public void Dispose() => _values.Dispose();

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void TapsOutside<T>(T* from, int count, T* to) where T : unmanaged
    {
        var inputs = (int)Shape[1];
        for (var row = 0; row < count; row++, from += inputs * _taps, to += inputs * _taps)
            for (var tap = 0; tap < _taps; tap++)
                for (var input = 0; input < inputs; input++) to[tap * inputs + input] = from[input * _taps + tap];
    }
}
