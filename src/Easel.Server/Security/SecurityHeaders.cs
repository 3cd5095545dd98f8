using System.Text;
using Easel.Server.Errors;

namespace Easel.Server.Security;

/// <summary>What browsers are told about every answer: guess no types, load nothing from elsewhere, run no script but those that the page itself names, show us
/// in nobody's frame.</summary>
internal static class SecurityHeaders
{
    private const string Rest = "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; manifest-src 'self'; base-uri 'self'; "
        + "form-action 'self'; frame-ancestors 'none'";
    private const string Docs = "/docs";

    /// <inheritdoc cref="PageNonce.Of"/>
    public static string NonceOf(HttpContext context) => PageNonce.Of(context);

    public static async Task Add(HttpContext context, RequestDelegate next)
    {
        var headers = context.Response.Headers;
        var isDocs = context.Request.Path.StartsWithSegments(Docs);
        context.Response.OnStarting(() =>
        {
            headers.XContentTypeOptions = "nosniff";
            headers.XFrameOptions = "DENY";
            headers["Referrer-Policy"] = "same-origin";
            headers["Cross-Origin-Resource-Policy"] = "same-origin";
            headers["Cross-Origin-Opener-Policy"] = "same-origin";
            // The page of the API's documentation brings its styles inside.
            var nonce = $"'nonce-{NonceOf(context)}'";
            headers.ContentSecurityPolicy = "default-src 'none'; " + (isDocs ? $"script-src 'self' {nonce}; style-src 'self' 'unsafe-inline'; "
                : $"script-src {nonce}; style-src 'self' {nonce}; style-src-attr 'unsafe-inline'; ") + Rest;
            return Task.CompletedTask;
        });
        if (isDocs) await WithMarkedScripts(context, next);
        else await next(context);
    }

    /// <summary>The page of the documentation comes from a library and has its script inside, which is marked on the way.</summary>
    private static async Task WithMarkedScripts(HttpContext context, RequestDelegate next)
    {
        var (response, body) = (context.Response, context.Response.Body);
        using var kept = new MemoryStream();
        response.Body = kept;
        try
        {
            await next(context);
        }
        finally
        {
            response.Body = body;
        }
        var bytes = kept.ToArray();
        if (response.ContentType?.StartsWith("text/html", StringComparison.OrdinalIgnoreCase) == true)
        {
            var marked = $"<script nonce=\"{NonceOf(context)}\"";
            bytes = Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(bytes).Replace("<script", marked, StringComparison.OrdinalIgnoreCase));
        }
        if (bytes.Length == 0) return;
        response.ContentLength = bytes.Length;
        await body.WriteAsync(bytes, context.RequestAborted);
    }
}
