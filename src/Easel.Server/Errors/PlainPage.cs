namespace Easel.Server.Errors;

/// <summary>A page of the house that needs no script: where a person logs in, and where something is not found.</summary>
internal static class PlainPage
{
    /// <summary>Files that such a page loads, which everybody may have.</summary>
    public const string Styles = "/page/easel.css", Icon = "/page/icon.svg", Theme = "/page/theme.js";

    /// <summary>Whether somebody asks with a browser's address line, who is better served with a page than with JSON.</summary>
    public static bool IsWanted(HttpRequest request) => HttpMethods.IsGet(request.Method)
        && request.Headers.Accept.ToString().Contains("text/html", StringComparison.OrdinalIgnoreCase) && request.Headers["Sec-Fetch-Dest"] != "empty";

    /// <summary>A text of the page in the language of whoever asks, fit for HTML.</summary>
    public static string Said(HttpContext context, string english) =>
        HtmlEncoder.Default.Encode(context.RequestServices.GetRequiredService<IPlainTexts>().Said(context, english));

    /// <summary>The page.</summary>
    /// <param name="title">Its title in English.</param>
    /// <param name="content">HTML, whose addresses are relative to the server's base.</param>
    public static string Of(HttpContext context, string title, string content) => $"""
        <!doctype html>
        <html lang="{context.RequestServices.GetRequiredService<IPlainTexts>().LanguageOf(context)}">
        <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <base href="{HtmlEncoder.Default.Encode(context.Request.PathBase + "/")}">
            <title>{Said(context, title)}</title>
            <link rel="icon" type="image/svg+xml" href="{Icon[1..]}">
            <link rel="stylesheet" href="{Styles[1..]}">
            <script nonce="{PageNonce.Of(context)}" src="{Theme[1..]}"></script>
        </head>
        <body class="plain">
        <main class="card">
            <svg viewBox="0 0 32 32" width="44" height="44" aria-hidden="true"><path d="M7 5h18v15H7z" class="brand-sheet" /><path
                d="M16 2v3M9 30l4-10M23 30l-4-10M5 20h22M16 20v8" class="brand-wood" /><path d="M10 17l5-6 3 3 2-2 3 5z" class="brand-hill" /></svg>
            {content}
        </main>
        </body>
        </html>
        """;
}
