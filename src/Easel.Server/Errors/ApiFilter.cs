namespace Easel.Server.Errors;

/// <summary>What goes wrong on the routes of another program's API, told as that program tells it.</summary>
internal static class ApiFilter
{
    /// <param name="answer">The answer to what was thrown, in that program's words.</param>
    public static async ValueTask<object?> Run(EndpointFilterInvocationContext invocation, EndpointFilterDelegate next, Func<Exception, IResult> answer)
    {
        var context = invocation.HttpContext;
        try
        {
            return await next(invocation);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            return Results.Empty; // the client is gone
        }
        catch (Exception e)
        {
            var log = context.RequestServices.GetRequiredService<ILogger<ProblemMiddleware>>();
            if (Problem.Known(e) is null) log.LogError(e, "{Method} {Path} failed.", context.Request.Method, context.Request.Path);
            return answer(e);
        }
    }
}
