namespace Easel.Torture;

/// <summary>This program again, as a server or at a rebuild, in a process that can be killed.</summary>
internal sealed class Child : IDisposable
{
    private readonly Process _process;
    private bool _isDisposed;

    private Child(Process process) => _process = process;

    public HttpClient Client { get; } = new() { Timeout = TimeSpan.FromMinutes(1) };

    /// <summary>The memory that it takes, in bytes.</summary>
    public long Memory
    {
        get
        {
            _process.Refresh();
            return _process.WorkingSet64;
        }
    }

    public bool HasEnded => _process.HasExited;

    /// <summary>Starts a server and waits for its address.</summary>
    /// <exception cref="InvalidOperationException">It does not start; the message says what it printed.</exception>
    public static Child Serve(string folder, int? clockSeed = null, string? heapLimit = null, MemoryCell? cell = null)
    {
        var child = Start(heapLimit, cell, "serve", folder, clockSeed?.ToString(CultureInfo.InvariantCulture) ?? "");
        var address = child._process.StandardOutput.ReadLine();
        if (address is null)
        {
            var said = child._process.StandardError.ReadToEnd();
            child.Dispose();
            throw new InvalidOperationException(said);
        }
        child._process.BeginErrorReadLine();
        child.Client.BaseAddress = new Uri(address);
        return child;
    }

    /// <summary>Starts a server with a farm, and waits for its address.</summary>
    public static Child ServeFarm(string folder, string farm, int copies)
    {
        var child = Start(null, null, "serve-farm", folder, farm, copies.ToString(CultureInfo.InvariantCulture));
        child._process.BeginErrorReadLine();
        string? address;
        do
        {
            address = child._process.StandardOutput.ReadLine() ?? throw new InvalidOperationException("A server with a farm does not start.");
        }
        while (!address.StartsWith("http", StringComparison.Ordinal)); // before it the log may tell that the broker is away
        _ = child._process.StandardOutput.ReadToEndAsync(); // nobody reads it, and it must not stand in the way
        child.Client.BaseAddress = new Uri(address);
        return child;
    }

    /// <summary>Starts a worker of a farm.</summary>
    public static Child Work(string farm, string name)
    {
        var child = Start(null, null, "work", farm, name);
        child._process.BeginErrorReadLine();
        child._process.BeginOutputReadLine();
        return child;
    }

    /// <summary>Starts a rebuild.</summary>
    public static Child Rebuild(string folder) => Start(null, null, "rebuild", folder);

    /// <summary>Ends it as a power cut would.</summary>
    public void Kill()
    {
        _process.Kill();
        _process.WaitForExit();
    }

    /// <returns>Whether it ended well.</returns>
    public bool Wait()
    {
        _process.WaitForExit();
        return _process.ExitCode == 0;
    }

    public void Dispose()
    {
        if (_isDisposed) return;
        _isDisposed = true;
        Client.Dispose();
        if (!_process.HasExited) Kill();
        _process.Dispose();
    }

    private static Child Start(string? heapLimit, MemoryCell? cell, params string[] words)
    {
        var program = Environment.ProcessPath!;
        List<string> all = program.EndsWith("dotnet", StringComparison.Ordinal) ? [program, typeof(Child).Assembly.Location, .. words] : [program, .. words];
        if (cell is not null) all = [.. cell.Within(all[0], all[1..])];
        var start = new ProcessStartInfo(all[0], all[1..]) { RedirectStandardOutput = true, RedirectStandardError = true };
        if (heapLimit is not null) start.Environment["DOTNET_GCHeapHardLimit"] = heapLimit;
        return new Child(Process.Start(start)!);
    }
}
