using Easel.Server.Errors;
using Microsoft.Net.Http.Headers;

namespace Easel.Server.Security;

/// <summary>
/// Refuses what another origin's page asks in the person's own browser: it could neither read the answer nor should it start anything. Origins that are listed
/// may use the APIs, but never the person's cookie. Programs that are no browsers say no origin and are not concerned.
/// </summary>
internal sealed class OriginCheck(RequestDelegate next, ServerOptions options)
{
    private readonly HashSet<string> _listed = new(options.Cors.Select(origin => origin.TrimEnd('/')), StringComparer.OrdinalIgnoreCase);

    public Task InvokeAsync(HttpContext context)
    {
        var (request, response) = (context.Request, context.Response);
        string? origin = request.Headers.Origin;
        if (origin is null) return IsFromElsewhere(request) && !IsVisit(request) ? throw Foreign("another page") : next(context);
        if (IsSame(origin, request.Host)) return next(context);
        if (!_listed.Contains(origin)) throw Foreign(origin);

        request.Headers.Remove(HeaderNames.Cookie);
        response.OnStarting(() =>
        {
            response.Headers.AccessControlAllowOrigin = origin;
            response.Headers.Append(HeaderNames.Vary, HeaderNames.Origin);
            return Task.CompletedTask;
        });
        if (!HttpMethods.IsOptions(request.Method) || !request.Headers.ContainsKey(HeaderNames.AccessControlRequestMethod)) return next(context);

        response.StatusCode = Status204NoContent;
        response.Headers.AccessControlAllowMethods = "GET, POST, DELETE";
        response.Headers.AccessControlAllowHeaders = "Authorization, Content-Type";
        response.Headers.AccessControlMaxAge = "600";
        return Task.CompletedTask;
    }

    /// <summary>Whether another origin's page sent it.</summary>
    public static bool IsForeign(HttpRequest request) => (string?)request.Headers.Origin is { } origin && !IsSame(origin, request.Host);

    /// <summary>Whether the request itself was sent to the address. Whether it was encrypted is not looked at: a proxy may have seen to that.</summary>
    private static bool IsSame(string origin, HostString host) =>
        Uri.TryCreate(origin, UriKind.Absolute, out var uri) && (uri.Scheme is "http" or "https") && HostString.FromUriComponent(uri).Equals(host);

    /// <summary>Browsers say whether a picture, a script or a frame is asked for by another site, or by another port of this machine.</summary>
    private static bool IsFromElsewhere(HttpRequest request) => (string?)request.Headers["Sec-Fetch-Site"] is "cross-site" or "same-site";

    private static bool IsVisit(HttpRequest request) =>
        HttpMethods.IsGet(request.Method) && request.Headers["Sec-Fetch-Mode"] == "navigate" && request.Headers["Sec-Fetch-Dest"] == "document";

    private static ServerException Foreign(string origin) =>
        new(Status403Forbidden, $"A page of {origin} may not use this server; --cors lets it.");
}
