using System.Collections.Concurrent;

namespace Easel.Kernels;

/// <summary>
/// Where oneDNN wants each value of a weight. The place is the sum of three numbers, of which one depends on the output alone, one on the input and one on
/// the place within the kernel: that is so wherever values are only moved, in blocks, and it is found out by having oneDNN lay out a weight that numbers its
/// edges. With it a weight goes from whatever it is kept in straight to its place, by all threads; oneDNN's own way reads a plain weight and takes four times
/// as long.
/// </summary>
internal sealed unsafe class WeightLayout
{
    /// <summary>Outputs that lie side by side, and inputs that are turned into them at once.</summary>
    private const int Lanes = 8;

    /// <summary>Outputs that one thread lays out at once, so that it fills whole lines of the cache.</summary>
    private const int MostOutputs = 64;

    private static readonly ConcurrentDictionary<Kind, WeightLayout?> Linears = new();

    /// <summary>Those that were found, by shape, type and oneDNN's description: most sizes of pictures have the same.</summary>
    private static readonly ConcurrentDictionary<string, WeightLayout?> Found = new();

    private readonly long[] _shape;
    private readonly ScalarType _type;
    private readonly long _bytes;
    private readonly byte[] _description; // oneDNN's own
    private readonly int[] _outputs, _inputs, _taps; // places in units of 32 bits: a number, or two in bf16
    private readonly (int First, int Count)[] _gaps; // what is filled up with zeros, in such units
    private readonly int _atOnce;

    private WeightLayout(long[] shape, ScalarType type, long bytes, byte[] description, int[] outputs, int[] inputs, int[] taps)
    {
        (_shape, _type, _bytes, _description, _outputs, _inputs, _taps) = (shape, type, bytes, description, outputs, inputs, taps);
        _gaps = Gaps();
        _atOnce = Lanes;
        while (2 * _atOnce <= MostOutputs && outputs.Length % (2 * _atOnce) == 0 && outputs[2 * _atOnce - 1] == 2 * _atOnce - 1) _atOnce *= 2;
    }

    /// <summary>The layout of what <paramref name="pack"/> makes of weights of a shape; null where it is none that is known here, or this processor has no
    /// AVX2.</summary>
    public static WeightLayout? Of(ReadOnlySpan<long> shape, ScalarType type, Func<Tensor, Tensor> pack)
    {
        if (!Avx2.IsSupported || !OpaqueTensor.IsAvailable || type is not (ScalarType.Float32 or ScalarType.BFloat16)) return null;
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        var numbered = new NumberedWeight(shape, type);
        var packed = pack(numbered.Values);
        if (OpaqueTensor.Bytes(packed) > int.MaxValue) return null;
        var key = $"{string.Join(' ', shape.ToArray())} {type} {Convert.ToBase64String(OpaqueTensor.Description(packed))}";
        return Found.GetOrAdd(key, _ => Of(numbered, packed));
    }

    private static WeightLayout? Of(NumberedWeight numbered, Tensor packed)
    {
        var (shape, type) = (packed.shape, numbered.Values.dtype);
        if (numbered.Find(OpaqueTensor.Memory(packed)) is not var (outputs, inputs, taps)) return null;
        if (type == ScalarType.BFloat16)
        {
            if (!InPairs(inputs)) return null;
            inputs = [.. inputs.Where((_, i) => i % 2 == 0)];
            if (!Halved(outputs) || !Halved(inputs) || !Halved(taps)) return null;
        }
        for (var i = 0; i < outputs.Length; i++) if (outputs[i] != outputs[i / Lanes * Lanes] + i % Lanes) return null;
        var layout = new WeightLayout(shape, type, OpaqueTensor.Bytes(packed), OpaqueTensor.Description(packed), outputs, inputs, taps);
        // Whatever oneDNN does on a processor that nobody has tried: what was laid out here is used only where it is the same to the bit.
        using var rows = new TensorRows(numbered.Values.alias());
        using var laid = layout.Lay(rows);
        return OpaqueTensor.Memory(laid.Values).SequenceEqual(OpaqueTensor.Memory(packed)) ? layout : null;
    }

    /// <summary>The layout of a linear layer's weights.</summary>
    private static WeightLayout? OfLinear(long outputs, long inputs, ScalarType type) =>
        Linears.GetOrAdd(new Kind(outputs, inputs, type, get_num_threads()), kind => Of([kind.Outputs, kind.Inputs], kind.Type, OneDnn.PackLinear));

    /// <summary>A linear layer's weight, laid out.</summary>
    /// <param name="rows">The weight, which is the caller's.</param>
    public static PackedWeight Linear(IWeightRows rows)
    {
        if (OfLinear(rows.Shape[0], rows.Shape[1], rows.Type) is { } layout) return layout.Lay(rows);
        using var scope = NewDisposeScope();
        return new PackedWeight(OneDnn.PackLinear(TensorRows.Read(rows).view(rows.Shape[0], rows.Shape[1])).DetachFromDisposeScope());
    }

