namespace Easel.Hub;

/// <summary>
/// The cache of huggingface_hub on disk, as its documentation describes it ("Hub Local Cache"): <c>models--org--name</c> with <c>blobs</c> by fingerprint,
/// <c>snapshots/COMMIT</c> of links to them, and <c>refs</c>, which say what commit a branch was at.
/// </summary>
/// <param name="folder">The cache's folder.</param>
public sealed class HubCache(string folder)
{
    private const string Prefix = "models--";

    /// <summary>The folder of a repository.</summary>
    public string FolderOf(string repository) => Path.Combine(folder, Prefix + repository.Replace("/", "--", StringComparison.Ordinal));

    /// <summary>A file of a repository that is there; null where it is not.</summary>
    /// <param name="repository">"org/name".</param>
    /// <param name="revision">A branch or a commit; null for "main", or the newest there is.</param>
    /// <param name="path">The file; null for the snapshot's folder.</param>
    public string? Find(string repository, string? revision, string? path)
    {
        foreach (var snapshot in Snapshots(repository, revision))
        {
            var found = path is null ? snapshot : Path.Combine(snapshot, path.Replace('/', Path.DirectorySeparatorChar));
            if (path is null ? Directory.Exists(found) : File.Exists(found)) return found;
        }
        return null;
    }

    /// <summary>The first file of a selection, where all its files are there: at its own revision or, where bytes are as many as they should be, at another
    /// that some program fetched; null where they are not.</summary>
    public string? Find(HubSelection selection)
    {
        ArgumentNullException.ThrowIfNull(selection);
        var (repository, revision, files) = selection;
        return Snapshots(repository, revision).Concat(Snapshots(repository, null)).FirstOrDefault(snapshot => files.All(file =>
            PathIn(snapshot, file) is var path && File.Exists(path) && (file.Bytes is null || ModelPaths.BytesOf(path) == file.Bytes))) is { } found
            ? PathIn(found, files[0]) : null;

        static string PathIn(string snapshot, HubFile file) => Path.Combine(snapshot, file.Path.Replace('/', Path.DirectorySeparatorChar));
    }

    /// <summary>The files of a repository that are there; null where none is.</summary>
    /// <param name="repository">"org/name".</param>
    /// <param name="revision">A branch or a commit; null for "main", or the newest there is.</param>
    internal HubSelection? List(string repository, string? revision)
    {
        // A cache need not say what commit "main" is at: the newest is what it has of it.
        if (Snapshots(repository, revision is "main" ? null : revision).FirstOrDefault() is not { } snapshot) return null;
        var files = Directory.EnumerateFiles(snapshot, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)
            .Select(path => new HubFile(Path.GetRelativePath(snapshot, path).Replace(Path.DirectorySeparatorChar, '/'), ModelPaths.BytesOf(path)));
        return new HubSelection(repository, Path.GetFileName(snapshot), [.. files]);
    }

    /// <summary>Whether a folder is such a cache, and something is in it.</summary>
    public static bool Is(string folder) => Directory.Exists(folder)
        && Directory.EnumerateDirectories(folder, Prefix + "*", new EnumerationOptions { IgnoreInaccessible = true }).Any();

    /// <summary>The repositories that are there, and the snapshot that counts of each.</summary>
    public IEnumerable<(string Repository, string Snapshot)> Repositories()
    {
        if (!Directory.Exists(folder)) yield break;
        var options = new EnumerationOptions { IgnoreInaccessible = true };
        foreach (var own in Directory.EnumerateDirectories(folder, Prefix + "*", options).Order(StringComparer.Ordinal))
        {
            var repository = Path.GetFileName(own)[Prefix.Length..].Replace("--", "/", StringComparison.Ordinal);
            if (Snapshots(repository, null).FirstOrDefault() is { } snapshot) yield return (repository, snapshot);
        }
    }

    /// <summary>"org/name", or "org/name:file", of a path in such a cache; null for any other path.</summary>
    public static string? NameOf(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        var parts = path.Split(Path.DirectorySeparatorChar, '/');
        var at = Array.FindLastIndex(parts, part => part.StartsWith(Prefix, StringComparison.Ordinal));
        if (at < 0 || parts.Length < at + 3 || parts[at + 1] != "snapshots") return null;
        var repository = parts[at][Prefix.Length..].Replace("--", "/", StringComparison.Ordinal);
        return parts.Length == at + 3 ? repository : $"{repository}:{string.Join('/', parts[(at + 3)..])}";
    }

    /// <summary>Notes what commit a branch is at.</summary>
    internal void Note(string repository, string revision, string commit)
    {
        if (revision == commit || !HubReference.IsPath(revision)) return;
        var path = Path.Combine(FolderOf(repository), "refs", revision.Replace('/', Path.DirectorySeparatorChar));
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, commit);
    }

    /// <summary>Where the bytes of a file are kept.</summary>
    internal string BlobOf(string repository, string tag) => Path.Combine(FolderOf(repository), "blobs", tag);

    /// <summary>The file whose lock keeps others from fetching the same; huggingface_hub uses the same one.</summary>
    internal string LockOf(string repository, string tag) =>
        Path.Combine(folder, ".locks", Path.GetFileName(FolderOf(repository)), tag + ".lock");

    /// <summary>Puts a file into a snapshot: a link to its bytes or, where the system allows none, the bytes themselves.</summary>
    /// <returns>Its path.</returns>
    internal string Link(string repository, string commit, string path, string blob)
    {
        var place = Path.Combine(FolderOf(repository), "snapshots", commit, path.Replace('/', Path.DirectorySeparatorChar));
        if (File.Exists(place)) return place;
        Directory.CreateDirectory(Path.GetDirectoryName(place)!);
        try
        {
            File.CreateSymbolicLink(place, Path.GetRelativePath(Path.GetDirectoryName(place)!, blob));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException && !File.Exists(place))
        {
            File.Move(blob, place); // Windows without developer mode
        }
        return place;
    }

    private IEnumerable<string> Snapshots(string repository, string? revision)
    {
        var snapshots = Path.Combine(FolderOf(repository), "snapshots");
        var reference = Path.Combine(FolderOf(repository), "refs", (revision ?? "main").Replace('/', Path.DirectorySeparatorChar));
        var commit = File.Exists(reference) ? File.ReadAllText(reference).Trim() : revision;
        if (commit is not null && HubReference.IsPath(commit) && Directory.Exists(Path.Combine(snapshots, commit)))
            yield return Path.Combine(snapshots, commit);
        if (revision is not null || !Directory.Exists(snapshots)) yield break;
        foreach (var other in new DirectoryInfo(snapshots).EnumerateDirectories().OrderByDescending(snapshot => snapshot.LastWriteTimeUtc))
            if (other.Name != commit) yield return other.FullName;
    }
}
