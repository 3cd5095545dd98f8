namespace Easel.Runtime;

/// <summary>What the system and .NET let this process have. Where it is too little, what fails is far from the cause: an assembly is "not found", a thread
/// cannot
/// be made, libtorch "is not there".</summary>
internal static class ProcessLimits
{
    private const long LeastFiles = 128, LeastAddresses = 6L << 30;
    private const int TooManyFiles = 24; // EMFILE
    private const string File = "/proc/self/limits";

    /// <summary>Bytes that the managed heap was limited to by whoever started the process; null where nobody did.</summary>
    public static long? Heap => GC.GetConfigurationVariables().TryGetValue("GCHeapHardLimit", out var set) && set is long and > 0 ? (long)set : null;

    /// <summary>A limit with which nothing can be drawn, as a sentence; null where there is none that is known.</summary>
    public static string? Shortage()
    {
        const string how = "'ulimit -n' says how many a shell allows.";
        try
        {
            if (Limit("Max open files") is { } files and < LeastFiles)
                return $"This process may have {files} files open at once, and needs {LeastFiles}: {how}";
        }
        catch (IOException e) when (e.HResult == TooManyFiles)
        {
            return $"This process has as many files open at once as it may, and needs {LeastFiles}: {how}"; // so few that the limit cannot be read
        }
        if (Limit("Max address space") is { } addresses and < LeastAddresses)
            return $"This process may take {addresses >> 20} MB of addresses, and needs {LeastAddresses >> 20}, most of which stay unused: "
                + "'ulimit -v' says how many kilobytes a shell allows.";
        return null;
    }

    /// <summary>Those that have been the cause of a fault, as "open files: 1024"; empty where the system does not tell.</summary>
    public static IEnumerable<string> All() => ((string[])["Max open files", "Max address space", "Max processes", "Max file size", "Max locked memory"])
        .Select(name => (name, Value: Text(name))).Where(limit => limit.Value is not null).Select(limit => $"{limit.name[4..]}: {limit.Value}")
        .Concat(Heap is { } heap ? [$"managed heap: {heap >> 20} MB"] : []);

    private static long? Limit(string name) => long.TryParse(Text(name), CultureInfo.InvariantCulture, out var number) ? number : null;

    private static string? Text(string name)
    {
        try
        {
            if (!OperatingSystem.IsLinux()) return null;
            // By what .NET has loaded at the start: each further assembly is a file, of which there may be one too many.
            var limits = System.IO.File.ReadAllText(File);
            if (limits.IndexOf(name, StringComparison.Ordinal) is not (>= 0 and var at)) return null;
            var told = limits[(at + name.Length)..].TrimStart(' ');
            return told[..told.IndexOf(' ', StringComparison.Ordinal)];
        }
        catch (Exception e) when (e is IOException { HResult: not TooManyFiles } or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
