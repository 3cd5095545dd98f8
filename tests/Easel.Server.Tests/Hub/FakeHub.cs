using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Easel.Server.Tests.Hub;

/// <summary>A hub on this machine that behaves as huggingface.co does: commit and fingerprint on HEAD, a redirect to the bytes, ranges; and misbehaves when
/// told to.</summary>
internal sealed class FakeHub : IAsyncDisposable
{
    public const string Commit = "0123456789abcdef0123456789abcdef01234567";

    private readonly WebApplication _app;
    private readonly Dictionary<string, byte[]> _files = [];

    private FakeHub(WebApplication app) => _app = app;

    public string Address => _app.Urls.First();

    /// <summary>What was asked for: "GET /org/name/...", with the range.</summary>
    public List<string> Asked { get; } = [];

    /// <summary>Answers instead of the hub, as long as it returns true.</summary>
    public Func<HttpContext, Task<bool>> Instead { get; set; } = _ => Task.FromResult(false);

    /// <summary>The tags that are sent; changed to see what becomes of wrong ones.</summary>
    public Func<byte[], string> Tag { get; set; } = bytes => Convert.ToHexStringLower(SHA256.HashData(bytes));

    public static async Task<FakeHub> Start()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        var app = builder.Build();
        var hub = new FakeHub(app);
        app.Run(hub.Answer);
        await app.StartAsync(TestContext.Current.CancellationToken);
        return hub;
    }

    public byte[] Put(string path, int bytes, int seed = 1)
    {
        var content = new byte[bytes];
        new Random(seed).NextBytes(content);
        return _files[path] = content;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task Answer(HttpContext context)
    {
        var path = context.Request.Path.Value!;
        lock (Asked) Asked.Add($"{context.Request.Method} {path} {context.Request.Headers.Range} {context.Request.Headers.Authorization}".TrimEnd());
        if (await Instead(context)) return;
        if (path.StartsWith("/api/models/", StringComparison.Ordinal))
        {
            await context.Response.WriteAsJsonAsync(new
            {
                sha = Commit,
                siblings = _files.Select(file => new { rfilename = file.Key, size = file.Value.Length, lfs = new { sha256 = Tag(file.Value) } }),
            });
            return;
        }
        var isCdn = path.StartsWith("/cdn/", StringComparison.Ordinal);
        var name = isCdn ? path["/cdn/".Length..] : path.Split("/resolve/") is [_, var rest] ? rest[(rest.IndexOf('/') + 1)..] : "";
        if (!_files.TryGetValue(name, out var content))
        {
            context.Response.StatusCode = 404;
            return;
        }
        if (!isCdn)
        {
            context.Response.Headers["X-Repo-Commit"] = Commit;
            context.Response.Headers["X-Linked-Etag"] = $"\"{Tag(content)}\"";
            context.Response.Headers["X-Linked-Size"] = content.Length.ToString(System.Globalization.CultureInfo.InvariantCulture);
            // By another name, so that it is another machine to whoever follows.
            context.Response.Redirect($"{Address.Replace("127.0.0.1", "localhost", StringComparison.Ordinal)}/cdn/{name}");
            return;
        }
        var from = context.Request.GetTypedHeaders().Range?.Ranges.Single().From ?? 0;
        if (from > 0) context.Response.StatusCode = 206;
        context.Response.ContentLength = content.Length - from;
        if (context.Request.Method != "HEAD") await context.Response.Body.WriteAsync(content.AsMemory((int)from));
    }
}
