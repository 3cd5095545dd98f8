using Easel.Server.Errors;
using Easel.Server.Json;
using Easel.Server.Security;

namespace Easel.Server.Sdapi;

/// <summary>What goes wrong, said as AUTOMATIC1111's web UI says it; and how long an answer took, in its header.</summary>
internal sealed class SdapiErrors : IOtherForm
{
    public string Under => "/sdapi/v1";

    public JsonSerializerOptions Json => SdapiJson.Options;

    public object BodyOf(Problem problem) => Body(problem.Status, problem.Detail);

    public static async ValueTask<object?> Filter(EndpointFilterInvocationContext invocation, EndpointFilterDelegate next)
    {
        var (context, started) = (invocation.HttpContext, Stopwatch.GetTimestamp());
        context.Response.OnStarting(() =>
        {
            context.Response.Headers["X-Process-Time"] = Stopwatch.GetElapsedTime(started).TotalSeconds.ToString("0.####", CultureInfo.InvariantCulture);
            return Task.CompletedTask;
        });
        var answer = await ApiFilter.Run(invocation, next, e => e is JsonException unreadable ? Unreadable(unreadable)
            : Of(context, Problem.Of(e, Protocol.Sdapi)));
        return answer is IResult result ? result : SdapiJson.Answer(answer);
    }

    /// <summary>As its exception handler answers.</summary>
    private static IResult Of(HttpContext context, Problem problem)
    {
        problem.SayWhen(context.Response);
        var said = MachinePaths.Told(context, problem.Detail);
        return Results.Json(Body(problem.Status, said), SdapiJson.Options, statusCode: problem.Status);
    }

    private static object Body(int status, string said) => new
    {
        error = status == Status500InternalServerError ? "RuntimeError" : "HTTPException",
        detail = said,
        body = "",
        errors = said,
    };

    /// <summary>As FastAPI answers to a body that does not fit.</summary>
    private static IResult Unreadable(JsonException exception)
    {
        var problem = Problem.Of(exception);
        var field = problem.Field?.TrimStart('$', '.');
        return Results.Json(new
        {
            detail = new[] { new { type = field is null ? "json_invalid"
                : "type_error", loc = (string[])(field is null ? ["body"] : ["body", field]), msg = problem.Detail } },
        }, SdapiJson.Options, statusCode: exception is LoneSurrogateException ? Status400BadRequest : Status422UnprocessableEntity);
    }
}