    /// <summary>Whether values lie the same in both.</summary>
    public bool LiesAs(WeightLayout? other) => other is not null && _type == other._type && _description.AsSpan().SequenceEqual(other._description);

    /// <summary>Lays out a weight.</summary>
    public PackedWeight Lay(IWeightRows rows)
    {
        var memory = rows.IsBrief ? KeptMemory.Rent(_bytes) : empty(_bytes, ScalarType.Byte).DetachFromDisposeScope();
        try
        {
            Fill(memory, rows);
            return new PackedWeight(OpaqueTensor.Over(memory, _shape, _type, _description).DetachFromDisposeScope(), memory, rows.IsBrief);
        }
        catch
        {
            memory.Dispose();
            throw;
        }
    }

    private void Fill(Tensor memory, IWeightRows rows)
    {
        var target = (nint)TensorMemory.Address(memory);
        foreach (var (start, length) in _gaps) new Span<uint>((uint*)target + start, length).Clear();
        var count = (int)_shape[0];
        var row = _taps.Length * _inputs.Length; // units
        SharedWork.Run((count + _atOnce - 1) / _atOnce, (long)_atOnce * row * sizeof(uint), (part, workspace) =>
        {
            var first = part * _atOnce;
            var outputs = Math.Min(_atOnce, count - first);
            var source = (uint*)rows.Read(first, outputs, (byte*)workspace);
            fixed (int* to = _outputs, inputs = _inputs, taps = _taps)
                Turn(source, row, outputs, to + first, inputs, _inputs.Length, taps, _taps.Length, (uint*)target);
        });
    }

    /// <summary>The units that hold no value.</summary>
    private (int First, int Count)[] Gaps()
    {
        var units = (int)(_bytes / sizeof(uint));
        if (units == (long)_outputs.Length * _inputs.Length * _taps.Length) return [];
        var isFilled = new bool[units];
        foreach (var tap in _taps)
            foreach (var input in _inputs)
                foreach (var output in _outputs) isFilled[tap + input + output] = true;
        var gaps = new List<(int, int)>();
        for (var first = Array.IndexOf(isFilled, false); first >= 0;)
        {
            var end = Array.IndexOf(isFilled, true, first);
            if (end < 0) end = units;
            gaps.Add((first, end - first));
            first = end < units ? Array.IndexOf(isFilled, false, end) : -1;
        }
        return [.. gaps];
    }

    /// <summary>Brings rows of outputs to their places, in squares of eight by eight units.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Turn(uint* rows, int row, int outputs, int* toOutput, int* toInput, int inputs, int* toTap, int taps, uint* target)
    {
        for (var input = 0; input < inputs; input += Lanes)
        {
            for (var tap = 0; tap < taps; tap++)
            {
                var from = rows + tap * inputs + input;
                var to = target + toTap[tap];
                for (var output = 0; output < outputs; output += Lanes)
                {
                    if (output + Lanes <= outputs && input + Lanes <= inputs)
                    {
                        Square(from + output * row, row, to + toOutput[output], toInput + input);
                        continue;
                    }
                    for (var o = output; o < Math.Min(output + Lanes, outputs); o++)
                        for (var i = 0; i < Math.Min(Lanes, inputs - input); i++) to[toOutput[o] + toInput[input + i]] = from[o * row + i];
                }
            }
        }
    }

    /// <summary>Eight rows of eight, each column to a place of its own.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Square(uint* source, int row, uint* target, int* places)
    {
        Vector256<float> r0 = Vector256.Load((float*)source), r1 = Vector256.Load((float*)source + row);
        Vector256<float> r2 = Vector256.Load((float*)source + 2 * row), r3 = Vector256.Load((float*)source + 3 * row);
        Vector256<float> r4 = Vector256.Load((float*)source + 4 * row), r5 = Vector256.Load((float*)source + 5 * row);
        Vector256<float> r6 = Vector256.Load((float*)source + 6 * row), r7 = Vector256.Load((float*)source + 7 * row);
        var (a0, a1, a2, a3) = Quarters(r0, r1, r2, r3);
        var (b0, b1, b2, b3) = Quarters(r4, r5, r6, r7);
        Avx.Permute2x128(a0, b0, 0x20).Store((float*)target + places[0]);
        Avx.Permute2x128(a1, b1, 0x20).Store((float*)target + places[1]);
        Avx.Permute2x128(a2, b2, 0x20).Store((float*)target + places[2]);
        Avx.Permute2x128(a3, b3, 0x20).Store((float*)target + places[3]);
        Avx.Permute2x128(a0, b0, 0x31).Store((float*)target + places[4]);
        Avx.Permute2x128(a1, b1, 0x31).Store((float*)target + places[5]);
        Avx.Permute2x128(a2, b2, 0x31).Store((float*)target + places[6]);
        Avx.Permute2x128(a3, b3, 0x31).Store((float*)target + places[7]);
    }

