namespace Easel.Hub;

/// <summary>What a person means by a model that is not a path: "sd15", "org/name", "org/name:file.safetensors", "org/name@revision", or an address.</summary>
/// <param name="Repository">"org/name"; null for a plain address.</param>
/// <param name="File">A file of the repository; null to choose what is needed.</param>
/// <param name="Revision">A branch, tag or commit; null for "main".</param>
/// <param name="Address">A plain address; null for a repository.</param>
public sealed record HubReference(string? Repository, string? File, string? Revision, Uri? Address)
{
    /// <summary>Reads one.</summary>
    /// <param name="text">As a person writes it.</param>
    /// <param name="endpoint">The hub's address, whose own pages are understood.</param>
    /// <returns>Null where it is neither.</returns>
    public static HubReference? Parse(string text, string endpoint = "https://huggingface.co")
    {
        ArgumentNullException.ThrowIfNull(text);
        if (text.Contains("://", StringComparison.Ordinal))
        {
            if (!Uri.TryCreate(text, UriKind.Absolute, out var address) || address.Scheme is not ("https" or "http")) return null;
            return OfHub(address, endpoint) ?? new HubReference(null, null, null, address);
        }
        var (rest, file) = Cut(text, ':');
        (rest, var revision) = Cut(rest, '@');
        return rest.Split('/') is [var owner, var name] && IsName(owner) && IsName(name) && (file is null || IsPath(file))
            && (revision is null || IsPath(revision)) ? new HubReference(rest, file, revision, null) : null;
    }

    /// <summary>Whether it is a part of a path that leads nowhere else.</summary>
    internal static bool IsPath(string path) => path.Length is > 0 and <= 500 && !path.Contains('\\') && !path.Contains(':')
        && path.Split('/').All(part => part is not ("" or "." or "..")) && path.All(c => c >= ' ');

    /// <summary>An address of the hub: ".../org/name/resolve/REVISION/FILE" or ".../blob/...".</summary>
    private static HubReference? OfHub(Uri address, string endpoint)
    {
        if (!Uri.TryCreate(endpoint, UriKind.Absolute, out var hub) || address.Authority != hub.Authority) return null;
        var parts = Uri.UnescapeDataString(address.AbsolutePath).Trim('/').Split('/');
        if (parts is [var owner, var name, "resolve" or "blob", var revision, .. { Length: > 0 } path] && IsName(owner) && IsName(name))
            return IsPath(string.Join('/', path)) ? new HubReference($"{owner}/{name}", string.Join('/', path), revision, null) : null;
        return parts is [var org, var repository] && IsName(org) && IsName(repository) ? new HubReference($"{org}/{repository}", null, null, null) : null;
    }

    private static bool IsName(string name) => name.Length is > 0 and <= 96 && name[0] is not ('.' or '-')
        && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.') && !name.Contains("..", StringComparison.Ordinal)
        && !name.Contains("--", StringComparison.Ordinal);

    private static (string Head, string? Part) Cut(string text, char at) =>
        text.IndexOf(at) is >= 0 and var place ? (text[..place], text[(place + 1)..]) : (text, null);
}
