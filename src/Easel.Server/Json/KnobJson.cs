namespace Easel.Server.Json;

/// <summary>The knobs of a request, read from a JSON object by the names that a protocol has for them.</summary>
internal static class KnobJson
{
    /// <summary>Sets the knobs that an object names, and takes them out of it.</summary>
    /// <param name="body">The object. A member that is null is one that is not there.</param>
    /// <param name="nameOf">The protocol's name for a knob; null where it has none.</param>
    public static GenerationRequest Take(JsonObject body, GenerationRequest request, Func<Knob, string?> nameOf)
    {
        foreach (var knob in Knobs.All)
        {
            if (knob.Kind == KnobKind.Picture || nameOf(knob) is not { } name || !body.Remove(name, out var value) || value is null) continue;
            request = knob.Set(request, Read(knob, value));
        }
        return request;
    }

    /// <summary>A knob's value as a protocol writes it.</summary>
    public static JsonNode? Write(Knob knob, GenerationRequest request) => knob.Get(request) switch
    {
        null => knob.Kind == KnobKind.Whole && NumberIn(knob.NoneWords) is { } none ? none : null,
        Enum member => knob.Choices.First(choice => choice.Value.Equals(member)) is { Code: { } code } ? code : knob.Format(member),
        IReadOnlyList<string> texts => texts[0],
        var value => JsonSerializer.SerializeToNode(value, value.GetType()),
    };

    /// <summary>A knob's value as clients send it: 20, 20.0, "20" and true for a whole number, 1, "on" and true for a switch, numbers for texts; some
    /// protocols count choices by numbers. Pydantic's lax mode.</summary>
    public static object? Read(Knob knob, JsonNode node)
    {
        if (node is JsonValue json)
        {
            var text = json.GetValueKind() == JsonValueKind.String ? json.GetValue<string>() : json.ToJsonString();
            if (knob.Kind is KnobKind.Text or KnobKind.Texts)
                return json.GetValueKind() is JsonValueKind.String or JsonValueKind.Number && knob.TryParse(text, out var said) ? said : throw Wrong();
            text = text.Trim();
            if (knob.Kind == KnobKind.Switch && Truth(text) is { } on) return on;
            if (json.GetValueKind() is JsonValueKind.True or JsonValueKind.False) text = text == "true" ? "1" : "0";
            var number = double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var read) && double.IsFinite(read) ? read : (double?)null;
            if (knob.Kind == KnobKind.Choice && number is { } code) return knob.Choices.FirstOrDefault(choice => choice.Code == code)?.Value ?? throw Wrong();
            if (number is { } whole && whole == Math.Floor(whole) && Math.Abs(whole) < 1e15) text = whole.ToString("0", CultureInfo.InvariantCulture);
            if (knob.TryParse(text, out var value)) return value;
        }
        throw Wrong();

        InvalidRequestException Wrong() => knob.Refused($"is {Short(node)}; it must be {KindOf(knob)}.");
    }

    /// <summary>What a text or a number says of a switch; null where that is nothing.</summary>
    public static bool? Truth(string text) => text.Trim().ToLowerInvariant() switch
    {
        "true" or "t" or "1" or "yes" or "y" or "on" or "1.0" => true,
        "false" or "f" or "0" or "no" or "n" or "off" or "0.0" => false,
        _ => null,
    };

    /// <inheritdoc cref="Truth(string)"/>
    public static bool? Truth(JsonNode? node) => node is JsonValue json
        ? Truth(json.GetValueKind() == JsonValueKind.String ? json.GetValue<string>() : json.ToJsonString()) : null;

    private static int? NumberIn(IEnumerable<string> words) =>
        words.Select(word => int.TryParse(word, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : (int?)null)
            .FirstOrDefault(number => number is not null);

    private static string KindOf(Knob knob) => knob.Choices.Any(choice => choice.Code is not null)
        ? string.Join(", ", knob.Choices.Where(choice => choice.Code is not null).OrderBy(choice => choice.Code)
            .Select(choice => $"{choice.Code} ({choice.Word})"))
        : knob.ValueKind;

    private static string Short(JsonNode node) => node.ToJsonString() is { Length: > 60 } text ? text[..60] + "..." : node.ToJsonString();
}
