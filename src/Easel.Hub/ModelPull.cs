namespace Easel.Hub;

/// <summary>A model to fetch, by any name that people have for one: of <see cref="KnownModels"/>, "org/name", "org/name:file" or an https address.</summary>
public sealed record ModelPull
{
    private HubReference? _reference;

    private ModelPull()
    {
    }

    /// <summary>The name as it was given.</summary>
    public required string Name { get; init; }

    /// <summary>The model of the built-in list; null for any other.</summary>
    public KnownModel? Known { get; private init; }

    /// <summary>A branch, tag or commit of the repository; null for the one in the name, or "main".</summary>
    public string? Revision { get; init; }

    /// <summary>The folder to put the files into; null for the cache, or for <see cref="OwnFolder"/> where the file has a plain address.</summary>
    public string? Folder { get; init; }

    /// <summary>Where files of plain addresses go: the cache knows those of repositories alone.</summary>
    public required string OwnFolder { get; init; }

    /// <summary>What the SHA-256 of a file from a plain address must be; null where it is not known.</summary>
    public string? Sha256 { get; init; }

    /// <summary>Reads a name.</summary>
    /// <param name="name">The name.</param>
    /// <param name="endpoint">The hub's address.</param>
    /// <param name="ownFolder"><see cref="OwnFolder"/>.</param>
    /// <returns>Null where it is no such name.</returns>
    public static ModelPull? Of(string name, string endpoint, string ownFolder)
    {
        var known = KnownModels.Find(name);
        var reference = known is null ? HubReference.Parse(name, endpoint) : null;
        return known is null && reference is null ? null : new ModelPull { Name = name, OwnFolder = ownFolder, Known = known, _reference = reference };
    }

    /// <summary>Fetches it.</summary>
    /// <param name="client">The hub.</param>
    /// <param name="chosen">Told what is fetched, before it is; not for a plain address, of which nothing is known.</param>
    /// <param name="progress">Told how far each file is.</param>
    /// <param name="cancel">Stops it; what is there of a file is gone on with the next time.</param>
    /// <returns>The file or, of a pipeline in parts, the folder to load.</returns>
    /// <exception cref="HubException">It cannot be had; the message says why, and what would help.</exception>
    public async Task<string> RunAsync(HubClient client, Action<HubSelection>? chosen, IProgress<HubProgress>? progress, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(client);
        if (_reference?.Address is { } address) return await client.FetchAddressAsync(address, Folder ?? OwnFolder, Sha256, progress, cancel);

        var branch = Known is null ? Revision ?? _reference!.Revision ?? "main" : null;
        var selection = Known?.Selection ?? await ChooseAsync(client, _reference!, branch!, cancel);
        chosen?.Invoke(selection);
        var paths = Folder is null ? await client.FetchAsync(selection, progress, cancel) : await client.FetchToAsync(selection, Folder, progress, cancel);
        // The list named a commit; other programs, and these without a network, look for the branch.
        if (Folder is null && branch is not null && !client.IsOffline) client.Cache.Note(selection.Repository, branch, selection.Revision);
        // Of a pipeline in parts its folder is what is loaded.
        return paths.Count == 1 ? paths[0]
            : selection.Files[0].Path.Contains('/') ? Folder ?? client.Cache.Find(selection.Repository, selection.Revision, null)!
                : Path.GetDirectoryName(paths[0])!;
    }

    private static async Task<HubSelection> ChooseAsync(HubClient client, HubReference reference, string branch, CancellationToken cancel)
    {
        var repository = reference.Repository!;
        var all = await client.ListAsync(repository, branch, cancel);
        if (reference.File is not { } path) return all with { Files = HubChoice.Of(repository, all.Files) };
        if (all.Files.FirstOrDefault(file => file.Path == path) is { } one) return all with { Files = [one] };
        if (client.IsOffline) throw client.NotThere($"{repository}:{path}");
        throw new HubException($"{repository} has no file {path}"
            + (Similar.To(path, all.Files.Select(file => file.Path)) is { } near ? $"; did you mean {near}?" : "."));
    }
}
