namespace Easel.Weights.Formats;

/// <summary>What is worth having in the value of a checkpoint's pickle: the tensors by name, the plain values beside them, and word of what was left
/// aside.</summary>
internal sealed class TorchState
{
    // A name is held once per tensor, so these bound what a hostile file can make of a few bytes.
    private const int MostTensors = 100_000, LongestName = 1000, Deepest = 32, LongestText = 1000, MostRemarks = 20;

    // What training scripts call the weights inside: Lightning and most others, then the ESRGAN family, whose averaged weights are the better ones.
    private static readonly string[] Wrappers = ["state_dict", "params_ema", "params"];

    private readonly OrderedDictionary<string, PickledTensor> _tensors = [];
    private readonly OrderedDictionary<string, object?> _extras = [];
    private readonly List<string> _remarks = [];
    private readonly HashSet<object> _seen = new(ReferenceEqualityComparer.Instance);
    private int _skipped, _unsaid;

    private TorchState() { }

    /// <summary>The tensors, in the file's order.</summary>
    public OrderedDictionary<string, PickledTensor> Tensors => _tensors;

    public IReadOnlyDictionary<string, object?> Extras => _extras;

    /// <summary>What was left aside.</summary>
    public IReadOnlyList<string> Remarks => _remarks;

    /// <summary>Looks through the value of a checkpoint's pickle.</summary>
    /// <exception cref="CheckpointException">It holds no tensors by name.</exception>
    public static TorchState Of(ModelBytes file, object? root)
    {
        if (root is not (PickledDict or PickledObject)) throw file.Refuse("holds no dictionary of tensors, so it is no checkpoint Easel can use");
        var state = new TorchState();
        var top = root as PickledDict;
        var inner = top is null ? null : Wrappers.Select(top.Find).OfType<PickledDict>().FirstOrDefault(HoldsTensors);
        state.Collect(file, inner ?? root, "", atTop: inner is null, depth: 0);
        if (inner is not null)
            foreach (var (key, value) in top!.Entries)
                if (value != inner) state.SetAside(key, value, atTop: true);
        if (state._skipped > 0) state._remarks.Add(Counted(state._skipped, "non-tensor "));
        if (state._unsaid > 0) state._remarks.Add(Counted(state._unsaid, "more "));
        return state._tensors.Count > 0 ? state : throw file.Refuse("holds no tensors, so it is no checkpoint Easel can use");
    }

    private void Collect(ModelBytes file, object container, string prefix, bool atTop, int depth)
    {
        // A container may be listed twice, or contain itself: the first time counts.
        if (depth > Deepest || !_seen.Add(container))
        {
            _skipped++;
            return;
        }
        if (container is not PickledDict dict)
        {
            // A module keeps its tensors in two of its attributes; other objects hold none.
            foreach (var part in Parts((PickledObject)container)) Collect(file, part, prefix, atTop: false, depth + 1);
            return;
        }
        foreach (var (key, value) in dict.Entries)
        {
            if (NameOf(key) is not { } name)
                SetAside(key, value, atTop);
            else if (prefix.Length + name.Length > LongestName)
                throw file.Refuse($"holds a name of more than {LongestName} characters, {Quoted.Name(name)}");
            else if (AsTensor(value) is { } tensor)
                Add(file, prefix + name, tensor);
            else if (value is PickledDict { Entries.Count: > 0 } or PickledObject { Attributes: not null })
                Collect(file, value, prefix + name + ".", atTop: false, depth + 1);
            else
                SetAside(key, value, atTop);
        }
    }

    private void Add(ModelBytes file, string name, PickledTensor tensor)
    {
        _tensors[name] = tensor;
        if (_tensors.Count > MostTensors) throw file.Refuse($"holds more than {MostTensors} tensors, more than any model");
    }

    private void SetAside(object? key, object? value, bool atTop)
    {
        if (!atTop) _skipped++;
        else if (NameOf(key) is { } name && value is long or double or bool or string { Length: <= LongestText }) _extras[name] = value;
        else if (_remarks.Count < MostRemarks) _remarks.Add(Describe(key, value));
        else _unsaid++;
    }

    private static string Describe(object? key, object? value)
    {
        var name = Quoted.Text(NameOf(key) ?? (key as PickledName)?.Name ?? "an entry without a name");
        var keys = (value as PickledDict)?.Entries.Select(entry => entry.Key) ?? [];
        var classes = keys.OfType<PickledName>().Take(5).Select(type => Quoted.Text(type.Name)).ToArray();
        if (classes.Length > 0) return $"{name}: {string.Join(", ", classes)}";
        return Size(value) is { } size ? $"{name} ({Counted(size)})" : name;
    }

    private static string Counted(int count, string kind = "") => $"{count} {kind}{(count == 1 ? "entry" : "entries")}";

    private static int? Size(object? value) => value switch
    {
        PickledDict dict => dict.Entries.Count,
        PickledList list => list.Items.Count,
        object?[] tuple => tuple.Length,
        _ => null,
    };

    private static bool HoldsTensors(PickledDict dict) => dict.Entries.Exists(entry => AsTensor(entry.Value) is not null);

    private static string? NameOf(object? key) => key switch
    {
        string text => text,
        long number => number.ToString(CultureInfo.InvariantCulture),
        _ => null,
    };

    // A storage saved by itself is a tensor of one dimension.
    private static PickledTensor? AsTensor(object? value) => value switch
    {
        PickledTensor tensor => tensor,
        PickledStorage storage => PickledTensor.Over(storage, storage.Type, 0, [storage.Bytes / storage.Type.Size], [1]),
        _ => null,
    };

    private static IEnumerable<PickledDict> Parts(PickledObject module) =>
        new[] { module.Attributes?.Find("_parameters"), module.Attributes?.Find("_buffers") }.OfType<PickledDict>();
}
