using System.Text.Json.Serialization.Metadata;
using Easel.Server.Errors;
using Easel.Server.Json;

namespace Easel.Server.Sdapi;

/// <summary>JSON as AUTOMATIC1111 has it: names with underscores, nulls written, unknown members passed over.</summary>
internal static class SdapiJson
{
    public static JsonSerializerOptions Options { get; } = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, // sent as application/json with nosniff: no browser reads it as a page
        TypeInfoResolver = new DefaultJsonTypeInfoResolver(),
    };

    private static readonly JsonSerializerOptions Lax = LaxOptions();

    private static readonly Dictionary<Type, IReadOnlySet<string>> Members = new[] { typeof(TextToImageBody), typeof(ImageToImageBody) }
        .ToDictionary(type => type, type => (IReadOnlySet<string>)MembersOf(type).Select(property => property.Name).ToHashSet());

    /// <summary>Members that others' servers know and that decide nothing here.</summary>
    private static readonly HashSet<string> Elsewhere =
        ["sampler_index", "distilled_cfg_scale", "hr_distilled_cfg", "hr_additional_modules", "forge_preset"];

    /// <summary>The members of a body, by the names that it has for them.</summary>
    public static IEnumerable<System.Text.Json.Serialization.Metadata.JsonPropertyInfo> MembersOf(Type body) =>
        Lax.GetTypeInfo(body).Properties.Where(property => property is { Get: not null, Set: not null });

    /// <summary>The body of a request.</summary>
    /// <exception cref="JsonException">It is no JSON object, or a member is of the wrong kind.</exception>
    public static async Task<T> ReadAsync<T>(HttpContext context) => (await ReadMembersAsync(context)).Deserialize<T>(Lax)!;

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
        var named = Knobs.All.Where(knob => knob.SdapiName is { } name && body[name] is not null).Select(knob => knob.Property).ToHashSet();
        var request = KnobJson.Take(body, typeof(T) == typeof(ImageToImageBody) ? DrawingBody.SilentOfPicture : DrawingBody.SilentOfText,
            knob => knob.SdapiName);
        var notes = new List<string>();
        request = Rounded(request, notes);
        foreach (var (name, value) in body)
            if (value is JsonValue or JsonArray { Count: > 0 } or JsonObject { Count: > 0 } && !Members[typeof(T)].Contains(name) && !Elsewhere.Contains(name))
                notes.Add($"\"{name}\" is no setting here; it was passed over.");
        return body.Deserialize<T>(Lax)! with { Request = request, Named = named, Notes = notes };
    }

    /// <summary>Sides go down to multiples of 8, as there.</summary>
    private static GenerationRequest Rounded(GenerationRequest request, List<string> notes)
    {
        foreach (var name in (string[])[nameof(request.Width), nameof(request.Height), nameof(request.HiresWidth), nameof(request.HiresHeight)])
        {
            var knob = Knobs.Find(name)!;
            if (knob.Get(request) is not int side || side % GenerationRequest.SideStep == 0 || side < GenerationRequest.SideStep) continue;
            var rounded = side / GenerationRequest.SideStep * GenerationRequest.SideStep;
            notes.Add($"{knob.SdapiName} is {side}; {rounded} is drawn, the next multiple of {GenerationRequest.SideStep} below.");
            request = knob.Set(request, rounded);
        }
        return request;
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

    private static JsonSerializerOptions LaxOptions()
    {
        var lax = new JsonSerializerOptions(Options) { RespectNullableAnnotations = true };
        foreach (var converter in LaxJson.Converters) lax.Converters.Add(converter);
        return lax;
    }

    /// <summary>Tells in a header what was done otherwise than asked, where the answer itself has no place for it.</summary>
    public static void Tell(HttpContext context, IReadOnlyList<string> notes)
    {
        // A few kilobytes when it is escaped: clients and proxies take no long headers.
        if (notes.Count > 0) context.Response.Headers["X-Easel-Remarks"] = Uri.EscapeDataString(Brief.Of(string.Join(' ', notes), 500));
    }

    public static IResult Answer<T>(T value) => Results.Json(value, Options);
}
