using System.Net.ServerSentEvents;

namespace Easel.Server.OpenAi;

/// <summary>Sees to it that a line on which a long drawing is waited for does not stay silent.</summary>
internal static class KeepAlive
{
    /// <summary>Waits for a task; without a sign of life to give, one patience long and no longer.</summary>
    /// <param name="alive">Gives a sign of life each time that patience ends.</param>
    /// <returns>Whether the task is over, well or not.</returns>
    public static async Task<bool> WaitAsync(Task task, TimeSpan patience, CancellationToken aborted, Func<Task>? alive = null)
    {
        while (await Task.WhenAny(task, Task.Delay(patience, aborted)) != task)
        {
            aborted.ThrowIfCancellationRequested();
            if (alive is null) return false;
            await alive();
        }
        return true;
    }
}

/// <summary>JSON whose status was sent before it was known.</summary>
internal sealed class LateAnswer(HttpContext context, Func<Task<string>> json) : IResult
{
    public async Task ExecuteAsync(HttpContext httpContext)
    {
        context.Response.ContentType = "application/json; charset=utf-8";
        await context.Response.WriteAsync(await json(), context.RequestAborted);
    }
}

/// <summary>Events, and comments between them where there are none for long.</summary>
internal sealed class EventStream(IAsyncEnumerable<SseItem<string>> events, TimeSpan patience, CancellationToken aborted) : IResult
{
    public async Task ExecuteAsync(HttpContext httpContext)
    {
        var response = httpContext.Response;
        response.ContentType = "text/event-stream";
        response.Headers.CacheControl = "no-cache,no-store";
        await response.Body.FlushAsync(aborted);
        var next = events.GetAsyncEnumerator(aborted);
        await using var _ = next.ConfigureAwait(false);
        while (true)
        {
            var moved = next.MoveNextAsync().AsTask();
            await KeepAlive.WaitAsync(moved, patience, aborted, async () =>
            {
                await response.WriteAsync(": still drawing\n\n", aborted);
                await response.Body.FlushAsync(aborted);
            });
            if (!await moved) return;
            await response.WriteAsync($"event: {next.Current.EventType}\ndata: {next.Current.Data}\n\n", aborted);
            await response.Body.FlushAsync(aborted);
        }
    }
}
