using Easel.Server.Errors;
using Easel.Server.Security;

namespace Easel.Server.OpenAi;

/// <summary>A refusal in the words of OpenAI's API.</summary>
internal sealed class OpenAiException(int status, string message, string? param, string code) : EaselException(message)
{
    public int Status => status;
    public string? Param => param;
    public string Code => code;

    /// <summary>A value that cannot be honoured (400).</summary>
    public static OpenAiException Invalid(string message, string? param = null, string code = "invalid_value") =>
        new(Status400BadRequest, message, param, code);
}

/// <summary>What goes wrong, said as OpenAI's API says it.</summary>
internal sealed class OpenAiErrors : IOtherForm
{
    public string Under => "/v1";

    JsonSerializerOptions IOtherForm.Json => WithNulls;

    public object BodyOf(Problem problem) => new { error = Of(problem).Error };

    /// <summary>Names with underscores; what is null is left out.</summary>
    public static JsonSerializerOptions Json { get; } = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, // sent as JSON with nosniff: no browser reads it as a page
    };

    private static readonly JsonSerializerOptions WithNulls = new(Json) { DefaultIgnoreCondition = JsonIgnoreCondition.Never };

    public static ValueTask<object?> Filter(EndpointFilterInvocationContext invocation, EndpointFilterDelegate next) => ApiFilter.Run(invocation, next, e =>
    {
        var (status, error) = Of(e, invocation.HttpContext);
        if (status is Status429TooManyRequests or Status503ServiceUnavailable) invocation.HttpContext.Response.Headers.RetryAfter = "10";
        return Results.Json(new { error }, WithNulls, statusCode: status);
    });

    /// <summary>The body of an answer that has begun already.</summary>
    public static string Body(Exception exception, HttpContext context) => JsonSerializer.Serialize(new { error = Of(exception, context).Error }, WithNulls);

    public static string Event(Exception exception, HttpContext context) =>
        JsonSerializer.Serialize(new { type = "error", error = Of(exception, context).Error }, WithNulls);

    /// <summary>In the words for who asks.</summary>
    private static (int Status, ErrorBody Error) Of(Exception exception, HttpContext context)
    {
        var (status, error) = Of(exception);
        return (status, error with { Message = MachinePaths.Told(context, error.Message) });
    }

    private static (int Status, ErrorBody Error) Of(Exception exception)
    {
        if (exception is OpenAiException e) return (e.Status, new ErrorBody(e.Message, TypeOf(e.Status), e.Param, e.Code));
        return Of(Problem.Of(exception, Protocol.OpenAi));
    }

    private static (int Status, ErrorBody Error) Of(Problem problem)
    {
        var status = problem.Status == Status422UnprocessableEntity ? Status400BadRequest : problem.Status; // they have no 422
        return (status, new ErrorBody(problem.Detail, TypeOf(status), problem.Field, CodeOf(status)));
    }

    private static string TypeOf(int status) => status switch
    {
        Status429TooManyRequests => "rate_limit_error",
        >= 500 => "server_error",
        _ => "invalid_request_error", // a wrong key too
    };

    private static string CodeOf(int status) => status switch
    {
        Status401Unauthorized => "invalid_api_key",
        Status403Forbidden => "permission_denied",
        Status404NotFound => "not_found",
        Status405MethodNotAllowed => "method_not_allowed",
        Status408RequestTimeout => "request_timeout",
        Status413PayloadTooLarge => "request_too_large",
        Status415UnsupportedMediaType => "unsupported_content_type",
        Status421MisdirectedRequest => "invalid_host",
        Status429TooManyRequests => "rate_limit_exceeded",
        Status500InternalServerError => "internal_error",
        Status503ServiceUnavailable => "service_unavailable",
        Status507InsufficientStorage => "insufficient_storage",
        _ => "invalid_value",
    };

    private sealed record ErrorBody(string Message, string Type, string? Param, string Code);
}
