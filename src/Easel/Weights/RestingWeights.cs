using Easel.Kernels;
using Easel.Models;
using Easel.Runtime;
using Easel.Weights.Formats;

namespace Easel.Weights;

/// <summary>The ways in which weights rest while their layers do not run.</summary>
internal static class RestingWeights
{
    /// <summary>In the file, to be read whenever the layer runs.</summary>
    public static readonly LayToRest InFile = values => new FileWeight(values);

    /// <summary>As a number format says; null where weights are kept as they are computed with.</summary>
    public static LayToRest? Of(NumberFormat format) => Blocks(format.Weights) is { } blocks
        ? values => BlockTensor.Of(values, blocks.Type, blocks.Narrow) ?? (IWeightAtRest)Narrow(values)
        : format.Kept != format.Run ? values => new NarrowWeight(values, format.Kept) : null;

    /// <summary>Bytes that a value takes.</summary>
    public static double BytesPerValue(NumberFormat format) =>
        Blocks(format.Weights)?.Type is { } type ? (double)type.Bytes / type.Values : format.Kept == ScalarType.Float32 ? sizeof(float) : 2;

    private static (GgmlType Type, NarrowRow Narrow)? Blocks(WeightFormat weights) => weights switch
    {
        WeightFormat.Q8 => (GgmlType.Named("Q8_0")!, GgmlNarrowing.Q8_0),
        WeightFormat.Q4 => (GgmlType.Named("Q4_0")!, GgmlNarrowing.QuickQ4_0), // a model is loaded more often than it is converted
        _ => null,
    };

    /// <summary>Rows that are no whole blocks are few and short: half the memory is little enough.</summary>
    private static NarrowWeight Narrow(Func<Tensor> values) => new(values, ScalarType.Float16);

    private sealed class FileWeight(Func<Tensor> values) : IWeightAtRest
    {
        public bool Divides => false;

        public Tensor Wake(ScalarType type) => values();

        public Tensor Wake(ScalarType type, long first, long count) => throw new NotSupportedException();

        public bool ReadsAs(ScalarType type) => false;

        public unsafe void Read(ScalarType type, long first, int count, void* to) => throw new NotSupportedException();

        public void Dispose() { }
    }

    private sealed unsafe class NarrowWeight : IWeightAtRest
    {
        private readonly Tensor _values;
        private readonly void* _address;

        public NarrowWeight(Func<Tensor> values, ScalarType type)
        {
            using var scope = NewDisposeScope();
            var narrow = values().to(type);
            _values = (narrow.dim() == 4 ? narrow.ChannelsLast() : narrow.contiguous()).DetachFromDisposeScope(); // as rows are read
            _address = TensorMemory.Address(_values);
        }

        public bool Divides => true;

        public Tensor Wake(ScalarType type) => _values.to(type);

        public Tensor Wake(ScalarType type, long first, long count) => _values.narrow(0, first, count).to(type);

        public bool ReadsAs(ScalarType type) => type == ScalarType.Float32;

        public void Read(ScalarType type, long first, int count, void* to)
        {
            var row = (int)(_values.numel() / _values.shape[0]);
            var from = (ushort*)_address + first * row;
            if (_values.dtype == ScalarType.BFloat16) Halves.WidenBFloat16(from, (float*)to, count * row);
            else Halves.Widen(from, (float*)to, count * row);
        }

        public void Dispose() => _values.Dispose();
    }
}

/// <summary>The weights of a network that can rest while their layers do not run.</summary>
/// <param name="Values">Values of all.</param> <param name="Largest">Values of the largest, one of which is awake at a time.</param>
internal readonly record struct RestableWeights(long Values, long Largest)
{
    public static RestableWeights Of(Module network)
    {
        var values = network.modules().OfType<Layer>().Distinct().Select(layer => layer.RestableValues).ToList();
        return new(values.Sum(), values.DefaultIfEmpty().Max());
    }
}
