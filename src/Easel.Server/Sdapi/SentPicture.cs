using Easel.Server.Errors;
using Easel.Server.Json;

namespace Easel.Server.Sdapi;

/// <summary>Pictures in requests.</summary>
internal static class SentPicture
{
    /// <exception cref="ServerException">It is no base64, or an address.</exception>
    public static MemoryStream Open(string text, string name)
    {
        if (text.StartsWith("http://", StringComparison.OrdinalIgnoreCase) || text.StartsWith("https://", StringComparison.OrdinalIgnoreCase))
            throw ServerException.Refused(
                $"{char.ToUpperInvariant(name[0])}{name[1..]} is an address; Easel fetches nothing from the network, so send the picture itself.");
        return new MemoryStream(Base64Picture.Decode(text.Trim(), name), writable: false);
    }
}
