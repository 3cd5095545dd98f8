namespace Easel.Server.Errors;

/// <summary>What a value must be, as the end of a sentence for who sent another.</summary>
internal static class KindWords
{
    private const string Wholes = "a whole number";

    private static readonly Dictionary<string, string> Simple = new()
    {
        ["System.Int32"] = Wholes,
        ["System.Int64"] = Wholes,
        ["System.Double"] = "a number",
        ["System.Single"] = "a number",
        ["System.Boolean"] = "true or false",
        ["System.String"] = "a text",
        ["System.Text.Json.Nodes.JsonArray"] = "a list",
    };

    private static readonly Dictionary<string, string> Spelt =
        new() { ["int"] = "System.Int32", ["long"] = "System.Int64", ["double"] = "System.Double", ["bool"] = "System.Boolean" };

    /// <summary>What a value of a type must be.</summary>
    /// <param name="type">The type as <see cref="Type.ToString"/> writes it, or as C# spells a plain one.</param>
    public static string Of(string type)
    {
        type = type.TrimEnd('?');
        if (Spelt.TryGetValue(type, out var plain)) type = plain;
        if (InnerOf(type) is { } inner)
        {
            if (type.StartsWith("System.Nullable`1", StringComparison.Ordinal)) return Of(inner);
            return type.Contains("Dictionary`2", StringComparison.Ordinal) ? "an object"
                : Simple.ContainsKey(inner) ? $"a list, each of it {Of(inner)}" : "a list";
        }
        if (Simple.TryGetValue(type, out var words)) return words;
        return EnumOf(type) is { } choices ? "one of " + string.Join(", ", Enum.GetNames(choices).Select(JsonNamingPolicy.CamelCase.ConvertName)) : "an object";
    }

    /// <summary>A value that is not what it must be, as far as it is known.</summary>
    /// <param name="exception">What the reader of JSON threw: its sentence ends with the type.</param>
    public static string Sentence(JsonException exception)
    {
        var named = exception.Message.Split("converted to ") is [_, var rest, ..] ? rest.Split(". Path:")[0].TrimEnd('.', ' ') : "";
        var kind = Of(named);
        var thing = exception.Path is ['$', '.', .. var path] ? $"\"{path}\"" : "The body";
        // A number that is none of the kind: it has a fraction, or more digits than there is room for.
        if (exception.InnerException is FormatException && kind == Wholes)
        {
            return named.Contains("Int64", StringComparison.Ordinal) ? $"{thing} must be a whole number from {long.MinValue} to {long.MaxValue}."
                : $"{thing} must be a whole number from {int.MinValue} to {int.MaxValue}.";
        }
        return $"{thing} is {SentOf(exception) ?? "of the wrong kind"}; it must be {kind}.";
    }

    /// <summary>What was sent in its place; null where that is not known.</summary>
    private static string? SentOf(JsonException exception) => exception.InnerException?.Message.Split('\'') is not [_, var token, ..] ? null : token switch
    {
        "String" => "a text",
        "Number" => "a number",
        "True" or "False" => token.ToLowerInvariant(),
        "StartArray" => "a list",
        "StartObject" => "an object",
        _ => null,
    };

    private static string? InnerOf(string type) => type.EndsWith("[]", StringComparison.Ordinal) ? type[..^2]
        : type.IndexOf('[', StringComparison.Ordinal) is > 0 and var open && type.EndsWith(']') ? type[(open + 1)..^1] : null;

    private static Type? EnumOf(string type) =>
        (typeof(GenerationRequest).Assembly.GetType(type) ?? typeof(KindWords).Assembly.GetType(type)) is { IsEnum: true } found ? found : null;
}
