namespace Easel.Weights.Formats;

/// <summary>Where the elements of one tensor lie.</summary>
/// <param name="Strides">Its strides in elements, or null when its elements lie in order.</param>
/// <param name="Start">The first element: a position in the file, or in the inflated storage when there is one.</param>
/// <param name="Reach">How many elements from the first to the last, both counted.</param>
/// <param name="Packed">The deflated zip entry that holds the storage, or null when the storage lies in the file as it is.</param>
internal sealed record TensorPlace(StoredType Type, long[] Shape, long[]? Strides, long Start, long Reach, ZipEntry? Packed);

/// <summary>The tensors of one file. The readers of the formats find out where each tensor lies; from there on all formats are the same.</summary>
internal sealed unsafe class FileTensors(ModelBytes file, OrderedDictionary<string, TensorPlace> places) : TensorFile(file.Path)
{
    private const int Chunk = 16 << 20;

    public override IReadOnlyDictionary<string, TensorInfo> Tensors { get; } = Describe(places);

    public override bool IsOutdated => file.IsOutdated;

    public override Tensor View(string name, int part, int parts)
    {
        var place = Find(name);
        if (place.Type.DType is not { } dtype) throw file.Refuse($"stores {Quoted.Name(name)} as {place.Type.Name}, a type Easel has no tensors of");
        if (place.Strides is not { } strides) return Elements(Part(place, part, parts), dtype);

        using var scope = NewDisposeScope();
        var whole = place.Reach == 0 ? empty(place.Shape, dtype) : Elements(place with { Shape = [place.Reach] }, dtype).as_strided(place.Shape, strides);
        return Narrowed(whole, part, parts).MoveToOuterDisposeScope();
    }

    public override void Dispose() => file.Dispose();

    /// <summary>One of several equal parts along the first dimension, which lie one behind the other.</summary>
    private static TensorPlace Part(TensorPlace place, int part, int parts)
    {
        if (parts == 1 || place.Shape.Length == 0) return place;
        var rows = place.Shape[0] / parts;
        var reach = rows == 0 ? 0 : place.Reach / place.Shape[0] * rows;
        return place with { Shape = [rows, .. place.Shape[1..]], Start = place.Start + part * reach * place.Type.Size, Reach = reach };
    }

    // The elements in the order they are stored, in the shape of the place.
    private Tensor Elements(TensorPlace place, ScalarType dtype)
    {
        if (place.Reach == 0) return empty(place.Shape, dtype);
        using var scope = NewDisposeScope();
        var converts = place.Type.Code != (sbyte)dtype;
        var copy = converts ? empty([place.Reach * place.Type.Size], ScalarType.Byte) : empty(place.Shape, dtype);
        Fill(copy.view(-1), place);
        if (!converts) return copy.MoveToOuterDisposeScope();
        fixed (byte* raw = copy.narrow(0, 0, 1).bytes) return TensorOver.Memory(raw, place.Shape, place.Type.Code, dtype).MoveToOuterDisposeScope();
    }

    // In pieces, because a span counts its bytes with 32 bits.
    private void Fill(Tensor copy, TensorPlace place)
    {
        using var inflated = place.Packed is { } packed ? packed.Inflate(file) : null;
        inflated?.Skip(place.Start);
        var (count, size) = (copy.NumberOfElements, (int)copy.ElementSize);
        for (long done = 0; done < count; done += Chunk)
        {
            using var piece = copy.narrow(0, done, Math.Min(Chunk, count - done));
            if (inflated is null) file.Read(place.Start + done * size, piece.bytes);
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
