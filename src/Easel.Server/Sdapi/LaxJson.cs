using System.Text;
using Easel.Server.Json;

namespace Easel.Server.Sdapi;

/// <summary>Values as pydantic's lax mode takes them, on which clients rely: switches and numbers as texts, numbers for switches and the other way round,
/// numbers for texts, an empty list for an object. What is null inside a list is refused as it is there.</summary>
internal static class LaxJson
{
    public static IReadOnlyList<JsonConverter> Converters { get; } =
        [new Switch(), new Whole<int>(), new Whole<long>(), new Number(), new Words(), new WordList(), new Member()];

    private static string? TextOf(ref Utf8JsonReader reader) => reader.TokenType switch
    {
        JsonTokenType.String => reader.GetString()!.Trim(),
        JsonTokenType.Number => Encoding.UTF8.GetString(reader.ValueSpan),
        JsonTokenType.True => "1",
        JsonTokenType.False => "0",
        _ => null,
    };

    private abstract class Lax<T> : JsonConverter<T>
    {
        public override void Write(Utf8JsonWriter writer, T value, JsonSerializerOptions options) =>
            throw new NotSupportedException("What is sent is written as it is.");
    }

    private sealed class Switch : Lax<bool>
    {
        public override bool Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            TextOf(ref reader) is { } text && KnobJson.Truth(text) is { } on ? on : throw new JsonException("It must be true or false.");
    }

    private sealed class Whole<T> : Lax<T> where T : System.Numerics.IBinaryInteger<T>
    {
        public override T Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            decimal.TryParse(TextOf(ref reader), NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && decimal.IsInteger(number)
                && T.TryParse(number.ToString("0", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture, out var whole)
                ? whole : throw new JsonException("A whole number is expected.");
    }

    private sealed class Number : Lax<double>
    {
        public override double Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            double.TryParse(TextOf(ref reader), NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number)
                ? number : throw new JsonException("A number is expected.");
    }

    private sealed class Words : Lax<string>
    {
        public override string Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.TokenType switch
        {
            JsonTokenType.String => reader.GetString()!,
            JsonTokenType.Number => Encoding.UTF8.GetString(reader.ValueSpan),
            _ => throw new JsonException("A text is expected."),
        };
    }

    /// <summary>A single text is a list of one.</summary>
    private sealed class WordList : Lax<IReadOnlyList<string>>
    {
        public override IReadOnlyList<string> Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        {
            var each = new Words();
            if (reader.TokenType != JsonTokenType.StartArray) return [each.Read(ref reader, typeof(string), options)];
            var words = new List<string>();
            while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            {
                if (reader.TokenType == JsonTokenType.Null) throw new JsonException($"Entry {words.Count} of the list is null, where a text is expected.");
                words.Add(each.Read(ref reader, typeof(string), options));
            }
            return words;
        }
    }

    /// <summary>PHP writes an empty object as an empty list.</summary>
    private sealed class Member : Lax<JsonObject>
    {
        public override JsonObject Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => JsonNode.Parse(ref reader) switch
        {
            JsonObject given => given,
            JsonArray { Count: 0 } => [],
            _ => throw new JsonException("An object is expected."),
        };
    }
}
