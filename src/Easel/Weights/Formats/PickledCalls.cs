namespace Easel.Weights.Formats;

/// <summary>A name in a pickle that Python would import: a class or a function. Here it is a row of a table, or a name and nothing more.</summary>
/// <param name="Name">Module and name with a dot between.</param>
/// <param name="Known">Whether tensor checkpoints need it. An unknown one may be the key of a dictionary, as training frameworks write; no more.</param>
/// <param name="Make">What calling it gives, computed here from plain data; null when it may not be called.</param>
/// <param name="Stored">The element type, where it is a dtype or a class of storage.</param>
internal sealed record PickledName(string Name, bool Known, Func<object?[], object?>? Make = null, StoredType? Stored = null);

/// <summary>The names that a tensor checkpoint needs, with what each of them means. There are no others: nothing is looked up, and nothing of the file's
/// choosing is run.</summary>
internal static class PickledCalls
{
    private static readonly Dictionary<string, PickledName> Table = Build();

    /// <summary>What the pickle means by <paramref name="module"/> and <paramref name="name"/>.</summary>
    public static PickledName Find(string module, string name)
    {
        // Python 2 and NumPy 2 spell their modules otherwise.
        var modern = module switch
        {
            "__builtin__" => "builtins",
            "copy_reg" => "copyreg",
            "torch.cuda" => "torch",
            _ => module.StartsWith("numpy._core.", StringComparison.Ordinal) ? "numpy.core." + module["numpy._core.".Length..] : module,
        };
        return Table.TryGetValue(modern + "." + name, out var known) ? known : new PickledName(module + "." + name, Known: false);
    }

    private static Dictionary<string, PickledName> Build()
    {
        var table = new Dictionary<string, PickledName>();
        void Add(string name, Func<object?[], object?>? make = null, StoredType? stored = null) =>
            table.Add(name, new PickledName(name, Known: true, make, stored));
        void Opaque(string name) => Add(name, _ => new PickledOpaque(name));
        void Object(string name) => Add(name, args => args.Length == 0 ? new PickledObject(name) : throw Misuse(name));

        foreach (var type in StoredType.All)
        {
            Add("torch." + type.TorchName, stored: type);
            if (type.StorageName is { } storage) Add("torch." + storage, stored: type);
        }
        foreach (var untyped in new[] { "torch.UntypedStorage", "torch.storage.UntypedStorage", "torch.storage._UntypedStorage" })
            Add(untyped, stored: StoredType.Bytes);

        Add("torch._utils._rebuild_tensor", args => args is [var s, var o, var size, var stride]
            ? Tensor(s, o, size, stride, null) : throw Misuse("_rebuild_tensor"));
        Add("torch._utils._rebuild_tensor_v2", args => args is [var s, var o, var size, var stride, _, _, .. var more] && Plain(more)
            ? Tensor(s, o, size, stride, null) : throw Misuse("_rebuild_tensor_v2"));
        Add("torch._utils._rebuild_tensor_v3",
            args => args is [var s, var o, var size, var stride, _, _, PickledName { Stored: { } type }, .. var more] && Plain(more)
            ? Tensor(s, o, size, stride, type) : throw Misuse("_rebuild_tensor_v3"));
        Add("torch._utils._rebuild_parameter", args => args is [PickledTensor data, _, _] ? data : throw Misuse("_rebuild_parameter"));
        Add("torch._utils._rebuild_parameter_with_state", args => args is [PickledTensor data, _, _, _] ? data : throw Misuse("_rebuild_parameter_with_state"));
        Add("torch.Size", args => args is [object?[] size] ? size : throw Misuse("torch.Size"));
        Opaque("torch.device");
        Object("torch.nn.modules.container.ParameterDict");
        Object("torch.nn.modules.container.ParameterList");

        Add("collections.OrderedDict", Dict);
        Add("collections.defaultdict", _ => new PickledDict()); // the argument is the factory
        Add("collections.Counter", args => args is [PickledDict counts] ? counts : new PickledDict());
        Add("pytorch_lightning.utilities.parsing.AttributeDict", Dict);
        Add("lightning_fabric.utilities.data.AttributeDict", Dict);
        Object("argparse.Namespace");

        foreach (var name in new[] { "set", "frozenset", "complex" }) Opaque("builtins." + name);
        foreach (var name in new[] { "datetime", "date", "time", "timedelta", "timezone" }) Opaque("datetime." + name);
        // Named as the factory of a defaultdict or the base of a class; never called by a tensor checkpoint.
        foreach (var name in new[] { "object", "int", "float", "bool", "str", "list", "tuple", "dict" }) Add("builtins." + name);
        Add("builtins.bytes", Bytes);
        Add("builtins.bytearray", Bytes);
        Add("_codecs.encode", args => args is [string text, string encoding] ? Encode(text, encoding) : throw Misuse("_codecs.encode"));
        // Protocols 0 and 1 make an empty object so: its class, that class's base, and what to give the base.
        Add("copyreg._reconstructor", args => args is [PickledName { Make: { } make, Stored: null }, PickledName { Known: true }, _]
            ? make([]) : throw Misuse("_reconstructor"));

        Add("numpy.ndarray");
        Add("numpy.dtype", args => args is [string, ..] ? new PickledOpaque("numpy.dtype") : throw Misuse("numpy.dtype"));
        Add("numpy.core.multiarray._reconstruct",
            args => args is [PickledName { Name: "numpy.ndarray" }, object?[], _] ? new PickledOpaque("numpy.ndarray") : throw Misuse("numpy's _reconstruct"));
        Add("numpy.core.multiarray.scalar", args => args is [PickledOpaque { Type: "numpy.dtype" }, ..]
            ? new PickledOpaque("numpy number") : throw Misuse("numpy's scalar"));
        Add("numpy.core.numeric._frombuffer", args => args is [byte[], PickledOpaque { Type: "numpy.dtype" }, ..]
            ? new PickledOpaque("numpy.ndarray") : throw Misuse("_frombuffer"));
        return table;
    }

