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
        null => knob.NoneWords.Contains("-1") ? -1 : null,
        Enum member => knob.Choices.First(choice => choice.Value.Equals(member)) is { Code: { } code } ? code : knob.Format(member),
        IReadOnlyList<string> texts => texts[0],
        var value => JsonSerializer.SerializeToNode(value, value.GetType()),
    };

    /// <summary>Clients send 20, 20.0 and "20" for a whole number, and 1, "true" and true for a switch; some protocols count choices by numbers.</summary>
    private static object? Read(Knob knob, JsonNode node)
    {
        if (node is JsonValue json)
        {
            var text = json.GetValueKind() == JsonValueKind.String ? json.GetValue<string>() : json.ToJsonString();
            if (knob.Kind is KnobKind.Text or KnobKind.Texts && json.GetValueKind() != JsonValueKind.String) throw Wrong();
            var number = double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var read) ? read : (double?)null;
            if (knob.Kind == KnobKind.Switch && Truth(text) is { } on) return on;
            if (knob.Kind == KnobKind.Choice && number is { } code) return knob.Choices.FirstOrDefault(choice => choice.Code == code)?.Value ?? throw Wrong();
            if (knob.Kind == KnobKind.Whole && number is { } whole && whole == Math.Floor(whole) && text.AsSpan().ContainsAny('.', 'e', 'E'))
                text = whole.ToString("0", CultureInfo.InvariantCulture);
            if (knob.TryParse(text, out var value)) return value;
        }
        throw Wrong();

        InvalidRequestException Wrong() => knob.Refused($"is {Short(node)}; it must be {KindOf(knob)}.");
    }

    public static bool? Truth(string text) => text.ToLowerInvariant() switch
    {
        "true" or "1" or "yes" or "on" or "1.0" => true,
        "false" or "0" or "no" or "off" or "0.0" => false,
        _ => null,
    };

    private static string KindOf(Knob knob) => knob.Choices.Any(choice => choice.Code is not null)
        ? string.Join(", ", knob.Choices.Where(choice => choice.Code is not null).OrderBy(choice => choice.Code)
            .Select(choice => $"{choice.Code} ({choice.Word})"))
        : knob.ValueKind;

    private static string Short(JsonNode node) => node.ToJsonString() is { Length: > 60 } text ? text[..60] + "..." : node.ToJsonString();
}
