using System.Text.Unicode;

namespace Easel.Weights.Formats;

/// <summary>
/// Reads GGUF, versions 2 and 3 (github.com/ggml-org/ggml, docs/gguf.md): a header of keys and values, the names, shapes and places of the tensors, then their
/// values. Every number in it is checked against the file's length before anything is made of it.
/// </summary>
internal static class Gguf
{
    /// <summary>What a file begins with.</summary>
    public static ReadOnlySpan<byte> Magic => "GGUF"u8;

    /// <summary>The key that tells to what multiples of bytes tensors are aligned, and what holds where it is missing.</summary>
    public const string AlignmentKey = "general.alignment";

    public const int DefaultAlignment = 32;

    /// <summary>Before the name of a tensor in the key of its shape, where a program has folded it into longer rows (city96/ComfyUI-GGUF).</summary>
    private const string FoldedShape = "comfy.gguf.orig_shape.";

    private const int MostDimensions = 4, LongestName = 1 << 16, LargestAlignment = 1 << 20, MostNesting = 4;
    private const long LeastTensorBytes = 24, LeastValueBytes = 13; // of a tensor's description and of a key with its value

    /// <summary>Parses and checks the header of <paramref name="file"/>, which the result owns from then on.</summary>
    public static TensorFile Read(ModelBytes file)
    {
        var reader = new Reader(file) { At = Magic.Length };
        var version = reader.UInt32();
        if (version is 0x02000000 or 0x03000000) throw file.Refuse("is a GGUF file for processors that keep the high byte first, which Easel does not read");
        if (version is not (2 or 3)) throw file.Refuse($"is a GGUF file of version {version}; Easel reads versions 2 and 3");
        var (tensors, values) = (reader.Count(LeastTensorBytes), reader.Count(LeastValueBytes));

        var (texts, extras, shapes) = (new OrderedDictionary<string, string>(), new Dictionary<string, object?>(), new Dictionary<string, long[]>());
        for (var i = 0L; i < values; i++)
        {
            var key = reader.Text(LongestName);
            if (texts.ContainsKey(key) || !extras.TryAdd(key, null)) throw file.Refuse($"has two values for {Quoted.Name(key)}");
            var value = reader.Value(reader.UInt32(), key, 0);
            if (value is string text)
            {
                extras.Remove(key);
                texts.Add(key, text);
            }
            else if (value is long[] numbers)
            {
                extras.Remove(key);
                if (key.StartsWith(FoldedShape, StringComparison.Ordinal)) shapes[key[FoldedShape.Length..]] = numbers;
            }
            else extras[key] = value;
        }
        var alignment = extras.GetValueOrDefault(AlignmentKey) switch { null => DefaultAlignment, long given => given, _ => 0 };
        if (alignment is < 1 or > LargestAlignment || !long.IsPow2(alignment))
            throw file.Refuse("aligns its tensors to something else than a power of two");

        var places = new OrderedDictionary<string, GgufPlace>();
        for (var i = 0L; i < tensors; i++)
        {
            var (name, place) = ReadTensor(file, reader, shapes);
            if (place.Start % alignment != 0) throw file.Refuse($"begins {Quoted.Name(name)} at {place.Start}, no multiple of {alignment}");
            if (!places.TryAdd(name, place)) throw file.Refuse($"describes {Quoted.Name(name)} twice");
        }
        var data = (reader.At + alignment - 1) / alignment * alignment;
        Account(file, places, data);
        return new GgufTensors(file, places, data) { Metadata = texts, Extras = extras };
    }

    private static (string Name, GgufPlace Place) ReadTensor(ModelBytes file, Reader reader, Dictionary<string, long[]> shapes)
    {
        var name = reader.Text(LongestName);
        var rank = reader.UInt32();
        if (rank > MostDimensions) throw file.Refuse($"gives {Quoted.Name(name)} {rank} dimensions, and the format allows {MostDimensions}");
        var stored = new long[rank];
        for (var i = stored.Length - 1; i >= 0; i--) stored[i] = reader.Int64(); // the innermost comes first
        var number = reader.UInt32();
        var type = GgmlType.Of(number) ?? throw file.Refuse($"stores {Quoted.Name(name)} as {GgmlType.NameOf(number)}, a type Easel does not read");
        var bytes = type.BytesOf(stored)
            ?? throw file.Refuse($"gives {Quoted.Name(name)} the shape [{string.Join(", ", stored)}], which is not possible for {type.Name}");
        var shape = stored;
        if (shapes.TryGetValue(name, out var folded))
        {
            var values = stored.Aggregate(1L, (product, side) => product * side);
            if (folded.Length > MostDimensions + 1 || TensorRules.Bytes(folded, StoredType.Bytes) != values)
                throw file.Refuse($"says that {Quoted.Name(name)} had another number of values than it has");
            shape = folded;
        }
        return (name, new GgufPlace(type, shape, reader.Int64(), bytes));
    }

