using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Easel.Tests.Fuzzing;

/// <summary>Damages what is sound, the same way for the same seed: bytes, texts with brackets, and the parts of picture files. A case has at most
/// <see cref="LargestCase"/> bytes.</summary>
internal sealed class Damage(int seed)
{
    public const int LargestCase = 1 << 17;

    private static readonly ulong[] Numbers =
    [
        0, 1, 2, 7, 8, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x100000000,
        long.MaxValue, 1UL << 61, 1UL << 62, 1UL << 63, ulong.MaxValue,
    ];

    /// <summary>What readers of any text trip over.</summary>
    private static readonly string[] Anywhere =
    [
        "0", "-1", "1e308", "1e999", "-1e-400", "0x10", "9223372036854775807", "9223372036854775808", "18446744073709551616", "99999999999999999999999",
        "NaN", "Infinity", "-Infinity", "null", "true", "\"", "\\", "\\u0000", "\\ud800", "\ud800", "\0", "\n", "\r", "\t", "\uFEFF", "\u2028", "é", "🦊", "",
        " ", ":", ",", "=", "(", ")", "[", "]", "{", "}", "<", ">", "|", "&", "#", "*", "-", "'", "\"\"", "[]", "{}", "[[[[", "}}}}", ",,,,", ":::",
    ];

    private const string Openers = "([{<", Closers = ")]}>";

    public Random Random { get; } = new(seed);

    /// <summary>One of several.</summary>
    public T Any<T>(IReadOnlyList<T> of) => of[Random.Next(of.Count)];

    /// <summary>Bytes with one to six faults in them: bits, numbers that lie, pieces gone, doubled and moved.</summary>
    public byte[] Bytes(byte[] sound)
    {
        var bytes = sound.ToList();
        for (var times = Times(); times > 0 && bytes.Count > 0; times--)
        {
            var at = Random.Next(bytes.Count);
            switch (Random.Next(9))
            {
                case 0: bytes[at] ^= (byte)(1 << Random.Next(8)); break;
                case 1: bytes[at] = (byte)Random.Next(256); break;
                case 2 or 3 or 4: Overwrite(bytes, at & ~1, Number()); break; // counts, lengths and places lie at even places
                case 5: bytes.RemoveRange(at, Math.Min(Random.Next(1, 17), bytes.Count - at)); break;
                case 6: bytes.InsertRange(Random.Next(bytes.Count), Piece(bytes, at)); break;
                case 7: Overwrite(bytes, Random.Next(bytes.Count), Piece(bytes, at)); break;
                default: if (Random.Next(6) == 0) bytes.RemoveRange(at, bytes.Count - at); else bytes[at] += (byte)Random.Next(-3, 4); break;
            }
        }
        return Short([.. bytes]);
    }

    /// <summary>A text with one to six faults in it: a word exchanged, a bracket with what it holds gone, doubled, nested deep or moved, a mark where none
    /// belongs.</summary>
    /// <param name="sound">JSON, a prompt, settings: anything with brackets.</param>
    /// <param name="words">Words that mean something to the reader.</param>
    public string Text(string sound, params IReadOnlyList<string> words)
    {
        var parts = Parts(sound);
        for (var times = Times(); times > 0 && parts.Count > 0; times--)
        {
            var at = Random.Next(parts.Count);
            var end = EndOfSpan(parts, at);
            var span = parts.GetRange(at, end - at);
            switch (Random.Next(9))
            {
                case 0 or 1: parts[at] = Word(words); break;
                case 2 or 3: parts.Insert(at, Word(words)); break;
                case 4: parts.RemoveRange(at, end - at); break;
                case 5: for (var copies = Random.Next(1, 12); copies > 0; copies--) parts.InsertRange(at, span); break;
                case 6:
                    var (deep, kind) = (Random.Next(4) == 0 ? Random.Next(1, 3000) : Random.Next(1, 8), Random.Next(Openers.Length));
                    parts.Insert(end, new string(Closers[kind], deep));
                    parts.Insert(at, new string(Openers[kind], deep));
                    break;
                case 7: parts.InsertRange(EndOfSpan(parts, Random.Next(parts.Count)), span); break;
                default:
                    if (Random.Next(6) == 0) parts.RemoveRange(at, parts.Count - at);
                    else parts[at] = string.Concat(Enumerable.Repeat(parts[at], Random.Next(4) == 0 ? Random.Next(2000) : 2));
                    break;
            }
            if (parts.Count > 20_000) break;
        }
        var text = string.Concat(parts);
        return text.Length > LargestCase / 3 ? text[..(LargestCase / 3)] : text;
    }

