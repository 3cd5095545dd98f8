using System.Diagnostics;

namespace Easel.Benchmarks;

/// <summary>How much of the machine other processes used since this was made: a busy neighbour makes every figure two or three times as large.</summary>
internal sealed class ForeignLoad
{
    private readonly long _start = Stopwatch.GetTimestamp();
    private readonly double _busy = Busy();
    private readonly double _own = Own();

    /// <summary>Processors used by others, as a share of one.</summary>
    public double Share() => OperatingSystem.IsLinux() ? Math.Max(0, (Busy() - _busy - (Own() - _own)) / Stopwatch.GetElapsedTime(_start).TotalSeconds)
        : double.NaN;

    private static double Own() => Process.GetCurrentProcess().TotalProcessorTime.TotalSeconds;

    /// <summary>Seconds of work of all processors: user, nice and system time of /proc/stat, in hundredths.</summary>
    public static double Busy() => OperatingSystem.IsLinux()
        ? File.ReadLines("/proc/stat").First().Split(' ', StringSplitOptions.RemoveEmptyEntries).Skip(1).Take(3).Sum(double.Parse) / 100
        : double.NaN;
}
