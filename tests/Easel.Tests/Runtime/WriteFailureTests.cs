using Easel.Tests.Cli;
using Easel.Tests.Support;

namespace Easel.Tests.Runtime;

/// <summary>Guards that what the system says of a file is told in words of our own, with what helps.</summary>
public sealed class WriteFailureTests
{
    /// <summary>The words and numbers with which .NET 10 says it on Linux.</summary>
    public static TheoryData<Exception, string, string> Failures { get; } = new()
    {
        { new IOException("No space left on device : '/m/x'", 28), "the disk is full; make room", "'/m/x' cannot be written: the disk is full" },
        {
            new IOException("Failed to create '/m/x' with allocation size '9' because the disk was full."), "the disk is full",
            "'/m/x' cannot be written: the disk is full"
        },
        { new IOException("Disk quota exceeded : '/m/x'", 122), "your share of the disk", "'/m/x' cannot be written: your share" },
        { new IOException("Read-only file system : '/m/x'", 30), "it is on a disk that may only be read", "'/m/x' cannot be written: it is" },
        { new UnauthorizedAccessException("Access to the path '/m/x' is denied."), "you may not write there", "'/m/x' cannot be used" },
        { new DirectoryNotFoundException("Could not find a part of the path '/m/x'."), "its folder is not there", "'/m/x' is not there" },
        { new IOException("Something else : '/m/x'", 5), "Something else.", "Something else : '/m/x'." },
        { new IOException("no path at all"), "no path at all", "no path at all." },
    };

    [Theory]
    [MemberData(nameof(Failures), DisableDiscoveryEnumeration = true)]
    public void AreToldInOurWords(Exception error, string reason, string sentence)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "the numbers are those of Linux and macOS");
        Assert.StartsWith(reason, WriteFailure.Reason(error));
        Assert.StartsWith(sentence, EaselException.OfFile(error).Message);
    }

    [Theory]
    [InlineData("/proc/m.safetensors", "'/proc/m.safetensors' cannot be written: its folder is not there, or takes no files; name another place.")]
    [InlineData("/proc/nope/m.safetensors", "There is no folder /proc/nope; make it first, or name another place.")]
    public void AreToldByConvert(string output, string told)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "there is no /proc");
        var (_, _, error) = Command.Run("convert", Goldens.Unpacked("sd1-formats/micro.fp16.safetensors"), output, "-q");
        Assert.Equal($"easel: {told}", error.TrimEnd());
    }
}
