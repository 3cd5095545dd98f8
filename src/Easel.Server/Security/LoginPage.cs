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
        app.MapGet(Path, (HttpContext context, Credentials credentials, Sessions sessions) => !credentials.AreNeeded ? Results.Redirect(Home(context))
            : Page(context, context.Request.Cookies[CookieOf(context)] is { } cookie && sessions.IsOne(cookie) == true ? Leave(context)
                : Enter(context, credentials)))
            .ExcludeFromDescription();
        app.MapPost(Path, async (HttpContext context, Credentials credentials, Sessions sessions, LoginAttempts attempts) =>
        {
            var form = await FormOf(context);
            var (token, user, password) = (form["token"].ToString(), form["user"].ToString(), form["password"].ToString());
            if (attempts.Try(context, () => credentials.OfToken(token) ?? credentials.OfUser(user, password)) is null)
                return Page(context, Enter(context, credentials, user, isWrong: true), Status401Unauthorized);
            context.Response.Cookies.Append(CookieOf(context), sessions.New(), new CookieOptions
            {
                HttpOnly = true,
                SameSite = SameSiteMode.Lax,
                Secure = context.Request.IsHttps,
                MaxAge = Sessions.Age,
                Path = Home(context),
            });
            return Results.Redirect(Home(context));
        }).DisableAntiforgery().ExcludeFromDescription();
        app.MapPost(Out, (HttpContext context) =>
        {
            Forget(context);
            return Results.Redirect(context.Request.PathBase + Path);
        }).DisableAntiforgery().ExcludeFromDescription();
        app.MapPost(Out + "/everywhere", (HttpContext context, Sessions sessions) =>
        {
            sessions.EndAll();
            Forget(context);
            return Results.Redirect(context.Request.PathBase + Path);
        }).DisableAntiforgery().ExcludeFromDescription();
    }

    /// <summary>Takes the cookie back.</summary>
    public static void Forget(HttpContext context) => context.Response.Cookies.Delete(CookieOf(context), new CookieOptions { Path = Home(context) });

    private static string Home(HttpContext context) => context.Request.PathBase + "/";

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

    private static string Leave(HttpContext context) => $"""
        <h1>{PlainPage.Said(context, "You are logged in")}</h1><p><a class="button primary" href="./">{PlainPage.Said(context, "To the page")}</a></p>
        <form method="post" action=".{Out}"><button>{PlainPage.Said(context, "Log out here")}</button></form>
        <form method="post" action=".{Out}/everywhere"><button>{PlainPage.Said(context, "Log out everywhere")}</button></form>
        """;

    private static string Enter(HttpContext context, Credentials credentials, string user = "", bool isWrong = false)
    {
        string Said(string english) => PlainPage.Said(context, english);
        var refusal = !isWrong ? "" : $"""
            <p class="refusal" role="alert">{Said(credentials.UserName is not null ? "The user or the password is wrong." : "The token is wrong.")}</p>
            """;
        var fields = credentials.UserName is not null
            ? $"""
                <div class="field"><label for="user">{Said("User")}</label>
                    <input id="user" name="user" autocomplete="username" required {(user.Length == 0 ? "autofocus" : "")}
                        value="{HtmlEncoder.Default.Encode(user)}"></div>
                <div class="field"><label for="password">{Said("Password")}</label>
                    <input id="password" name="password" type="password" autocomplete="current-password" required {(user.Length == 0 ? "" : "autofocus")}></div>
                """
            : $"""
                <div class="field"><label for="token">{Said("Token")}</label>
                    <input id="token" name="token" type="password" autocomplete="current-password" required autofocus></div>
                <p class="help">{Said("It was given to Easel when it was started (--token).")}</p>
                """;
        return $"""
            <h1>{Said("Log in")}</h1>{refusal}
            <form method="post" action=".{Path}">{fields}<button class="primary big">{Said("Log in")}</button></form>
            """;
    }

    private static IResult Page(HttpContext context, string content, int status = Status200OK) =>
        Results.Content(PlainPage.Of(context, "Easel: log in", content), "text/html; charset=utf-8", statusCode: status);
}
