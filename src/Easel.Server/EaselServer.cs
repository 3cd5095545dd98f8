using System.Net.Sockets;
using System.Runtime.InteropServices;
using Easel.Server.Api;
using Easel.Server.Errors;
using Easel.Server.Farm;
using Easel.Server.Jobs;
using Easel.Server.Json;
using Easel.Server.Library;
using Easel.Server.Mcp;
using Easel.Server.OpenAi;
using Easel.Server.Page;
using Easel.Server.Sdapi;
using Easel.Server.Security;
using Easel.Server.Storage;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.HttpOverrides;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Hosting.Systemd;

namespace Easel.Server;

/// <summary>The whole server: the queue and its model thread, the APIs and the page.</summary>
public static class EaselServer
{
    /// <summary>Makes a server, ready to start.</summary>
    /// <exception cref="EaselException">It cannot be run so: an address without a login, a folder that cannot be written, a damaged database.</exception>
    public static WebApplication Build(ServerOptions options) => Build(options, new ModelFiles());

    /// <summary>Makes a server that draws with the models of a source.</summary>
    /// <param name="options">How it runs.</param>
    /// <param name="source">The models.</param>
    /// <param name="clock">The time; null for the system's.</param>
    /// <param name="mounted">What gives it its requests where it is a part of another application; null for a web server of its own.</param>
    internal static WebApplication Build(ServerOptions options, IModelSource source, TimeProvider? clock = null, MountedServer? mounted = null)
    {
        options.Validate();
        options = options.WithFolders();
        var pictures = new PictureReader(options.Limits);
        // Neither configuration files nor variables: what the server does is what its command line says.
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions
        {
            ApplicationName = typeof(EaselServer).Assembly.GetName().Name,
            ContentRootPath = AppContext.BaseDirectory,
        });
        if (mounted is null) Listen(builder, options);
        else builder.Services.AddSingleton(mounted.Logs).AddSingleton<IServer>(mounted);
        builder.Services.AddRoutingCore();
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = options.StopPatience + TimeSpan.FromSeconds(20));
        // A form's files are kept in memory like every other body, within the same bound: nothing depends on a folder for temporary files.
        builder.Services.Configure<FormOptions>(form =>
            (form.MemoryBufferThreshold, form.MultipartBodyLengthLimit) = ((int)Math.Min(int.MaxValue, options.Limits.BodyBytes), options.Limits.BodyBytes));
        builder.Services.Configure<RouteHandlerOptions>(routes => routes.ThrowOnBadRequest = true); // so that its sentence reaches the caller
        builder.Services.ConfigureHttpJsonOptions(json => ServerJson.Apply(json.SerializerOptions, pictures.Load, pictures.LoadMask, pictures.LoadDepth));
        AddCore(builder.Services, options, source, clock ?? TimeProvider.System);
        if (options.Farm is not null) AddFarm(builder.Services);
        builder.Services.AddSingleton(_ => pictures);
        Operations.Add(builder.Services);
        Documentation.Add(builder.Services);
        SdapiRoutes.Add(builder.Services);
        OpenAiRoutes.Add(builder.Services);
        McpRoutes.Add(builder.Services);
        PageSetup.Add(builder.Services);

        var app = builder.Build();
        try
        {
            app.Services.GetRequiredService<PictureFolder>().Open();
            Reconcile(app.Services.GetRequiredService<Gallery>(), app.Logger);
            if (app.Services.GetRequiredService<StyleLibrary>().Problem is { } problem) app.Logger.LogWarning("{Problem}", problem);
        }
        catch
        {
            ((IDisposable)app).Dispose();
            throw;
        }
        // Whoever watches would hold the stop up, for the web server waits for its last answer.
        app.Lifetime.ApplicationStopping.Register(app.Services.GetRequiredService<JobQueue>().EndWatching);
        if (options.Proxies.Count > 0 || options.UnixSocket is not null) app.UseForwardedHeaders(Forwarded(options.Proxies));
        app.Use(BasePath.Of(options.BasePath));
        app.Use(SecurityHeaders.Add);
        app.Use(EventStreams.Hurry);
        app.UseMiddleware<ProblemMiddleware>();
        app.UseMiddleware<HostCheck>();
        app.UseMiddleware<OriginCheck>();
        app.UseMiddleware<LoginCheck>();
        app.Use(McpRoutes.Check);
        app.Use((context, next) =>
        {
            if (!PageSetup.IsCircuit(context)) pictures.BeginRequest(); // a circuit is one request for as long as the page is open
            return next(context);
        });
        app.UseRouting();
        LoginPage.Map(app);
        Operations.Map(app);
        Documentation.Map(app);
        JobsApi.Map(app);
        GridsApi.Map(app);
        PicturesApi.Map(app);
        ModelsApi.Map(app);
        FarmApi.Map(app);
        SdapiRoutes.Map(app);
        ControlRoutes.Map(app);
        OpenAiRoutes.Map(app);
        McpRoutes.Map(app);
        PageSetup.Map(app);
        return app;
    }

    /// <summary>Gives a server a web server and a log of its own.</summary>
    private static void Listen(WebApplicationBuilder builder, ServerOptions options)
    {
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = options.Limits.BodyBytes;
            kestrel.Limits.MaxRequestLineSize = ServerLimits.LineBytes;
            kestrel.Limits.MaxRequestHeadersTotalSize = ServerLimits.HeaderBytes;
            kestrel.Limits.MaxConcurrentConnections = kestrel.Limits.MaxConcurrentUpgradedConnections = options.Limits.Connections;
            // Who begins a request and does not go on is let go, and so is who sends or takes it drop by drop.
            kestrel.Limits.RequestHeadersTimeout = options.Limits.HeaderPatience;
            kestrel.Limits.MinRequestBodyDataRate = new MinDataRate(options.Limits.BodyRate, TimeSpan.FromSeconds(5));
            kestrel.Limits.MinResponseDataRate = new MinDataRate(240, TimeSpan.FromSeconds(10));
            if (options.UnixSocket is { } socket) kestrel.ListenUnixSocket(Path.GetFullPath(socket));
            else kestrel.Listen(options.Address, options.Port);
        });
        // systemd's journal knows the time and the weight of a line by itself.
        if (SystemdHelpers.IsSystemdService()) builder.Logging.AddSystemdConsole();
        else builder.Logging.AddSimpleConsole(console => (console.SingleLine, console.TimestampFormat) = (true, "HH:mm:ss "));
        var log = options.Log switch
        {
            LogAmount.Info => LogLevel.Information,
            LogAmount.Warning => LogLevel.Warning,
            LogAmount.Error => LogLevel.Error,
            _ => LogLevel.None,
        };
        builder.Logging.SetMinimumLevel(log < LogLevel.Warning ? LogLevel.Warning : log).AddFilter("Easel", log)
            .AddFilter("ModelContextProtocol", LogLevel.Critical) // a caller's mistake is told to the caller, and a fault of ours by JobTool
            .AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.Critical); // what keeps the server from starting is told by whoever starts it
    }

    /// <summary>Runs a server until it is told to stop.</summary>
    /// <param name="options">How.</param>
    /// <param name="onReady">Told the address once it listens.</param>
    /// <param name="cancel">Stops it; what is drawn is finished or put back into the queue.</param>
    /// <exception cref="EaselException">It cannot be run so, or the address is taken.</exception>
    public static async Task RunAsync(ServerOptions options, Action<string> onReady, CancellationToken cancel)
    {
        // A polite request of the system to end is a stop like the caller's, from the first moment on.
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        using var termination = PosixSignalRegistration.Create(PosixSignal.SIGTERM, signal =>
        {
            signal.Cancel = true;
            stop.Cancel();
        });
        await using var app = Build(options);
        if (options.UnixSocket is { } prepared) UnixSocket.Prepare(Path.GetFullPath(prepared));
        var systemd = new SystemdNotifier();
        try
        {
            await app.StartAsync(stop.Token);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            return; // told to end before it was up, which is no failure
        }
        catch (IOException e) when (e.InnerException is AddressInUseException)
        {
            throw new EaselException($"The port {options.Port} of {options.Address} is in use, perhaps by another easel; --port names another.", e);
        }
        catch (SocketException e)
        {
            throw new EaselException($"The server cannot listen on {options.UnixSocket ?? $"{options.Address}, port {options.Port}"}: {e.Message}", e);
        }
        if (options.UnixSocket is { } socket) UnixSocket.Open(Path.GetFullPath(socket), options.UnixSocketMode);
        onReady(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First() + options.BasePath);
        systemd.Notify(ServiceState.Ready); // does nothing where systemd did not start us
        app.Lifetime.ApplicationStopping.Register(() => systemd.Notify(ServiceState.Stopping));
        await app.WaitForShutdownAsync(stop.Token);
    }

    /// <summary>A damaged part of the database costs what lies in it, and not the server.</summary>
    private static void Reconcile(Gallery gallery, ILogger log)
    {
        try
        {
            gallery.Reconcile();
        }
        catch (DamagedDatabaseException e)
        {
            log.LogWarning("Some pictures cannot be found. {Reason}", e.Message);
        }
    }

    /// <summary>Only the proxies that were named are believed, not even those of this machine otherwise, and who writes to the socket.</summary>
    private static ForwardedHeadersOptions Forwarded(IReadOnlyList<System.Net.IPAddress> proxies)
    {
        var forwarded = new ForwardedHeadersOptions
        {
            ForwardedHeaders = ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto | ForwardedHeaders.XForwardedPrefix,
            ForwardLimit = Math.Max(1, proxies.Count),
        };
        forwarded.KnownIPNetworks.Clear();
        forwarded.KnownProxies.Clear();
        foreach (var proxy in proxies) forwarded.KnownProxies.Add(proxy);
        return forwarded;
    }

    private static void AddFarm(IServiceCollection services) => services
        .AddSingleton<FileStamps>().AddSingleton<JobNeeds>().AddSingleton<FarmDrawing>().AddHostedService(s => s.GetRequiredService<FarmDrawing>());

    private static void AddCore(IServiceCollection services, ServerOptions options, IModelSource source, TimeProvider clock) => services
        .AddSingleton(options).AddSingleton(options.Limits).AddSingleton(source).AddSingleton(clock)
        .AddSingleton<ServerMetrics>().AddSingleton<MachinePaths>()
        .AddSingleton<IDiscretion>(s => s.GetRequiredService<MachinePaths>()).AddSingleton<Credentials>().AddSingleton<LoginAttempts>().AddSingleton<Sessions>()
        .AddSingleton(_ => new PictureFolder(options.OutputFolder)).AddSingleton(s => Database.Open(s.GetRequiredService<PictureFolder>().Database))
        .AddSingleton<JobStore>().AddSingleton<InputPictures>().AddSingleton<Gallery>()
        .AddSingleton<ModelLibrary>().AddSingleton<ModelPulls>().AddSingleton<StyleLibrary>().AddSingleton<AddOns>().AddSingleton<Wildcards>()
        .AddSingleton<JobRules>()
        .AddSingleton<JobQueue>().AddSingleton<JobIntake>().AddSingleton<PictureWriter>().AddSingleton<LoadedModel>().AddSingleton<StylePictures>()
        .AddSingleton<JobPainter>().AddSingleton<ModelThread>()
        .AddHostedService(s => s.GetRequiredService<ModelThread>()).AddHostedService<SheetMaker>()
        .AddSingleton<IHostLifetime, SilentLifetime>().AddHostedService<Housekeeping>();
}
