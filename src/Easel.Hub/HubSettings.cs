namespace Easel.Hub;

/// <summary>Where models are fetched from and kept, as the variables of huggingface_hub say it, so that one copy serves all programs.</summary>
public sealed record HubSettings
{
    /// <summary>The hub's address, or a mirror's, without a slash at the end: HF_ENDPOINT. Default "https://huggingface.co".</summary>
    public string Endpoint { get; init; } = "https://huggingface.co";

    /// <summary>The person's access token: HF_TOKEN, or the file that its login command leaves; null for none. It is sent to <see cref="Endpoint"/>
    /// alone.</summary>
    public string? Token { get; init; }

    /// <summary>The cache: HF_HUB_CACHE, else "hub" in HF_HOME, else "~/.cache/huggingface/hub".</summary>
    public required string CacheFolder { get; init; }

    /// <summary>Whether nothing may be fetched: HF_HUB_OFFLINE.</summary>
    public bool IsOffline { get; init; }

    /// <summary>Seconds to wait between tries, times the number of the try. Default 2.</summary>
    public double RetrySeconds { get; init; } = 2;

    /// <summary>The settings that variables give.</summary>
    /// <param name="variable">The value of a variable, or null.</param>
    public static HubSettings Of(Func<string, string?> variable)
    {
        ArgumentNullException.ThrowIfNull(variable);
        var home = Set("HF_HOME") ?? Path.Combine(Set("XDG_CACHE_HOME") ?? Path.Combine(UserFolder(variable), ".cache"), "huggingface");
        var tokenFile = Set("HF_TOKEN_PATH") ?? Path.Combine(home, "token");
        return new HubSettings
        {
            Endpoint = (Set("HF_ENDPOINT") ?? "https://huggingface.co").TrimEnd('/'),
            Token = Set("HF_TOKEN") ?? Set("HUGGING_FACE_HUB_TOKEN") ?? FirstLine(tokenFile),
            CacheFolder = Set("HF_HUB_CACHE") ?? Set("HUGGINGFACE_HUB_CACHE") ?? Path.Combine(home, "hub"),
            IsOffline = Set("HF_HUB_OFFLINE")?.ToUpperInvariant() is "1" or "TRUE" or "YES" or "ON",
        };

        string? Set(string name) => variable(name) is { Length: > 0 } value ? value : null;
    }

    private static string UserFolder(Func<string, string?> variable) =>
        variable("HOME") is { Length: > 0 } home ? home : Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);

    private static string? FirstLine(string path)
    {
        try
        {
            return File.Exists(path) && new FileInfo(path).Length < 4096 && File.ReadAllText(path).Trim() is { Length: > 0 } token ? token : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null; // a token that cannot be read is none: what needs one says so
        }
    }

    /// <summary>The address alone: a token does not belong into logs.</summary>
    public override string ToString() => Endpoint;
}
