using Easel.Tests.Support;
using Easel.Weights.Formats;

namespace Easel.Tests.Weights;

/// <summary>Guards the promise that a model file, whatever it holds, runs no code, takes no more memory than it should, and is refused in a sentence.</summary>
public sealed class HostileFilesTests
{
    // The longest of the files has 200 kB; most of this is what nested values cost.
    private const long Generous = 64 << 20;

    public static TheoryData<string, string> Files()
    {
        var files = new TheoryData<string, string>();
        foreach (var file in Goldens.Json("malicious/manifest.json").GetProperty("files").EnumerateArray())
            files.Add(file.GetProperty("file").GetString()!, file.GetProperty("expected").GetString()!);
        return files;
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void IsReadOrRefusedAsTheManifestSays(string name, string expected)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        var refusal = Record.Exception(() =>
        {
            using var file = TensorFile.Open(Goldens.Path("malicious/" + name));
            foreach (var tensor in file.Tensors.Keys) file.View(tensor).Dispose();
            if (!name.StartsWith("st_", StringComparison.Ordinal) || name == "st_ok.safetensors")
                Assert.Equal([1f, 2f, 3f, 4f], file.View("w").data<float>().ToArray());
        });

        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < Generous, "took too much memory");
        Assert.False(File.Exists("PWNED"), "code in the file was run");
        if (expected.StartsWith("load", StringComparison.Ordinal) || expected == "as above") Assert.Null(refusal);
        else if (expected == "reject") Assert.IsType<CheckpointException>(refusal);
        else Assert.True(refusal is null or CheckpointException, refusal?.ToString());
        if (refusal is not null) Assert.Matches(@"^'.*' [^\n]*\.$", refusal.Message);
    }

    [Theory]
    [InlineData("reduce_os_system.ckpt", "os.system")]
    [InlineData("stack_global_memo.ckpt", "os.system")]
    [InlineData("newobj_popen.ckpt", "subprocess.Popen")]
    [InlineData("inst_os_system.ckpt", "os.system")]
    [InlineData("obj_os_system.ckpt", "os.system")]
    [InlineData("dotted_global.ckpt", "torch.serialization.os.system")]
    [InlineData("rebuild_from_type.ckpt", "os.system")]
    [InlineData("protocol0.ckpt", "os.system")]
    [InlineData("deflated.ckpt", "os.system")]
    [InlineData("legacy_reduce_builtin_eval.ckpt", "builtins.eval")]
    public void SaysByNameWhatTheFileWants(string name, string wanted)
    {
        var refusal = Assert.Throws<CheckpointException>(() => TensorFile.Open(Goldens.Path("malicious/" + name)));
        Assert.Contains(" " + wanted + ", which no tensor checkpoint needs; the file is not safe to load", refusal.Message);
    }

    /// <summary>A few thousand damaged files. tests/Easel.Fuzz reads a million.</summary>
    [Fact]
    public void NoDamageSurprisesAReader()
    {
        using var folder = new TemporaryFolder();
        var mutations = new Mutations(Goldens.Path(""), seed: 20260101);
        var (path, opened) = (folder.Path("case"), 0);
        for (var i = 0; i < 3000; i++)
        {
            File.Delete(path); // a file written over is flushed to the disk, and a new one is not
            File.WriteAllBytes(path, mutations.Next());
            if (Mutations.Survives(path)) opened++;
        }
        Assert.InRange(opened, 100, 2900); // else the damage is too small or too great to try much
    }
}
