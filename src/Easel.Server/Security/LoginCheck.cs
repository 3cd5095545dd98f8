using System.Security.Claims;
using Easel.Server.Errors;

namespace Easel.Server.Security;

/// <summary>Lets only those in who have logged in: by a header, as programs do, or by the cookie of <see cref="LoginPage"/>.</summary>
internal sealed class LoginCheck(RequestDelegate next, Credentials credentials, Sessions sessions, LoginAttempts attempts)
{
    public async Task InvokeAsync(HttpContext context)
    {
        var request = context.Request;
        if (!credentials.AreNeeded || IsOpen(request.Path))
        {
            await next(context);
            return;
        }
        string? authorization = request.Headers.Authorization;
        var cookie = request.Cookies[LoginPage.CookieOf(context)];
        // A cookie cannot be guessed, so a right one never waits for the failures of others; a wrong one is an attempt like any other.
        var isSession = cookie is null ? false : sessions.IsOne(cookie);
        var user = isSession == true ? credentials.UserName ?? "page" : null;
        if (user is null && cookie is not null) LoginPage.Forget(context);
        if (user is null && (authorization is not null || cookie is not null && isSession == false))
            user = attempts.Try(context, () => credentials.OfHeader(authorization));
        if (user is not null)
        {
            context.User = new ClaimsPrincipal(new ClaimsIdentity([new Claim(ClaimTypes.Name, user)], "easel"));
            // What a login has open, as the page's socket, ends with it.
            using var ending = isSession == true && !request.Path.StartsWithSegments(LoginPage.Out) ? sessions.Ended.Register(context.Abort) : default;
            await next(context);
        }
        else if (HttpMethods.IsGet(request.Method) && request.Headers.Accept.ToString().Contains("text/html", StringComparison.OrdinalIgnoreCase))
        {
            context.Response.Redirect(request.PathBase + LoginPage.Path);
        }
        else
        {
            var problem = Problem.Of(new ServerException(Status401Unauthorized, authorization is null
                ? "This server asks who you are: send a token as \"Authorization: Bearer\", or a user and password as HTTP Basic."
                : "The token, or the user and password, is wrong."));
            await problem.WriteAsync(context, credentials.UserName is not null ? "Basic realm=\"Easel\", charset=\"UTF-8\"" : "Bearer realm=\"Easel\"");
        }
    }

    /// <summary>What tells nothing: whether the server is well, and the page to log in with, with what it is made up of.</summary>
    private static bool IsOpen(PathString path) => path.StartsWithSegments("/health") || path == LoginPage.Path
        || path == PlainPage.Styles || path == PlainPage.Icon || path == PlainPage.Theme;
}
