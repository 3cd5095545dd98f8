using Easel.Kernels;

namespace Easel.Weights.Formats;

/// <summary>Where the values of a tensor of a GGUF file lie.</summary>
/// <param name="Start">Bytes from where the values of all begin.</param> <param name="Bytes">How many they are.</param>
internal sealed record GgufPlace(GgmlType Type, long[] Shape, long Start, long Bytes);

/// <summary>The tensors of a GGUF file. Those in blocks are widened to fp32 when they are read.</summary>
/// <param name="data">Where the values begin.</param>
internal sealed unsafe class GgufTensors(ModelBytes file, OrderedDictionary<string, GgufPlace> places, long data) : TensorFile(file.Path)
{
    /// <summary>Bytes that are read at once.</summary>
    private const int Chunk = 16 << 20;

    public override IReadOnlyDictionary<string, TensorInfo> Tensors { get; } = Describe(places);

    public override bool IsOutdated => file.IsOutdated;

    public override Tensor View(string name, int part, int parts)
    {
        using var scope = NewDisposeScope();
        return Narrowed(Whole(Find(name)), part, parts).MoveToOuterDisposeScope();
    }

    public override void Dispose() => file.Dispose();

    private Tensor Whole(GgufPlace place)
    {
        var type = place.Type;
        var values = empty(place.Shape, type.DType);
        if (place.Bytes == 0) return values;
        var to = (byte*)TensorMemory.Address(values);
        var atOnce = Chunk / type.Bytes * type.Bytes;
        var read = type.Widen is null ? [] : new byte[Math.Min(atOnce, place.Bytes)];
        for (var done = 0L; done < place.Bytes; done += atOnce)
        {
            var now = (int)Math.Min(atOnce, place.Bytes - done);
            if (type.Widen is null)
            {
                file.Read(data + place.Start + done, new Span<byte>(to + done, now));
                continue;
            }
            file.Read(data + place.Start + done, read.AsSpan(0, now));
            fixed (byte* blocks = read) GgmlBlocks.Widen(type, blocks, now / type.Bytes, (float*)to + done / type.Bytes * type.Values);
        }
        return values;
    }

    private GgufPlace Find(string name) => places.TryGetValue(name, out var place) ? place : throw file.Refuse($"has no tensor {Quoted.Name(name)}");

    private static OrderedDictionary<string, TensorInfo> Describe(OrderedDictionary<string, GgufPlace> places)
    {
        var infos = new OrderedDictionary<string, TensorInfo>(places.Count);
        foreach (var (name, place) in places) infos.Add(name, new TensorInfo(place.Type.DType, place.Shape, place.Type.Name));
        return infos;
    }
}
