using System.Collections.Concurrent;
using System.Net;
using System.Security.Claims;
using Easel.Server.Errors;

namespace Easel.Server.Security;

/// <summary>Lets only those in who have logged in: by a header, as programs do, or by the cookie of <see cref="LoginPage"/>.</summary>
internal sealed class LoginCheck(RequestDelegate next, Credentials credentials, LoginAttempts attempts)
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
        var user = credentials.OfHeader(authorization);
        if (user is null && authorization is not null) attempts.Failed(context);
        if (user is null && credentials.IsSession(request.Cookies[LoginPage.CookieOf(context)])) user = credentials.UserName ?? "page";
        if (user is not null)
        {
            context.User = new ClaimsPrincipal(new ClaimsIdentity([new Claim(ClaimTypes.Name, user)], "easel"));
            await next(context);
        }
        else if (HttpMethods.IsGet(request.Method) && request.Headers.Accept.ToString().Contains("text/html", StringComparison.OrdinalIgnoreCase))
        {
            context.Response.Redirect(LoginPage.Path);
        }
        else
        {
            var problem = Problem.Of(new ServerException(Status401Unauthorized, authorization is null
                ? "This server asks who you are: send a token as \"Authorization: Bearer\", or a user and password as HTTP Basic."
                : "The token, or the user and password, is wrong."));
            await problem.WriteAsync(context, credentials.UserName is not null ? "Basic realm=\"Easel\", charset=\"UTF-8\"" : "Bearer realm=\"Easel\"");
        }
    }

    /// <summary>What tells nothing: whether the server is well, and the page to log in with.</summary>
    private static bool IsOpen(PathString path) => path.StartsWithSegments("/health") || path == LoginPage.Path;
}

/// <summary>Counts wrong passwords, so that they cannot be tried out at leisure: ten a minute from one address.</summary>
internal sealed class LoginAttempts(TimeProvider clock)
{
    private const int Most = 10, MostAddresses = 10_000;
    private static readonly TimeSpan Window = TimeSpan.FromMinutes(1);

    private readonly ConcurrentDictionary<IPAddress, (int Count, long Since)> _failed = new();

    public void Failed(HttpContext context)
    {
        if (_failed.Count > MostAddresses) _failed.Clear();
        var now = clock.GetTimestamp();
        var (count, _) = _failed.AddOrUpdate(context.Connection.RemoteIpAddress ?? IPAddress.None, (1, now),
            (_, before) => clock.GetElapsedTime(before.Since, now) > Window ? (1, now) : (before.Count + 1, before.Since));
        if (count > Most) throw new ServerException(Status429TooManyRequests, "There were too many wrong attempts; wait a minute.");
    }
}
