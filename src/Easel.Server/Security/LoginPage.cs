using Easel.Server.Errors;

namespace Easel.Server.Security;

/// <summary>Where a person gives the token, or the user and password, once for a browser.</summary>
internal static class LoginPage
{
    public const string Path = "/login";

    /// <summary>The cookie's name; a machine's servers share their cookies whatever their ports, so the port is part of it.</summary>
    public static string CookieOf(HttpContext context) => $"easel-{context.Connection.LocalPort}";

    /// <summary>Where a login is ended, here or everywhere.</summary>
    public const string Out = "/logout";

    public static void Map(IEndpointRouteBuilder app)
    {
        app.MapGet(Path, (HttpContext context, Credentials credentials, Sessions sessions) => !credentials.AreNeeded ? Results.Redirect("/")
            : Page(context, context.Request.Cookies[CookieOf(context)] is { } cookie && sessions.IsOne(cookie) == true ? Leave : Enter(credentials)))
            .ExcludeFromDescription();
        app.MapPost(Path, async (HttpContext context, Credentials credentials, Sessions sessions, LoginAttempts attempts) =>
        {
            var form = await FormOf(context);
            var (token, user, password) = (form["token"].ToString(), form["user"].ToString(), form["password"].ToString());
            if (attempts.Try(context, () => credentials.OfToken(token) ?? credentials.OfUser(user, password)) is null)
                return Page(context, "<p role=\"alert\">That was not right.</p>" + Enter(credentials), Status401Unauthorized);
            context.Response.Cookies.Append(CookieOf(context), sessions.New(), new CookieOptions
            {
                HttpOnly = true,
                SameSite = SameSiteMode.Lax,
                Secure = context.Request.IsHttps,
                MaxAge = Sessions.Age,
            });
            return Results.Redirect("/");
        }).DisableAntiforgery().ExcludeFromDescription();
        app.MapPost(Out, (HttpContext context) =>
        {
            context.Response.Cookies.Delete(CookieOf(context));
            return Results.Redirect(Path);
        }).DisableAntiforgery().ExcludeFromDescription();
        app.MapPost(Out + "/everywhere", (HttpContext context, Sessions sessions) =>
        {
            sessions.EndAll();
            context.Response.Cookies.Delete(CookieOf(context));
            return Results.Redirect(Path);
        }).DisableAntiforgery().ExcludeFromDescription();
    }

    private static async Task<IFormCollection> FormOf(HttpContext context)
    {
        try
        {
            if (context.Request.HasFormContentType) return await context.Request.ReadFormAsync(context.RequestAborted);
        }
        catch (Exception e) when (e is InvalidDataException or IOException and not BadHttpRequestException)
        {
            // It calls itself a form and is none.
        }
        throw new ServerException(Status400BadRequest, "What is sent here is the form of the login page, as a form.");
    }

    private const string Leave = $"""
        <p>You are logged in.</p><p><a href="/">To the page</a></p>
        <form method="post" action="{Out}"><button>Log out here</button></form>
        <form method="post" action="{Out}/everywhere"><button>Log out everywhere</button></form>
        """;

    private static string Enter(Credentials credentials)
    {
        const string User = """
            <label>User <input name="user" autocomplete="username" required autofocus></label>
            <label>Password <input name="password" type="password" autocomplete="current-password" required></label>
            """;
        const string Token = """<label>Token <input name="token" type="password" autocomplete="current-password" required autofocus></label>""";
        return $"""<form method="post" action="{Path}">{(credentials.UserName is not null ? User : Token)}<button>Log in</button></form>""";
    }

    private static IResult Page(HttpContext context, string content, int status = Status200OK) => Results.Content($$"""
        <!doctype html>
        <html lang="en">
        <meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
        <title>Easel: log in</title>
        <style nonce="{{SecurityHeaders.NonceOf(context)}}">
          :root { color-scheme: light dark } body { font: 1rem/1.5 system-ui, sans-serif; display: grid; place-content: center; min-height: 90vh }
          form { display: grid; gap: 1rem; width: min(20rem, 90vw) } label { display: grid; gap: .25rem } input, button { font: inherit; padding: .5rem }
          form + form { margin-top: 1rem }
        </style>
        <main><h1>Easel</h1>
        {{content}}</main>
        </html>
        """, "text/html; charset=utf-8", statusCode: status);
}
