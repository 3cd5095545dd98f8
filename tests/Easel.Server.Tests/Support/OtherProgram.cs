namespace Easel.Server.Tests.Support;

/// <summary>A program of the system that a test asks for something only it can do: mounting, namespaces.</summary>
internal static class OtherProgram
{
    /// <summary>Runs it and waits.</summary>
    /// <returns>Whether it is there, on Linux, and ended well.</returns>
    public static bool Does(string program, params string[] words)
    {
        if (!OperatingSystem.IsLinux()) return false;
        try
        {
            using var process = System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo(program, words) { RedirectStandardError = true })!;
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }
}
