using System.Text.Unicode;

namespace Easel.Weights.Formats;

/// <summary>Reads safetensors: eight bytes of header length, a JSON header, then the values without gaps. The rules are those of the format's own reader
/// (github.com/huggingface/safetensors, "Format"), which leave no byte of a file unaccounted for.</summary>
internal static class SafeTensors
{
    /// <summary>The longest header the format allows.</summary>
    public const long LongestHeader = 100_000_000;

    /// <summary>What is wrong with a file whose header does not begin as one.</summary>
    public const string NoBrace = "is no safetensors file: its header does not begin with '{'";

    private const int LengthField = 8;

    /// <summary>Parses and checks the header of <paramref name="file"/>, which the result owns from then on.</summary>
    public static TensorFile Read(ModelBytes file)
    {
        var length = file.UInt64(0);
        if (length > LongestHeader) throw file.Refuse($"says its safetensors header has {length} bytes, and {LongestHeader} are allowed");
        if (length < 2) throw file.Refuse("says its safetensors header is empty");
        if ((long)length > file.Length - LengthField)
            throw file.Refuse($"ends inside its header ({length} bytes, of which {file.Length - LengthField} are there); its download or copy did not finish");

        var header = file.Span(LengthField, (int)length);
        if (header[0] != '{') throw file.Refuse(NoBrace);
        // The JSON reader looks at the bytes of a string only when asked for it.
        if (!Utf8.IsValid(header)) throw file.Refuse("has a safetensors header that is not UTF-8");
        try
        {
            return Parse(file, header);
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            throw file.Refuse($"has a safetensors header that is not well-formed JSON ({Quoted.Text(error.Message).TrimEnd('.')})", error);
        }
    }

    private static FileTensors Parse(ModelBytes file, ReadOnlySpan<byte> header)
    {
        // Object, tensor, list: nothing in a header is deeper.
        var json = new Utf8JsonReader(header, new JsonReaderOptions { MaxDepth = 4 });
        var data = LengthField + header.Length;
        var metadata = new OrderedDictionary<string, string>();
        var places = new OrderedDictionary<string, TensorPlace>();
        var ranges = new List<(long Begin, long End, string Name)>();
        var hasMetadata = false;

        json.Read();
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            var name = json.GetString()!;
            json.Read();
            if (json.TokenType != JsonTokenType.StartObject) throw file.Refuse($"describes {Quoted.Name(name)} with something else than a JSON object");
            if (name == "__metadata__")
            {
                if (hasMetadata) throw file.Refuse("has two __metadata__ entries");
                hasMetadata = true;
                ReadMetadata(file, ref json, metadata);
                continue;
            }
            var (type, shape, begin, end) = ReadTensor(file, ref json, name);
            var bytes = CheckedSize(file, name, type, shape);
            if (begin < 0 || end < begin || end - begin != bytes)
                throw file.Refuse($"gives {Quoted.Name(name)} the bytes {begin} to {end}, and its shape and type need {bytes}");
            if (!places.TryAdd(name, new TensorPlace(type, shape, null, data + begin, bytes / type.Size, null)))
                throw file.Refuse($"describes {Quoted.Name(name)} twice");
            ranges.Add((begin, end, name));
        }
        while (json.Read()) { } // only blanks may follow; anything else throws

        Account(file, ranges, file.Length - data);
        return new FileTensors(file, places) { Metadata = metadata };
    }

    private static void ReadMetadata(ModelBytes file, ref Utf8JsonReader json, OrderedDictionary<string, string> metadata)
    {
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            var key = json.GetString()!;
            json.Read();
            if (json.TokenType != JsonTokenType.String) throw file.Refuse($"has metadata {Quoted.Name(key)} that is not a string");
            if (!metadata.TryAdd(key, json.GetString()!)) throw file.Refuse($"has metadata {Quoted.Name(key)} twice");
        }
    }

    private static (StoredType Type, long[] Shape, long Begin, long End) ReadTensor(ModelBytes file, ref Utf8JsonReader json, string name)
    {
        StoredType? type = null;
        long[]? shape = null, offsets = null;
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            var field = json.GetString()!;
            json.Read();
            switch (field)
            {
                case "dtype" when type is null:
                    var spelled = json.TokenType == JsonTokenType.String ? json.GetString()! : "something that is no string";
                    type = StoredType.Named(spelled) ?? throw file.Refuse($"stores {Quoted.Name(name)} as {Quoted.Name(spelled)}, a type Easel does not know");
                    break;
                case "shape" when shape is null:
                    shape = ReadNumbers(file, ref json, name, field);
                    break;
                case "data_offsets" when offsets is null:
                    offsets = ReadNumbers(file, ref json, name, field);
                    break;
                case "dtype" or "shape" or "data_offsets":
                    throw file.Refuse($"gives the {field} of {Quoted.Name(name)} twice");
                default:
                    json.Skip();
                    break;
            }
        }
        if (type is null || shape is null || offsets is not [var begin, var end])
            throw file.Refuse($"describes {Quoted.Name(name)} without its dtype, its shape or its two data_offsets");
        return (type, shape, begin, end);
    }

    private static long[] ReadNumbers(ModelBytes file, ref Utf8JsonReader json, string name, string field)
    {
        if (json.TokenType != JsonTokenType.StartArray) throw file.Refuse($"has {field} of {Quoted.Name(name)} that are no list");
        var numbers = new List<long>();
        while (json.Read() && json.TokenType != JsonTokenType.EndArray)
        {
            if (json.TokenType != JsonTokenType.Number || !json.TryGetInt64(out var number) || number < 0)
                throw file.Refuse($"has {field} of {Quoted.Name(name)} that are not whole numbers from 0 to {long.MaxValue}");
            numbers.Add(number);
            if (numbers.Count > TensorRules.MostDimensions) throw file.Refuse($"gives {Quoted.Name(name)} more than {TensorRules.MostDimensions} dimensions");
        }
        return [.. numbers];
    }

    private static long CheckedSize(ModelBytes file, string name, StoredType type, long[] shape) =>
        TensorRules.Bytes(shape, type) ?? throw file.Refuse($"gives {Quoted.Name(name)} the shape [{string.Join(", ", shape)}], which no computer can hold");

    // In the order of their places the tensors must tile the data: no overlap, no hole, nothing left over.
    private static void Account(ModelBytes file, List<(long Begin, long End, string Name)> ranges, long length)
    {
        ranges.Sort((a, b) => a.Begin != b.Begin ? a.Begin.CompareTo(b.Begin) : a.End.CompareTo(b.End));
        var reached = 0L;
        foreach (var (begin, end, name) in ranges)
        {
            if (begin < reached) throw file.Refuse($"lets {Quoted.Name(name)} overlap the tensor before it");
            if (begin > reached) throw file.Refuse($"leaves {begin - reached} bytes unused before {Quoted.Name(name)}, which the format forbids");
            reached = end;
        }
        if (reached > length)
            throw file.Refuse($"ends too early: its tensors need {reached} bytes, of which {length} are there; its download or copy did not finish");
        if (reached < length) throw file.Refuse($"has {length - reached} bytes after its last tensor, which the format forbids");
    }
}
