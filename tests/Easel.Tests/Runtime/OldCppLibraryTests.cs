using Easel.Runtime;

namespace Easel.Tests.Runtime;

/// <summary>Guards what is done to TorchSharp's shim on systems with an older C++ library: one flag of the one need, and nothing in files that are
/// damaged.</summary>
public sealed class OldCppLibraryTests
{
    private const string Version = "GLIBCXX_3.4.32";
    private static readonly string Shim = Path.Combine(AppContext.BaseDirectory, "libLibTorchSharp.so");

    [Fact]
    public void One_flag_of_the_need_is_set_and_no_other_byte()
    {
        Assert.SkipUnless(File.Exists(Shim), "Only the build for Linux has the file.");
        var (before, after) = (File.ReadAllBytes(Shim), File.ReadAllBytes(Shim));
        Assert.True(OldCppLibrary.Weaken(after, Version));
        var changed = Enumerable.Range(0, before.Length).Where(i => before[i] != after[i]).ToList();
        var place = Assert.Single(changed);
        Assert.Equal(before[place] | 2, after[place]);
        Assert.False(OldCppLibrary.Weaken(before, "GLIBCXX_9.9"));
    }

    [Fact]
    public void Damaged_files_are_left_alone()
    {
        Assert.SkipUnless(File.Exists(Shim), "Only the build for Linux has the file.");
        var file = File.ReadAllBytes(Shim);
        Assert.False(OldCppLibrary.Weaken([], Version));
        Assert.False(OldCppLibrary.Weaken(file.AsSpan(0, 1000), Version));
        foreach (var offset in (int[])[0x28, 0x29, 0x2f, 0x3c])
        {
            var damaged = (byte[])file.Clone();
            damaged.AsSpan(offset, 1).Fill(0xff);
            OldCppLibrary.Weaken(damaged, Version); // whatever it finds, it comes back
        }
    }
}
