using Easel.Server.Api;
using Easel.Server.Jobs;
using Easel.Server.Models;
using Easel.Server.Security;
using Easel.Server.Storage;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Hosting;

namespace Easel.Server;

/// <summary>The whole server: the queue and its model thread, the APIs and the page.</summary>
public static class EaselServer
{
    /// <summary>Makes a server, ready to start.</summary>
    /// <exception cref="EaselException">It cannot be run so: an address without a login, a folder that cannot be written, a damaged database.</exception>
    public static WebApplication Build(ServerOptions options)
    {
        options.Validate();
        // Neither configuration files nor variables: what the server does is what its command line says.
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = typeof(EaselServer).Assembly.GetName().Name, ContentRootPath = AppContext.BaseDirectory });
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = options.Limits.BodyBytes;
            kestrel.Listen(options.Address, options.Port);
        });
        builder.Logging.AddSimpleConsole(console => console.SingleLine = true).SetMinimumLevel(LogLevel.Warning);
        builder.Services.AddRoutingCore();
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = options.StopPatience + TimeSpan.FromSeconds(20));
        builder.Services.Configure<RouteHandlerOptions>(routes => routes.ThrowOnBadRequest = true); // so that its sentence reaches the caller
        builder.Services.ConfigureHttpJsonOptions(json => ServerJson.Apply(json.SerializerOptions));
        AddCore(builder.Services, options);

        var app = builder.Build();
        try
        {
            Open(app.Services);
        }
        catch
        {
            ((IDisposable)app).Dispose();
            throw;
        }
        app.UseMiddleware<ProblemMiddleware>();
        app.UseRouting();
        JobsApi.Map(app);
        PicturesApi.Map(app);
        ModelsApi.Map(app);
        return app;
    }

    private static void AddCore(IServiceCollection services, ServerOptions options)
    {
        services.AddSingleton(options);
        services.AddSingleton(TimeProvider.System);
        services.AddSingleton<ServerMetrics>();
        services.AddSingleton(_ => new PictureFolder(options.OutputFolder));
        services.AddSingleton(s => Database.Open(s.GetRequiredService<PictureFolder>().Database));
        services.AddSingleton<JobStore>();
        services.AddSingleton<InputPictures>();
        services.AddSingleton(s => new Gallery(s.GetRequiredService<Database>(), s.GetRequiredService<PictureFolder>(), s.GetRequiredService<TimeProvider>()));
        services.AddSingleton(s => new ModelLibrary(options));
        services.AddSingleton(s => new JobRules(options.Limits, s.GetRequiredService<ModelLibrary>()));
        services.AddSingleton(s => new JobQueue(s.GetRequiredService<JobStore>(), s.GetRequiredService<InputPictures>(), s.GetRequiredService<JobRules>(), options,
            s.GetRequiredService<TimeProvider>()));
        services.AddSingleton<PictureWriter>();
        services.AddSingleton(s => new ModelThread(s.GetRequiredService<JobQueue>(), s.GetRequiredService<ModelLibrary>(), s.GetRequiredService<InputPictures>(),
            s.GetRequiredService<PictureWriter>(), options, s.GetRequiredService<ServerMetrics>(), s.GetRequiredService<ILogger<ModelThread>>()));
        services.AddHostedService(s => s.GetRequiredService<ModelThread>());
    }

    private static void Open(IServiceProvider services)
    {
        services.GetRequiredService<PictureFolder>().Open();
        services.GetRequiredService<Gallery>().Reconcile();
    }
}
