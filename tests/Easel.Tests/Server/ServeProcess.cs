using System.Diagnostics;
using System.Reflection;
using Easel.Server.Tests.Support;

namespace Easel.Tests.Server;

/// <summary><c>easel serve</c> as a process of its own, for what cannot be tried from inside: being killed.</summary>
internal sealed class ServeProcess : IDisposable
{
    private readonly Process _process;

    private ServeProcess(Process process, string address)
    {
        _process = process;
        Client = new HttpClient { BaseAddress = new Uri(address), Timeout = TimeSpan.FromMinutes(1) };
    }

    public HttpClient Client { get; }

    /// <summary>Starts it on a free port and waits until it says where it is.</summary>
    public static ServeProcess Start(string output, params string[] flags)
    {
        // From its own folder: beside the tests lie other versions of some assemblies than it was built with.
        var folder = typeof(ServeProcess).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == "CliFolder").Value!;
        var program = Path.Combine(folder, OperatingSystem.IsWindows() ? "easel.exe" : "easel");
        var start = new ProcessStartInfo(program,
            ["serve", "--port", "0", "--output", output, "--models", RunningServer.Model, "--precision", "full", .. flags])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["EASEL_MODEL"] = "";
        var process = Process.Start(start)!;
        var line = process.StandardOutput.ReadLine();
        if (line is null || !line.StartsWith("Easel is at ", StringComparison.Ordinal))
            throw new InvalidOperationException($"{line}{process.StandardError.ReadToEnd()}");
        process.BeginErrorReadLine();
        return new ServeProcess(process, line["Easel is at ".Length..]);
    }

    /// <summary>Ends it as a power cut would: SIGKILL.</summary>
    public void Kill()
    {
        _process.Kill();
        _process.WaitForExit();
    }

    public void Dispose()
    {
        Client.Dispose();
        if (!_process.HasExited) Kill();
        _process.Dispose();
    }
}
