namespace Easel.Metadata;

/// <summary>JSON as programs in Python write it: with NaN and Infinity, which are read as null. Nothing in it makes a reader throw.</summary>
internal static class LenientJson
{
    /// <summary>Deeper than any graph, and shallow enough for any reader.</summary>
    private const int Deepest = 128;

    private static readonly string[] Numbers = ["-Infinity", "Infinity", "NaN"];

    /// <summary>The object that a text holds, also one that is itself written as a text; null for anything else.</summary>
    public static JsonElement? Object(string? text)
    {
        for (var layers = 0; layers < 2 && text is not null; layers++)
        {
            if (text.AsSpan().TrimStart() is not ['{' or '"', ..]) return null;
            if (Root(text) is not { } root) return null;
            if (root.ValueKind != JsonValueKind.String) return root.ValueKind == JsonValueKind.Object ? root : null;
            text = TextIn(root);
        }
        return null;
    }

    /// <summary>A member of an object; null where there is none, or it is null.</summary>
    public static JsonElement? Member(JsonElement json, string name) =>
        json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out var value) && value.ValueKind is not JsonValueKind.Null ? value : null;

    /// <summary>The first of several members that is a text or a number, as a text; null where none is.</summary>
    public static string? TextIn(JsonElement json, params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
            if (Member(json, name) is { } value && TextIn(value) is { } text) return text;
        return null;
    }

    /// <summary>A text, number or truth value as a text.</summary>
    public static string? TextIn(JsonElement value)
    {
        try
        {
            return value.ValueKind switch
            {
                JsonValueKind.String => value.GetString(),
                JsonValueKind.Number => value.GetRawText(),
                JsonValueKind.True => "True",
                JsonValueKind.False => "False",
                _ => null,
            };
        }
        catch (InvalidOperationException)
        {
            return null; // half of a character
        }
    }

    private static JsonElement? Root(string text)
    {
        try
        {
            return JsonDocument.Parse(Plain(text), new JsonDocumentOptions { MaxDepth = Deepest, AllowTrailingCommas = true }).RootElement;
        }
        catch (Exception e) when (e is JsonException or ArgumentException)
        {
            return null;
        }
    }

    /// <summary>The text with null for what JSON has no number for, outside of its strings.</summary>
    private static string Plain(string text)
    {
        if (!text.Contains("NaN", StringComparison.Ordinal) && !text.Contains("Infinity", StringComparison.Ordinal)) return text;
        var plain = new StringBuilder(text.Length);
        var isInside = false;
        for (var at = 0; at < text.Length; at++)
        {
            var c = text[at];
            if (c == '"') isInside = !isInside;
            if (!isInside && (c is '-' or 'I' or 'N')
                && Array.Find(Numbers, number => string.CompareOrdinal(text, at, number, 0, number.Length) == 0) is { } found)
            {
                plain.Append("null");
                at += found.Length - 1;
                continue;
            }
            plain.Append(c);
            if (isInside && c == '\\' && at + 1 < text.Length) plain.Append(text[++at]);
        }
        return plain.ToString();
    }
}
