using Easel.Server.Jobs;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;

namespace Easel.Server;

/// <summary>The whole server inside of another application: with services, settings and checks of its own, and no socket. It is given the requests below one
/// path of that application, as a web server gives it those of its socket.</summary>
internal sealed class MountedServer(ServerOptions options, ILoggerFactory logs, IModelSource source) : IServer, IHostedService
{
    /// <summary>What a web server says of a request. All else that an application has added to one is its own affair.</summary>
    private static readonly Type[] OfTheWebServer =
    [
        typeof(IHttpRequestFeature), typeof(IHttpRequestIdentifierFeature), typeof(IHttpRequestLifetimeFeature), typeof(IHttpRequestBodyDetectionFeature),
        typeof(IHttpRequestTrailersFeature), typeof(IRequestBodyPipeFeature), typeof(IHttpBodyControlFeature), typeof(IHttpMaxRequestBodySizeFeature),
        typeof(IHttpMinRequestBodyDataRateFeature), typeof(IHttpMinResponseDataRateFeature), typeof(IHttpResponseFeature), typeof(IHttpResponseBodyFeature),
        typeof(IHttpResponseTrailersFeature), typeof(IHttpResetFeature), typeof(IHttpUpgradeFeature), typeof(IHttpExtendedConnectFeature),
        typeof(IHttpConnectionFeature), typeof(ITlsConnectionFeature),
    ];

    private WebApplication? _app;
    private Func<IFeatureCollection, Task>? _process;

    /// <summary>Where the application's log goes, and the server's with it.</summary>
    public ILoggerFactory Logs => logs;

    /// <inheritdoc/>
    public IFeatureCollection Features { get; } = new FeatureCollection();

    /// <summary>Starts the server with the application.</summary>
    async Task IHostedService.StartAsync(CancellationToken cancellationToken)
    {
        _app = EaselServer.Build(options, source, mounted: this);
        await _app.StartAsync(cancellationToken);
    }

    /// <summary>Stops it; what is drawn is finished or put back into the queue.</summary>
    async Task IHostedService.StopAsync(CancellationToken cancellationToken)
    {
        if (_app is null) return;
        await _app.StopAsync(cancellationToken);
        await _app.DisposeAsync();
    }

    /// <summary>Called by the server inside once it is ready for requests.</summary>
    Task IServer.StartAsync<TContext>(IHttpApplication<TContext> application, CancellationToken cancellationToken)
    {
        _process = async features =>
        {
            var context = application.CreateContext(features);
            Exception? failure = null;
            try
            {
                await application.ProcessRequestAsync(context);
            }
            catch (Exception e)
            {
                failure = e;
                throw;
            }
            finally
            {
                application.DisposeContext(context, failure);
            }
        };
        return Task.CompletedTask;
    }

    Task IServer.StopAsync(CancellationToken cancellationToken)
    {
        _process = null;
        return Task.CompletedTask;
    }

    /// <summary>Answers a request of the application.</summary>
    /// <param name="context">The request.</param>
    /// <param name="path">The path that the server is mounted at.</param>
    public async Task AnswerAsync(HttpContext context, PathString path)
    {
        var (request, whole, above) = (context.Request, context.Request.Path, context.Request.PathBase);
        if (_process is not { } process || !whole.StartsWithSegments(path, StringComparison.OrdinalIgnoreCase, out var at, out var rest))
        {
            context.Response.StatusCode = Status503ServiceUnavailable;
            return;
        }
        if (!rest.HasValue && HttpMethods.IsGet(request.Method))
        {
            context.Response.Redirect(above + at + "/" + request.QueryString); // without the slash the page would look for everything one folder above
            return;
        }
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size) size.MaxRequestBodySize = options.Limits.BodyBytes;
        var features = new FeatureCollection();
        foreach (var (kind, feature) in context.Features)
            if (OfTheWebServer.Contains(kind)) features[kind] = feature;
        (request.PathBase, request.Path) = (above + at, rest);
        try
        {
            await process(features);
        }
        finally
        {
            (request.PathBase, request.Path) = (above, whole);
        }
    }

    public void Dispose()
    {
    }
}
