using Easel.Server.Errors;
using Easel.Server.Json;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;

namespace Easel.Server.Mcp;

/// <summary>The Model Context Protocol at /mcp, by which assistants use tools.</summary>
internal static class McpRoutes
{
    private const string Path = "/mcp";

    /// <summary>What a message has, as https://www.jsonrpc.org/specification says.</summary>
    private static readonly string[] Members = ["jsonrpc", "id", "method", "params", "result", "error"];

    // as it says too
    private const int ParseError = -32700, InvalidRequest = -32600;

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

    /// <summary>Whether the protocol's library takes it for a message; its own refusal speaks of its types.</summary>
    private static bool IsMessage(MemoryStream body)
    {
        try
        {
            return JsonSerializer.Deserialize<JsonRpcMessage>(body.GetBuffer().AsSpan(0, (int)body.Length), McpJsonUtilities.DefaultOptions) is not null;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static Task Refuse(HttpContext context, int code, string message)
    {
        context.Response.StatusCode = Status400BadRequest;
        return context.Response.WriteAsJsonAsync(new { jsonrpc = "2.0", id = (string?)null, error = new { code, message } }, context.RequestAborted);
    }

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
                if (message is JsonObject sent && sent.Select(member => member.Key).Where(name => !Members.Contains(name)).ToList() is { Count: > 0 } others)
                {
                    foreach (var name in others) sent.Remove(name); // the library refuses a message for one that it does not know
                    body.SetLength(0);
                    JsonSerializer.Serialize(body, message);
                }
                if (message is JsonObject call && call["method"] is { } method && method.GetValueKind() != JsonValueKind.String)
                    throw new ServerException(Status400BadRequest, $"The message's \"method\" is {method.ToJsonString()}; it must be a text.");
                if (message is JsonObject { } tool && tool["params"] is { } given)
                {
                    if (given is not JsonObject parameters) throw new ServerException(Status400BadRequest, "The message's \"params\" must be an object.");
                    if (parameters["arguments"] is not (null or JsonObject))
                        throw new ServerException(Status400BadRequest, "The \"arguments\" of a tool must be an object with a member for each.");
                }
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
                await Refuse(context, ParseError, "The body is no JSON.");
                return;
            }
            if (!IsMessage(body))
            {
                await Refuse(context, InvalidRequest, "The body is no message of JSON-RPC 2.0, such as "
                    + "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}.");
                return;
            }
            body.Position = 0;
            context.Request.Body = body;
        }
        await next(context);
    }
}
