namespace Easel.Server.Json;

/// <summary>JSON schemas of knobs, for callers that read what there is to set.</summary>
internal static class KnobSchema
{
    /// <summary>The schema of an object with these knobs.</summary>
    public static JsonObject Of(IEnumerable<Knob> knobs, Func<Knob, string> nameOf, params ReadOnlySpan<string> required)
    {
        var properties = new JsonObject();
        foreach (var knob in knobs) properties[nameOf(knob)] = Of(knob);
        return new JsonObject
        {
            ["type"] = "object",
            ["properties"] = properties,
            ["required"] = new JsonArray([.. required.ToArray().Select(name => JsonValue.Create(name))])
        };
    }

    public static JsonObject Of(Knob knob)
    {
        var schema = new JsonObject
        {
            ["type"] = knob.Kind switch { KnobKind.Whole => "integer", KnobKind.Number => "number", KnobKind.Switch => "boolean", _ => "string" },
            ["description"] = DescriptionOf(knob),
        };
        if (knob.Range is var (least, most))
            (schema["minimum"], schema["maximum"]) = (JsonSerializer.SerializeToNode(least), JsonSerializer.SerializeToNode(most));
        if (knob.MultipleOf > 1) schema["multipleOf"] = knob.MultipleOf;
        if (knob.Kind == KnobKind.Choice) schema["enum"] = new JsonArray([.. knob.Choices.Select(choice => JsonValue.Create(choice.Word))]);
        if (knob is { DefaultFrom: DefaultFrom.Easel, Kind: KnobKind.Choice, Default: { } chosen }) schema["default"] = knob.Format(chosen);
        else if (knob is { DefaultFrom: DefaultFrom.Easel, Kind: KnobKind.Whole or KnobKind.Number or KnobKind.Switch, Default: { } value })
            schema["default"] = JsonSerializer.SerializeToNode(value, value.GetType());
        return schema;
    }

    /// <summary>What a knob does and what holds where it is left out, as sentences.</summary>
    public static string DescriptionOf(Knob knob) => char.ToUpperInvariant(knob.Help[0]) + knob.Help[1..] + "." + knob.DefaultFrom switch
    {
        DefaultFrom.Model => " What suits the model if left out.",
        DefaultFrom.Sampler => " The sampler's own if left out.",
        DefaultFrom.Picture => " The input picture's or the model's own if left out.",
        DefaultFrom.Chance => " Random if left out.",
        _ => "",
    };
}
