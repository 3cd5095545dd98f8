using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Easel.Server.Errors;

namespace Easel.Server.OpenAi;

/// <summary>A refusal in the words of OpenAI's API.</summary>
/// <param name="status">The HTTP status.</param>
/// <param name="message">One sentence.</param>
/// <param name="param">The parameter that is meant.</param>
/// <param name="code">A word for programs.</param>
internal sealed class OpenAiException(int status, string message, string? param = null, string? code = null) : EaselException(message)
{
    public int Status => status;
    public string? Param => param;
    public string? Code => code;
}

/// <summary>What goes wrong, said as OpenAI's API says it.</summary>
internal static class OpenAiErrors
{
    /// <summary>Names with underscores; what is null is left out.</summary>
    public static JsonSerializerOptions Json { get; } = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, // sent as JSON with nosniff: no browser reads it as a page
    };

    private static readonly JsonSerializerOptions WithNulls = new(Json) { DefaultIgnoreCondition = JsonIgnoreCondition.Never };

    public static async ValueTask<object?> Filter(EndpointFilterInvocationContext invocation, EndpointFilterDelegate next)
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
            if (Problem.Known(e) is null) Log(context, e);
            var (status, error) = Of(e);
            if (status == StatusCodes.Status429TooManyRequests) context.Response.Headers.RetryAfter = "10";
            return Results.Json(new { error }, WithNulls, statusCode: status);
        }
    }

    /// <summary>The body of an error event in a stream.</summary>
    public static string Event(Exception exception) => JsonSerializer.Serialize(new { type = "error", error = Of(exception).Error }, WithNulls);

    private static (int Status, ErrorBody Error) Of(Exception exception)
    {
        if (exception is OpenAiException e) return (e.Status, new ErrorBody(e.Message, TypeOf(e.Status), e.Param, e.Code));
        var problem = Problem.Of(exception, Protocol.OpenAi);
        var status = problem.Status == StatusCodes.Status422UnprocessableEntity ? StatusCodes.Status400BadRequest : problem.Status; // they have no 422
        return (status, new ErrorBody(problem.Detail, TypeOf(status), problem.Field, status == StatusCodes.Status429TooManyRequests ? "rate_limit_exceeded" : null));
    }

    private static void Log(HttpContext context, Exception exception) => context.RequestServices.GetRequiredService<ILoggerFactory>()
        .CreateLogger(typeof(OpenAiErrors).FullName!).LogError(exception, "{Method} {Path} failed.", context.Request.Method, context.Request.Path);

    private static string TypeOf(int status) => status switch
    {
        StatusCodes.Status401Unauthorized => "authentication_error",
        StatusCodes.Status429TooManyRequests => "rate_limit_error",
        >= 500 => "server_error",
        _ => "invalid_request_error",
    };

    private sealed record ErrorBody(string Message, string Type, string? Param, string? Code);
}
