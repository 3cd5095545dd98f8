using System.IO.Compression;
using System.Text;
using Easel.Server.Errors;
using Microsoft.Net.Http.Headers;

namespace Easel.Server.Page;

/// <summary>
/// The files that the browser loads beside the page. They are inside the assembly: static web assets of a class library would be lost on the way to a plain
/// command-line program, and nothing here may come from the network.
/// </summary>
internal static class PageAssets
{
    private static readonly Dictionary<string, Asset> All = Load();

    /// <summary>To make a file as small as it can be takes half a second, which the first visitor need not wait.</summary>
    private static readonly Lazy<Task> Ready = new(() => Task.Run(() =>
    {
        foreach (var asset in All.Values) _ = asset.For("br");
    }));

    private sealed record Asset(byte[] Bytes, string MediaType, string Tag)
    {
        // Made when first asked for, and kept: a file is sent to many.
        private readonly Lazy<byte[]> _brotli = new(() => Small(Bytes, stream => new BrotliStream(stream, CompressionLevel.SmallestSize)));
        private readonly Lazy<byte[]> _gzip = new(() => Small(Bytes, stream => new GZipStream(stream, CompressionLevel.SmallestSize)));

        /// <summary>The bytes in the smallest form that a browser takes, and that form's name; null for them as they are.</summary>
        public (byte[] Bytes, string? Encoding) For(string accepted) => accepted.Contains("br", StringComparison.OrdinalIgnoreCase) ? (_brotli.Value, "br")
            : accepted.Contains("gzip", StringComparison.OrdinalIgnoreCase) ? (_gzip.Value, "gzip") : (Bytes, null);

        private static byte[] Small(byte[] bytes, Func<Stream, Stream> form)
        {
            using var small = new MemoryStream();
            using (var stream = form(small)) stream.Write(bytes);
            return small.ToArray();
        }
    }

    /// <summary>The address of a file, from the page's base. It holds the file's hash, so that a browser may keep the file for good and yet never shows an old
    /// one.</summary>
    public static string AddressOf(string name) => $"./page/{name}?v={All[name].Tag}";

    public static void Map(IEndpointRouteBuilder app)
    {
        _ = Ready.Value;
        app.MapGet("/page/{name}", (string name, HttpContext context) => Serve(name, context)).ExcludeFromDescription();
        app.MapGet("/_framework/blazor.web.js", (HttpContext context) => Serve("blazor.web.js", context)).ExcludeFromDescription();
        app.MapGet("/favicon.ico", (HttpContext context) => Serve("icon.svg", context)).ExcludeFromDescription();
    }

    private static IResult Serve(string name, HttpContext context)
    {
        if (!All.TryGetValue(name, out var asset)) throw new ServerException(Status404NotFound, "There is no such file.");
        context.Response.Headers.CacheControl = context.Request.Query["v"] == asset.Tag ? "public, max-age=31536000, immutable" : "no-cache";
        var (bytes, encoding) = asset.For(context.Request.Headers.AcceptEncoding.ToString());
        context.Response.Headers.Vary = "Accept-Encoding";
        if (encoding is not null) context.Response.Headers.ContentEncoding = encoding;
        return Results.Bytes(bytes, asset.MediaType, entityTag: new EntityTagHeaderValue($"\"{asset.Tag}{(encoding is null ? "" : "-")}{encoding}\""));
    }

    private static Dictionary<string, Asset> Load()
    {
        const string Folder = "page/";
        var assembly = typeof(PageAssets).Assembly;
        var assets = new Dictionary<string, Asset>();
        foreach (var resource in assembly.GetManifestResourceNames().Where(name => name.StartsWith(Folder, StringComparison.Ordinal)))
        {
            using var stream = assembly.GetManifestResourceStream(resource)!;
            var bytes = new byte[stream.Length];
            stream.ReadExactly(bytes);
            var name = resource[Folder.Length..];
            assets[name] = Of(name, bytes);
        }
        // So that the browser keeps for good what its script brings in too.
        var script = Encoding.UTF8.GetString(assets["easel.js"].Bytes)
            .Replace("./editor.js", $"./editor.js?v={assets["editor.js"].Tag}", StringComparison.Ordinal);
        assets["easel.js"] = Of("easel.js", Encoding.UTF8.GetBytes(script));
        return assets;
    }

    private static Asset Of(string name, byte[] bytes) =>
        new(bytes, MediaTypeOf(name), Convert.ToHexStringLower(SHA256.HashData(bytes).AsSpan(0, 8)));

    private static string MediaTypeOf(string name) => Path.GetExtension(name) switch
    {
        ".css" => "text/css; charset=utf-8",
        ".js" => "text/javascript; charset=utf-8",
        ".svg" => "image/svg+xml",
        ".webmanifest" => "application/manifest+json",
        ".png" => "image/png",
        _ => "application/octet-stream",
    };
}
