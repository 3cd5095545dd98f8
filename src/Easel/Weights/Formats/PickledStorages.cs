namespace Easel.Weights.Formats;

/// <summary>The storages that a pickle speaks of. It names each by a persistent id: ('storage', class, key, device, elements) and, before PyTorch 0.4, a part
/// of it.</summary>
internal sealed class PickledStorages
{
    private readonly OrderedDictionary<string, PickledStorage> _byKey = [];

    /// <summary>The storages by key, whole, in the order of first mention.</summary>
    public IReadOnlyDictionary<string, PickledStorage> ByKey => _byKey;

    /// <summary>The storage that a persistent id means.</summary>
    /// <exception cref="CheckpointException">It is no such tuple, its length is impossible, or it contradicts an earlier one.</exception>
    public PickledStorage Refer(object? id)
    {
        if (id is not object?[] fields || fields is not ["storage", PickledName { Stored: { } type } kind, string key, _, long count, .. var part]
            || !kind.Name.EndsWith("Storage", StringComparison.Ordinal))
            throw new CheckpointException("refers to data outside its pickle otherwise than PyTorch does; the file is not safe to load");
        if (count < 0 || count > long.MaxValue / type.Size) throw new CheckpointException($"has a storage of {count} elements");

        var whole = new PickledStorage(key, type, count * type.Size, 0);
        // Tensors of different types may share one storage, but it has one length.
        if (!_byKey.TryAdd(key, whole) && _byKey[key].Bytes != whole.Bytes) throw new CheckpointException($"gives its storage {Quoted.Name(key)} two lengths");
        return part switch
        {
            [] or [null] => whole,
            [object?[] view] when view is [_, long from, long length] && from >= 0 && length >= 0 && from <= count - length =>
                whole with { Bytes = length * type.Size, Skip = from * type.Size },
            _ => throw new CheckpointException($"refers to a part of its storage {Quoted.Name(key)} that lies outside"),
        };
    }
}
