using System.Runtime.InteropServices;

namespace Easel.Runtime;

/// <summary>Settings of the thread pool inside libtorch, which it reads once, when it is loaded.</summary>
internal static partial class OpenMp
{
    /// <summary>
    /// Shortens the time for which idle threads spin before they sleep. By default they spin so long that a step takes several times as long as soon as another program wants
    /// a processor. What the person has set stays. To be called before anything of torch is touched; later it does nothing.
    /// </summary>
    public static void Prepare()
    {
        // Environment.SetEnvironmentVariable does not reach the C library, where libgomp looks.
        if (!OperatingSystem.IsLinux()) return;
        _ = SetEnv("GOMP_SPINCOUNT", "2000", 0);
        _ = SetEnv("THP_MEM_ALLOC_ENABLE", "1", 0);
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetEnv(string name, string value, int overwrite);
}
