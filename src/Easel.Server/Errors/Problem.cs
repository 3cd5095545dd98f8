using Microsoft.AspNetCore.Http.Metadata;

namespace Easel.Server.Errors;

/// <summary>What a caller is told when something cannot be done: a status, one sentence, and the setting that is meant. Never where it came from.</summary>
/// <param name="Status">The HTTP status.</param>
/// <param name="Title">The kind of problem, in a few words.</param>
/// <param name="Detail">One sentence: the thing, its value and what is allowed.</param>
/// <param name="Field">The setting that is meant; null where it is none.</param>
public sealed record Problem(int Status, string Title, string Detail, string? Field = null)
{
    /// <summary>The setting that is meant; null where it is none.</summary>
    public string? Field { get; } = Field is null ? null : Brief.Of(Field);

    /// <summary>What is said where nothing better is known.</summary>
    internal const string Unforeseen = "Something unforeseen happened; the server's log has it.";

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, // sent as JSON with nosniff: no browser reads it as a page
    };

    /// <summary>The problem that an exception stands for; null for one that was not foreseen.</summary>
    internal static Problem? Known(Exception exception, Protocol protocol = Protocol.Easel) => exception switch
    {
        ServerException e => new(e.Status, TitleOf(e.Status), e.Message),
        InvalidRequestException e => new(protocol == Protocol.Sdapi && e.Finding is not null ? Status422UnprocessableEntity
            : Status400BadRequest, "A setting cannot be honoured",
            ParameterNames.Sentence(e, protocol), ParameterNames.Of(e.Field, protocol)),
        BadHttpRequestException { InnerException: JsonException inner } => Known(inner, protocol),
        BadHttpRequestException { InnerException: EaselException inner } => Known(inner, protocol),
        BadHttpRequestException e => OfStatus(e.StatusCode) ?? new(e.StatusCode, TitleOf(e.StatusCode), SentenceOf(e)),
        // A form that is none: without a boundary, cut short, with more fields than a form has.
        InvalidDataException e => new(Status400BadRequest, TitleOf(Status400BadRequest), $"The form cannot be read: {FirstSentence(e.Message)}"),
        JsonException e => new(Status400BadRequest, "The body cannot be read", SentenceOf(e), e.Path is { Length: > 2 } path ? path[2..] : null),
        DamagedDatabaseException e => new(Status503ServiceUnavailable, TitleOf(Status503ServiceUnavailable), e.Message),
        EaselException e => new(Status422UnprocessableEntity, TitleOf(Status422UnprocessableEntity), e.Message),
        _ => null,
    };

    /// <summary>The problem that an exception stands for.</summary>
    internal static Problem Of(Exception exception, Protocol protocol = Protocol.Easel) => Known(exception, protocol)
        ?? new(Status500InternalServerError, TitleOf(Status500InternalServerError), Unforeseen);

    /// <summary>What a status says by itself where nobody said more; null where that is nothing.</summary>
    internal static Problem? OfStatus(int status) => status switch
    {
        Status408RequestTimeout => "The request came too slowly, and was given up.",
        Status413PayloadTooLarge => "The body of the request is larger than this server allows.",
        Status415UnsupportedMediaType => "The body is not sent as what is wanted here: Content-Type must be application/json.",
        _ => null,
    } is { } sentence ? new Problem(status, TitleOf(status), sentence) : null;

    /// <summary>Sends it as problem+json (RFC 9457).</summary>
    /// <param name="challenge">For a 401: how to say who one is.</param>
    public Task WriteAsync(HttpContext context, string? challenge = null)
    {
        context.Response.Clear();
        if (challenge is not null) context.Response.Headers.WWWAuthenticate = challenge;
        context.Response.StatusCode = Status;
        SayWhen(context.Response);
        if (context.RequestServices?.GetServices<IOtherForm>().FirstOrDefault(form => context.Request.Path.StartsWithSegments(form.Under)) is { } other)
            return context.Response.WriteAsJsonAsync(other.BodyOf(this), other.Json, "application/json", context.RequestAborted);
        if (PlainPage.IsWanted(context.Request) && challenge is null)
        {
            var content = $"<h1>{PlainPage.Said(context, Title)}</h1><p>{PlainPage.Said(context, Detail)}</p>"
                + $"<p><a class=\"button primary\" href=\"./\">{PlainPage.Said(context, "To the drawing page")}</a></p>";
            context.Response.ContentType = "text/html; charset=utf-8";
            return context.Response.WriteAsync(PlainPage.Of(context, Title, content), context.RequestAborted);
        }
        var problem = new { type = "about:blank", Title, Status, Detail, Field };
        return context.Response.WriteAsJsonAsync(problem, Json, "application/problem+json", context.RequestAborted);
    }

    /// <summary>Says when it is worth asking again, where waiting helps.</summary>
    internal void SayWhen(HttpResponse response)
    {
        if (Status is Status429TooManyRequests or Status503ServiceUnavailable) response.Headers.RetryAfter = "10";
    }

    private const string Unknown = "Something went wrong";

    private static readonly Dictionary<int, string> TitleOfStatus = new()
    {
        [Status400BadRequest] = "The request cannot be read",
        [Status401Unauthorized] = "Say who you are",
        [Status403Forbidden] = "Not allowed",
        [Status404NotFound] = "Not found",
        [Status405MethodNotAllowed] = "Not done this way",
        [Status408RequestTimeout] = "Too slow",
        [Status409Conflict] = "Not possible now",
        [Status410Gone] = "No longer there",
        [Status413PayloadTooLarge] = "Too large",
        [Status415UnsupportedMediaType] = "Of the wrong kind",
        [Status421MisdirectedRequest] = "Not for this server",
        [Status422UnprocessableEntity] = "It cannot be done",
        [Status429TooManyRequests] = "Too much at once",
        [Status501NotImplemented] = "Not something that Easel does",
        [Status503ServiceUnavailable] = "Not now",
        [Status507InsufficientStorage] = "The disk is full",
    };

    /// <summary>All titles there are.</summary>
    internal static IEnumerable<string> Titles => TitleOfStatus.Values.Append(Unknown);

    private static string TitleOf(int status) => TitleOfStatus.GetValueOrDefault(status, Unknown);

    /// <summary>System.Text.Json ends its sentences with where it was in its own terms, of which the path is told apart.</summary>
    private static string SentenceOf(JsonException exception)
    {
        var message = exception.Message.Split(" Path: ")[0].Split(" LineNumber: ")[0].TrimEnd('.', ' ');
        if (IsOfParser(exception) || IsOfParser(exception.InnerException))
        {
            return exception is { LineNumber: null or 0, BytePositionInLine: null or 0 } ? "The body is no JSON from its first character on."
                : $"The body is no JSON from line {exception.LineNumber + 1}, byte {exception.BytePositionInLine + 1} on.";
        }
        if (message.Contains("could not be mapped to any .NET member", StringComparison.Ordinal))
            return $"\"{Between(message)}\" is not a setting that this server knows{ParameterNames.Hint(Between(message), message)}.";
        if (message.StartsWith("Duplicate property", StringComparison.Ordinal)) return $"\"{Between(message)}\" is there twice.";
        if (message.Split("missing required properties") is [_, var missing]) return $"\"{Between(missing)}\" is missing.";
        if (message.Contains(" null", StringComparison.Ordinal) && message.Contains(" type '", StringComparison.Ordinal))
            return $"\"{(exception.Path is ['$', '.', .. var place] ? place : Between(message))}\" is null; it must have a value or be left out.";
        return message.Contains("could not be converted", StringComparison.Ordinal) || message.Contains("'System.", StringComparison.Ordinal)
            || message.Contains("'Easel.", StringComparison.Ordinal) ? KindWords.Sentence(exception) : message + ".";

        static string Between(string text) => text.Split('\'') is [_, var name, ..] ? name : text;
    }

    /// <summary>What binds a request to a method speaks of its parameters and their types.</summary>
    private static string SentenceOf(BadHttpRequestException exception)
    {
        var parts = exception.Message.Split('"');
        string Name() => parts[1].Split(' ')[^1];
        if (exception.Message.StartsWith("Failed to bind", StringComparison.Ordinal) && parts.Length > 3)
            return Unreadable(Name(), string.Join('"', parts[3..^1]), parts[1].Split(' ')[0]);
        if (exception.Message.StartsWith("Required parameter", StringComparison.Ordinal) && parts.Length > 2)
            return $"{JsonNamingPolicy.CamelCase.ConvertName(Name())} is missing.";
        return FirstSentence(exception.Message);
    }

    /// <summary>A value in an address that is none of its kind.</summary>
    /// <param name="type">What it must be, as <see cref="KindWords.Of"/> takes it.</param>
    internal static string Unreadable(string name, string value, string type) =>
        $"{JsonNamingPolicy.CamelCase.ConvertName(name)} is \"{value}\"; it must be {KindWords.Of(type)}.";

    /// <summary>The parser's own exceptions are of a kind that is not public, and speak of its buffers.</summary>
    private static bool IsOfParser(Exception? exception) => exception is JsonException && exception.GetType() is var type && type != typeof(JsonException)
        && type.Assembly == typeof(JsonException).Assembly;

    private static string FirstSentence(string message) => message.ReplaceLineEndings("\n").Split('\n')[0];
}

