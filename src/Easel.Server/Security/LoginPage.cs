namespace Easel.Server.Security;

/// <summary>Where a person gives the token, or the user and password, once for a browser.</summary>
internal static class LoginPage
{
    public const string Path = "/login";

    /// <summary>The cookie's name; a machine's servers share their cookies whatever their ports, so the port is part of it.</summary>
    public static string CookieOf(HttpContext context) => $"easel-{context.Connection.LocalPort}";

    public static void Map(IEndpointRouteBuilder app)
    {
        app.MapGet(Path, (Credentials credentials) => credentials.AreNeeded ? Page(credentials, failed: false)
            : Results.Redirect("/")).ExcludeFromDescription();
        app.MapPost(Path, async (HttpContext context, Credentials credentials, LoginAttempts attempts) =>
        {
            var form = await context.Request.ReadFormAsync(context.RequestAborted);
            if ((credentials.OfToken(form["token"].ToString()) ?? credentials.OfUser(form["user"].ToString(), form["password"].ToString())) is null)
            {
                attempts.Failed(context);
                return Page(credentials, failed: true);
            }
            context.Response.Cookies.Append(CookieOf(context), credentials.Session, new CookieOptions
            {
                HttpOnly = true,
                SameSite = SameSiteMode.Lax,
                Secure = context.Request.IsHttps,
                MaxAge = TimeSpan.FromDays(30),
            });
            return Results.Redirect("/");
        }).DisableAntiforgery().ExcludeFromDescription();
        app.MapPost("/logout", (HttpContext context) =>
        {
            context.Response.Cookies.Delete(CookieOf(context));
            return Results.Redirect(Path);
        }).DisableAntiforgery().ExcludeFromDescription();
    }

    private static IResult Page(Credentials credentials, bool failed)
    {
        const string User = """
            <label>User <input name="user" autocomplete="username" required autofocus></label>
            <label>Password <input name="password" type="password" autocomplete="current-password" required></label>
            """;
        const string Token = """<label>Token <input name="token" type="password" autocomplete="current-password" required autofocus></label>""";
        return Results.Content($$"""
            <!doctype html>
            <html lang="en">
            <meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
            <title>Easel: log in</title>
            <style>
              :root { color-scheme: light dark } body { font: 1rem/1.5 system-ui, sans-serif; display: grid; place-content: center; min-height: 90vh }
              form { display: grid; gap: 1rem; width: min(20rem, 90vw) } label { display: grid; gap: .25rem } input, button { font: inherit; padding: .5rem }
            </style>
            <main><h1>Easel</h1>
            {{(failed ? "<p role=\"alert\">That was not right.</p>" : "")}}
            <form method="post" action="{{Path}}">{{(credentials.UserName is not null ? User : Token)}}<button>Log in</button></form></main>
            </html>
            """, "text/html; charset=utf-8", statusCode: failed ? Status401Unauthorized : Status200OK);
    }
}
