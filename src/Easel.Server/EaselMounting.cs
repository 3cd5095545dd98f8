using Easel.Server.Jobs;
using Easel.Server.Security;

namespace Easel.Server;

/// <summary>Puts Easel's page and APIs into an ASP.NET application of one's own.</summary>
public static class EaselMounting
{
    /// <summary>Adds the server. It starts and stops with the application, logs where that does, and shares nothing else with it.</summary>
    /// <param name="services">The application's services.</param>
    /// <param name="options">How it runs. Address, port and socket are the application's, and so is the <see cref="ServerOptions.BasePath"/>.</param>
    public static IServiceCollection AddEaselServer(this IServiceCollection services, ServerOptions? options = null) =>
        services.AddEaselServer(options ?? new ServerOptions(), new ModelFiles());

    /// <summary>The same, drawing with the models of a source.</summary>
    internal static IServiceCollection AddEaselServer(this IServiceCollection services, ServerOptions options, IModelSource source) => services
        .AddSingleton(s => new MountedServer(options with { UnixSocket = null, BasePath = null }, s.GetRequiredService<ILoggerFactory>(), source))
        .AddHostedService(s => s.GetRequiredService<MountedServer>());

    /// <summary>Answers what is asked below a path with the server that <see cref="AddEaselServer(IServiceCollection, ServerOptions?)"/> added. Whoever may ask
    /// may draw: <c>RequireAuthorization()</c>, or <see cref="ServerOptions.Token"/>, says who that is.</summary>
    /// <param name="routes">The application.</param>
    /// <param name="path">The path: "/easel".</param>
    /// <exception cref="ArgumentException">It is no such path.</exception>
    public static IEndpointConventionBuilder MapEasel(this IEndpointRouteBuilder routes, string path = "/easel")
    {
        ArgumentNullException.ThrowIfNull(routes);
        if (!BasePath.IsOne(path)) throw new ArgumentException($"The path is \"{path}\"; it must look like /easel, without a slash at its end.", nameof(path));
        var server = routes.ServiceProvider.GetService<MountedServer>()
            ?? throw new InvalidOperationException($"{nameof(MapEasel)} maps the server that {nameof(AddEaselServer)} adds to the services.");
        return routes.Map(path + "/{**rest}", context => server.AnswerAsync(context, path)).WithDisplayName("Easel");
    }
}
