namespace Easel.Weights.Formats;

/// <summary>Where the elements of one tensor lie.</summary>
/// <param name="Strides">Its strides in elements, or null when its elements lie in order.</param>
/// <param name="Start">The first element: a position in the file, or in the inflated storage when there is one.</param>
/// <param name="Reach">How many elements from the first to the last, both counted.</param>
/// <param name="Packed">The deflated zip entry that holds the storage, or null when the storage lies in the file as it is.</param>
internal sealed record TensorPlace(StoredType Type, long[] Shape, long[]? Strides, long Start, long Reach, ZipEntry? Packed);

/// <summary>The tensors of one mapped file. The readers of the formats find out where each tensor lies; from there on all formats are the same.</summary>
internal sealed unsafe class MappedTensors(MappedFile file, OrderedDictionary<string, TensorPlace> places) : TensorFile(file.Path)
{
    private const int Chunk = 16 << 20;

    public override IReadOnlyDictionary<string, TensorInfo> Tensors { get; } = Describe(places);

    public override Tensor View(string name)
    {
        var place = Find(name);
        if (place.Type.DType is not { } dtype) throw file.Refuse($"stores {Quoted.Name(name)} as {place.Type.Name}, a type Easel has no tensors of");
        if (place.Reach == 0) return empty(place.Shape, dtype);
        if (place.Strides is not { } strides) return Elements(place, place.Shape, dtype);

        using var scope = NewDisposeScope();
        return Elements(place, [place.Reach], dtype).as_strided(place.Shape, strides).MoveToOuterDisposeScope();
    }

    public override void Release(string name)
    {
        var place = Find(name);
        if (place.Packed is { } packed) file.Release(packed.Start, packed.PackedSize);
        else file.Release(place.Start, place.Reach * place.Type.Size);
    }

    public override void Dispose() => file.Dispose();

    // The elements in the order they are stored, in the given shape: in place where that is possible.
    private Tensor Elements(TensorPlace place, long[] shape, ScalarType dtype)
    {
        var bytes = place.Reach * place.Type.Size;
        var inPlace = place.Packed is null ? file.Pointer(place.Start, bytes) : null;
        if (inPlace != null && (nint)inPlace % place.Type.Size == 0) return TensorOver.Memory(inPlace, shape, place.Type.Code, dtype);

        using var scope = NewDisposeScope();
        var converts = place.Type.Code != (sbyte)dtype;
        var copy = converts ? empty([bytes], ScalarType.Byte) : empty(shape, dtype);
        Fill(copy.view(-1), place, inPlace);
        if (!converts) return copy.MoveToOuterDisposeScope();
        fixed (byte* raw = copy.view(-1).narrow(0, 0, 1).bytes) return TensorOver.Memory(raw, shape, place.Type.Code, dtype).MoveToOuterDisposeScope();
    }

    // In pieces, because a span counts its bytes with 32 bits.
    private void Fill(Tensor copy, TensorPlace place, byte* inPlace)
    {
        using var inflated = place.Packed is { } packed ? packed.Inflate(file) : null;
        inflated?.Skip(place.Start);
        var (count, size) = (copy.NumberOfElements, (int)copy.ElementSize);
        for (long done = 0; done < count; done += Chunk)
        {
            using var piece = copy.narrow(0, done, Math.Min(Chunk, count - done));
            if (inflated is null) new ReadOnlySpan<byte>(inPlace + done * size, (int)piece.NumberOfElements * size).CopyTo(piece.bytes);
            else inflated.Read(piece.bytes);
        }
    }

    private TensorPlace Find(string name) => places.TryGetValue(name, out var place) ? place : throw file.Refuse($"has no tensor {Quoted.Name(name)}");

    private static OrderedDictionary<string, TensorInfo> Describe(OrderedDictionary<string, TensorPlace> places)
    {
        var infos = new OrderedDictionary<string, TensorInfo>(places.Count);
        // A type without tensors is only refused when it is viewed; until then its elements count as bytes.
        foreach (var (name, place) in places) infos.Add(name, new TensorInfo(place.Type.DType ?? ScalarType.Byte, place.Shape, place.Type.Name));
        return infos;
    }
}
