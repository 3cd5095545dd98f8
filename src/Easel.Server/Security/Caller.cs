using System.Net;

namespace Easel.Server.Security;

/// <summary>Who asks, as far as turns, limits and what is told of the machine go.</summary>
internal static class Caller
{
    /// <summary>The user who is logged in, else the address.</summary>
    public static string Of(HttpContext context) => context.User.Identity?.Name ?? context.Connection.RemoteIpAddress?.ToString() ?? "local";

    /// <summary>Whether the caller may know where things lie on this machine: who is logged in, and who sits at it. A request that a proxy passed on, or
    /// another
    /// origin's page sent, is nobody who sits here.</summary>
    public static bool MaySeePaths(HttpContext context) => context.User.Identity?.IsAuthenticated == true
        || IPAddress.IsLoopback(context.Connection.RemoteIpAddress ?? IPAddress.Loopback)
            && !context.Request.Headers.ContainsKey("X-Forwarded-For") && !context.Request.Headers.ContainsKey("Forwarded")
            && !OriginCheck.IsForeign(context.Request);
}
