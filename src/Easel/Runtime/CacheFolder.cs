namespace Easel.Runtime;

/// <summary>Where a person's programs keep what they can make again.</summary>
internal static class CacheFolder
{
    /// <summary>The path of one of our files there.</summary>
    /// <param name="variable">The value of an environment variable, or null.</param>
    /// <param name="name">The file's name.</param>
    public static string File(Func<string, string?> variable, string name)
    {
        var root = variable("XDG_CACHE_HOME") is { Length: > 0 } cache ? cache
            : OperatingSystem.IsWindows() ? Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData)
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), OperatingSystem.IsMacOS() ? "Library/Caches" : ".cache");
        return Path.Combine(root, "easel", name);
    }
}
