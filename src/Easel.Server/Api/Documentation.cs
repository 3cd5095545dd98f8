using Easel.Imaging;
using Easel.Server.Json;
using Microsoft.OpenApi;
using Scalar.AspNetCore;

namespace Easel.Server.Api;

/// <summary>The description of the API, /openapi/v1.json, and the page that shows it, /docs. Nothing of it comes from the network.</summary>
internal static class Documentation
{
    public static void Add(IServiceCollection services) => services.AddOpenApi(openApi =>
    {
        openApi.AddDocumentTransformer((document, context, _) =>
        {
            document.Info.Title = "Easel";
            document.Info.Description = "Pictures from words, on your own computer. Submit a job, watch its events, fetch its pictures. "
                + "Errors are problem+json with one sentence.";
            document.Servers = context.ApplicationServices.GetRequiredService<ServerOptions>().BasePath is { } path ? [new OpenApiServer { Url = path }] : [];
            return Task.CompletedTask;
        });
        openApi.AddSchemaTransformer((schema, context, _) =>
        {
            var type = context.JsonTypeInfo.Type;
            if (type == typeof(GenerationRequest)) Describe(schema);
            if (type != typeof(RgbImage) && type != typeof(GrayImage) && type != typeof(DepthImage)) return Task.CompletedTask;
            schema.Type = JsonSchemaType.String | JsonSchemaType.Null;
            schema.Format = "byte";
            schema.Description = "A picture: base64 of a PNG, JPEG, WebP, GIF or BMP file, with or without \"data:image/png;base64,\" before it.";
            return Task.CompletedTask;
        });
        openApi.AddOperationTransformer((operation, context, _) =>
        {
            if (context.Description.RelativePath == "api/jobs" && operation.RequestBody?.Content is { } content
                && content.TryGetValue("application/json", out var body))
                ((OpenApiMediaType)body).Example = JsonNode.Parse("""{"request":{"prompt":"a lighthouse at dusk","steps":20,"seed":7}}""");
            return Task.CompletedTask;
        });
    });

    /// <summary>What the table of knobs says of the members of a request.</summary>
    private static void Describe(OpenApiSchema request)
    {
        foreach (var (name, member) in request.Properties ?? new Dictionary<string, IOpenApiSchema>())
        {
            if (Knobs.Find(name) is not { } knob || member is not OpenApiSchema schema) continue;
            schema.Description = KnobSchema.DescriptionOf(knob);
            if (knob.Range is var (least, most)) (schema.Minimum, schema.Maximum) = (Number(least), Number(most));
            if (knob.MultipleOf > 1) schema.MultipleOf = knob.MultipleOf;
        }

        static string Number(double number) => number.ToString(CultureInfo.InvariantCulture);
    }

    public static void Map(IEndpointRouteBuilder app)
    {
        app.MapOpenApi();
        app.MapScalarApiReference("/docs", options =>
        {
            options.Title = "Easel API";
            options.DefaultFonts = false; // they would come from the network
            options.Telemetry = false;
        });
    }
}
