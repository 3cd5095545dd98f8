namespace Easel.Runtime;

/// <summary>Where a person's programs keep what they can make again.</summary>
internal static class CacheFolder
{
    /// <summary>Our folder there.</summary>
    public static string OfUser { get; } = Path.Combine(
        Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } cache ? cache
            : OperatingSystem.IsWindows() ? Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData)
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), OperatingSystem.IsMacOS() ? "Library/Caches" : ".cache"),
        "easel");

    /// <summary>The path of a file in such a folder; null where there is no folder.</summary>
    public static string? File(string? folder, string name) => folder is null ? null : Path.Combine(folder, name);
}
