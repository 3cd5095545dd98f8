using System.Text;
using Easel.Tests.Support;
using Easel.Weights.Formats;
using static TorchSharp.torch;

namespace Easel.Tests.Weights;

/// <summary>Guards that what is written as safetensors can be read, is whole or not there, and that tensors are used in place.</summary>
public sealed class SafeTensorsTests
{
    [Fact]
    public void WhatIsWrittenIsRead()
    {
        using var folder = new TemporaryFolder();
        using var scope = NewDisposeScope();
        var tensors = new Dictionary<string, Tensor>
        {
            ["bytes"] = tensor(new byte[] { 1, 2, 3 }),
            ["half"] = randn(3, 5).to(ScalarType.Float16),
            ["transposed"] = randn(4, 6).t(),
            ["scalar"] = tensor(2.5),
            ["none"] = zeros(0, 3),
            ["truth"] = tensor(new[] { true, false, true }),
            ["brain \"ü\n"] = randn(7).to(ScalarType.BFloat16),
            ["whole"] = tensor(new[] { long.MinValue, 3 }),
        };
        var path = folder.Path("model.safetensors");
        SafeTensorsWriter.Write(path, tensors, metadata: new Dictionary<string, string> { ["format"] = "pt", ["ü"] = "\"" });

        using var file = TensorFile.Open(path);
        Assert.Equal(tensors.Keys, file.Tensors.Keys);
        Assert.Equal(new Dictionary<string, string> { ["format"] = "pt", ["ü"] = "\"" }, file.Metadata);
        foreach (var (name, tensor) in tensors)
        {
            Assert.Equal(tensor.dtype, file.Tensors[name].DType);
            Close.Absolute(tensor, file.View(name), 0, name);
        }
        // Both the file and every tensor in it begin at a multiple of eight, the larger elements first.
        Assert.Equal(0, BitConverter.ToInt64(File.ReadAllBytes(path)) % 8);
        Assert.Single(Directory.GetFiles(folder.Path()));
    }

    [Fact]
    public void TheHeaderIsTheOneOtherReadersExpect()
    {
        using var folder = new TemporaryFolder();
        using var scope = NewDisposeScope();
        var tensors = new Dictionary<string, Tensor> { ["w"] = ones(2, 2) };
        SafeTensorsWriter.Write(folder.Path("a"), tensors, metadata: new Dictionary<string, string> { ["a"] = "b" });
        var bytes = File.ReadAllBytes(folder.Path("a"));
        const string header = """{"__metadata__":{"a":"b"},"w":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}}""";
        Assert.Equal(header, Encoding.UTF8.GetString(bytes[8..^16]).TrimEnd(' '));
    }

    [Fact]
    public void AFileIsWholeOrNotThere()
    {
        using var folder = new TemporaryFolder();
        using var scope = NewDisposeScope();
        var infos = new Dictionary<string, TensorInfo> { ["a"] = TensorInfo.Of(ScalarType.Float32, [4]), ["b"] = TensorInfo.Of(ScalarType.Float32, [4]) };
        var old = folder.Write("model.safetensors", [1, 2, 3]);
        Assert.Throws<CheckpointException>(() => SafeTensorsWriter.Write(old, infos, name => name == "a" ? ones(4) : throw new CheckpointException("no")));
        Assert.Throws<ArgumentException>(() => SafeTensorsWriter.Write(old, infos, _ => ones(5)));
        Assert.Throws<OperationCanceledException>(() => SafeTensorsWriter.Write(old, infos, _ => ones(4), cancel: new CancellationToken(true)));
        Assert.Equal([1, 2, 3], File.ReadAllBytes(old));
        Assert.Single(Directory.GetFiles(folder.Path()));

        var nowhere = folder.Path("missing", "model.safetensors");
        var refusal = Assert.Throws<EaselException>(() => SafeTensorsWriter.Write(nowhere, infos, _ => ones(4)));
        Assert.StartsWith($"'{nowhere}' cannot be written: ", refusal.Message);
        Assert.Throws<EaselException>(() => SafeTensorsWriter.Write(folder.Path(), infos, _ => ones(4)));
    }

    [Fact]
    public void AClosedFileGivesNoTensor()
    {
        using var folder = new TemporaryFolder();
        using var scope = NewDisposeScope();
        SafeTensorsWriter.Write(folder.Path("a"), new Dictionary<string, Tensor> { ["w"] = arange(1000, ScalarType.Float32) });
        var file = TensorFile.Open(folder.Path("a"));
        Assert.Equal(999, file.View("w")[999].item<float>());
        file.Dispose();
        Assert.Throws<ObjectDisposedException>(() => file.View("w"));
    }

    /// <summary>A file in which nothing is aligned: tensors are copied, and are right.</summary>
    [Fact]
    public void UnalignedTensorsAreCopied()
    {
        using var folder = new TemporaryFolder();
        var path = folder.Write("a", Raw("""{"w":{"dtype":"F32","shape":[2],"data_offsets":[1,9]},"b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}  """,
            [7, .. BitConverter.GetBytes(1.5f), .. BitConverter.GetBytes(-2f)]));
        using var file = TensorFile.Open(path);
        Assert.Equal([1.5f, -2f], file.View("w").data<float>().ToArray());
        Assert.Equal(["w", "b"], file.Tensors.Keys);
    }

    [Fact]
    public void SmallFloatsAreWidenedAndUnsignedIntegersRefusedWhenWanted()
    {
        using var folder = new TemporaryFolder();
        var path = folder.Write("a", Raw("""
            {"a":{"dtype":"F8_E4M3","shape":[2],"data_offsets":[0,2]},
             "b":{"dtype":"F8_E5M2","shape":[2],"data_offsets":[2,4]},
             "c":{"dtype":"U32","shape":[1],"data_offsets":[4,8]}}
            """, [0x38, 0xB8, 0x3C, 0xC0, 1, 2, 3, 4]));
        using var file = TensorFile.Open(path);
        Assert.Equal([1f, -1f], file.View("a").data<float>().ToArray());
        Assert.Equal([1f, -2f], file.View("b").data<float>().ToArray());
        Assert.Contains("stores 'c' as U32", Assert.Throws<CheckpointException>(() => file.View("c")).Message);
        Assert.Contains("has no tensor 'd'", Assert.Throws<CheckpointException>(() => file.View("d")).Message);
    }

    private static byte[] Raw(string header, byte[] data)
    {
        var json = Encoding.UTF8.GetBytes(header);
        return [.. BitConverter.GetBytes((long)json.Length), .. json, .. data];
    }
}
