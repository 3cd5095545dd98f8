using Easel.Imaging;
using Easel.Server.Errors;
using Microsoft.Data.Sqlite;

namespace Easel.Server.Storage;

/// <summary>The finished pictures: found by words and settings, deleted and brought back. The files are the truth; the database is their index.</summary>
internal sealed class Gallery(Database database, PictureFolder folder, PictureReader pictures, TimeProvider clock) : IDisposable
{
    private const string All = "id, job, file, created, width, height, prompt, negative, seed, steps, sampler, model, parameters, deleted";
    private const string Tagged = All + ", (SELECT group_concat(tag, char(10)) FROM tags WHERE picture = pictures.id)";
    private const int MostTags = 30, LongestTag = 60;
    private const int ThumbnailSide = 320;

    private readonly SemaphoreSlim _shrinking = new(2);

    public void Dispose() => _shrinking.Dispose();

    /// <summary>Told when a picture came, went or came back.</summary>
    public event Action? Changed;

    /// <exception cref="ServerException">The count is out of range, or the page mark is none of ours (400).</exception>
    public PicturePage List(PictureQuery query)
    {
        var (count, skip) = (query.Count ?? 50, query.Skip ?? 0);
        if (count is < 1 or > 200) throw new ServerException(Status400BadRequest, $"The count is {count}; it must be from 1 to 200.");
        if (skip < 0) throw new ServerException(Status400BadRequest, $"Pictures to skip are {skip}; it must be 0 or more.");
        var (time, id) = PageMark(query.After);
        const string Wanted = """
            FROM pictures WHERE (deleted IS NOT NULL) = $deleted
              AND ($words IS NULL OR number IN (SELECT rowid FROM words WHERE words MATCH $words))
              AND ($model IS NULL OR model = $model) AND ($sampler IS NULL OR sampler = $sampler) AND ($seed IS NULL OR seed = $seed)
              AND ($steps IS NULL OR steps = $steps)
              AND ($tag IS NULL OR id IN (SELECT picture FROM tags WHERE tag = $tag))
              AND ($width IS NULL OR width = $width) AND ($height IS NULL OR height = $height) AND ($job IS NULL OR job = $job)
            """;
        ReadOnlySpan<(string, object?)> values =
        [
            ("$deleted", query.Deleted ?? false), ("$words", MatchOf(query.Words)), ("$model", query.Model), ("$sampler", query.Sampler), ("$seed", query.Seed),
            ("$steps", query.Steps), ("$width", query.Width), ("$height", query.Height), ("$job", query.Job), ("$tag", query.Tag),
            ("$time", time), ("$id", id), ("$count", count + 1), ("$skip", skip),
        ];
        var asked = values.ToArray();
        return database.Read(connection =>
        {
            var total = Database.Query(connection, $"SELECT count(*) {Wanted}", row => row.GetInt32(0), asked.AsSpan(..^4))[0];
            var found = Database.Query(connection,
                $"SELECT {Tagged} {Wanted} AND ($time IS NULL OR (created, id) < ($time, $id)) ORDER BY created DESC, id DESC LIMIT $count OFFSET $skip",
                PictureOf, asked);
            var more = found.Count > count;
            if (more) found.RemoveAt(count);
            return new PicturePage(found, more ? string.Create(CultureInfo.InvariantCulture, $"{found[^1].Created.ToUnixTimeMilliseconds()}_{found[^1].Id}")
                : null, total);
        });
    }

    /// <summary>A picture, deleted ones included; null where there is none.</summary>
    public Picture? Find(string id) => database.Read(connection =>
        Database.Query(connection, $"SELECT {Tagged} FROM pictures WHERE id = $id", PictureOf, ("$id", id)).FirstOrDefault());

    /// <summary>Where a picture's file lies now.</summary>
    public string PathOf(Picture picture) => picture.Deleted is null ? folder.PathOf(picture.File) : folder.TrashOf(picture.Id, picture.File);

    /// <exception cref="ServerException">There is no such picture (404), or its file is gone (410).</exception>
    public byte[] Read(string id) => Present(id, path => File.ReadAllBytes(path));

    /// <summary>A small copy as WebP, at most 320 pixels on a side; made when first asked for.</summary>
    /// <exception cref="ServerException">There is no such picture (404), or its file is gone (410).</exception>
    public async Task<byte[]> ThumbnailAsync(string id, CancellationToken cancel = default)
    {
        var small = folder.ThumbnailOf(Known(id).Id);
        if (File.Exists(small)) return await File.ReadAllBytesAsync(small, cancel);
        await _shrinking.WaitAsync(cancel);
        try
        {
            var image = Present(id, pictures.LoadKept);
            var scale = Math.Min(1, (double)ThumbnailSide / Math.Max(image.Width, image.Height));
            var (width, height) = (Math.Max(1, (int)(image.Width * scale)), Math.Max(1, (int)(image.Height * scale)));
            ImageFile.Save(small, Resampling.Resize(image, width, height), quality: 80);
            return await File.ReadAllBytesAsync(small, cancel);
        }
        finally
        {
            _shrinking.Release();
        }
    }

