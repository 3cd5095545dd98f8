using Easel.Server.Errors;
using Easel.Server.Jobs;
using Easel.Server.Json;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;

namespace Easel.Server.Mcp;

/// <summary>A tool that has a job done. What is wrong with its arguments is an answer with the reason, and what it does not take is told.</summary>
internal abstract class JobTool(string name, string title, string description, JsonObject schema) : McpServerTool
{
    /// <summary>The arguments that it takes.</summary>
    protected IReadOnlySet<string> Names { get; } = schema["properties"]!.AsObject().Select(property => property.Key).ToHashSet();

    public override Tool ProtocolTool { get; } = new()
    {
        Name = name,
        Title = title,
        Description = description,
        InputSchema = JsonSerializer.SerializeToElement(schema),
        Annotations = new ToolAnnotations { DestructiveHint = false, OpenWorldHint = false, ReadOnlyHint = false, Title = title },
    };

    public override IReadOnlyList<object> Metadata => [];

    public override async ValueTask<CallToolResult> InvokeAsync(RequestContext<CallToolRequestParams> call, CancellationToken cancel = default)
    {
        var jobs = call.Services!.GetRequiredService<McpJobs>();
        var arguments = new JsonObject();
        try
        {
            foreach (var (argument, value) in call.Params?.Arguments ?? new Dictionary<string, JsonElement>())
                JsonBody.Check(arguments[argument] = JsonNode.Parse(value.GetRawText()));
            var unknown = arguments.Select(argument => argument.Key).Where(argument => !Names.Contains(argument)).ToList();
            var result = await jobs.RunAsync(() => Request(jobs, arguments), new Told(call), cancel);
            foreach (var argument in unknown)
                result.Content.Add(new TextContentBlock { Text = $"\"{argument}\" is not something that {ProtocolTool.Name} takes; it was passed over." });
            return result;
        }
        catch (Exception e) when (e is McpException or JsonException)
        {
            return new CallToolResult { IsError = true, Content = [new TextContentBlock { Text = e.Message }] };
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            call.Services!.GetRequiredService<ILogger<JobTool>>().LogError(e, "The tool {Tool} failed.", ProtocolTool.Name);
            throw;
        }
    }

    /// <summary>What is to be done.</summary>
    /// <exception cref="EaselException">The arguments cannot be honoured.</exception>
    protected abstract JobRequest Request(McpJobs jobs, JsonObject arguments);

    /// <summary>What is said of the argument "image".</summary>
    protected const string ImageHelp = "The picture: an id that another tool gave, or base64 of a PNG, JPEG or WebP file.";

    /// <summary>The argument "image".</summary>
    /// <exception cref="EaselException">There is none.</exception>
    protected static string Image(JsonObject arguments) => Text(arguments, "image")
        ?? throw new EaselException("image is missing: give an id that another tool gave, or base64 of a picture.");

    /// <summary>An argument that is a text; null where there is none.</summary>
    /// <exception cref="EaselException">It is something else.</exception>
    protected static string? Text(JsonObject arguments, string name) => arguments[name] switch
    {
        null => null,
        JsonValue value when value.TryGetValue<string>(out var text) => text,
        var other => throw new EaselException($"{name} is {Brief.Of(other.ToJsonString(), 60)}; it must be a text."),
    };

    private sealed class Told(RequestContext<CallToolRequestParams> call) : IProgress<ProgressNotificationValue>
    {
        public void Report(ProgressNotificationValue value)
        {
            if (call.Params?.ProgressToken is { } token) _ = call.Server.NotifyProgressAsync(token, value);
        }
    }
}
