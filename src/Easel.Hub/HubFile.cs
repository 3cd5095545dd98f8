namespace Easel.Hub;

/// <summary>A file of a repository.</summary>
/// <param name="Path">Its path there, with slashes.</param>
/// <param name="Bytes">Its size; null where it is not known.</param>
/// <param name="Sha256">Its fingerprint in hexadecimal; null where it is not known.</param>
public sealed record HubFile(string Path, long? Bytes = null, string? Sha256 = null);

/// <summary>What is to be fetched together.</summary>
/// <param name="Repository">"org/name".</param>
/// <param name="Revision">A commit, or a branch.</param>
/// <param name="Files">The files.</param>
public sealed record HubSelection(string Repository, string Revision, IReadOnlyList<HubFile> Files)
{
    /// <summary>Bytes of all files together, as far as they are known.</summary>
    public long Bytes => Files.Sum(file => file.Bytes ?? 0);
}

/// <summary>How far the fetching is.</summary>
/// <param name="File">The file that is fetched.</param>
/// <param name="Done">Bytes of it that are there.</param>
/// <param name="Total">Its bytes; null where the server does not say.</param>
public readonly record struct HubProgress(string File, long Done, long? Total);
