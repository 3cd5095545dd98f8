namespace Easel.Server.Json;

/// <summary>The body of a request as a JSON object whose names and texts can all be read.</summary>
internal static class JsonBody
{
    /// <exception cref="JsonException">It is no JSON object, has a name twice, or a text in it is half of a character.</exception>
    public static async Task<JsonObject> ReadAsync(HttpContext context)
    {
        var strict = new JsonDocumentOptions { AllowDuplicateProperties = false };
        try
        {
            var body = await JsonNode.ParseAsync(context.Request.Body, documentOptions: strict, cancellationToken: context.RequestAborted);
            Check(body);
            return body as JsonObject ?? throw new JsonException("The body is not a JSON object.");
        }
        catch (InvalidOperationException e)
        {
            throw Halved(e);
        }
    }

    /// <summary>Makes sure that all texts of a value can be read; the reader looks at them only when they are asked for.</summary>
    /// <exception cref="JsonException">One is half of a character.</exception>
    public static void Check(JsonNode? value)
    {
        try
        {
            switch (value)
            {
                case JsonObject members:
                    foreach (var (_, member) in members) Check(member);
                    break;
                case JsonArray items:
                    foreach (var item in items) Check(item);
                    break;
                case JsonValue text when text.GetValueKind() == JsonValueKind.String:
                    _ = text.GetValue<string>();
                    break;
            }
        }
        catch (InvalidOperationException e)
        {
            throw Halved(e);
        }
    }

    private static JsonException Halved(InvalidOperationException e) => new LoneSurrogateException(e);
}

/// <summary>A text in JSON holds one half of a surrogate pair, or bytes that are no UTF-8: it is no text.</summary>
internal sealed class LoneSurrogateException(Exception inner)
    : JsonException("A text in the body holds half of a character (a lone surrogate), or no UTF-8.", inner);
