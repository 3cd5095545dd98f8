using System.Text;

namespace Easel.Server.Security;

/// <summary>What callers prove themselves by. Compared in a time that says nothing of how much was right.</summary>
internal sealed class Credentials(ServerOptions options)
{
    private readonly byte[]? _token = options.Token is { } token ? Digest(token) : null;
    private readonly byte[]? _user = options.User is { } user ? Digest($"{user}:{options.Password}") : null;

    public bool AreNeeded => _token is not null || _user is not null;

    /// <summary>The user who is asked for; null where it is a token alone.</summary>
    public string? UserName => options.User;

    /// <summary>What cookies are signed with, among other things: they end when the secrets change.</summary>
    public byte[] Secret => SHA256.HashData([.. _token ?? [], .. _user ?? []]);

    /// <summary>The name of whoever sends this header; null where it proves nothing.</summary>
    public string? OfHeader(string? authorization)
    {
        if (authorization is null) return null;
        var space = authorization.IndexOf(' ');
        if (space < 0) return null;
        var (scheme, value) = (authorization[..space], authorization[(space + 1)..].Trim());
        if (scheme.Equals("Bearer", StringComparison.OrdinalIgnoreCase)) return OfToken(value);
        return scheme.Equals("Basic", StringComparison.OrdinalIgnoreCase) ? OfBasic(value) : null;
    }

    /// <summary>The name that goes with a token; null where it is wrong.</summary>
    public string? OfToken(string value) => Equal(_token, Digest(value)) ? "token" : null;

    /// <summary>The user's name; null where name or password is wrong.</summary>
    public string? OfUser(string user, string password) => Equal(_user, Digest($"{user}:{password}")) ? UserName : null;

    /// <summary>Programs that know only Basic authentication may send the token as the password of any user.</summary>
    private string? OfBasic(string value)
    {
        try
        {
            var pair = Encoding.UTF8.GetString(Convert.FromBase64String(value));
            var colon = pair.IndexOf(':');
            if (colon < 0) return null;
            return OfUser(pair[..colon], pair[(colon + 1)..]) ?? OfToken(pair[(colon + 1)..]);
        }
        catch (FormatException)
        {
            return null;
        }
    }

    private static byte[] Digest(string text) => SHA256.HashData(Encoding.UTF8.GetBytes(text));

    private static bool Equal(byte[]? expected, byte[] given) => expected is not null && CryptographicOperations.FixedTimeEquals(expected, given);
}
