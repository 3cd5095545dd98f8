using Easel.Server.Errors;

namespace Easel.Server.Json;

/// <summary>Pictures as texts.</summary>
internal static class Base64Picture
{
    /// <param name="text">Base64, with or without a "data:" head.</param>
    /// <exception cref="ServerException">It is no base64 (422).</exception>
    public static byte[] Decode(string text, string name)
    {
        if (text.StartsWith("data:", StringComparison.OrdinalIgnoreCase) && text.IndexOf(',') is > 0 and var comma) text = text[(comma + 1)..];
        try
        {
            return Convert.FromBase64String(text);
        }
        catch (FormatException e)
        {
            throw ServerException.Refused($"{char.ToUpperInvariant(name[0])}{name[1..]} is not base64.", e);
        }
    }
}
