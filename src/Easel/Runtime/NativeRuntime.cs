namespace Easel.Runtime;

/// <summary>Settings of the libraries under libtorch, on Linux: the thread pool and the allocator.</summary>
internal static partial class NativeRuntime
{
    private const int TrimThreshold = -1, MmapThreshold = -3; // of mallopt
    private const int Megabyte = 1 << 20;

    private static readonly Lock Gate = new();
    private static bool _prepared;
    private static bool _allocatorIsOurs;
    private static bool? _keepsLargeBlocks;

    /// <summary>Sets what is read once, where the person has not set it. To be called before anything of torch is touched; a second call does
    /// nothing.</summary>
    public static void Prepare()
    {
        if (!OperatingSystem.IsLinux()) return;
        lock (Gate)
        {
            if (_prepared) return;
            _prepared = true;

            // By default idle threads spin so long that a step takes several times as long as soon as another program wants a processor: they are to sleep.
            // Environment.SetEnvironmentVariable does not reach the C library, where these are read when libgomp is loaded.
            if (Environment.GetEnvironmentVariable("OMP_WAIT_POLICY") is null) _ = SetEnv("GOMP_SPINCOUNT", "0", 0);
            _allocatorIsOurs = Environment.GetEnvironmentVariable("MALLOC_MMAP_THRESHOLD_") is null
                && Environment.GetEnvironmentVariable("MALLOC_TRIM_THRESHOLD_") is null;
        }
        KeepLargeBlocks();
    }

    /// <summary>Prepares, and loads libtorch.</summary>
    public static void Load() => Load(() =>
    {
        Prepare();
        torch.InitializeDeviceType(DeviceType.CPU);
        _ = Threads.Most; // before anybody sets it
    });

    /// <inheritdoc cref="Load()"/>
    /// <param name="first">Does the first thing with libtorch.</param>
    internal static void Load(Action first)
    {
        try
        {
            first();
        }
        catch (Exception e)
            when (e is TypeInitializationException or NotSupportedException or DllNotFoundException or BadImageFormatException or EntryPointNotFoundException)
        {
            var reason = ((e as TypeInitializationException)?.InnerException ?? e).Message.ReplaceLineEndings("\n").Split('\n')[0];
            throw new EaselException($"libtorch, which does the arithmetic, could not be loaded: {reason.TrimEnd('.')}.", e);
        }
    }

    /// <summary>For the steps, which ask for the same blocks of tens of megabytes again and again: what is freed stays with the process. Given back to the
    /// system each time, a step spends a sixth of its time having pages cleared.</summary>
    public static void KeepLargeBlocks() => Set(keeps: true);

    /// <summary>For what comes once and is large, such as the decoder's layers: free memory goes back to the system now, and from here on every large block
    /// does as soon as it is freed, so that the heap is not left in pieces that the next block does not fit.</summary>
    public static void ReturnLargeBlocks()
    {
        Set(keeps: false);
        Trim();
    }

    /// <summary>Gives free memory back to the system.</summary>
    public static void Trim()
    {
        if (!OperatingSystem.IsLinux()) return;
        try
        {
            _ = MallocTrim(0);
        }
        catch (EntryPointNotFoundException)
        {
            // A C library other than glibc keeps less for later by itself.
        }
    }

    private static void Set(bool keeps)
    {
        lock (Gate)
        {
            if (!_allocatorIsOurs || _keepsLargeBlocks == keeps) return;
            _keepsLargeBlocks = keeps;
            _ = MallOpt(TrimThreshold, 512 * Megabyte);
            _ = MallOpt(MmapThreshold, (keeps ? 512 : 4) * Megabyte);
        }
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetEnv(string name, string value, int overwrite);

    [LibraryImport("libc", EntryPoint = "mallopt")]
    private static partial int MallOpt(int parameter, int value);

    [LibraryImport("libc", EntryPoint = "malloc_trim")]
    private static partial int MallocTrim(nuint padding);
}