    /// <summary>The same of a text in UTF-8.</summary>
    public byte[] Utf8(byte[] sound, params IReadOnlyList<string> words) => Encoding.UTF8.GetBytes(Text(Encoding.UTF8.GetString(sound), words));

    /// <summary>JSON of which the tree is damaged rather than the text: a value in the place of another, of another kind, deep inside lists, gone, called
    /// otherwise or there often. So a link of a graph leads elsewhere, and a setting is null, while all around stays sound. What is no JSON is damaged as
    /// bytes.</summary>
    /// <param name="names">Names that mean something to the reader.</param>
    public byte[] Json(byte[] sound, params IReadOnlyList<string> names)
    {
        JsonNode? root;
        try
        {
            root = JsonNode.Parse(sound, documentOptions: new JsonDocumentOptions { AllowDuplicateProperties = false });
        }
        catch (JsonException)
        {
            return Bytes(sound);
        }
        for (var times = Times(); times > 0; times--)
        {
            var nodes = All(root).ToList();
            if (nodes.Count == 0) break;
            var at = Any(nodes);
            switch (Random.Next(8))
            {
                case 0 or 1: Put(at, Any(nodes).Value?.DeepClone()); break;
                case 2 or 3: Put(at, Strange()); break;
                case 4:
                    var inner = at.Value?.DeepClone();
                    for (var deep = Random.Next(6) == 0 ? Random.Next(2, 30) : 1; deep > 0; deep--)
                        inner = Random.Next(2) == 0 ? new JsonArray(inner) : new JsonObject { [names.Count > 0 ? Any(names) : "a"] = inner };
                    Put(at, inner);
                    break;
                case 5:
                    if (at.Parent is JsonArray list) list.RemoveAt(at.Place);
                    else ((JsonObject)at.Parent).Remove(at.Name!);
                    break;
                case 6:
                    var value = at.Value?.DeepClone();
                    if (at.Parent is JsonObject named) named[names.Count > 0 ? Any(names) : at.Name + "x"] = value;
                    else ((JsonArray)at.Parent).Add(value);
                    break;
                default:
                    for (var copies = Random.Next(4) == 0 ? Random.Next(200) : 2; copies > 0; copies--)
                    {
                        if (at.Parent is JsonArray items) items.Add(at.Value?.DeepClone());
                        else ((JsonObject)at.Parent)[$"{at.Name}{copies}"] = at.Value?.DeepClone();
                    }
                    break;
            }
            if (nodes.Count > 5000) break;
        }
        return Short(Encoding.UTF8.GetBytes(root?.ToJsonString(Written) ?? "null"));
    }

    /// <summary>A picture file of which the parts are damaged rather than the whole: their contents, their order, how often they come. Checksums are made right
    /// again, so that readers get to the damage.</summary>
    public byte[] Picture(byte[] sound)
    {
        if (Random.Next(4) == 0) return Bytes(sound);
        var file = PictureParts.Of(sound);
        for (var times = Times(); times > 0 && file.Parts.Count > 0; times--)
        {
            var at = Random.Next(file.Parts.Count);
            var part = file.Parts[at];
            switch (Random.Next(6))
            {
                case 0 or 1 or 2: file.Parts[at] = part with { Data = Bytes(part.Data) }; break;
                case 3: for (var copies = Random.Next(1, Random.Next(8) == 0 ? 300 : 4); copies > 0; copies--) file.Parts.Insert(at, part); break;
                case 4: file.Parts.RemoveAt(at); break;
                default:
                    file.Parts.RemoveAt(at);
                    file.Parts.Insert(Random.Next(file.Parts.Count + 1), part);
                    break;
            }
        }
        return Short(file.ToBytes());
    }