    private static PickledTensor Tensor(object? storage, object? offset, object? size, object? stride, StoredType? type)
    {
        if (storage is not PickledStorage over || offset is not long from || Longs(size) is not { } shape || Longs(stride) is not { } strides)
            throw Misuse("a tensor's constructor");
        return PickledTensor.Over(over, type ?? over.Type, from, shape, strides);
    }

    private static long[]? Longs(object? tuple)
    {
        if (tuple is not object?[] items || items.Length > TensorRules.MostDimensions) return null;
        var numbers = new long[items.Length];
        for (var i = 0; i < items.Length; i++)
        {
            if (items[i] is not long number) return null;
            numbers[i] = number;
        }
        return numbers;
    }

    // The last argument may mark a tensor as conjugated or negated without its bytes saying so.
    private static bool Plain(object?[] more) => more is [] or [null] or [PickledDict { Entries.Count: 0 }];

    // Python 2 gives the entries as a list of pairs.
    private static PickledDict Dict(object?[] args)
    {
        var dict = new PickledDict();
        if (args is []) return dict;
        if (args is not [PickledList pairs]) throw Misuse("OrderedDict");
        foreach (var item in pairs.Items)
        {
            var pair = item is PickledList list ? [.. list.Items] : item as object?[];
            if (pair is not [var key, var value]) throw Misuse("OrderedDict");
            dict.Entries.Add(new(key, value));
        }
        return dict;
    }

    private static byte[] Bytes(object?[] args) => args switch
    {
        [] => [],
        [byte[] bytes] => bytes,
        [string text, string encoding] => Encode(text, encoding),
        _ => throw Misuse("bytes"),
    };

    // How protocol 2, which has no bytes, writes them.
    private static byte[] Encode(string text, string encoding)
    {
        if (encoding is not ("latin1" or "latin-1") || text.AsSpan().ContainsAnyExceptInRange('\0', '\u00FF')) throw Misuse("_codecs.encode");
        return System.Text.Encoding.Latin1.GetBytes(text);
    }

    private static CheckpointException Misuse(string name) => new($"calls {name} with arguments that no tensor checkpoint gives it");
}
