namespace Easel.Farm;

/// <summary>Models that are handed out through the broker, checked by their digests.</summary>
public static class FarmModels
{
    private const string ManifestEnding = ".manifest";
    private const int MostFiles = 10_000;

    /// <summary>A model as it is handed out.</summary>
    /// <param name="Name">The name of its file or folder.</param>
    /// <param name="IsFolder">Whether it is a folder.</param>
    /// <param name="Files">Its files.</param>
    private sealed record Manifest(string Name, bool IsFolder, IReadOnlyList<ManifestFile> Files);

    /// <param name="Path">Relative to the folder, with slashes; the file's name where there is no folder.</param>
    private sealed record ManifestFile(string Path, string Sha256, long Bytes);

    /// <summary>Puts a model where all workers of a queue can fetch it.</summary>
    /// <param name="path">Its file or folder.</param>
    /// <param name="onFile">Told each file before it is sent, with its bytes.</param>
    /// <exception cref="FarmException">There is no room for it, or no broker.</exception>
    public static async Task PushAsync(FarmOptions options, string path, Action<string, long> onFile, CancellationToken cancel)
    {
        var connection = await FarmConnection.OpenAsync(options, "easel farm push", cancel).ConfigureAwait(false);
        await using var _ = connection.ConfigureAwait(false);
        await connection.FactsAsync(cancel).ConfigureAwait(false);
        path = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        var isFolder = Directory.Exists(path);
        var name = Path.GetFileName(path);
        var files = new List<ManifestFile>();
        foreach (var file in isFolder ? Directory.GetFiles(path, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal).ToArray() : [path])
        {
            var relative = isFolder ? Path.GetRelativePath(path, file).Replace('\\', '/') : name;
            using var content = File.OpenRead(file);
            var digest = Convert.ToHexStringLower(await SHA256.HashDataAsync(content, cancel).ConfigureAwait(false));
            content.Position = 0;
            onFile(relative, content.Length);
            await connection.PutAsync(connection.Names.Models, digest, content, cancel).ConfigureAwait(false);
            files.Add(new ManifestFile(relative, digest, content.Length));
        }
        // Last, so that whoever finds it finds all that it names.
        using var manifest = new MemoryStream(FarmProtocol.Write(new Manifest(name, isFolder, files)));
        await connection.PutAsync(connection.Names.Models, name + ManifestEnding, manifest, cancel).ConfigureAwait(false);
    }

    /// <summary>Fetches the models that were handed out and are not in a folder.</summary>
    /// <param name="say">Told in sentences what is fetched, and what could not be.</param>
    /// <returns>How many were fetched.</returns>
    public static async Task<int> FetchAsync(FarmOptions options, string folder, Action<string> say, CancellationToken cancel)
    {
        var connection = await FarmConnection.OpenAsync(options, FarmWorker.Client, cancel).ConfigureAwait(false);
        await using var _ = connection.ConfigureAwait(false);
        await connection.FactsAsync(cancel).ConfigureAwait(false);
        var store = await connection.Objects.GetObjectStoreAsync(connection.Names.Models, cancel).ConfigureAwait(false);
        var names = new List<string>();
        await foreach (var found in store.ListAsync(cancellationToken: cancel).ConfigureAwait(false))
            if (found.Name.EndsWith(ManifestEnding, StringComparison.Ordinal)) names.Add(found.Name);
        var fetched = 0;
        foreach (var name in names)
        {
            using var text = new MemoryStream();
            await connection.GetAsync(connection.Names.Models, name, text, cancel).ConfigureAwait(false);
            if (FarmProtocol.Read<Manifest>(text.GetBuffer().AsSpan(0, (int)text.Length)) is not { } manifest || WhyNot(manifest) is not null)
            {
                say($"What was handed out as {name} cannot be understood, and is left alone.");
                continue;
            }
            if (IsThere(manifest, folder)) continue;
            say(string.Create(CultureInfo.InvariantCulture, $"fetches {manifest.Name} ({manifest.Files.Sum(file => file.Bytes) >> 20} MB)"));
            try
            {
                await FetchAsync(connection, manifest, folder, cancel).ConfigureAwait(false);
                fetched++;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or FarmException or NatsObjException)
            {
                say($"{manifest.Name} could not be fetched: {e.Message}");
            }
        }
        return fetched;
    }

    /// <summary>A name from elsewhere must lead to no other place than the folder.</summary>
    private static string? WhyNot(Manifest manifest) => manifest.Files is not { Count: > 0 and <= MostFiles } ? "it has no files, or too many"
        : manifest.Files.Select(file => file.Path).Append(manifest.Name).Any(path => path is not { Length: > 0 and < 512 } || path.StartsWith('/')
            || path.AsSpan().IndexOfAny("\\:\0") >= 0 || path.Split('/').Any(part => part is "" or "." or "..")) || manifest.Name.Contains('/',
                StringComparison.Ordinal)
            ? "one of its names leads elsewhere"
        : manifest.Files.Any(file => file.Sha256 is not { Length: 64 } || !file.Sha256.All(char.IsAsciiHexDigitLower) || file.Bytes < 0)
            ? "a digest is none" : null;

    private static string PathOf(Manifest manifest, ManifestFile file, string folder) =>
        manifest.IsFolder ? Path.Combine(folder, manifest.Name, file.Path) : Path.Combine(folder, manifest.Name);

    private static bool IsThere(Manifest manifest, string folder) =>
        manifest.Files.All(file => new FileInfo(PathOf(manifest, file, folder)) is { Exists: true } there && there.Length == file.Bytes);

    private static async Task FetchAsync(FarmConnection connection, Manifest manifest, string folder, CancellationToken cancel)
    {
        foreach (var file in manifest.Files)
        {
            var path = PathOf(manifest, file, folder);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            var part = Path.Combine(Path.GetDirectoryName(path)!, $".{Guid.NewGuid():N}.part");
            try
            {
                using (var content = new FileStream(part, FileMode.CreateNew, FileAccess.ReadWrite))
                {
                    await connection.GetAsync(connection.Names.Models, file.Sha256, content, cancel).ConfigureAwait(false);
                    content.Position = 0;
                    if (Convert.ToHexStringLower(await SHA256.HashDataAsync(content, cancel).ConfigureAwait(false)) != file.Sha256)
                        throw new FarmException($"{file.Path} came damaged: its digest is another.");
                }
                File.Move(part, path, overwrite: true);
            }
            finally
            {
                File.Delete(part);
            }
        }
    }
}
