namespace Easel.Torture;

/// <summary>A control group that holds a process to so much memory, pages of files included; the kernel ends what wants more. Of both kinds that Linux
/// has.</summary>
internal sealed class MemoryCell : IDisposable
{
    private readonly string _folder;
    private readonly bool _isSecond;

    private MemoryCell(string folder, bool isSecond) => (_folder, _isSecond) = (folder, isSecond);

    /// <summary>How often a process in it was ended for wanting more.</summary>
    public long Killed => Number(_isSecond ? "memory.events" : "memory.oom_control", "oom_kill");

    /// <summary>The most memory that was taken in it, in bytes.</summary>
    public long Peak => Number(_isSecond ? "memory.peak" : "memory.max_usage_in_bytes", null);

    /// <summary>Makes one; null where this machine, or who runs this, may not.</summary>
    public static MemoryCell? Make(long bytes)
    {
        if (!OperatingSystem.IsLinux()) return null;
        foreach (var (parent, isSecond) in Parents())
        {
            var folder = Path.Combine(parent, $"easel-torture-{Environment.ProcessId}");
            var cell = new MemoryCell(folder, isSecond);
            try
            {
                Directory.CreateDirectory(folder);
                // A file that is not there is a controller that is not on, and cannot be made here.
                File.WriteAllText(Path.Combine(folder, isSecond ? "memory.max" : "memory.limit_in_bytes"), bytes.ToString(CultureInfo.InvariantCulture));
                _ = (cell.Killed, cell.Peak);
                return cell;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                cell.Dispose();
            }
        }
        return null;
    }

    /// <summary>A command that runs another within it from the first moment on.</summary>
    public IEnumerable<string> Within(string program, IEnumerable<string> words) =>
        ["sh", "-c", $"echo $$ > '{_folder}/cgroup.procs' && exec \"$0\" \"$@\"", program, .. words];

    public void Dispose()
    {
        try
        {
            if (Directory.Exists(_folder)) Directory.Delete(_folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Console.Error.WriteLine($"{_folder} stays: {e.Message}");
        }
    }

    private static IEnumerable<(string Folder, bool IsSecond)> Parents()
    {
        if (!File.Exists("/proc/self/cgroup")) yield break;
        foreach (var line in File.ReadAllLines("/proc/self/cgroup"))
        {
            if (line.Split(':', 3) is not [_, var controllers, var own]) continue;
            if (controllers.Length == 0)
                foreach (var place in (string[])[own.TrimStart('/'), ""]) yield return (Path.Combine("/sys/fs/cgroup", place), true);
            else if (controllers.Split(',').Contains("memory"))
                foreach (var place in (string[])[own.TrimStart('/'), ""]) yield return (Path.Combine("/sys/fs/cgroup/memory", place), false);
        }
    }

    /// <summary>The number in a file, or in its line of a name.</summary>
    private long Number(string file, string? name)
    {
        var lines = File.ReadAllLines(Path.Combine(_folder, file));
        var line = name is null ? lines[0] : lines.Single(line => line.StartsWith(name + " ", StringComparison.Ordinal))[(name.Length + 1)..];
        return long.Parse(line, CultureInfo.InvariantCulture);
    }
}
