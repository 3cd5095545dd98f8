using Easel.Kernels;
using Easel.Models;

namespace Easel.Weights.Formats;

/// <summary>A weight in ggml's blocks, in memory. Each row (what one output of a layer is made with) is whole blocks. Of a convolution the channels lie last,
/// as oneDNN takes them.</summary>
internal sealed unsafe class BlockTensor : IWeightAtRest
{
    private readonly Tensor _bytes; // so that they go back to the system as those of other tensors do
    private readonly byte* _address;
    private readonly GgmlType _type;
    private readonly long[] _shape;

    private BlockTensor(GgmlType type, long[] shape)
    {
        (_type, _shape, _bytes) = (type, shape, empty(shape.Aggregate(1L, (product, side) => product * side) / type.Values * type.Bytes, ScalarType.Byte));
        _address = (byte*)TensorMemory.Address(_bytes);
    }

    /// <summary>Narrows values, [outputs, ...]; null where a row of them is no whole blocks.</summary>
    /// <param name="narrow">Makes the blocks of a row.</param>
    public static BlockTensor? Of(Func<Tensor> values, GgmlType type, NarrowRow narrow)
    {
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        var read = values();
        if (read.dim() < 2 || read.numel() / read.shape[0] % type.Values != 0) return null;
        var made = new BlockTensor(type, read.shape);
        made._bytes.DetachFromDisposeScope();
        if (read.dtype is not (ScalarType.Float16 or ScalarType.BFloat16)) read = read.to(ScalarType.Float32, CPU);
        using var rows = new TensorRows(read.dim() == 4 && !read.is_contiguous() ? read.ChannelsLast() : read.contiguous());
        var (row, address) = (checked((int)(read.numel() / read.shape[0])), (nint)made._address);
        var bytes = row / type.Values * type.Bytes;
        // Row by row, so that nowhere the whole lies in fp32: the system clears new memory page by page, which takes longer than the blocks.
        SharedWork.Run((int)read.shape[0], 2L * sizeof(float) * row, (i, workspace) =>
        {
            var full = Widened(rows.Read(i, 1, (byte*)workspace), rows.Type, row, (float*)workspace + row);
            narrow(new Span<float>(full, row), new Span<byte>((byte*)address + (long)i * bytes, bytes));
        });
        return made;
    }

    /// <summary>A row in fp32: where it is, or in room for it.</summary>
    private static float* Widened(void* row, ScalarType type, int count, float* room)
    {
        if (type == ScalarType.Float32) return (float*)row;
        if (type == ScalarType.BFloat16) Halves.WidenBFloat16((ushort*)row, room, count);
        else Halves.Widen((ushort*)row, room, count);
        return room;
    }

    public bool Divides => true;

    /// <inheritdoc/>
    public Tensor Wake(ScalarType type) => Wake(type, 0, _shape[0]);

    /// <inheritdoc/>
    public Tensor Wake(ScalarType type, long first, long count)
    {
        using var scope = NewDisposeScope();
        var values = empty(_shape is [_, var inputs, var height, var width] ? [count, height, width, inputs] : [count, .. _shape[1..]],
            ReadsAs(type) ? type : ScalarType.Float32);
        var (row, blocks) = (_bytes.numel() / _shape[0], values.numel() / _type.Values);
        var from = _address + first * row;
        var to = TensorMemory.Address(values);
        if (values.dtype == ScalarType.BFloat16) GgmlBlocks.Widen(_type, from, blocks, (ushort*)to);
        else GgmlBlocks.Widen(_type, from, blocks, (float*)to);
        return (values.dim() == 4 ? values.permute(0, 3, 1, 2) : values).MoveToOuterDisposeScope();
    }

    public bool ReadsAs(ScalarType type) => type == ScalarType.Float32 || type == ScalarType.BFloat16 && Singles256.IsSupported;

    public void Read(ScalarType type, long first, int count, void* to)
    {
        var row = _bytes.numel() / _shape[0];
        var from = _address + first * row;
        var blocks = (int)(count * (row / _type.Bytes));
        if (type == ScalarType.BFloat16) GgmlBlocks.WidenHere(_type, from, blocks, (ushort*)to);
        else GgmlBlocks.WidenHere(_type, from, blocks, (float*)to);
    }

    public void Dispose() => _bytes.Dispose();
}
