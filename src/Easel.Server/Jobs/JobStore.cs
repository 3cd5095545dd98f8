using Easel.Server.Errors;
using Easel.Server.Json;
using Easel.Server.Storage;
using Microsoft.Data.Sqlite;

namespace Easel.Server.Jobs;

/// <summary>The jobs in the database. One that is not over is found again after the process was ended, however that happened.</summary>
internal sealed class JobStore(Database database)
{
    private const string All = "id, state, client, created, started, finished, request, inputs, count, error, remarks";
    private const string Pictures = "(SELECT group_concat(id, ' ') FROM pictures WHERE job = jobs.id AND deleted IS NULL)";

    /// <param name="position">Its place: a queue goes by rising numbers.</param>
    /// <param name="changed">Other jobs, whose places changed with it.</param>
    public void Add(Job job, double position, IReadOnlyList<JobOrder.Entry> changed) => database.Write(connection =>
    {
        Place(connection, changed);
        Database.Run(connection,
            """
            INSERT INTO jobs (id, state, client, position, created, request, inputs, count, remarks)
            VALUES ($id, 'queued', $client, $position, $created, $request, $inputs, $count, '[]')
            """,
            ("$id", job.Id), ("$client", job.Client), ("$position", position), ("$created", job.Created.ToUnixTimeMilliseconds()),
            ("$request", Text(job.Request)), ("$inputs", string.Join(' ', job.InputFiles.Select(input => $"{input.Key}={input.Value}"))),
            ("$count", job.PictureCount));
    });

    /// <summary>A request as it is kept.</summary>
    public static string Text(JobRequest request) => JsonSerializer.Serialize(request, ServerJson.Options);

    public void Place(IReadOnlyList<JobOrder.Entry> changed) => database.Write(connection => Place(connection, changed));

    public void Finish(params IReadOnlyList<Job> jobs) => database.Write(connection =>
    {
        foreach (var job in jobs)
        {
            Database.Run(connection,
                "UPDATE jobs SET state = $state, started = $started, finished = $finished, error = $error, remarks = $remarks WHERE id = $id",
                ("$id", job.Id), ("$state", job.State.ToString().ToLowerInvariant()), ("$started", job.Started?.ToUnixTimeMilliseconds()),
                ("$finished", job.Finished?.ToUnixTimeMilliseconds()), ("$error", job.Error), ("$remarks", JsonSerializer.Serialize(job.Remarks)));
        }
    });

    /// <summary>The jobs that are not over, in the order of the queue. Records that cannot be read stay where they are: another version may know
    /// them.</summary>
    /// <returns>The jobs, and a sentence for each record that cannot be read.</returns>
    public (IReadOnlyList<(Job Job, double Position)> Jobs, IReadOnlyList<string> Strange) Open()
    {
        var (jobs, strange) = (new List<(Job, double)>(), new List<string>());
        try
        {
            database.Read(connection => Database.Query(connection, $"SELECT {All}, position FROM jobs WHERE finished IS NULL ORDER BY position", row =>
            {
                if (Read(row, JobOf) is { } job) jobs.Add((job, row.GetDouble(11)));
                else strange.Add(Unknown(row.GetString(0)));
                return true;
            }));
        }
        catch (DamagedDatabaseException e)
        {
            strange.Add($"Some jobs that wait cannot be read. {e.Message}"); // those before the damage are there
        }
        return (jobs, strange);
    }

    public Job? Find(string id) => database.Read(connection => Database.Query(connection, $"SELECT {All}, {Pictures} FROM jobs WHERE id = $id",
        row => Read(row, WithPictures) ?? Strange(row), ("$id", id)).FirstOrDefault());

    /// <summary>Ends a job that is not over and whose record cannot be read.</summary>
    /// <returns>False where there is none of that id.</returns>
    public bool CancelStrange(string id, DateTimeOffset now)
    {
        var changed = 0;
        database.Write(connection => changed = Database.Run(connection,
            "UPDATE jobs SET state = 'cancelled', finished = $now WHERE id = $id AND finished IS NULL", ("$id", id), ("$now", now.ToUnixTimeMilliseconds())));
        return changed > 0;
    }

