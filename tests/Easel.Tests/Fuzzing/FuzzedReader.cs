using System.Diagnostics;

namespace Easel.Tests.Fuzzing;

/// <summary>A reader under fire: a row of FuzzedReaders.</summary>
/// <param name="Name">Its name, which begins the names of the cases that are kept of it.</param>
/// <param name="Next">The next case: something sound, damaged.</param>
/// <param name="Read">Reads a case. True where it was read, false where it was refused as it should be; any exception is a fault.</param>
internal sealed record FuzzedReader(string Name, Func<Damage, byte[]> Next, Func<byte[], bool> Read)
{
    /// <summary>What one case may take: memory that is managed, and time, both on the clock and of the processors, since a machine may be busy with other
    /// work.</summary>
    public const long MostBytes = 256L << 20, MostMilliseconds = 5000;

    /// <summary>Reads a case, with an eye on what it takes.</summary>
    /// <returns>Whether it was read, and what is wrong with the reader: null for nothing.</returns>
    public (bool IsRead, string? Fault) Try(byte[] bytes)
    {
        var (before, watch, spent) = (GC.GetAllocatedBytesForCurrentThread(), Stopwatch.StartNew(), Spent());
        bool isRead;
        try
        {
            isRead = Read(bytes);
        }
        catch (Exception error)
        {
            return (false, error.ToString());
        }
        var (allocated, took) = (GC.GetAllocatedBytesForCurrentThread() - before, Math.Min(watch.ElapsedMilliseconds, Spent() - spent));
        return (isRead, allocated > MostBytes ? $"took {allocated >> 20} MiB of memory" : took > MostMilliseconds ? $"took {took} ms" : null);
    }

    /// <summary>What the processors have spent on this process, in milliseconds; all the time there is where the system does not tell.</summary>
    private static long Spent() => OperatingSystem.IsLinux() || OperatingSystem.IsWindows() || OperatingSystem.IsMacOS()
        ? (long)Environment.CpuUsage.TotalTime.TotalMilliseconds : Environment.TickCount64;

    /// <summary>A row whose reader refuses by a sentence of the library.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="sound">What is sound.</param>
    /// <param name="hurt">How it is damaged.</param>
    /// <param name="read">Reads it, to the last property.</param>
    public static FuzzedReader Of(string name, IReadOnlyList<byte[]> sound, Func<Damage, byte[], byte[]> hurt, Action<byte[]> read) =>
        new(name, damage => hurt(damage, damage.Any(sound)), bytes =>
        {
            try
            {
                read(bytes);
                return true;
            }
            catch (EaselException refusal) when (refusal.Message is { Length: > 0 and < 2000 } sentence && sentence[^1] is '.' or ':')
            {
                return false;
            }
        });
}
