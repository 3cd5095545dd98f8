using System.Reflection;
using System.Text.Json;
using Easel.Server.Sdapi;
using Easel.Server.Tests.Support;
using Easel.Tests.Weights;
using Microsoft.AspNetCore.Routing;

namespace Easel.Server.Tests.Apis;

/// <summary>Guards the description of the AUTOMATIC1111 API: what /openapi.json says is there is, and docs/sdapi.md has a row for each route and field. With
/// EASEL_ACCEPT_DOCS=1 the document's tables get the rows that they lack, for somebody to say in them what differs.</summary>
public sealed class SdapiTableTests : IDisposable
{
    private const string Unsaid = "?";

    private readonly TemporaryFolder _folder = new();

    private static string Document { get; } = Path.Combine(
        typeof(SdapiTableTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == "ServerSource").Value!,
        "..", "..", "docs", "sdapi.md");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task TheDescriptionNamesTheRoutesAndTheirFields()
    {
        await using var server = await RunningServer.Start(_folder);
        var api = await server.Get("openapi.json");
        Assert.StartsWith("3.", api.GetProperty("openapi").GetString(), StringComparison.Ordinal);
        var paths = api.GetProperty("paths");
        foreach (var (path, method) in new[] { ("/sdapi/v1/txt2img", "post"), ("/sdapi/v1/options", "get"), ("/sdapi/v1/options", "post"),
            ("/sdapi/v1/sd-models", "get"), ("/controlnet/model_list", "get"), ("/sdapi/v1/script-info", "get") })
            Assert.True(paths.GetProperty(path).TryGetProperty(method, out _), $"{method} {path}");
        var schema = paths.GetProperty("/sdapi/v1/txt2img").GetProperty("post").GetProperty("requestBody").GetProperty("content")
            .GetProperty("application/json").GetProperty("schema").GetProperty("$ref").GetString()!;
        var fields = api.GetProperty("components").GetProperty("schemas").GetProperty(schema.Split('/')[^1]).GetProperty("properties");
        Assert.Equal(("integer", "boolean", "Latent", "string"),
            (Of(fields, "seed", "type"), Of(fields, "enable_hr", "type"), Of(fields, "hr_upscaler", "default"),
            Of(fields, "sampler_name", "type")));
        Assert.False(fields.TryGetProperty("init_images", out _) || fields.TryGetProperty("notes", out _) || fields.TryGetProperty("request", out _));
        var image = api.GetProperty("components").GetProperty("schemas").GetProperty("StableDiffusionProcessingImg2Img").GetProperty("properties");
        Assert.Equal("array", Of(image, "init_images", "type"));
        Assert.Equal(0, image.GetProperty("resize_mode").GetProperty("default").GetInt32());
        Assert.Contains(3, image.GetProperty("resize_mode").GetProperty("enum").EnumerateArray().Select(code => code.GetInt32()));

        static string? Of(JsonElement fields, string name, string what) => fields.GetProperty(name).GetProperty(what).GetString();
    }

    [Fact]
    public async Task TheDocumentHasARowForEachRouteAndField()
    {
        await using var server = await RunningServer.Start(_folder);
        var text = await File.ReadAllTextAsync(Document);
        var written = text;
        written = WithTable(written, "routes", SdapiDocument.Routes(server.Service<EndpointDataSource>()).Select(route => $"`{route.Method} {route.Path}`"));
        written = WithTable(written, "txt2img", SdapiDocument.FieldsOf(typeof(TextToImageBody)).Select(field => $"`{field.Key}` | {DefaultOf(field.Value)}"));
        var both = SdapiDocument.FieldsOf(typeof(TextToImageBody)).Select(field => $"`{field.Key}` | {DefaultOf(field.Value)}").ToHashSet();
        written = WithTable(written, "img2img", SdapiDocument.FieldsOf(typeof(ImageToImageBody)).Select(field => $"`{field.Key}` | {DefaultOf(field.Value)}")
            .Where(row => !both.Contains(row)));
        if (Environment.GetEnvironmentVariable("EASEL_ACCEPT_DOCS") == "1") await File.WriteAllTextAsync(Document, written);
        else Assert.Equal(written, text);
        Assert.DoesNotContain($"| {Unsaid} |", written);
    }

    private static string DefaultOf(System.Text.Json.Nodes.JsonObject schema) => schema["default"] is { } value ? $"`{value.ToJsonString()}`" : "";

    /// <summary>The document with a table that has exactly these rows, each with what was said of it.</summary>
    private static string WithTable(string text, string name, IEnumerable<string> rows)
    {
        var (begin, end) = ($"<!-- {name} -->\n", $"<!-- end of {name} -->");
        var from = text.IndexOf(begin, StringComparison.Ordinal) + begin.Length;
        var to = text.IndexOf(end, from, StringComparison.Ordinal);
        var lines = text[from..to].Split('\n', StringSplitOptions.RemoveEmptyEntries);
        var said = lines.Skip(2).Select(line => (Row: line[2..End(line)], Said: line.TrimEnd(' ', '|')))
            .ToDictionary(line => line.Row, line => line.Said[(End(line.Said) + 3)..]);
        return text[..from] + string.Concat(lines.Take(2)
            .Concat(rows.Select(row => $"| {row} | {said.GetValueOrDefault(row, Unsaid)} |")).Select(line => line + "\n")) + text[to..];

        static int End(string line) => line.TrimEnd(' ', '|').LastIndexOf(" | ", StringComparison.Ordinal);
    }
}