    /// <summary>Moves pictures to the trash, from where <see cref="Restore"/> brings them back until they are purged.</summary>
    /// <exception cref="ServerException">There is no such picture (404).</exception>
    public void Delete(params IReadOnlyList<string> ids)
    {
        foreach (var picture in ids.Select(Known).Where(picture => picture.Deleted is null).ToList())
        {
            // The record first: on start a file whose record says that it is deleted is moved, so that ending between the two loses nothing.
            Mark(picture.Id, clock.GetUtcNow());
            MoveIfThere(folder.PathOf(picture.File), folder.TrashOf(picture.Id, picture.File));
        }
        Changed?.Invoke();
    }

    /// <summary>Brings deleted pictures back.</summary>
    /// <exception cref="ServerException">There is no such picture (404), or one is purged (410).</exception>
    public void Restore(params IReadOnlyList<string> ids)
    {
        foreach (var picture in ids.Select(Known).Where(picture => picture.Deleted is not null).ToList())
        {
            var (trash, home) = (folder.TrashOf(picture.Id, picture.File), folder.PathOf(picture.File));
            if (!File.Exists(trash) && !File.Exists(home)) throw Gone(picture.Id);
            Mark(picture.Id, null);
            MoveIfThere(trash, home);
        }
        Changed?.Invoke();
    }

    /// <summary>Puts a tag on pictures, or takes it off.</summary>
    /// <exception cref="ServerException">The tag is empty or too long, or a picture has too many (400).</exception>
    public void Tag(IReadOnlyList<string> ids, string tag, bool isOn)
    {
        tag = tag.ReplaceLineEndings(" ").Trim();
        if (tag.Length is 0 or > LongestTag)
            throw new ServerException(Status400BadRequest, $"A tag is 1 to {LongestTag} characters long; this one has {tag.Length}.");
        if (isOn && ids.Select(Known).FirstOrDefault(picture => picture.Tags.Count >= MostTags && !picture.Tags.Contains(tag)) is { } full)
            throw new ServerException(Status400BadRequest, $"The picture {full.Id} has {MostTags} tags already, which is the most.");
        database.Write(connection =>
        {
            foreach (var id in ids)
            {
                Database.Run(connection, isOn ? "INSERT OR IGNORE INTO tags (picture, tag) VALUES ($id, $tag)"
                    : "DELETE FROM tags WHERE picture = $id AND tag = $tag", ("$id", id), ("$tag", tag));
            }
        });
        Changed?.Invoke();
    }

    /// <summary>The tags in use, the commonest first.</summary>
    public IReadOnlyList<string> Tags() => database.Read(connection => Database.Query(connection,
        "SELECT tag FROM tags JOIN pictures ON id = picture WHERE deleted IS NULL GROUP BY tag ORDER BY count(*) DESC, tag LIMIT 200",
        row => row.GetString(0)));

    /// <summary>Ends deleted pictures for good.</summary>
    public int Purge(DateTimeOffset before)
    {
        var deleted = Deleted().Where(picture => picture.Deleted < before).ToList();
        foreach (var picture in deleted) End(picture);
        return deleted.Count;
    }

    /// <summary>Ends pictures for good that were only drawn on the way to another.</summary>
    /// <exception cref="ServerException">There is no such picture (404).</exception>
    public void Discard(params IReadOnlyList<string> ids)
    {
        if (ids.Count == 0) return;
        Delete(ids);
        foreach (var id in ids) End(Known(id));
        Changed?.Invoke();
    }

    private void End(Picture picture)
    {
        File.Delete(folder.TrashOf(picture.Id, picture.File));
        File.Delete(folder.ThumbnailOf(picture.Id));
        database.Write(connection =>
        {
            Database.Run(connection, "DELETE FROM pictures WHERE id = $id", ("$id", picture.Id));
            Database.Run(connection, "DELETE FROM tags WHERE picture = $id", ("$id", picture.Id));
        });
    }

    /// <summary>Takes pictures in; those that are known already stay as they are.</summary>
    public void Add(params IReadOnlyList<Picture> pictures)
    {
        database.Write(connection => Insert(connection, pictures));
        Changed?.Invoke();
    }

