using System.Diagnostics;
using Easel.Server.Tests;

[assembly: AssemblyFixture(typeof(NoTorch))]

namespace Easel.Server.Tests;

/// <summary>
/// Looks, when all tests are over, whether one of them loaded libtorch: the server, its APIs and its page do without it until they draw with a network.
/// </summary>
public sealed class NoTorch : IDisposable
{
    public void Dispose()
    {
        using var process = Process.GetCurrentProcess();
        var loaded = process.Modules.Cast<ProcessModule>().Select(module => module.ModuleName);
        // TorchSharp.dll is loaded for its types, and on Windows so are libraries of that ending.
        Assert.DoesNotContain(loaded, name => name.Contains("torch_cpu", StringComparison.OrdinalIgnoreCase)
            || name.Contains("LibTorchSharp", StringComparison.OrdinalIgnoreCase));
    }
}
