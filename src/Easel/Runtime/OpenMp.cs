using System.Runtime.InteropServices;

namespace Easel.Runtime;

/// <summary>Settings of the libraries under libtorch, which they read once: the thread pool and the allocator.</summary>
internal static partial class OpenMp
{
    private static readonly Lock Once = new();
    private static bool _prepared;

    /// <summary>Sets what the person has not set. To be called before anything of torch is touched; a second call does nothing.</summary>
    public static void Prepare()
    {
        // Environment.SetEnvironmentVariable does not reach the C library, where these are read.
        if (!OperatingSystem.IsLinux()) return;
        lock (Once)
        {
            if (_prepared) return;
            _prepared = true;
        }

        // By default idle threads spin so long that a step takes several times as long as soon as another program wants a processor.
        _ = SetEnv("GOMP_SPINCOUNT", "2000", 0);

        // Activations come and go by the tens of megabytes. In pages of 4 kB, given back to the system each time, a step spends a sixth of its time having them cleared.
        _ = SetEnv("THP_MEM_ALLOC_ENABLE", "1", 0);
        if (Environment.GetEnvironmentVariable("MALLOC_TRIM_THRESHOLD_") is null)
        {
            const int TrimThreshold = -1, MmapThreshold = -3;
            _ = MallOpt(TrimThreshold, 512 << 20);
            _ = MallOpt(MmapThreshold, 512 << 20);
        }
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetEnv(string name, string value, int overwrite);

    [LibraryImport("libc", EntryPoint = "mallopt")]
    private static partial int MallOpt(int parameter, int value);
}
