using Easel.Server.Errors;
using Easel.Server.Json;

namespace Easel.Server.OpenAi;

/// <summary>The parameters of a request, from JSON or a form. One that nobody asks for is passed over and told.</summary>
internal sealed class ImageFields
{
    private readonly Dictionary<string, JsonNode?> _values;
    private readonly HashSet<string> _known = [];

    private ImageFields(Dictionary<string, JsonNode?> values, IFormFileCollection? files) => (_values, Files) = (values, files);

    /// <summary>The files of a form; null for JSON.</summary>
    public IFormFileCollection? Files { get; }

    public static async Task<ImageFields> OfJsonAsync(HttpContext context)
    {
        try
        {
            return new ImageFields((await JsonBody.ReadAsync(context)).ToDictionary(), null);
        }
        catch (LoneSurrogateException e)
        {
            throw new OpenAiException(Status400BadRequest, $"We could not parse the JSON body of your request. {e.Message}", null, "invalid_json");
        }
        catch (JsonException)
        {
            throw new OpenAiException(Status400BadRequest,
                "We could not parse the JSON body of your request: a JSON object is expected.", null, "invalid_json");
        }
    }

    public static async Task<ImageFields> OfFormAsync(HttpContext context)
    {
        if (!context.Request.HasFormContentType)
            throw new OpenAiException(Status415UnsupportedMediaType, "Send the picture as multipart/form-data.", null, "unsupported_content_type");
        try
        {
            var form = await context.Request.ReadFormAsync(context.RequestAborted);
            return new ImageFields(form.ToDictionary(field => field.Key, field => (JsonNode?)JsonValue.Create(field.Value.ToString())), form.Files);
        }
        catch (Exception e) when (e is InvalidDataException or IOException and not BadHttpRequestException { StatusCode: Status413PayloadTooLarge })
        {
            throw new OpenAiException(Status400BadRequest, $"The form cannot be read: {e.Message}", null, "invalid_form");
        }
    }

    public string? Text(string name) => Value(name) switch
    {
        null => null,
        JsonValue value when value.TryGetValue<string>(out var text) => text,
        var other => throw Wrong(name, "a string", other),
    };

    public string? Word(string name, params ReadOnlySpan<string> allowed)
    {
        if (Text(name) is not { } word) return null;
        return allowed.Contains(word) ? word : throw new OpenAiException(Status400BadRequest,
            $"Invalid value: '{word}'. Supported values are: {string.Join(", ", allowed.ToArray().Select(value => $"'{value}'"))}.", name, "invalid_value");
    }

    public int? Whole(string name, int least, int most)
    {
        if (Value(name) is not { } value) return null;
        if (value is not JsonValue json || json.GetValueKind() is JsonValueKind.True or JsonValueKind.False
            || !decimal.TryParse(json.ToString(), NumberStyles.Float, CultureInfo.InvariantCulture, out var number) || !decimal.IsInteger(number))
            throw Wrong(name, "an integer", value);
        return number >= least && number <= most ? (int)number : throw new OpenAiException(Status400BadRequest,
            $"Invalid '{name}': {number}; it must be from {least} to {most}.", name, number < least ? "integer_below_min_value" : "integer_above_max_value");
    }

    public bool? Truth(string name) => Value(name) switch
    {
        null => null,
        JsonValue value when value.TryGetValue<bool>(out var truth) => truth,
        JsonValue value when bool.TryParse(value.ToString(), out var truth) => truth,
        var other => throw Wrong(name, "a boolean", other),
    };

    /// <summary>A request with the knobs that the parameters name.</summary>
    public GenerationRequest Knobs(GenerationRequest request)
    {
        var given = new JsonObject();
        foreach (var name in Easel.Knobs.All.Select(knob => knob.OpenAiName).OfType<string>()) given[name] = Value(name)?.DeepClone();
        return KnobJson.Take(given, request, knob => knob.OpenAiName);
    }

    /// <summary>Parameters that decide nothing here.</summary>
    public void Ignore(params ReadOnlySpan<string> names)
    {
        foreach (var name in names) _known.Add(name);
    }

    /// <summary>What was passed over, once everything was asked for: a sentence each.</summary>
    public IEnumerable<string> Others() => _values.Where(field => field.Value is not null && !_known.Contains(field.Key))
        .Select(field => $"'{field.Key}' is no parameter here; it was passed over.");

    private JsonNode? Value(string name)
    {
        _known.Add(name);
        return _values.GetValueOrDefault(name) is { } value && !(Files is not null && value.ToString().Length == 0) ? value : null;
    }

    /// <summary>As there: what was expected, and what came.</summary>
    private static OpenAiException Wrong(string name, string kind, JsonNode value) => new(Status400BadRequest,
        $"Invalid type for '{name}': expected {kind}, but got {Kind(value)} instead.", name, "invalid_type");

    private static string Kind(JsonNode value) => value.GetValueKind() switch
    {
        JsonValueKind.String => $"the string '{Brief.Of(value.GetValue<string>(), 60)}'",
        JsonValueKind.Number => $"the number {value.ToJsonString()}",
        JsonValueKind.True or JsonValueKind.False => $"the boolean {value.ToJsonString()}",
        JsonValueKind.Array => "an array",
        _ => "an object",
    };
}
