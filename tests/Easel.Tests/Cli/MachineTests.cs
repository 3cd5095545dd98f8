using System.Diagnostics;
using System.Reflection;

namespace Easel.Tests.Cli;

/// <summary>Guards what a process of its own alone can show: that the kernels need no folder for temporary files, and that a low limit is told as the
/// cause.</summary>
public sealed class MachineTests
{
    private static (int Code, string Text) Easel(string before, string words)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Limits are set by a shell here.");
        var folder = typeof(MachineTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == "CliFolder").Value!;
        using var process = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", $"{before}; exec \"{Path.Combine(folder, "easel")}\" {words} 2>&1"])
        { RedirectStandardOutput = true })!;
        var text = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, text);
    }

    [Fact]
    public void KernelsNeedNoFolderForTemporaryFiles()
    {
        var (code, text) = Easel("export TMPDIR=/nonexistent", "info --machine");
        Assert.Equal(0, code);
        Assert.Matches("/nonexistent/? \\(not there\\)", text);
        if (System.Runtime.InteropServices.RuntimeInformation.ProcessArchitecture == System.Runtime.InteropServices.Architecture.X64)
            Assert.Contains("packed layers (oneDNN): in use", text);
        foreach (var fact in (string[])["processor:", "threads:", "libtorch 2.", "memory free:", "open files:", "cache:"]) Assert.Contains(fact, text);
    }

    [Theory]
    [InlineData("ulimit -n 30", "files open at once")]
    [InlineData("ulimit -n 60", "files open at once")]
    [InlineData("ulimit -v 3000000", "MB of addresses")]
    public void ALimitThatIsTooLowIsToldAsTheCause(string limit, string cause)
    {
        var (code, text) = Easel(limit, "info --machine");
        Assert.Equal(1, code);
        Assert.Matches(@"^easel: [^\n]*" + cause + @"[^\n]*\.\n$", text);
    }
}
