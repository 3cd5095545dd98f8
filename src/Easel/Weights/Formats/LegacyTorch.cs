using System.Numerics;

namespace Easel.Weights.Formats;

/// <summary>Reads what <c>torch.save</c> wrote before PyTorch 1.6: five pickles in a row (a magic number, the protocol, facts of the writing system, the value,
/// the keys of the storages) and then each storage, its number of elements first (pytorch's torch/serialization.py, <c>_legacy_save</c>).</summary>
internal static class LegacyTorch
{
    private const long Protocol = 1001;
    private static readonly BigInteger Magic = new([0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19]);

    /// <summary>Whether a file with this beginning can be one: a pickle of protocol 2 or later, or the magic number spelled out by protocol 0 or 1.</summary>
    public static bool StartsLikeOne(ReadOnlySpan<byte> head) =>
        (head.Length > 1 && head[0] == 0x80 && head[1] is >= 2 and <= 5) || head.StartsWith("L119547037146038801333356L\n"u8);

    /// <summary>Reads the pickles and finds the tensors; the result owns <paramref name="file"/> from then on.</summary>
    /// <exception cref="CheckpointException">The file is damaged, hostile, or a pickle of something else.</exception>
    public static TensorFile Read(ModelBytes file)
    {
        var storages = new PickledStorages();
        var pickles = file.Span(0, (int)Math.Min(file.Length, Unpickler.LongestPickle));
        var at = 0;
        if (Next(file, pickles, storages, ref at) is not BigInteger magic || magic != Magic)
            throw file.Refuse("is a pickle, and not one that PyTorch writes; Easel reads safetensors and PyTorch checkpoints");
        if (Next(file, pickles, storages, ref at) is not Protocol)
            throw file.Refuse($"is a PyTorch checkpoint of a protocol that Easel does not know; {Protocol} is the one it does");
        if (Next(file, pickles, storages, ref at) is not PickledDict system)
            throw file.Refuse("is a damaged PyTorch checkpoint (it lacks the facts of the system that wrote it)");
        if (system.Find("little_endian") is false) throw file.Refuse("was written on a big-endian machine, and Easel reads little-endian files");

        var state = TorchState.Of(file, Next(file, pickles, storages, ref at));
        if (Next(file, pickles, storages, ref at) is not PickledList keys)
            throw file.Refuse("is a damaged PyTorch checkpoint (it lacks the list of its storages)");
        var starts = Starts(file, storages, keys, at);

        var places = new OrderedDictionary<string, TensorPlace>();
        foreach (var (name, tensor) in state.Tensors) places.Add(name, tensor.Place(starts[tensor.Storage.Key], null));
        return new FileTensors(file, places) { Extras = state.Extras, Remarks = state.Remarks };
    }

    private static object? Next(ModelBytes file, ReadOnlySpan<byte> pickles, PickledStorages storages, ref int at)
    {
        var (value, length) = Unpickler.Read(file, pickles[at..], storages);
        at += length;
        return value;
    }

    private static Dictionary<string, long> Starts(ModelBytes file, PickledStorages storages, PickledList keys, long at)
    {
        var starts = new Dictionary<string, long>();
        foreach (var item in keys.Items)
        {
            if (item is not string key || !storages.ByKey.TryGetValue(key, out var storage)) throw file.Refuse("lists a storage that it does not use");
            var count = (long)file.UInt64(at);
            if (count < 0 || count > file.Length || count * storage.Type.Size != storage.Bytes)
                throw file.Refuse($"says its storage {Quoted.Name(key)} has {storage.Bytes / storage.Type.Size} elements, and then {count}");
            at += sizeof(long);
            file.Check(at, storage.Bytes);
            if (!starts.TryAdd(key, at)) throw file.Refuse($"lists its storage {Quoted.Name(key)} twice");
            at += storage.Bytes;
        }
        var lacking = storages.ByKey.Keys.FirstOrDefault(key => !starts.ContainsKey(key));
        return lacking is null ? starts : throw file.Refuse($"lacks its storage {Quoted.Name(lacking)}");
    }
}
