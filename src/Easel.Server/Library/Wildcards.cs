namespace Easel.Server.Library;

/// <summary>The lists that prompts call as <c>__name__</c>: text files of a folder, a choice a line; lines that begin with # are comments.</summary>
internal sealed class Wildcards(ServerOptions options)
{
    private const int MostBytes = 4 << 20;

    /// <summary>The names there are.</summary>
    public IReadOnlyList<string> Names => [.. Lists().Select(list => list.Name).Order(StringComparer.OrdinalIgnoreCase)];

    /// <summary>The lines of a list; null where there is none of that name.</summary>
    public IReadOnlyList<string>? Find(string name)
    {
        // The name is looked for among those there are, so that it never leads out of the folder.
        if (Lists().FirstOrDefault(list => list.Name.Equals(name, StringComparison.OrdinalIgnoreCase)) is not { Path: { } file }) return null;
        try
        {
            return new FileInfo(file).Length > MostBytes ? [] : [.. File.ReadLines(file).Where(line => !line.StartsWith('#'))];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private IEnumerable<(string Name, string Path)> Lists()
    {
        if (options.WildcardsFolder is not { } folder || !Directory.Exists(folder)) return [];
        var deep = new EnumerationOptions { RecurseSubdirectories = true, IgnoreInaccessible = true, MaxRecursionDepth = 8 };
        return Directory.EnumerateFiles(folder, "*.txt", deep)
            .Select(path => (Path.ChangeExtension(Path.GetRelativePath(folder, path), null).Replace('\\', '/'), path));
    }
}