    /// <summary>Puts pictures in the place of all that are known.</summary>
    public void Replace(IReadOnlyList<Picture> pictures) => database.Write(connection =>
    {
        Database.Run(connection, "DELETE FROM pictures");
        Insert(connection, [.. pictures.OrderBy(picture => picture.Created).ThenBy(picture => picture.Id, StringComparer.Ordinal)]);
    });

    public IReadOnlyList<Picture> Deleted() =>
        database.Read(connection => Database.Query(connection, $"SELECT {Tagged} FROM pictures WHERE deleted IS NOT NULL", PictureOf));

    /// <summary>Finishes what a sudden end may have left half done: moves to and from the trash.</summary>
    public void Reconcile()
    {
        foreach (var picture in Deleted())
            MoveIfThere(folder.PathOf(picture.File), folder.TrashOf(picture.Id, picture.File));
        foreach (var path in Directory.EnumerateFiles(folder.Trash))
        {
            if (Find(Path.GetFileNameWithoutExtension(path)) is { Deleted: null } back && folder.PathOf(back.File) is var home && !File.Exists(home))
                MoveIfThere(path, home);
        }
    }

    private static void Insert(SqliteConnection connection, IReadOnlyList<Picture> pictures)
    {
        foreach (var p in pictures)
        {
            Database.Run(connection, $"""
                INSERT OR IGNORE INTO pictures ({All})
                VALUES ($id, $job, $file, $created, $width, $height, $prompt, $negative, $seed, $steps, $sampler, $model, $parameters, $deleted)
                """,
                ("$id", p.Id), ("$job", p.Job), ("$file", p.File), ("$created", p.Created.ToUnixTimeMilliseconds()), ("$width", p.Width), ("$height", p.Height),
                ("$prompt", p.Prompt), ("$negative", p.NegativePrompt), ("$seed", p.Seed), ("$steps", p.Steps), ("$sampler", p.Sampler), ("$model", p.Model),
                ("$parameters", p.Parameters), ("$deleted", p.Deleted?.ToUnixTimeMilliseconds()));
        }
    }

    private void Mark(string id, DateTimeOffset? deleted) => database.Write(connection =>
        Database.Run(connection, "UPDATE pictures SET deleted = $deleted WHERE id = $id", ("$deleted", deleted?.ToUnixTimeMilliseconds()), ("$id", id)));

    private Picture Known(string id) => Find(id) ?? throw new ServerException(Status404NotFound, "There is no such picture.");

    private T Present<T>(string id, Func<string, T> read)
    {
        var path = PathOf(Known(id));
        try
        {
            return File.Exists(path) ? read(path) : throw Gone(id);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw Gone(id);
        }
    }

    private static ServerException Gone(string id) => new(Status410Gone, $"The file of the picture {id} is no longer there.");

    private static void MoveIfThere(string from, string to)
    {
        if (!File.Exists(from)) return;
        Directory.CreateDirectory(Path.GetDirectoryName(to)!);
        File.Move(from, to, overwrite: true);
    }

    /// <summary>Each word quoted, so that nothing in it is taken for a sign of the query language, and open at its end.</summary>
    private static string? MatchOf(string? words)
    {
        var parts = (words ?? "").Split([' ', '\t', '\r', '\n', ','], StringSplitOptions.RemoveEmptyEntries);
        return parts.Length == 0 ? null : string.Join(' ', parts.Select(word => $"\"{word.Replace("\"", "\"\"").Replace("\0", "")}\"*"));
    }

    private static (long? Time, string? Id) PageMark(string? mark)
    {
        if (mark is null) return (null, null);
        var parts = mark.Split('_', 2);
        return parts.Length == 2 && long.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out var time)
            ? (time, parts[1])
            : throw new ServerException(Status400BadRequest, "The page mark is not one that an earlier page ended with.");
    }

    private static Picture PictureOf(SqliteDataReader row) => new()
    {
        Id = row.GetString(0),
        Job = row.TextOrNull(1),
        File = row.GetString(2),
        Created = row.Time(3),
        Width = row.GetInt32(4),
        Height = row.GetInt32(5),
        Prompt = row.GetString(6),
        NegativePrompt = row.GetString(7),
        Seed = row.LongOrNull(8),
        Steps = (int?)row.LongOrNull(9),
        Sampler = row.TextOrNull(10),
        Model = row.TextOrNull(11),
        Parameters = row.TextOrNull(12),
        Deleted = row.TimeOrNull(13),
        Tags = row.TextOrNull(14)?.Split('\n').Order(StringComparer.OrdinalIgnoreCase).ToArray() ?? [],
    };
}
