using Easel.Server.Errors;
using Easel.Server.Json;
using ModelContextProtocol.Protocol;

namespace Easel.Server.Mcp;

/// <summary>The Model Context Protocol at /mcp, by which assistants use tools.</summary>
internal static class McpRoutes
{
    private const string Path = "/mcp";

    public static void Add(IServiceCollection services)
    {
        services.AddHttpContextAccessor();
        services.AddSingleton<McpJobs>();
        services.AddMcpServer(server =>
        {
            server.ServerInfo = new Implementation
            {
                Name = "easel",
                Title = "Easel",
                Version = typeof(McpRoutes).Assembly.GetName().Version?.ToString(3) ?? "0"
            };
            server.ServerInstructions = "Easel draws pictures on this computer. Drawing may take minutes; progress is told.";
        }).WithHttpTransport(http => http.Stateless = true).WithTools<McpTools>().WithTools(DrawingTool.All);
    }

    public static void Map(IEndpointRouteBuilder app) => app.MapMcp(Path);

    /// <summary>Looks at the texts of a message before the protocol's library does, to which half of a character is a fault of its own.</summary>
    public static async Task Check(HttpContext context, RequestDelegate next)
    {
        if (HttpMethods.IsPost(context.Request.Method) && context.Request.Path.StartsWithSegments(Path))
        {
            var body = new MemoryStream();
            await context.Request.Body.CopyToAsync(body, context.RequestAborted);
            try
            {
                var message = JsonNode.Parse(body.GetBuffer().AsSpan(0, (int)body.Length));
                JsonBody.Check(message);
                if (message is JsonObject call && call["method"] is { } method && method.GetValueKind() != JsonValueKind.String)
                    throw new ServerException(Status400BadRequest, $"The message's \"method\" is {method.ToJsonString()}; it must be a text.");
            }
            catch (ArgumentException e)
            {
                throw new ServerException(Status400BadRequest, "The message has a name twice.", e);
            }
            catch (LoneSurrogateException e)
            {
                throw new ServerException(Status400BadRequest, e.Message, e);
            }
            catch (JsonException)
            {
                // What is no JSON at all, the library tells as its protocol has it.
            }
            body.Position = 0;
            context.Request.Body = body;
        }
        await next(context);
    }
}
