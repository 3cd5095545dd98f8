namespace Easel.Server.Api;

/// <summary>Events are worth something while they happen: a proxy that gathers answers before it passes them on, as nginx does, is told not to.</summary>
internal static class EventStreams
{
    public static Task Hurry(HttpContext context, RequestDelegate next)
    {
        context.Response.OnStarting(() =>
        {
            if (context.Response.ContentType?.StartsWith("text/event-stream", StringComparison.Ordinal) == true)
                context.Response.Headers["X-Accel-Buffering"] = "no";
            return Task.CompletedTask;
        });
        return next(context);
    }
}
