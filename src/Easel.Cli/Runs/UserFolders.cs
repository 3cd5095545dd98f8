namespace Easel.Cli.Runs;

/// <summary>The folders that belong to the person who is logged in.</summary>
internal static class UserFolders
{
    /// <summary>Where pictures go that are drawn by clicking: "Easel" among the person's pictures.</summary>
    public static string Pictures => Path.Combine(Of(Environment.SpecialFolder.MyPictures, "Pictures"), "Easel");

    /// <summary>Where models are kept: "easel/models" in the folder for the data of programs.</summary>
    public static string Models => Path.Combine(Of(Environment.SpecialFolder.LocalApplicationData, Path.Combine(".local", "share")), "easel", "models");

    /// <summary>A system's folder; where it knows none, the customary one below the home folder, or else the one that we are in.</summary>
    private static string Of(Environment.SpecialFolder folder, string customary)
    {
        if (Environment.GetFolderPath(folder) is { Length: > 0 } path) return path;
        var home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        return Path.Combine(home.Length > 0 ? home : Environment.CurrentDirectory, customary);
    }
}
