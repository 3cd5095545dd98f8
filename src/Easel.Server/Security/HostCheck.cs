using System.Net;
using Easel.Server.Errors;

namespace Easel.Server.Security;

/// <summary>
/// Refuses requests for a name that is not ours. A foreign page can have its own name point to this machine (DNS rebinding), and its browser then takes us for
/// the page's own server; but the name in the request is still the foreign one. Plain addresses cannot be made to point elsewhere.
/// </summary>
internal sealed class HostCheck(RequestDelegate next, ServerOptions options)
{
    private readonly HashSet<string> _names = new(
        ["localhost", Dns.GetHostName(), Dns.GetHostName().Split('.')[0], Dns.GetHostName().Split('.')[0] + ".local", .. options.HostNames],
        StringComparer.OrdinalIgnoreCase);

    public Task InvokeAsync(HttpContext context)
    {
        var host = context.Request.Host.Host;
        if (IsOurs(host)) return next(context);
        throw new ServerException(Status421MisdirectedRequest,
            host.Length == 0 ? "The request does not say for whom it is." : $"This server is not {host}; --host-name lets it be called so.");
    }

    private bool IsOurs(string host) => _names.Contains(host.TrimEnd('.'))
        || host.EndsWith(".localhost", StringComparison.OrdinalIgnoreCase) || IPAddress.TryParse(host.Trim('[', ']'), out _);
}
