namespace Easel.Weights.Formats;

// What a pickle's values become. Numbers, strings, truth values, None and tuples (object?[]) stand for themselves; the rest is here. All of it is plain data.

/// <summary>A dictionary, in the order of writing. Its keys may be anything, and its last entry for a key is the one that counts.</summary>
internal sealed class PickledDict
{
    public List<KeyValuePair<object?, object?>> Entries { get; } = [];

    /// <summary>The value under a string key, or null.</summary>
    public object? Find(string key)
    {
        for (var i = Entries.Count - 1; i >= 0; i--)
            if (Entries[i].Key is string found && found == key) return Entries[i].Value;
        return null;
    }
}

/// <summary>A list.</summary>
internal sealed class PickledList
{
    public List<object?> Items { get; } = [];
}

/// <summary>An object of a known class whose attributes are plain data.</summary>
internal sealed class PickledObject(string type)
{
    public string Type => type;
    public PickledDict? Attributes { get; set; }
}

/// <summary>A value that is known, harmless and of no use here: a NumPy array, a date, a set.</summary>
internal sealed record PickledOpaque(string Type);

/// <summary>A run of bytes that tensors lie in.</summary>
/// <param name="Key">Which one, by the file's own name for it.</param>
/// <param name="Skip">Where this part begins in the whole storage, in bytes: files older than PyTorch 0.4 may speak of parts.</param>
internal sealed record PickledStorage(string Key, StoredType Type, long Bytes, long Skip);

/// <summary>A tensor: a shape laid over a storage.</summary>
internal sealed class PickledTensor
{
    public required PickledStorage Storage { get; init; }
    public required StoredType Type { get; init; }

    /// <summary>The first element, in elements from the storage's beginning.</summary>
    public required long Offset { get; init; }
    public required long[] Shape { get; init; }
    public required long[] Strides { get; init; }

    /// <summary>The elements from the first to the last, both counted; 0 when there are none.</summary>
    public required long Reach { get; init; }

    /// <summary>Lays a shape over a storage.</summary>
    /// <exception cref="CheckpointException">Some element would lie outside.</exception>
    public static PickledTensor Over(PickledStorage storage, StoredType type, long offset, long[] shape, long[] strides)
    {
        var elements = storage.Bytes / type.Size;
        if (TensorRules.Reach(shape, strides, type, storage.Bytes) is not { } reach || offset < 0 || (reach > 0 && offset > elements - reach))
            throw new CheckpointException(
                $"has a tensor of shape [{Numbers(shape)}], strides [{Numbers(strides)}] and offset {offset} over {elements} elements");
        return new PickledTensor { Storage = storage, Type = type, Offset = offset, Shape = shape, Strides = strides, Reach = reach };
    }

    /// <summary>Where its elements lie, given where its storage does.</summary>
    /// <param name="start">The storage's first byte: in the file, or 0 when <paramref name="packed"/> has to be inflated.</param>
    /// <param name="packed">The deflated entry that is the storage.</param>
    public TensorPlace Place(long start, ZipEntry? packed)
    {
        if (Reach == 0) return new TensorPlace(Type, Shape, null, start, 0, packed);
        return new TensorPlace(Type, Shape, TensorRules.Contiguous(Shape, Strides) ? null : Strides, start + Storage.Skip + Offset * Type.Size, Reach, packed);
    }

    private static string Numbers(long[] numbers) => string.Join(", ", numbers.Take(8)) + (numbers.Length > 8 ? ", ..." : "");
}
