namespace Easel.Weights.Formats;

/// <summary>Reads what <c>torch.save</c> has written since PyTorch 1.6: a zip with one folder, in it <c>data.pkl</c> and one entry <c>data/KEY</c> per storage
/// (the format: pytorch's caffe2/serialize/inline_container.h). Entries are stored uncompressed, so tensors are used where they lie; archives that were packed
/// again are inflated.</summary>
internal static class TorchZip
{
    private const string PickleName = "data.pkl";

    /// <summary>Reads the archive's pickle and finds its tensors; the result owns <paramref name="file"/> from then on.</summary>
    /// <exception cref="CheckpointException">The archive or its pickle is damaged, hostile, or something else than a checkpoint.</exception>
    public static TensorFile Read(ModelBytes file)
    {
        var entries = ZipDirectory.Read(file);
        var root = Root(file, entries);
        if (entries.TryGetValue(root + "byteorder", out var order) && Encoding.ASCII.GetString(Content(file, order)).Trim() is not "little" and var other)
            throw file.Refuse($"stores its values in {Quoted.Name(other)} byte order, and Easel reads little-endian files");

        var storages = new PickledStorages();
        var (value, _) = Unpickler.Read(file, Content(file, entries[root + PickleName]), storages);
        // All of them, needed or not: a file that lacks one is not whole.
        foreach (var storage in storages.ByKey.Values)
        {
            var held = entries.TryGetValue(root + "data/" + storage.Key, out var entry)
                ? entry.Size : throw file.Refuse($"lacks its storage {Quoted.Name(storage.Key)}");
            if (held != storage.Bytes) throw file.Refuse($"says its storage {Quoted.Name(storage.Key)} has {storage.Bytes} bytes, and it has {held}");
        }

        var state = TorchState.Of(file, value);
        var places = new OrderedDictionary<string, TensorPlace>();
        foreach (var (name, tensor) in state.Tensors)
        {
            var entry = entries[root + "data/" + tensor.Storage.Key];
            places.Add(name, entry.Deflated ? tensor.Place(0, entry) : tensor.Place(entry.Start, null));
        }
        return new FileTensors(file, places) { Extras = state.Extras, Remarks = state.Remarks };
    }

    // The folder's name is the file's own when it was saved. Another folder further on is not looked at.
    private static string Root(ModelBytes file, OrderedDictionary<string, ZipEntry> entries)
    {
        foreach (var name in entries.Keys)
        {
            if (!name.EndsWith(PickleName, StringComparison.Ordinal)) continue;
            var root = name[..^PickleName.Length];
            if (root.Length > 0 && root.IndexOf('/') != root.Length - 1) continue;
            if (entries.ContainsKey(root + "constants.pkl"))
                throw file.Refuse("is a TorchScript program, not a checkpoint; save the model's state_dict instead");
            return root;
        }
        throw file.Refuse("is a zip archive without a data.pkl, so PyTorch did not write it as a checkpoint; if a model is packed inside, unpack it first");
    }

    private static ReadOnlySpan<byte> Content(ModelBytes file, ZipEntry entry)
    {
        if (entry.Size > Unpickler.LongestPickle)
            throw file.Refuse($"has {Quoted.Name(entry.Name)} of {entry.Size} bytes, and {Unpickler.LongestPickle} are allowed");
        if (!entry.Deflated) return file.Span(entry.Start, (int)entry.Size);
        var bytes = new byte[entry.Size];
        using var inflater = entry.Inflate(file);
        inflater.Read(bytes);
        return bytes;
    }
}