    private static readonly JsonSerializerOptions Written = new() { MaxDepth = 1000 };

    /// <summary>A value in a tree of JSON, by where it stands.</summary>
    private sealed record Spot(JsonNode Parent, string? Name, int Place)
    {
        public JsonNode? Value => Name is null ? Parent[Place] : Parent[Name];
    }

    private static IEnumerable<Spot> All(JsonNode? root) => root switch
    {
        JsonObject members => members.ToList().SelectMany(member => All(member.Value).Prepend(new Spot(root, member.Key, 0))),
        JsonArray items => Enumerable.Range(0, items.Count).SelectMany(place => All(items[place]).Prepend(new Spot(root, null, place))),
        _ => [],
    };

    private static void Put(Spot at, JsonNode? value)
    {
        if (at.Parent is JsonArray list) list[at.Place] = value;
        else at.Parent[at.Name!] = value;
    }

    /// <summary>A value of any kind that readers do not think of.</summary>
    private JsonNode? Strange() => Random.Next(12) switch
    {
        0 or 1 => null,
        2 => JsonValue.Create(Random.Next(2) == 0),
        3 => JsonValue.Create(long.MinValue),
        4 => JsonValue.Create(1e308),
        5 => JsonValue.Create(-1),
        6 => new JsonArray(),
        7 => new JsonObject(),
        8 => new JsonArray((JsonNode?)null),
        9 => JsonValue.Create(Random.Next(-3, 70000).ToString(System.Globalization.CultureInfo.InvariantCulture)),
        10 => JsonValue.Create(new string('x', Random.Next(2000))),
        _ => JsonValue.Create(Any(Anywhere).Replace("\ud800", "\ufffd")),
    };

    private int Times() => Random.Next(3) == 0 ? Random.Next(1, 7) : 1;

    private static byte[] Short(byte[] bytes) => bytes.Length > LargestCase ? bytes[..LargestCase] : bytes;

    private string Word(IReadOnlyList<string> words) => words.Count > 0 && Random.Next(2) == 0 ? Any(words) : Any(Anywhere);

    private byte[] Number()
    {
        var number = new byte[8];
        var (value, width) = (Numbers[Random.Next(Numbers.Length)] + (ulong)Random.Next(-1, 2), 1 << Random.Next(1, 4));
        if (Random.Next(2) == 0) BinaryPrimitives.WriteUInt64LittleEndian(number, value);
        else BinaryPrimitives.WriteUInt64BigEndian(number, value << 8 * (8 - width));
        return number[..width];
    }

    private byte[] Piece(List<byte> bytes, int at) => [.. bytes.GetRange(at, Math.Min(Random.Next(1, 60), bytes.Count - at))];

    private static void Overwrite(List<byte> bytes, int at, byte[] with)
    {
        for (var i = 0; i < with.Length && at + i < bytes.Count; i++) bytes[at + i] = with[i];
    }

    /// <summary>Words and numbers whole, all else a character each.</summary>
    private static List<string> Parts(string text)
    {
        var parts = new List<string>();
        for (int at = 0, end; at < text.Length; at = end)
        {
            for (end = at + 1; end < text.Length && char.IsLetterOrDigit(text[at]) && (char.IsLetterOrDigit(text[end]) || text[end] is '_' or '.');) end++;
            parts.Add(text[at..end]);
        }
        return parts;
    }

    /// <summary>Behind a part; behind the closing bracket of one that opens.</summary>
    private static int EndOfSpan(List<string> parts, int at)
    {
        var depth = 0;
        for (var end = at; end < parts.Count; end++)
        {
            if (parts[end].Length == 1 && Openers.Contains(parts[end][0])) depth++;
            else if (parts[end].Length == 1 && Closers.Contains(parts[end][0])) depth--;
            if (depth <= 0) return end + 1;
        }
        return at + 1;
    }
}
