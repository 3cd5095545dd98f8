using Easel.Runtime;

namespace Easel.Tests.Runtime;

/// <summary>Guards that a person is told in one sentence why libtorch could not be loaded.</summary>
public sealed class NativeRuntimeTests
{
    /// <summary>As TorchSharp has it: a first line, and then a page of what was tried.</summary>
    public static TheoryData<Exception> Failures { get; } =
    [
        new TypeInitializationException("TorchSharp.torch", new NotSupportedException("There is no libtorch.\nTrace from LoadNativeBackend:\n...")),
        new TypeInitializationException("TorchSharp.torch", new DllNotFoundException("There is no libtorch.")),
        new DllNotFoundException("There is no libtorch"),
        new BadImageFormatException("There is no libtorch."),
    ];

    [Theory]
    [MemberData(nameof(Failures))]
    public void WhyItDoesNotLoad(Exception failure)
    {
        var told = Assert.Throws<EaselException>(() => NativeRuntime.Load(() => throw failure));
        Assert.Equal("libtorch, which does the arithmetic, could not be loaded: There is no libtorch.", told.Message);
        Assert.Same(failure, told.InnerException);
    }

    [Fact]
    public void WhereItLoadsNothingIsSaid()
    {
        NativeRuntime.Load();
        Assert.Throws<InvalidOperationException>(() => NativeRuntime.Load(() => throw new InvalidOperationException()));
    }
}
