using Easel.Weights.Formats;

namespace Easel.Training.Tools;

/// <summary>A tensor of a TensorFlow.js model: its values, or bytes that stand for them.</summary>
/// <param name="Name">As the model calls it: "Conv1/kernel".</param> <param name="Range">Step and least number of bytes; null for plain numbers.</param>
internal sealed record TfjsTensor(string Name, Tensor Values, (double Step, double Least)? Range);

/// <summary>Reads the weights of TensorFlow.js models: a manifest that lists tensors in order, and files with nothing but their bytes.</summary>
internal static class TfjsWeights
{
    /// <param name="manifest">The list of groups of a "weightsManifest".</param>
    /// <param name="open">Gives the bytes of a path that the manifest names.</param>
    /// <exception cref="EaselException">It is of a kind that is not read here, or bytes are missing.</exception>
    public static IReadOnlyList<TfjsTensor> Read(JsonElement manifest, Func<string, byte[]> open)
    {
        var tensors = new List<TfjsTensor>();
        foreach (var group in manifest.EnumerateArray())
        {
            byte[] bytes = [.. group.GetProperty("paths").EnumerateArray().SelectMany(path => open(path.GetString()!))];
            var at = 0;
            foreach (var entry in group.GetProperty("weights").EnumerateArray())
            {
                var (name, type) = (entry.GetProperty("name").GetString()!, entry.GetProperty("dtype").GetString());
                long[] shape = [.. entry.GetProperty("shape").EnumerateArray().Select(side => side.GetInt64())];
                var isQuantized = entry.TryGetProperty("quantization", out var quantized);
                var stored = isQuantized ? quantized.GetProperty("dtype").GetString() : type;
                var (dtype, size) = (type, stored) switch
                {
                    ("float32", "float32") => (ScalarType.Float32, 4),
                    ("float32", "float16") => (ScalarType.Float16, 2),
                    ("float32", "uint8") => (ScalarType.Byte, 1),
                    ("int32", "int32") => (ScalarType.Int32, 4),
                    _ => throw new EaselException($"The tensor {name} holds {type} as {stored}, which is not read here."),
                };
                var length = checked((int)(shape.Aggregate(1L, (product, side) => checked(product * side)) * size));
                if (length > bytes.Length - at) throw new EaselException($"The bytes end within the tensor {name}.");
                var values = empty(shape, dtype);
                bytes.AsSpan(at, length).CopyTo(values.bytes);
                at += length;
                var range = dtype == ScalarType.Byte ? (quantized.GetProperty("scale").GetDouble(), quantized.GetProperty("min").GetDouble())
                    : ((double, double)?)null;
                tensors.Add(new TfjsTensor(name, values, range));
            }
            if (at != bytes.Length) throw new EaselException($"{bytes.Length - at} bytes are left over behind the last tensor.");
        }
        return tensors;
    }

    /// <summary>Adds a tensor under one of our names, laid out as ours are: kernels [outputs, inputs, height, width], matrices [outputs, inputs].</summary>
    public static void Add(this Dictionary<string, Tensor> tensors, string name, TfjsTensor from)
    {
        var isDepthwise = from.Name.Contains("depthwise", StringComparison.OrdinalIgnoreCase);
        tensors.Add(name, (from.Values.dim() switch
        {
            4 when isDepthwise => from.Values.permute(2, 3, 0, 1), // [height, width, channels, 1]
            4 => from.Values.permute(3, 2, 0, 1), // [height, width, inputs, outputs]
            2 => from.Values.t(),
            _ => from.Values,
        }).contiguous());
        if (from.Range is var (step, least)) tensors.Add(name + EightBitTensors.Range, tensor([step, least], ScalarType.Float64));
    }
}
