namespace Easel.Server.Security;

/// <summary>Who asks, as far as turns and limits go.</summary>
internal static class Caller
{
    /// <summary>The user who is logged in, else the address.</summary>
    public static string Of(HttpContext context) => context.User.Identity?.Name ?? context.Connection.RemoteIpAddress?.ToString() ?? "local";
}
