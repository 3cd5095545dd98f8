namespace Easel;

/// <summary>The files under a folder, where folders may be links. Links are followed, as people use them to keep models elsewhere, but never back into a folder
/// that holds them, and the walk as a whole has an end.</summary>
public static class FolderTree
{
    private const int Deepest = 8, MostFolders = 20_000;

    /// <summary>The files, of which links to files are some, in no order. Folders that may not be read are passed over.</summary>
    /// <param name="folder">Where to begin; a folder that does not exist holds none.</param>
    /// <param name="enters">Whether a folder is to be looked into; null for all of them.</param>
    /// <param name="onLeftOut">Told of each folder that is not looked into, and why, as the rest of a sentence that begins with its path.</param>
    public static IReadOnlyList<string> Files(string folder, Func<string, bool>? enters = null, Action<string, string>? onLeftOut = null)
    {
        var files = new List<string>();
        var left = MostFolders;
        Walk(folder, [RealPath(folder) ?? folder]);
        return files;

        // Above: where the folder and those that hold it really are.
        void Walk(string at, IReadOnlyList<string> above)
        {
            var found = new EnumerationOptions { IgnoreInaccessible = true, AttributesToSkip = FileAttributes.Hidden | FileAttributes.System };
            try
            {
                files.AddRange(Directory.EnumerateFiles(at, "*", found));
                foreach (var inner in Directory.EnumerateDirectories(at, "*", found).Order(StringComparer.Ordinal))
                {
                    if (enters?.Invoke(inner) == false) continue;
                    var real = IsLink(inner) ? RealPath(inner) : Path.Combine(above[^1], Path.GetFileName(inner));
                    if (real is null) onLeftOut?.Invoke(inner, "is a link that leads nowhere");
                    else if (above.Contains(real)) onLeftOut?.Invoke(inner, "is a link back into a folder that holds it, and is not followed");
                    else if (above.Count > Deepest) onLeftOut?.Invoke(inner, $"lies deeper than {Deepest} folders, and is not looked into");
                    else if (left-- <= 0) onLeftOut?.Invoke(inner, $"is not looked into, for there are more than {MostFolders} folders");
                    else Walk(inner, [.. above, real]);
                }
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                if (Directory.Exists(at)) onLeftOut?.Invoke(at, "cannot be read"); // else it went away meanwhile
            }
        }
    }

    private static bool IsLink(string folder) => (File.GetAttributes(folder) & FileAttributes.ReparsePoint) != 0;

    /// <summary>Where a folder is when its links are followed; null where they have no end.</summary>
    private static string? RealPath(string folder)
    {
        try
        {
            return Path.TrimEndingDirectorySeparator((Directory.ResolveLinkTarget(folder, returnFinalTarget: true) ?? new DirectoryInfo(folder)).FullName);
        }
        catch (IOException)
        {
            return null;
        }
    }
}
