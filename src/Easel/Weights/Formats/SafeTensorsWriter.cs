namespace Easel.Weights.Formats;

/// <summary>Writes safetensors, one tensor in memory at a time.</summary>
internal static class SafeTensorsWriter
{
    private const int Alignment = 8;

    /// <summary>Writes tensors that exist.</summary>
    /// <param name="path">Where to; a file that is there is replaced once the new one is whole.</param>
    /// <param name="tensors">The tensors by name; on any device, of any layout.</param>
    /// <param name="floats">The type to store floating-point tensors in, when it is to be another; other tensors keep theirs.</param>
    public static void Write(string path, IReadOnlyDictionary<string, Tensor> tensors, ScalarType? floats = null,
        IReadOnlyDictionary<string, string>? metadata = null)
    {
        var infos = new OrderedDictionary<string, TensorInfo>();
        foreach (var (name, tensor) in tensors) infos.Add(name, TensorInfo.Of(As(tensor.dtype, floats), tensor.shape));
        Write(path, infos, name => tensors[name], metadata);
    }

    /// <summary>Writes tensors that are made when their turn comes.</summary>
    /// <param name="path">Where to; a file that is there is replaced once the new one is whole.</param>
    /// <param name="tensors">What is to be written, in the order of the header.</param>
    /// <param name="open">Gives the tensor of a name; it is converted to the type announced, and disposed unless it belongs to a scope of the caller's.</param>
    /// <param name="progress">Told the number of bytes of values written so far, after every tensor.</param>
    /// <param name="cancel">Stops the writing; nothing is left behind.</param>
    public static void Write(string path, IReadOnlyDictionary<string, TensorInfo> tensors, Func<string, Tensor> open,
        IReadOnlyDictionary<string, string>? metadata = null, Action<long>? progress = null, CancellationToken cancel = default)
    {
        // Larger elements first: so every tensor is aligned and can be used in place.
        var order = tensors.OrderByDescending(entry => StoredType.Of(entry.Value.DType)!.Size).ToArray();
        var (header, length) = Header(tensors, order, metadata);
        WholeFile.Write(path, header.Length + length, stream =>
        {
            stream.Write(header);
            long written = 0;
            foreach (var (name, info) in order)
            {
                cancel.ThrowIfCancellationRequested();
                using var scope = NewDisposeScope();
                WholeFile.Write(stream, name, info, open(name), cancel);
                progress?.Invoke(written += TensorRules.Bytes(info.Shape, StoredType.Of(info.DType)!)!.Value);
            }
        });
    }

    private static (byte[] Header, long Length) Header(IReadOnlyDictionary<string, TensorInfo> tensors, KeyValuePair<string, TensorInfo>[] order,
        IReadOnlyDictionary<string, string>? metadata)
    {
        var starts = new Dictionary<string, long>();
        long length = 0;
        foreach (var (name, info) in order)
        {
            starts.Add(name, length);
            length += TensorRules.Bytes(info.Shape, StoredType.Of(info.DType)!)!.Value;
        }

        using var buffer = new MemoryStream();
        buffer.Write(stackalloc byte[sizeof(long)]);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            if (metadata is { Count: > 0 })
            {
                json.WriteStartObject("__metadata__");
                foreach (var (key, text) in metadata) json.WriteString(key, text);
                json.WriteEndObject();
            }
            foreach (var (name, info) in tensors)
            {
                if (name == "__metadata__") throw new EaselException("A tensor cannot be called '__metadata__' in a safetensors file.");
                json.WriteStartObject(name);
                json.WriteString("dtype", info.Stored);
                WriteNumbers(json, "shape", info.Shape);
                WriteNumbers(json, "data_offsets", [starts[name], starts[name] + TensorRules.Bytes(info.Shape, StoredType.Of(info.DType)!)!.Value]);
                json.WriteEndObject();
            }
            json.WriteEndObject();
        }
        while (buffer.Length % Alignment != 0) buffer.WriteByte((byte)' ');
        var header = buffer.ToArray();
        if (header.Length > SafeTensors.LongestHeader)
            throw new EaselException($"A safetensors header has at most {SafeTensors.LongestHeader} bytes, and this one would have {header.Length}.");
        BinaryPrimitives.WriteInt64LittleEndian(header, header.Length - sizeof(long));
        return (header, length);
    }

    private static void WriteNumbers(Utf8JsonWriter json, string name, long[] numbers)
    {
        json.WriteStartArray(name);
        foreach (var number in numbers) json.WriteNumberValue(number);
        json.WriteEndArray();
    }

    private static ScalarType As(ScalarType dtype, ScalarType? floats) =>
        dtype is ScalarType.Float64 or ScalarType.Float32 or ScalarType.Float16 or ScalarType.BFloat16 ? floats ?? dtype : dtype;
}
