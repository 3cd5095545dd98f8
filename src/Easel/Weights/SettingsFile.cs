using Easel.Weights.Formats;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;
using Scalar = YamlDotNet.Core.Events.Scalar;

namespace Easel.Weights;

/// <summary>Reads the texts beside a model. They come from the network as the model does: what they may cost is bounded before they are read, and whatever is
/// wrong with one is a <see cref="CheckpointException"/> that names it.</summary>
internal static class SettingsFile
{
    /// <summary>The longest file, the deepest nesting and the most values; real ones have a hundredth of each.</summary>
    private const int Longest = 1 << 20, Deepest = 32, MostValues = 50_000;

    /// <summary>The object in a JSON file. Every text in it can be read: none is half of a character.</summary>
    /// <exception cref="CheckpointException">It cannot be read, or holds something else.</exception>
    public static JsonElement Json(string path)
    {
        var text = Read(path);
        try
        {
            return JsonObject(text.AsMemory(text is [0xEF, 0xBB, 0xBF, ..] ? 3 : 0))
                ?? throw new CheckpointException($"The configuration file {path} is not a JSON object.");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw Unreadable(path, e);
        }
    }

    /// <summary>A JSON object; null where the text holds something else.</summary>
    /// <exception cref="JsonException">It is not well formed, has a name twice, or is too deep.</exception>
    /// <exception cref="InvalidOperationException">A text in it is half of a character.</exception>
    public static JsonElement? JsonObject(ReadOnlyMemory<byte> text)
    {
        using var document = JsonDocument.Parse(text, new JsonDocumentOptions { MaxDepth = Deepest, AllowDuplicateProperties = false });
        if (document.RootElement.ValueKind != JsonValueKind.Object) return null;
        Touch(document.RootElement);
        return document.RootElement.Clone();
    }

    /// <summary>The first document of a YAML file: texts, lists (<see cref="List{T}"/>) and maps (<see cref="Dictionary{TKey,TValue}"/> by name); null for an
    /// empty file. What is said once and referred to stands in memory once.</summary>
    /// <exception cref="CheckpointException">It cannot be read.</exception>
    public static object? Yaml(string path)
    {
        using var reader = new StreamReader(new MemoryStream(Read(path)));
        try
        {
            return new YamlTree(new Parser(reader)).Read();
        }
        // What the parser makes of damaged escapes and numbers is not always its own exception.
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            throw Unreadable(path, e);
        }
    }

    private static byte[] Read(string path)
    {
        if (RegularFile.WhyNot(path) is { } why) throw new CheckpointException($"The configuration file {path} {why}.");
        try
        {
            using var file = File.OpenRead(path);
            if (file.Length > Longest)
                throw new CheckpointException($"The configuration file {path} has {file.Length} bytes; at most {Longest} are read.");
            var text = new byte[file.Length];
            file.ReadExactly(text);
            return text;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw Unreadable(path, e);
        }
    }

    private static CheckpointException Unreadable(string path, Exception e) =>
        new($"The configuration file {path} cannot be read: {Quoted.Text(e.Message.ReplaceLineEndings(" ")).TrimEnd('.')}.", e);

    /// <summary>The reader looks at the bytes of a text only when asked for it.</summary>
    private static void Touch(JsonElement value)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.String:
                _ = value.GetString();
                break;
            case JsonValueKind.Object:
                foreach (var member in value.EnumerateObject())
                {
                    _ = member.Name;
                    Touch(member.Value);
                }
                break;
            case JsonValueKind.Array:
                foreach (var item in value.EnumerateArray()) Touch(item);
                break;
        }
    }

    /// <summary>Builds the values out of the parser's events, counting them.</summary>
    private sealed class YamlTree(IParser parser)
    {
        private readonly Dictionary<string, object> _anchors = [];
        private int _values;

        public object? Read()
        {
            while (parser.MoveNext())
                if (parser.Current is not (StreamStart or DocumentStart)) return parser.Current is StreamEnd or DocumentEnd ? null : Value(1);
            return null;
        }

        private object Value(int depth)
        {
            if (depth > Deepest) throw new YamlException($"it is nested deeper than {Deepest}");
            Count(1);
            var at = parser.Current;
            parser.MoveNext();
            if (at is AnchorAlias alias)
                return _anchors.TryGetValue(alias.Value.Value, out var known) ? known : throw new YamlException("it refers to what is not said before");
            object value = at switch
            {
                Scalar text => text.Value,
                SequenceStart => Items(depth),
                MappingStart => Members(depth),
                _ => throw new YamlException("a value is missing"),
            };
            // Known only when it is whole: nothing can hold itself.
            if (at is NodeEvent { Anchor.IsEmpty: false } named) _anchors[named.Anchor.Value] = value;
            return value;
        }

        private List<object> Items(int depth)
        {
            var items = new List<object>();
            while (parser.Current is not SequenceEnd) items.Add(Value(depth + 1));
            parser.MoveNext();
            return items;
        }

        private Dictionary<string, object> Members(int depth)
        {
            var members = new Dictionary<string, object>();
            var merged = new List<Dictionary<string, object>>();
            while (parser.Current is not MappingEnd)
            {
                if (Value(depth + 1) is not string name) throw new YamlException("a name is no text");
                var value = Value(depth + 1);
                if (name == "<<") merged.AddRange((value as List<object> ?? [value]).OfType<Dictionary<string, object>>());
                else if (!members.TryAdd(name, value)) throw new YamlException($"{name} is said twice");
            }
            parser.MoveNext();
            foreach (var (name, value) in merged.SelectMany(map => map))
            {
                Count(1);
                members.TryAdd(name, value);
            }
            return members;
        }

        private void Count(int more)
        {
            if ((_values += more) > MostValues) throw new YamlException($"it holds more than {MostValues} values");
        }
    }
}
