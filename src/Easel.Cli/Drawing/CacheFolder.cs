namespace Easel.Cli;

/// <summary>Where a person's programs keep what they can make again.</summary>
internal static class CacheFolder
{
    /// <summary>The path of one of our files there.</summary>
    public static string File(Shell shell, string name)
    {
        var root = shell.Variable("XDG_CACHE_HOME") is { Length: > 0 } cache ? cache
            : OperatingSystem.IsWindows() ? Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData)
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), OperatingSystem.IsMacOS() ? "Library/Caches" : ".cache");
        return Path.Combine(root, "easel", name);
    }
}
