using System.Reflection;
using Easel.Server.Errors;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.Metadata;

namespace Easel.Server.Json;

/// <summary>
/// The body of a request as JSON in the server's own words, for an endpoint to take: <c>(Body&lt;JobRequest&gt; body) => ...</c>.
/// The framework's own reading of bodies, in endpoints made by the compiler, does not tell one that is too large from one that is wrong.
/// </summary>
internal sealed class Body<T>(T value) : IBindableFromHttpContext<Body<T>>, IEndpointParameterMetadataProvider
{
    public T Value => value;

    /// <exception cref="JsonException">It is no JSON, or not of this kind.</exception>
    /// <exception cref="BadHttpRequestException">It is too large, or not sent as JSON.</exception>
    /// <exception cref="ServerException">There is none.</exception>
    public static async ValueTask<Body<T>?> BindAsync(HttpContext context, ParameterInfo parameter)
    {
        var request = context.Request;
        if (context.Features.Get<IHttpRequestBodyDetectionFeature>() is { CanHaveBody: false }) throw Empty();
        if (!request.HasJsonContentType()) throw new BadHttpRequestException("The body is not sent as JSON.", Status415UnsupportedMediaType);
        return new(await request.ReadFromJsonAsync<T>(context.RequestAborted) ?? throw Empty());

        static ServerException Empty() => new(Status400BadRequest, "The body is empty; a JSON object is expected.");
    }

    public static void PopulateMetadata(ParameterInfo parameter, EndpointBuilder builder) =>
        builder.Metadata.Add(new AcceptsMetadata(["application/json"], typeof(T)));
}
