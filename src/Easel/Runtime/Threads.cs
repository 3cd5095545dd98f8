using System.Diagnostics;

namespace Easel.Runtime;

/// <summary>How many threads do a network's work: the one place where that is chosen, for every shell.</summary>
internal static partial class Threads
{
    /// <summary>Values flowing from layer to layer for which a thread is worth its while. The operations of a smaller network are so short that handing their
    /// parts to others takes as long as doing them.</summary>
    private const long Grain = 64 * 1024;

    private const int MostAsked = 1024;

    private static readonly Lazy<int> AtHand = new(() => Math.Max(1, Math.Min(get_num_threads(), Environment.ProcessorCount)));

    /// <summary>Threads that there are for this process: its processors, as far as its container and OMP_NUM_THREADS let it have them.</summary>
    public static int Most => AtHand.Value;

    /// <exception cref="InvalidRequestException">There cannot be so many threads.</exception>
    public static void Check(LoadOptions options)
    {
        if (options.Threads is < 1 or > MostAsked)
            throw new InvalidRequestException(nameof(LoadOptions.Threads), $"The number of threads is {options.Threads}; it must be from 1 to {MostAsked}.");
    }

    /// <summary>Takes note of what is asked for this process.</summary>
    /// <exception cref="InvalidRequestException">There cannot be so many threads.</exception>
    public static void Heed(LoadOptions options)
    {
        options.Validate();
        if (options.LowPriority) GiveWay();
    }

    /// <summary>Has this thread's next work with libtorch done by as many threads as pay. Results do not depend on how many they are.</summary>
    /// <param name="values">Values that flow between the network's widest layers.</param>
    /// <param name="asked">The number that the person wants; null to choose.</param>
    public static void Use(long values, int? asked)
    {
        var threads = asked ?? (IsFixed ? Most : (int)Math.Clamp(values / Grain, 1, Most));
        if (get_num_threads() != threads) set_num_threads(threads);
    }

    /// <summary>Lets every other program go first. On Linux that is a matter of each thread, which those that it starts inherit.</summary>
    private static void GiveWay()
    {
        if (!OperatingSystem.IsLinux())
        {
            using var process = Process.GetCurrentProcess();
            process.PriorityClass = ProcessPriorityClass.Idle;
            return;
        }
        foreach (var thread in Directory.EnumerateDirectories("/proc/self/task"))
            _ = SetPriority(which: 0, int.Parse(Path.GetFileName(thread), CultureInfo.InvariantCulture), 19);
    }

    [LibraryImport("libc", EntryPoint = "setpriority")]
    private static partial int SetPriority(int which, int who, int priority);

    /// <summary>Whether the person has said by the customary variable how many threads there are to be.</summary>
    private static bool IsFixed => Environment.GetEnvironmentVariable("OMP_NUM_THREADS") is { Length: > 0 };
}
