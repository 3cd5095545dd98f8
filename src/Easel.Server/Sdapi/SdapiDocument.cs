using Easel.Server.Json;
using Microsoft.AspNetCore.Routing.Patterns;

namespace Easel.Server.Sdapi;

/// <summary>What a route takes as its body, for the description of the API.</summary>
/// <param name="Type">The body's record.</param>
/// <param name="Name">Its name in the description, as AUTOMATIC1111's own calls it.</param>
internal sealed record SdapiTakes(Type Type, string Name);

/// <summary>The description of the API at /openapi.json, where AUTOMATIC1111's web UI has its own and its clients look for it: the routes that are there,
/// and the fields that a body may have. Easel's own API is described at /openapi/v1.json.</summary>
internal static class SdapiDocument
{
    private static readonly string[] Prefixes = ["/sdapi/", "/controlnet/", "/internal/"];

    /// <summary>The routes, with their methods, in the order of their paths.</summary>
    public static IEnumerable<(string Method, string Path, RouteEndpoint Endpoint)> Routes(EndpointDataSource source) =>
        from endpoint in source.Endpoints.OfType<RouteEndpoint>()
        let path = "/" + endpoint.RoutePattern.RawText!.TrimStart('/')
        where Prefixes.Any(prefix => path.StartsWith(prefix, StringComparison.Ordinal)) && !endpoint.RoutePattern.Parameters.Any(IsCatchAll)
        from method in endpoint.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? []
        orderby path, method
        select (method, path, endpoint);

    /// <summary>The fields of a body of txt2img or img2img, with the schema of each, in the order of their names.</summary>
    public static IReadOnlyList<KeyValuePair<string, JsonObject>> FieldsOf(Type body)
    {
        var silent = body == typeof(ImageToImageBody) ? DrawingBody.SilentOfPicture : DrawingBody.SilentOfText;
        var knobs = !body.IsAssignableTo(typeof(DrawingBody)) ? [] : Knobs.All
            .Where(knob => knob.SdapiName is not null && knob.Kind != KnobKind.Picture && (body == typeof(ImageToImageBody)
                ? knob.Needs != KnobNeeds.SecondPass && !knob.Property.StartsWith("Hires", StringComparison.Ordinal)
                : knob.Needs is not (KnobNeeds.Picture or KnobNeeds.Mask)))
            .Select(knob => KeyValuePair.Create(knob.SdapiName!, SchemaOf(knob, silent)));
        var untouched = Activator.CreateInstance(body)!;
        var members = SdapiJson.MembersOf(body).Select(member => KeyValuePair.Create(member.Name, SchemaOf(member.PropertyType, member.Get!(untouched))));
        return [.. knobs.Concat(members).DistinctBy(field => field.Key).OrderBy(field => field.Key, StringComparer.Ordinal)];
    }

    public static JsonObject Of(EndpointDataSource source)
    {
        var (paths, schemas) = (new JsonObject(), new JsonObject());
        foreach (var (method, path, endpoint) in Routes(source))
        {
            var id = path.Trim('/').Replace('/', '_').Replace('-', '_') + "_" + method.ToLowerInvariant();
            var operation = new JsonObject
            {
                ["summary"] = string.Join(' ', path.Split('/')[^1].Split('-', '_').Select(Capital)),
                ["operationId"] = id,
                ["responses"] = new JsonObject
                {
                    ["200"] = new JsonObject { ["description"] = "Successful Response", ["content"] = Content(new JsonObject()) },
                },
            };
            if (endpoint.Metadata.GetMetadata<SdapiTakes>() is { } takes)
            {
                schemas[takes.Name] = new JsonObject
                {
                    ["title"] = takes.Name,
                    ["type"] = "object",
                    ["properties"] = new JsonObject(FieldsOf(takes.Type).Select(field => KeyValuePair.Create(field.Key, (JsonNode?)field.Value))),
                };
                operation["requestBody"] = new JsonObject
                {
                    ["required"] = true,
                    ["content"] = Content(new JsonObject { ["$ref"] = $"#/components/schemas/{takes.Name}" }),
                };
                operation["responses"]!["422"] = new JsonObject { ["description"] = "Validation Error" };
            }
            if (paths[path] is not JsonObject item) paths[path] = item = [];
            item[method.ToLowerInvariant()] = operation;
        }
        return new JsonObject
        {
            ["openapi"] = "3.0.2",
            ["info"] = new JsonObject
            {
                ["title"] = "Easel, as AUTOMATIC1111's web UI",
                ["version"] = typeof(SdapiDocument).Assembly.GetName().Version?.ToString(3),
            },
            ["paths"] = paths,
            ["components"] = new JsonObject { ["schemas"] = schemas },
        };

        static JsonObject Content(JsonObject schema) => new() { ["application/json"] = new JsonObject { ["schema"] = schema } };
    }

    /// <summary>What a knob may be, with the default of this API where that is another.</summary>
    private static JsonObject SchemaOf(Knob knob, GenerationRequest silent)
    {
        var schema = KnobSchema.Of(knob);
        if (knob.Choices.Any(choice => choice.Code is not null))
        {
            schema["type"] = "integer";
            schema["enum"] = new JsonArray([.. knob.Choices.Select(choice => choice.Code).OfType<int>().Order().Select(code => JsonValue.Create(code))]);
        }
        schema["title"] = knob.Label;
        if (KnobJson.Write(knob, silent) is { } value) schema["default"] = value;
        else schema.Remove("default");
        return schema;
    }

    private static JsonObject SchemaOf(Type type, object? value)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        if (type == typeof(bool) || type == typeof(int) || type == typeof(double) || type == typeof(string))
        {
            var schema = new JsonObject
            {
                ["type"] = type == typeof(bool) ? "boolean" : type == typeof(int) ? "integer" : type == typeof(double) ? "number" : "string",
            };
            if (value is not null) schema["default"] = JsonSerializer.SerializeToNode(value, type);
            return schema;
        }
        if (type == typeof(JsonArray)) return new() { ["type"] = "array", ["items"] = new JsonObject() };
        return type.IsAssignableTo(typeof(System.Collections.IEnumerable)) && type != typeof(JsonObject)
            ? new() { ["type"] = "array", ["items"] = new JsonObject { ["type"] = type == typeof(IReadOnlyList<string>) ? "string" : "object" } }
            : new() { ["type"] = "object" };
    }

    private static bool IsCatchAll(RoutePatternParameterPart part) => part.IsCatchAll;

    private static string Capital(string word) => word.Length == 0 ? word : char.ToUpperInvariant(word[0]) + word[1..];
}
