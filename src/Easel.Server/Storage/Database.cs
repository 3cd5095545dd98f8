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
        CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5 (prompt, negative, model, sampler, content='pictures', content_rowid='number');
        CREATE TRIGGER IF NOT EXISTS pictures_in AFTER INSERT ON pictures BEGIN
          INSERT INTO words (rowid, prompt, negative, model, sampler) VALUES (new.number, new.prompt, new.negative, new.model, new.sampler);
        END;
        CREATE TRIGGER IF NOT EXISTS pictures_out AFTER DELETE ON pictures BEGIN
          INSERT INTO words (words, rowid, prompt, negative, model, sampler) VALUES ('delete', old.number, old.prompt, old.negative, old.model, old.sampler);
        END;
        """;

    private const int Corrupt = 11, Full = 13, NotADatabase = 26;

    private readonly string _readers;
    private readonly SqliteConnection _writer;
    private readonly Lock _turn = new();

    private Database(string file)
    {
        var source = new SqliteConnectionStringBuilder { DataSource = file, Pooling = true };
        _readers = source.ToString();
        source.Pooling = false;
        _writer = new SqliteConnection(source.ToString());
        _writer.Open();
        Run(_writer, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000;");
        Run(_writer, Schema);
    }

    /// <summary>Opens the file, made where there is none.</summary>
    /// <exception cref="EaselException">It is damaged or cannot be written.</exception>
    public static Database Open(string file)
    {
        try
        {
            return new Database(file);
        }
        catch (SqliteException e)
        {
            SqliteConnection.ClearAllPools();
            throw e.SqliteErrorCode is Corrupt or NotADatabase
                ? new EaselException($"The database {file} is damaged; 'easel gallery rebuild' makes it anew from the pictures.", e)
                : new EaselException($"The database {file} cannot be used: {e.Message}", e);
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
                throw new ServerException(Status507InsufficientStorage,
                    e.SqliteErrorCode == Full ? "The disk is full, so the server cannot write its records."
                        : $"The server cannot write its records: {e.Message}", e);
            }
        }
    }

    public T Read<T>(Func<SqliteConnection, T> work)
    {
        using var connection = new SqliteConnection(_readers);
        connection.Open();
        return work(connection);
    }

    /// <summary>Whether SQLite finds nothing wrong in the file.</summary>
    public bool IsSound()
    {
        try
        {
            return Read(connection => Query(connection, "PRAGMA quick_check", row => row.GetString(0))) is ["ok"];
        }
        catch (SqliteException)
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

    public static DateTimeOffset Time(this SqliteDataReader row, int column) => DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(column));

    public static DateTimeOffset? TimeOrNull(this SqliteDataReader row, int column) => row.IsDBNull(column) ? null : row.Time(column);
}