/// <summary>How another program's API words a problem that arose before one of its routes was reached: a login that is missing, a body
/// that is too large.</summary>
internal interface IOtherForm
{
    /// <summary>Where its routes begin.</summary>
    string Under { get; }

    /// <summary>How it writes JSON.</summary>
    JsonSerializerOptions Json { get; }

    /// <summary>The body of the answer.</summary>
    object BodyOf(Problem problem);
}

/// <summary>Puts sentences as who asks may hear them.</summary>
internal interface IDiscretion
{
    /// <summary>A sentence for a caller.</summary>
    string Told(HttpContext context, string sentence);
}

/// <summary>Answers with a <see cref="Problem"/> where a request fails or leads nowhere.</summary>
internal sealed class ProblemMiddleware(RequestDelegate next, IDiscretion discretion, ILogger<ProblemMiddleware> log)
{
    public async Task InvokeAsync(HttpContext context)
    {
        try
        {
            await next(context);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            return; // the client is gone
        }
        catch (Exception e)
        {
            var problem = Problem.Known(e);
            if (problem is null) log.LogError(e, "{Method} {Path} failed.", context.Request.Method, context.Request.Path);
            if (context.Response.HasStarted) throw;
            problem ??= Problem.Of(e);
            await (problem with { Detail = discretion.Told(context, problem.Detail) }).WriteAsync(context);
            return;
        }
        if (context.Response is { HasStarted: false, StatusCode: >= 400, ContentLength: null or 0 } && context.Response.ContentType is null)
        {
            await (Problem.OfStatus(context.Response.StatusCode) ?? Problem.Of(new ServerException(context.Response.StatusCode, Unread(context)
                ?? $"{(PlainPage.IsWanted(context.Request) ? "" : context.Request.Method + " ")}{context.Request.Path} leads nowhere."))).WriteAsync(context);
        }
    }

    /// <summary>What in the address could not be read. Endpoints made by the compiler refuse a value that may be missing and is wrong without a word.</summary>
    private static string? Unread(HttpContext context) => context.GetEndpoint()?.Metadata.GetOrderedMetadata<IParameterBindingMetadata>()
        .Where(parameter => parameter.HasTryParse)
        .Select(parameter => (parameter.Name, Value: $"{context.Request.Query[parameter.Name]}", parameter.ParameterInfo.ParameterType))
        .Where(sent => sent.Value.Length > 0 && !IsReadable(sent.Value, Nullable.GetUnderlyingType(sent.ParameterType) ?? sent.ParameterType))
        .Select(sent => Problem.Unreadable(sent.Name, sent.Value, $"{sent.ParameterType}")).FirstOrDefault();

    private static bool IsReadable(string value, Type type) => type == typeof(bool) ? bool.TryParse(value, out _)
        : type == typeof(int) ? int.TryParse(value, CultureInfo.InvariantCulture, out _)
        : type != typeof(long) || long.TryParse(value, CultureInfo.InvariantCulture, out _);
}