    /// <summary>Jobs that are over, the youngest first.</summary>
    public IReadOnlyList<Job> Over(string? before, int count) => database.Read(connection => Database.Query(connection,
        $"SELECT {All}, {Pictures} FROM jobs WHERE finished IS NOT NULL AND ($before IS NULL OR id < $before) ORDER BY id DESC LIMIT $count",
        row => Read(row, WithPictures) ?? Strange(row), ("$before", before), ("$count", count)));

    /// <summary>The files of the pictures that jobs still need: those that are to be drawn, and those that could be tried again.</summary>
    public IReadOnlySet<string> InputFiles() => database.Read(connection => Database.Query(connection,
        $"SELECT {All} FROM jobs WHERE inputs <> '' AND (finished IS NULL OR state IN ('failed', 'cancelled'))", row => Read(row, JobOf)))
        .OfType<Job>().SelectMany(job => job.InputFiles.Values).ToHashSet();

    /// <summary>Forgets jobs that were over before a moment.</summary>
    public void Forget(DateTimeOffset before) => database.Write(connection =>
        Database.Run(connection, "DELETE FROM jobs WHERE finished < $before", ("$before", before.ToUnixTimeMilliseconds())));

    private static void Place(SqliteConnection connection, IReadOnlyList<JobOrder.Entry> changed)
    {
        foreach (var entry in changed)
            Database.Run(connection, "UPDATE jobs SET position = $position WHERE id = $id", ("$id", entry.Id), ("$position", entry.Position));
    }

    private static string Unknown(string id) => $"The job {id} was written by another version of Easel, or is damaged; it is kept as it is. "
        + $"The version that wrote it can draw it; DELETE /api/jobs/{id} gives it up.";

    /// <summary>What is told of a job whose record cannot be read.</summary>
    private static Job Strange(SqliteDataReader row) => new()
    {
        Id = row.GetString(0),
        State = Enum.TryParse<JobState>(row.GetString(1), ignoreCase: true, out var state) && Enum.IsDefined(state) ? state : JobState.Queued,
        Created = row.Time(3),
        Finished = row.TimeOrNull(5),
        Request = new JobRequest(),
        Error = Unknown(row.GetString(0)),
    };

    /// <summary>What a row says; null where it cannot be read.</summary>
    private static Job? Read(SqliteDataReader row, Func<SqliteDataReader, Job> read)
    {
        try
        {
            return read(row);
        }
        // Whatever stands in it: settings and states that this version does not know, numbers that are too large, half of a character.
        catch (Exception e) when (e is not SqliteException)
        {
            return null;
        }
    }

    private static Job WithPictures(SqliteDataReader row) =>
        JobOf(row) with { Pictures = row.TextOrNull(11) is { } ids ? [.. ids.Split(' ').Order(StringComparer.Ordinal)] : [] };

    private static Job JobOf(SqliteDataReader row) => new()
    {
        Id = row.GetString(0),
        State = Enum.Parse<JobState>(row.GetString(1), ignoreCase: true),
        Client = row.GetString(2),
        Created = row.Time(3),
        Started = row.TimeOrNull(4),
        Finished = row.TimeOrNull(5),
        Request = JsonSerializer.Deserialize<JobRequest>(row.GetString(6), ServerJson.Options)!,
        InputFiles = row.GetString(7).Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(input => input.Split('=', 2))
            .ToDictionary(parts => parts[0], parts => parts is [_, var file] ? file : $"{row.GetString(0)}-{parts[0]}.png"), // as earlier versions named them
        PictureCount = row.GetInt32(8),
        Error = row.TextOrNull(9),
        Remarks = JsonSerializer.Deserialize<string[]>(row.GetString(10))!,
    };
}
