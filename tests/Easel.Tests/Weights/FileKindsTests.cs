using System.Text;
using Easel.Metadata;
using Easel.Tests.Support;
using Easel.Weights.Formats;

namespace Easel.Tests.Weights;

/// <summary>Guards that a file is known by its content, and that one which is no model is called what it is.</summary>
public sealed class FileKindsTests
{
    public static TheoryData<string, byte[], string> Strangers() => new()
    {
        { "GGUF", "GGUF\x03\0\0\0"u8.ToArray(), "GGUF" },
        { "Git LFS pointer", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 4265380512\n"u8.ToArray(), "Git LFS pointer" },
        { "web page", "\n<!DOCTYPE html><html>"u8.ToArray(), "web page" },
        { "tar", [.. new byte[257], .. "ustar  \0"u8, .. new byte[300]], "tar archive" },
        { "gzip", [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 0], "gzip" },
        { "zeros", new byte[5000], "zeros" },
        { "JSON", "{\"error\": \"no\"}"u8.ToArray(), "JSON" },
        { "zip of something else", Mutations.Deflated(Pickles.Zip(p => p.Code("}"))[..0]), "zip archive without a data.pkl" },
        { "pickle of something else", Pickles.Of(p => p.Code("]")), "not one that PyTorch writes" },
        { "text", Encoding.UTF8.GetBytes("hello, this is a text"), "not a model file" },
        { "safetensors without a header", [8, 0, 0, 0, 0, 0, 0, 0, .. "[1,2,3] "u8], "does not begin with '{'" },
        { "nothing", [], "is empty" },
        { "three bytes", [1, 2, 3], "only 3 bytes" },
    };

    [Theory]
    [MemberData(nameof(Strangers))]
    public void AStrangerIsCalledWhatItIs(string what, byte[] content, string said)
    {
        using var folder = new TemporaryFolder();
        var path = folder.Write("model.safetensors", content);
        var message = Assert.Throws<CheckpointException>(() => TensorFile.Open(path)).Message;
        Assert.Contains(said, message, StringComparison.Ordinal);
        Assert.True(message.StartsWith($"'{path}' ", StringComparison.Ordinal), what);
    }

    [Fact]
    public void TheExtensionPlaysNoPart()
    {
        using var folder = new TemporaryFolder();
        using var zip = TensorFile.Open(folder.Write("a.safetensors", File.ReadAllBytes(Goldens.Path("sd1-formats/edge.ckpt"))));
        using var legacy = TensorFile.Open(folder.Write("b.safetensors", File.ReadAllBytes(Goldens.Path("sd1-formats/edge.legacy.ckpt"))));
        using var safetensors = TensorFile.Open(folder.Write("c.ckpt", File.ReadAllBytes(Goldens.Path("sd1-formats/edge.expected.safetensors"))));
        Assert.Equal(zip.Tensors.Keys, legacy.Tensors.Keys);
        Assert.Equal(zip.Tensors.Count, safetensors.Tensors.Count);
    }

    [Fact]
    public void FoldersAndMissingFilesAreSaid()
    {
        using var folder = new TemporaryFolder();
        Assert.Contains("is a folder", Assert.Throws<CheckpointException>(() => TensorFile.Open(folder.Path())).Message);
        Assert.Contains("There is no model file", Assert.Throws<CheckpointException>(() => TensorFile.Open(folder.Path("none.ckpt"))).Message);
    }

    /// <summary>A terminal obeys control characters, and names come from the file.</summary>
    [Fact]
    public void NamesInMessagesAreHarmless()
    {
        Assert.Equal("a?[31mb?c ü", Quoted.Text("a\u001b[31mb\u202ec ü"));
        Assert.Equal(123, Quoted.Text(new string('x', 1000)).Length);
    }

    [Fact]
    public void TheHashIsThatOfTheWholeFile()
    {
        using var folder = new TemporaryFolder();
        var (path, told) = (folder.Write("a", "abc"u8.ToArray()), 0L);
        var hash = ModelHash.Sha256(path, done => told = done);
        Assert.Equal("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", hash);
        Assert.Equal(("ba7816bf8f", 3L), (ModelHash.Short(hash), told));
        Assert.Throws<CheckpointException>(() => ModelHash.Sha256(folder.Path("none")));
        Assert.Throws<OperationCanceledException>(() => ModelHash.Sha256(path, cancel: new CancellationToken(true)));
    }
}
