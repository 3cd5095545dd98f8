using ModelContextProtocol.Protocol;

namespace Easel.Server.Mcp;

/// <summary>The Model Context Protocol at /mcp, by which assistants use tools.</summary>
internal static class McpRoutes
{
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

    public static void Map(IEndpointRouteBuilder app) => app.MapMcp("/mcp");
}
