using System.Runtime.CompilerServices;
using Easel.Runtime;

namespace Easel.Tests.Support;

internal static class TestRun
{
    /// <summary>Tests may touch torch before a generator does.</summary>
    [ModuleInitializer]
    internal static void Prepare() => NativeRuntime.Prepare();
}