    /// <summary>Of four rows the columns i and i + 4, for i from 0 to 3.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector256<float>, Vector256<float>, Vector256<float>, Vector256<float>) Quarters(
        Vector256<float> r0, Vector256<float> r1, Vector256<float> r2, Vector256<float> r3)
    {
        Vector256<double> low01 = Avx.UnpackLow(r0, r1).AsDouble(), high01 = Avx.UnpackHigh(r0, r1).AsDouble();
        Vector256<double> low23 = Avx.UnpackLow(r2, r3).AsDouble(), high23 = Avx.UnpackHigh(r2, r3).AsDouble();
        return (Avx.UnpackLow(low01, low23).AsSingle(), Avx.UnpackHigh(low01, low23).AsSingle(),
            Avx.UnpackLow(high01, high23).AsSingle(), Avx.UnpackHigh(high01, high23).AsSingle());
    }

    /// <summary>Whether each two inputs lie side by side, so that they can be moved as one unit.</summary>
    private static bool InPairs(int[] inputs) => inputs.Length % 2 == 0 && inputs.Index().All(i => i.Index % 2 == 0 || i.Item == inputs[i.Index - 1] + 1);

    private static bool Halved(int[] places)
    {
        for (var i = 0; i < places.Length; i++)
        {
            if (places[i] % 2 != 0) return false;
            places[i] /= 2;
        }
        return true;
    }

    private readonly record struct Kind(long Outputs, long Inputs, ScalarType Type, int Threads);

    /// <summary>A weight of zeros, but for numbers along its three edges, and at some other places to see whether the edges tell all.</summary>
    private readonly struct NumberedWeight
    {
        /// <summary>Numbers are bits that stand for a normal value in every format, so that nothing rounds or flushes them.</summary>
        private const int FirstNumber = 0x100, LastNumber = 0x7F00, Checks = 200;

        private readonly int _outputs, _inputs, _taps;
        private readonly List<(int Output, int Input, int Tap)> _places = [];

        public NumberedWeight(ReadOnlySpan<long> shape, ScalarType type)
        {
            (_outputs, _inputs, _taps) = ((int)shape[0], (int)shape[1], shape.Length == 4 ? (int)(shape[2] * shape[3]) : 1);
            for (var output = 0; output < _outputs; output++) _places.Add((output, 0, 0));
            for (var input = 1; input < _inputs; input++) _places.Add((0, input, 0));
            for (var tap = 1; tap < _taps; tap++) _places.Add((0, 0, tap));
            var random = new Random(1);
            for (var i = 0; i < Checks; i++) _places.Add((random.Next(_outputs), random.Next(_inputs), random.Next(_taps)));
            _places = [.. _places.Distinct()];
            IsPossible = _places.Count <= LastNumber - FirstNumber;
            var rows = shape.Length == 4 ? zeros([shape[0], shape[2], shape[3], shape[1]], type) : zeros(shape, type);
            Values = shape.Length == 4 ? rows.permute(0, 3, 1, 2) : rows;
            if (!IsPossible) return;
            var at = (byte*)TensorMemory.Address(rows);
            var size = type.ElementSize();
            foreach (var (i, (output, input, tap)) in _places.Index())
            {
                var high = at + (((long)output * _taps + tap) * _inputs + input + 1) * size - sizeof(ushort); // a float's upper half
                *(ushort*)high = (ushort)(FirstNumber + i);
            }
        }

        public bool IsPossible { get; }

        public Tensor Values { get; }

        /// <summary>The places of outputs, inputs and places in the kernel, in elements; null where they do not tell all.</summary>
        public (int[] Outputs, int[] Inputs, int[] Taps)? Find(ReadOnlySpan<byte> packed)
        {
            if (!IsPossible) return null;
            var size = (int)Values.dtype.ElementSize();
            var found = new int[_places.Count];
            Array.Fill(found, -1);
            var seen = 0;
            for (var at = 0; at < packed.Length / size; at++)
            {
                var number = BinaryPrimitives.ReadUInt16LittleEndian(packed[((at + 1) * size - sizeof(ushort))..]);
                if (number == 0) continue;
                if (number < FirstNumber || number >= FirstNumber + found.Length || found[number - FirstNumber] >= 0) return null;
                found[number - FirstNumber] = at;
                seen++;
            }
            if (seen != found.Length) return null;
            var origin = found[0];
            if (origin != 0) return null;
            int[] outputs = found[.._outputs], inputs = [origin, .. found[_outputs..(_outputs + _inputs - 1)]];
            int[] taps = [origin, .. found[(_outputs + _inputs - 1)..(_outputs + _inputs + _taps - 2)]];
            foreach (var (i, (output, input, tap)) in _places.Index()) if (found[i] != outputs[output] + inputs[input] + taps[tap]) return null;
            return (outputs, inputs, taps);
        }
    }
}
