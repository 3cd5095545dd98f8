using Easel.Server.Errors;
using Microsoft.Data.Sqlite;

namespace Easel.Server.Storage;

/// <summary>
/// The SQLite file with jobs and pictures. Readers never wait; writers take turns. In the WAL mode with full synchronisation a commit that has returned
/// survives the end of the process and of the power.
/// </summary>
internal sealed class Database : IDisposable
{
    private const string Schema = """
        CREATE TABLE IF NOT EXISTS jobs (
          id TEXT PRIMARY KEY, state TEXT NOT NULL, client TEXT NOT NULL, position REAL NOT NULL, created INTEGER NOT NULL, started INTEGER, finished INTEGER,
          request TEXT NOT NULL, inputs TEXT NOT NULL, count INTEGER NOT NULL, error TEXT, remarks TEXT NOT NULL) STRICT;
        CREATE INDEX IF NOT EXISTS jobs_open ON jobs (position) WHERE finished IS NULL;
        CREATE TABLE IF NOT EXISTS pictures (
          number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, job TEXT, file TEXT NOT NULL, created INTEGER NOT NULL, width INTEGER NOT NULL,
          height INTEGER NOT NULL,
          prompt TEXT NOT NULL, negative TEXT NOT NULL, seed INTEGER, steps INTEGER, sampler TEXT, model TEXT, parameters TEXT, deleted INTEGER) STRICT;
        CREATE INDEX IF NOT EXISTS pictures_by_age ON pictures (created, id);
        CREATE INDEX IF NOT EXISTS pictures_of_job ON pictures (job);
        CREATE TABLE IF NOT EXISTS tags (picture TEXT NOT NULL, tag TEXT NOT NULL, PRIMARY KEY (picture, tag)) STRICT;
        CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5 (prompt, negative, model, sampler, content='pictures', content_rowid='number');
        CREATE TRIGGER IF NOT EXISTS pictures_in AFTER INSERT ON pictures BEGIN
          INSERT INTO words (rowid, prompt, negative, model, sampler) VALUES (new.number, new.prompt, new.negative, new.model, new.sampler);
        END;
        CREATE TRIGGER IF NOT EXISTS pictures_out AFTER DELETE ON pictures BEGIN
          INSERT INTO words (words, rowid, prompt, negative, model, sampler) VALUES ('delete', old.number, old.prompt, old.negative, old.model, old.sampler);
        END;
        """;

    // https://www.sqlite.org/rescode.html
    private const int NotPermitted = 3, Busy = 5, Locked = 6, ReadOnly = 8, IoError = 10, Corrupt = 11, Full = 13, CannotOpen = 14, NotADatabase = 26;

    private readonly string _file, _readers;
    private readonly SqliteConnection _writer;
    private readonly Lock _turn = new();

    private Database(string file, int patience)
    {
        _file = file;
        var source = new SqliteConnectionStringBuilder { DataSource = file, Pooling = true, DefaultTimeout = patience };
        _readers = source.ToString();
        source.Pooling = false;
        _writer = new SqliteConnection(source.ToString());
        _writer.Open();
        Run(_writer, $"PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = {patience}000; PRAGMA temp_store = MEMORY;");
        Run(_writer, Schema);
    }

    /// <summary>Opens the file, made where there is none.</summary>
    /// <exception cref="DamagedDatabaseException">It is damaged.</exception>
    /// <exception cref="EaselException">It cannot be read or written.</exception>
    /// <param name="patience">Seconds to wait for another program that works with it.</param>
    public static Database Open(string file, int patience = 5)
    {
        try
        {
            return new Database(file, patience);
        }
        catch (SqliteException e)
        {
            SqliteConnection.ClearAllPools();
            throw Failure(file, e);
        }
    }

    /// <summary>Does some writing as a whole or not at all.</summary>
    /// <exception cref="ServerException">The disk is full (507).</exception>
    public void Write(Action<SqliteConnection> work)
    {
        lock (_turn)
        {
            try
            {
                using var transaction = _writer.BeginTransaction();
                work(_writer);
                transaction.Commit();
            }
            catch (SqliteException e)
            {
                throw e.SqliteErrorCode is Corrupt or NotADatabase ? Failure(_file, e) : new ServerException(Status507InsufficientStorage,
                    IsFull(_file, e) ? "The disk is full, so the server cannot write its records."
                        : $"The server cannot write its records: {Reason(_file, e)}", e);
            }
        }
    }

