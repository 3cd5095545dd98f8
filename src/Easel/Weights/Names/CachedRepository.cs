namespace Easel.Weights.Names;

/// <summary>The cache of huggingface_hub keeps a repository in a folder named after a commit.</summary>
internal static class CachedRepository
{
    /// <summary>The name, without its owner's, of the repository whose snapshot a folder is; null for any other folder.</summary>
    public static string? NameOf(string folder) =>
        Path.GetDirectoryName(folder) is { } above && Path.GetFileName(above) == "snapshots"
        && Path.GetFileName(Path.GetDirectoryName(above)) is { } repository && repository.StartsWith("models--", StringComparison.Ordinal)
            ? repository[(repository.LastIndexOf("--", StringComparison.Ordinal) + 2)..] : null;
}
