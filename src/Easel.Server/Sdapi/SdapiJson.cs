using Easel.Server.Errors;
using Easel.Server.Json;

namespace Easel.Server.Sdapi;

/// <summary>JSON as AUTOMATIC1111 has it: names with underscores, nulls written, numbers also read from texts, unknown members passed over.</summary>
internal static class SdapiJson
{
    public static JsonSerializerOptions Options { get; } = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        NumberHandling = JsonNumberHandling.AllowReadingFromString,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, // sent as application/json with nosniff: no browser reads it as a page
        Converters = { new WholeNumberConverter<int>(), new WholeNumberConverter<long>() },
    };

    /// <summary>The body of a request.</summary>
    /// <exception cref="JsonException">It is no JSON object, or a member is of the wrong kind.</exception>
    public static async Task<T> ReadAsync<T>(HttpContext context) => (await ReadMembersAsync(context)).Deserialize<T>(Options)!;

    /// <summary>The body of a request to draw.</summary>
    /// <exception cref="JsonException">It is no JSON object, or a member is of the wrong kind.</exception>
    public static async Task<T> ReadDrawingAsync<T>(HttpContext context) where T : DrawingBody
    {
        var body = await ReadMembersAsync(context);
        // Two older spellings: a sampler by "sampler_index", and the mask's blur by its two directions.
        foreach (var name in (string[])["sampler_name", "sampler_index", "scheduler"])
            if (body[name] is JsonValue value && value.TryGetValue<string>(out var text) && text.Length == 0) body.Remove(name);
        if (body.Remove("sampler_index", out var index) && !body.ContainsKey("sampler_name")) body["sampler_name"] = index;
        body.Remove("mask_blur_x", out var across);
        body.Remove("mask_blur_y", out var down);
        if (body["mask_blur"] is null && (across ?? down) is { } blur)
        {
            if (across is not null && down is not null && !JsonNode.DeepEquals(across, down))
                throw ServerException.Refused("mask_blur_x and mask_blur_y differ; Easel blurs a mask alike in both directions.");
            body["mask_blur"] = blur;
        }
        var request = KnobJson.Take(body, typeof(T) == typeof(ImageToImageBody) ? DrawingBody.Silent : new GenerationRequest(), knob => knob.SdapiName);
        return body.Deserialize<T>(Options)! with { Request = request };
    }

    /// <summary>There, null means the default for almost every member; records here say their defaults by leaving a member out.</summary>
    private static async Task<JsonObject> ReadMembersAsync(HttpContext context)
    {
        var body = await ReadObjectAsync(context);
        foreach (var name in body.Where(member => member.Value is null).Select(member => member.Key).ToList()) body.Remove(name);
        return body;
    }

    /// <summary>The body of a request as it is.</summary>
    public static Task<JsonObject> ReadObjectAsync(HttpContext context) => JsonBody.ReadAsync(context);

    public static IResult Answer<T>(T value) => Results.Json(value, Options);

    /// <summary>Pydantic takes 20, 20.0 and "20" for a whole number, and clients send all three.</summary>
    private sealed class WholeNumberConverter<T> : JsonConverter<T> where T : System.Numerics.IBinaryInteger<T>
    {
        public override T Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        {
            var text = reader.TokenType switch
            {
                JsonTokenType.Number => System.Text.Encoding.UTF8.GetString(reader.ValueSpan),
                JsonTokenType.String => reader.GetString()!,
                _ => throw new JsonException("A whole number is expected."),
            };
            return decimal.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && decimal.IsInteger(number)
                && T.TryParse(number.ToString("0", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture, out var whole)
                ? whole : throw new JsonException("A whole number is expected.");
        }

        public override void Write(Utf8JsonWriter writer, T value, JsonSerializerOptions options) => writer.WriteNumberValue(long.CreateChecked(value));
    }
}
