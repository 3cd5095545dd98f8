using Easel.Kernels;

namespace Easel.Weights.Formats;

/// <summary>Writes GGUF, version 3, one tensor in memory at a time.</summary>
internal static class GgufWriter
{
    private const uint Version = 3, TextType = 8, NumberType = 4, QuantisationVersion = 2;

    /// <summary>Writes tensors that are made when their turn comes.</summary>
    /// <param name="path">Where to; a file that is there is replaced once the new one is whole.</param>
    /// <param name="tensors">What is to be written: the type of each, and the shape.</param>
    /// <param name="open">Gives the tensor of a name; it is disposed unless it belongs to a scope of the caller's.</param>
    /// <param name="metadata">Texts to keep with it.</param> <param name="progress">Told the number of bytes of values written so far.</param>
    public static void Write(string path, IReadOnlyDictionary<string, (GgmlType Type, long[] Shape)> tensors, Func<string, Tensor> open,
        IReadOnlyDictionary<string, string> metadata, Action<long>? progress, CancellationToken cancel)
    {
        var header = Header(tensors, metadata);
        var length = header.Length + tensors.Values.Sum(tensor => Padded(BytesOf(tensor)));
        WholeFile.Write(path, length, stream =>
        {
            stream.Write(header);
            var written = 0L;
            foreach (var (name, (type, shape)) in tensors)
            {
                cancel.ThrowIfCancellationRequested();
                using var scope = NewDisposeScope();
                var tensor = open(name);
                if (type.Narrow is null) WholeFile.Write(stream, name, new TensorInfo(type.DType, shape, type.Name), tensor, cancel);
                else Narrowed(stream, type, tensor.to(ScalarType.Float32).contiguous().view(-1, shape[^1]));
                var bytes = BytesOf((type, shape));
                stream.Write(new byte[Padded(bytes) - bytes]);
                progress?.Invoke(written += bytes);
            }
        });
    }

    /// <summary>The blocks of a matrix's rows, which are worked out side by side.</summary>
    private static unsafe void Narrowed(FileStream stream, GgmlType type, Tensor rows)
    {
        var (count, width) = (rows.shape[0], (int)rows.shape[1]);
        var bytes = width / type.Values * type.Bytes;
        var from = (float*)TensorMemory.Address(rows);
        var atOnce = Math.Max(1, (16 << 20) / bytes);
        for (var first = 0L; first < count; first += atOnce)
        {
            var now = (int)Math.Min(atOnce, count - first);
            var blocks = new byte[now * bytes];
            var start = from + first * width;
            Parallel.For(0, now, row => type.Narrow!(new ReadOnlySpan<float>(start + (long)row * width, width), blocks.AsSpan(row * bytes, bytes)));
            stream.Write(blocks);
        }
    }

    private static byte[] Header(IReadOnlyDictionary<string, (GgmlType Type, long[] Shape)> tensors, IReadOnlyDictionary<string, string> metadata)
    {
        using var bytes = new MemoryStream();
        using var header = new BinaryWriter(bytes, Encoding.UTF8);
        header.Write(Gguf.Magic);
        header.Write(Version);
        header.Write((ulong)tensors.Count);
        header.Write((ulong)metadata.Count + 1);
        Text("general.quantization_version");
        header.Write(NumberType);
        header.Write(QuantisationVersion);
        foreach (var (key, text) in metadata)
        {
            Text(key);
            header.Write(TextType);
            Text(text);
        }
        var start = 0L;
        foreach (var (name, (type, shape)) in tensors)
        {
            Text(name);
            header.Write((uint)shape.Length);
            foreach (var side in shape.Reverse()) header.Write((ulong)side); // the innermost comes first
            header.Write(type.Number);
            header.Write((ulong)start);
            start += Padded(BytesOf((type, shape)));
        }
        while (bytes.Length % Gguf.DefaultAlignment != 0) header.Write((byte)0);
        return bytes.ToArray();

        void Text(string text)
        {
            var encoded = Encoding.UTF8.GetBytes(text);
            header.Write((ulong)encoded.Length);
            header.Write(encoded);
        }
    }

    private static long BytesOf((GgmlType Type, long[] Shape) tensor) => tensor.Type.BytesOf(tensor.Shape)!.Value;

    private static long Padded(long bytes) => (bytes + Gguf.DefaultAlignment - 1) / Gguf.DefaultAlignment * Gguf.DefaultAlignment;
}