    /// <summary>Tensors must lie inside the file and not over each other.</summary>
    private static void Account(ModelBytes file, OrderedDictionary<string, GgufPlace> places, long data)
    {
        var reached = 0L;
        foreach (var (name, place) in places.OrderBy(entry => entry.Value.Start).ThenBy(entry => entry.Value.Bytes))
        {
            if (place.Start < reached) throw file.Refuse($"lets {Quoted.Name(name)} overlap the tensor before it");
            if (place.Start > file.Length - data || place.Bytes > file.Length - data - place.Start)
                throw file.Refuse($"ends before the values of {Quoted.Name(name)}; its download or copy did not finish");
            reached = place.Start + place.Bytes;
        }
    }

    /// <summary>Reads one thing after the other; what lies beyond the file's end is refused.</summary>
    private sealed class Reader(ModelBytes file)
    {
        public long At { get; set; }

        public uint UInt32() => BinaryPrimitives.ReadUInt32LittleEndian(Take(4));

        /// <summary>A number that must not be negative.</summary>
        public long Int64() => (long)BinaryPrimitives.ReadUInt64LittleEndian(Take(8)) is >= 0 and var number ? number
            : throw file.Refuse("has a number in its header that is too large");

        /// <summary>How many things follow, of which each takes so many bytes at least.</summary>
        public long Count(long leastBytes) => Int64() is var count && count <= (file.Length - At) / leastBytes ? count
            : throw file.Refuse($"says that {count} things follow in its header, more than it has room for; its download or copy did not finish");

        public string Text(int longest = int.MaxValue)
        {
            var length = Count(1);
            if (length > longest) throw file.Refuse($"has a name of {length} bytes in its header, and {longest} are allowed");
            var bytes = Take((int)length);
            return Utf8.IsValid(bytes) ? Encoding.UTF8.GetString(bytes) : throw file.Refuse("has a text in its header that is not UTF-8");
        }

        /// <summary>A value: a whole number (long), a number (double), a truth value, a text, whole numbers (long[]); null for what is of no use.</summary>
        public object? Value(uint type, string key, int nesting) => type switch
        {
            0 => (long)Take(1)[0],
            1 => (long)(sbyte)Take(1)[0],
            2 => (long)BinaryPrimitives.ReadUInt16LittleEndian(Take(2)),
            3 => (long)BinaryPrimitives.ReadInt16LittleEndian(Take(2)),
            4 => (long)UInt32(),
            5 => (long)BinaryPrimitives.ReadInt32LittleEndian(Take(4)),
            6 => (double)BinaryPrimitives.ReadSingleLittleEndian(Take(4)),
            7 => Take(1)[0] != 0,
            8 => Text(1 << 24),
            9 => List(key, nesting),
            10 or 11 => BinaryPrimitives.ReadInt64LittleEndian(Take(8)),
            12 => BinaryPrimitives.ReadDoubleLittleEndian(Take(8)),
            _ => throw file.Refuse($"gives {Quoted.Name(key)} a value of type {type}, which the format does not have"),
        };

        private object? List(string key, int nesting)
        {
            if (nesting >= MostNesting) throw file.Refuse($"gives {Quoted.Name(key)} lists inside lists inside lists");
            var type = UInt32();
            var count = Count(type switch { 0 or 1 or 7 => 1, 2 or 3 => 2, 4 or 5 or 6 => 4, 8 or 10 or 11 or 12 => 8, _ => 12 });
            if (type is 0 or 1 or 2 or 3 or 4 or 5 or 10 or 11 && count <= MostDimensions + 1)
            {
                var numbers = new long[count];
                for (var i = 0; i < numbers.Length; i++) numbers[i] = (long)Value(type, key, nesting + 1)!;
                return numbers;
            }
            for (var i = 0L; i < count; i++) _ = Value(type, key, nesting + 1);
            return null;
        }

        private ReadOnlySpan<byte> Take(int length)
        {
            var taken = file.Span(At, length);
            At += length;
            return taken;
        }
    }
}
