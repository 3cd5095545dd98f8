namespace Easel.Server.Library;

/// <summary>The lists that prompts call as <c>__name__</c>: text files of a folder, a choice a line; lines that begin with # are comments.</summary>
internal sealed class Wildcards(ServerOptions options)
{
    private const int MostBytes = 4 << 20;

    /// <summary>The names there are.</summary>
    public IReadOnlyList<string> Names => options.WildcardsFolder is { } folder && Directory.Exists(folder)
        ? [.. Directory.EnumerateFiles(folder, "*.txt", Deep).Select(path => NameOf(folder, path)).Order(StringComparer.OrdinalIgnoreCase)] : [];

    private static EnumerationOptions Deep => new() { RecurseSubdirectories = true, IgnoreInaccessible = true, MaxRecursionDepth = 8 };

    /// <summary>The lines of a list; null where there is none of that name.</summary>
    public IReadOnlyList<string>? Find(string name)
    {
        // The name is looked for among those there are, so that it never leads out of the folder.
        if (options.WildcardsFolder is not { } folder || !Names.Contains(name, StringComparer.OrdinalIgnoreCase)) return null;
        var file = Directory.EnumerateFiles(folder, "*.txt", Deep).First(path => NameOf(folder, path).Equals(name, StringComparison.OrdinalIgnoreCase));
        try
        {
            return new FileInfo(file).Length > MostBytes ? [] : [.. File.ReadLines(file).Where(line => !line.StartsWith('#'))];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static string NameOf(string folder, string path) => Path.ChangeExtension(Path.GetRelativePath(folder, path), null).Replace('\\', '/');
}
