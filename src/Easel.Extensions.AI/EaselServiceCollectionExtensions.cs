using Easel.Extensions.AI;

// The namespace in which ASP.NET's developers look for such methods.
namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Puts Easel into a service collection.</summary>
public static class EaselServiceCollectionExtensions
{
    /// <summary>The name of the source of activities and of the meter: what <c>AddSource</c> and <c>AddMeter</c> of OpenTelemetry are to be told.</summary>
    public const string TelemetryName = "Easel";

    /// <summary>
    /// Adds a picture generator as <see cref="Microsoft.Extensions.AI.IImageGenerator"/>, one for all callers; the model is loaded when the first picture is
    /// asked for. It logs by <c>ILogger</c> and reports activities and metrics with the gen_ai names under <see cref="TelemetryName"/>.
    /// </summary>
    /// <param name="services">Where to add it.</param>
    /// <param name="configure">Names the model and the settings; null for the model of the package Easel.Sketch.</param>
    /// <returns>A builder for further middleware of Microsoft.Extensions.AI.</returns>
    public static ImageGeneratorBuilder AddEasel(this IServiceCollection services, Action<EaselOptions>? configure = null) =>
        services.AddLogging().AddImageGenerator(_ => Made(configure)).UseLogging().UseOpenTelemetry(sourceName: TelemetryName);

    /// <summary>Adds a further generator under a key: one for each model, each asked for by <c>[FromKeyedServices(key)]</c>.</summary>
    /// <param name="services">Where to add it.</param>
    /// <param name="key">The key.</param>
    /// <param name="configure">Names the model and the settings.</param>
    /// <returns>A builder for further middleware of Microsoft.Extensions.AI.</returns>
    public static ImageGeneratorBuilder AddKeyedEasel(this IServiceCollection services, object key, Action<EaselOptions>? configure = null) =>
        services.AddLogging().AddKeyedImageGenerator(key, _ => Made(configure)).UseLogging().UseOpenTelemetry(sourceName: TelemetryName);

    private static EaselImageGenerator Made(Action<EaselOptions>? configure)
    {
        var options = new EaselOptions();
        configure?.Invoke(options);
        return new EaselImageGenerator(options);
    }
}
