using System.Text.RegularExpressions;
using Easel.Server.Errors;

namespace Easel.Server.Security;

/// <summary>The path below which the server is reached where a proxy gives it a part of a site: the one that it was started with, or the one that a proxy which
/// is believed names with the request. It does not matter whether the proxy takes it off.</summary>
internal static partial class BasePath
{
    /// <summary>Whether a text is such a path: "/easel", "/tools/easel".</summary>
    public static bool IsOne(string path) => path.Length <= 200 && Segments().IsMatch(path);

    /// <summary>Takes the path off the requests that have it; what is answered names addresses below it.</summary>
    /// <param name="own">The path that the server was started with; null for none.</param>
    public static Func<HttpContext, RequestDelegate, Task> Of(string? own) => (context, next) =>
    {
        var request = context.Request;
        if (request.PathBase.HasValue && !IsOne(request.PathBase.Value!.TrimEnd('/')))
        {
            request.PathBase = default;
            return Problem.Of(new ServerException(Status400BadRequest, "X-Forwarded-Prefix is no path such as /easel.")).WriteAsync(context);
        }
        var path = new PathString(request.PathBase.HasValue ? request.PathBase.Value!.TrimEnd('/') : own);
        if (path.HasValue && request.Path.StartsWithSegments(path, StringComparison.Ordinal, out var rest))
        {
            // Without the slash at its end the page would look for everything one folder above.
            if (!rest.HasValue && HttpMethods.IsGet(request.Method))
            {
                context.Response.Redirect(path + "/" + request.QueryString);
                return Task.CompletedTask;
            }
            request.Path = rest;
        }
        request.PathBase = path;
        return next(context);
    };

    [GeneratedRegex(@"^(?:/(?!\.\.?(?:/|$))[A-Za-z0-9._~-]+)+$", RegexOptions.CultureInvariant)]
    private static partial Regex Segments();
}
