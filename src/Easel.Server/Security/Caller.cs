using System.Net;

namespace Easel.Server.Security;

/// <summary>Who asks, as far as turns, limits and what is told of the machine go.</summary>
internal static class Caller
{
    /// <summary>The user who is logged in, else the address.</summary>
    /// <remarks>What comes from one place shares its turns and limits, but for the page (<see cref="OfPage"/>).</remarks>
    public static string Of(HttpContext context) => context.User.Identity?.Name ?? context.Connection.RemoteIpAddress?.ToString() ?? "local";

    /// <summary>The page of a caller: it waits behind its own jobs alone, so that no script of the same person or machine locks them out of it.</summary>
    public static string OfPage(HttpContext context) => Of(context) + " (page)";

    /// <summary>Whether the caller may know where things lie on this machine: who is logged in, and who sits at it. A request that a proxy passed on, or
    /// another origin's page sent, or that came through a socket, behind which a proxy stands, is nobody who sits here.</summary>
    public static bool MaySeePaths(HttpContext context) => context.User.Identity?.IsAuthenticated == true
        || context.Connection.RemoteIpAddress is { } address && IPAddress.IsLoopback(address)
            && !context.Request.Headers.ContainsKey("X-Forwarded-For") && !context.Request.Headers.ContainsKey("Forwarded")
            && !OriginCheck.IsForeign(context.Request);
}