    /// <exception cref="DamagedDatabaseException">What is asked for lies in a damaged part.</exception>
    /// <exception cref="EaselException">It cannot be read.</exception>
    public T Read<T>(Func<SqliteConnection, T> work)
    {
        try
        {
            using var connection = new SqliteConnection(_readers);
            connection.Open();
            return work(connection);
        }
        catch (SqliteException e)
        {
            throw Failure(_file, e);
        }
    }

    /// <summary>Whether SQLite finds nothing wrong in the file.</summary>
    /// <exception cref="EaselException">It cannot be asked: the file is busy, or may not be read.</exception>
    public bool IsSound()
    {
        try
        {
            return Read(connection => Query(connection, "PRAGMA quick_check", row => row.GetString(0))) is ["ok"];
        }
        catch (DamagedDatabaseException)
        {
            return false;
        }
    }

    public void Dispose()
    {
        _writer.Dispose();
        using var readers = new SqliteConnection(_readers);
        SqliteConnection.ClearPool(readers);
    }

    /// <summary>Carries out a statement; values are parameters ($name) and never part of the text.</summary>
    public static int Run(SqliteConnection connection, string sql, params ReadOnlySpan<(string Name, object? Value)> values)
    {
        using var command = Command(connection, sql, values);
        return command.ExecuteNonQuery();
    }

    public static List<T> Query<T>(
        SqliteConnection connection, string sql, Func<SqliteDataReader, T> row, params ReadOnlySpan<(string Name, object? Value)> values)
    {
        using var command = Command(connection, sql, values);
        using var reader = command.ExecuteReader();
        var rows = new List<T>();
        while (reader.Read()) rows.Add(row(reader));
        return rows;
    }

    private static EaselException Failure(string file, SqliteException e) => e.SqliteErrorCode is Corrupt or NotADatabase
        ? new DamagedDatabaseException(file, e) : new EaselException($"The database {file} cannot be used: {Reason(file, e)}", e);

    /// <summary>SQLite itself tells a full disk as such only where it writes pages, and not where it makes room for its log.</summary>
    private static bool IsFull(string file, SqliteException e)
    {
        const long room = 64 << 10; // what a log and its index begin with
        if (e.SqliteErrorCode is not (IoError or CannotOpen)) return e.SqliteErrorCode == Full;
        try
        {
            var disk = new DriveInfo(Path.GetDirectoryName(Path.GetFullPath(file))!);
            return disk.AvailableFreeSpace < room;
        }
        catch (Exception unknown) when (unknown is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return false;
        }
    }

    private static string Reason(string file, SqliteException e) => IsFull(file, e) ? "the disk is full." : e.SqliteErrorCode switch
    {
        Busy or Locked => "another program works with it; end that one, and try again.",
        NotPermitted or ReadOnly => "it may not be written, which is forbidden by its own permissions or by the disk's.",
        CannotOpen => "it or its folder may not be opened; see to whom they belong, and what this user may do there.",
        _ => e.Message,
    };

    private static SqliteCommand Command(SqliteConnection connection, string sql, ReadOnlySpan<(string Name, object? Value)> values)
    {
        var command = connection.CreateCommand();
        command.CommandText = sql;
        foreach (var (name, value) in values) command.Parameters.AddWithValue(name, value ?? DBNull.Value);
        return command;
    }
}

/// <summary>Columns that may be empty, and points in time, which are stored as milliseconds.</summary>
internal static class Columns
{
    public static string? TextOrNull(this SqliteDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);

    public static long? LongOrNull(this SqliteDataReader row, int column) => row.IsDBNull(column) ? null : row.GetInt64(column);

    /// <summary>A number that is no time, as damage leaves one, is the nearest that there is.</summary>
    public static DateTimeOffset Time(this SqliteDataReader row, int column) => DateTimeOffset.FromUnixTimeMilliseconds(
        Math.Clamp(row.GetInt64(column), DateTimeOffset.MinValue.ToUnixTimeMilliseconds(), DateTimeOffset.MaxValue.ToUnixTimeMilliseconds()));

    public static DateTimeOffset? TimeOrNull(this SqliteDataReader row, int column) => row.IsDBNull(column) ? null : row.Time(column);
}
