using System.Diagnostics;
using Easel.Server.Tests;

[assembly: AssemblyFixture(typeof(NoTorch))]

namespace Easel.Server.Tests;

/// <summary>Looks, when all tests are over, whether one of them loaded libtorch: the server, its APIs and its page must do without until they draw with a real network.</summary>
public sealed class NoTorch : IDisposable
{
    public void Dispose()
    {
        using var process = Process.GetCurrentProcess();
        var loaded = process.Modules.Cast<ProcessModule>().Select(module => module.ModuleName);
        Assert.DoesNotContain(loaded, name => name.Contains("torch", StringComparison.OrdinalIgnoreCase) && !name.EndsWith(".dll", StringComparison.Ordinal) || name == "LibTorchSharp");
    }
}
