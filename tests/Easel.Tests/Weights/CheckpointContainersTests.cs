using System.Buffers.Binary;
using Easel.Tests.Support;
using Easel.Weights.Formats;
using static TorchSharp.torch;

namespace Easel.Tests.Weights;

/// <summary>Guards that every container people have gives the same values, to the bit.</summary>
public sealed class CheckpointContainersTests
{
    [Theory]
    [InlineData("micro.fp16.ckpt", "micro.fp16.safetensors")]
    [InlineData("micro.fp16.bare.ckpt", "micro.fp16.safetensors")]
    [InlineData("micro.fp16.legacy.ckpt", "micro.fp16.safetensors")]
    [InlineData("micro.fp32.ckpt", "micro.fp32.safetensors")]
    public void ContainersAgree(string checkpoint, string safetensors)
    {
        using var expected = TensorFile.Open(Goldens.Unpacked("sd1-formats/" + safetensors));
        using var actual = TensorFile.Open(Goldens.Unpacked("sd1-formats/" + checkpoint));
        Assert.Equal(expected.Tensors.Keys.Order(StringComparer.Ordinal), actual.Tensors.Keys.Order(StringComparer.Ordinal));
        AssertSame(expected, actual, expected.Tensors.Keys);
    }

    [Fact]
    public void HalfAndSinglePrecisionHoldTheSameValues()
    {
        using var half = TensorFile.Open(Goldens.Unpacked("sd1-formats/micro.fp16.ckpt"));
        using var single = TensorFile.Open(Goldens.Unpacked("sd1-formats/micro.fp32.ckpt"));
        foreach (var name in half.Tensors.Keys)
        {
            using var scope = NewDisposeScope();
            Assert.True(half.View(name).to(ScalarType.Float64).equal(single.View(name).to(ScalarType.Float64)).all().item<bool>(), name);
        }
    }

    [Fact]
    public void AveragedWeightsAreThereBesideTheOthers()
    {
        using var expected = TensorFile.Open(Goldens.Unpacked("sd1-formats/micro.fp32.safetensors"));
        using var actual = TensorFile.Open(Goldens.Unpacked("sd1-formats/micro.fp32.ema.ckpt"));
        AssertSame(expected, actual, expected.Tensors.Keys);
        // One for each parameter of the UNet, the decay and the number of updates.
        var live = expected.Tensors.Keys.Count(name => name.StartsWith("model.diffusion_model.", StringComparison.Ordinal));
        Assert.Equal(live + 2, actual.Tensors.Keys.Count(name => name.StartsWith("model_ema.", StringComparison.Ordinal)));
    }

    [Fact]
    public void Bfloat16IsTheRoundedSingle()
    {
        using var single = TensorFile.Open(Goldens.Unpacked("sd1-formats/micro.fp32.safetensors"));
        using var rounded = TensorFile.Open(Goldens.Unpacked("sd1-formats/micro.unet.bf16.safetensors"));
        Assert.All(rounded.Tensors, entry =>
        {
            using var scope = NewDisposeScope();
            Assert.Equal(ScalarType.BFloat16, entry.Value.DType);
            Assert.Equal(Bytes(single.View(entry.Key).to(ScalarType.BFloat16)), Bytes(rounded.View(entry.Key)));
        });
    }

    [Theory]
    [InlineData("edge.ckpt", false)]
    [InlineData("edge.ckpt", true)]
    [InlineData("edge.protocol4.ckpt", false)]
    [InlineData("edge.legacy.ckpt", false)]
    public void ViewsStridesAndTypesAreKept(string name, bool deflated)
    {
        using var folder = new TemporaryFolder();
        var bytes = File.ReadAllBytes(Goldens.Path("sd1-formats/" + name));
        var expected = Goldens.Tensors("sd1-formats/edge.expected.safetensors");
        using var actual = TensorFile.Open(folder.Write(name, deflated ? Mutations.Deflated(bytes) : bytes));

        Assert.Equal(expected.Keys.Order(StringComparer.Ordinal), actual.Tensors.Keys.Order(StringComparer.Ordinal));
        foreach (var (key, tensor) in expected)
        {
            using var scope = NewDisposeScope();
            var view = actual.View(key);
            Assert.Equal((tensor.dtype, string.Join(",", tensor.shape)), (view.dtype, string.Join(",", view.shape)));
            Assert.Equal((tensor.dtype, tensor.NumberOfElements), (actual.Tensors[key].DType, actual.Tensors[key].ElementCount));
            Assert.Equal(Bytes(tensor), Bytes(view));
        }
    }

    [Fact]
    public void WhatATrainingScriptLeftIsNamedAndNotRead()
    {
        using var file = TensorFile.Open(Goldens.Unpacked("sd1-formats/micro.fp32.ckpt"));
        Assert.Equal(470000L, file.Extras["global_step"]);
        Assert.Contains("optimizer_states (1 entry)", file.Remarks);
        Assert.Contains("callbacks: pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint", file.Remarks);
        Assert.Contains(file.Remarks, remark => remark.StartsWith("hyper_parameters (", StringComparison.Ordinal));
    }

    /// <summary>Checkpoints above 4 GB have their sizes and places in zip64 fields. Here a small one is rewritten so that all of them are there.</summary>
    [Fact]
    public void Zip64IsRead()
    {
        var zip = File.ReadAllBytes(Goldens.Path("sd1-formats/edge.ckpt"));
        var end = zip.Length - 22;
        Assert.Equal(0x06054B50u, BinaryPrimitives.ReadUInt32LittleEndian(zip.AsSpan(end)));
        int start = BitConverter.ToInt32(zip, end + 16), count = BitConverter.ToUInt16(zip, end + 10);

        var wide = zip[..start].ToList();
        for (int i = 0, at = start; i < count; i++)
        {
            int name = BitConverter.ToUInt16(zip, at + 28), extra = BitConverter.ToUInt16(zip, at + 30), comment = BitConverter.ToUInt16(zip, at + 32);
            var header = zip[at..(at + 46)];
            byte[] sizes = [.. Wide(header, 24), .. Wide(header, 20), .. Wide(header, 42)];
            header.AsSpan(20, 8).Fill(0xFF);
            header.AsSpan(42, 4).Fill(0xFF);
            BinaryPrimitives.WriteUInt16LittleEndian(header.AsSpan(30), 28);
            BinaryPrimitives.WriteUInt16LittleEndian(header.AsSpan(32), 0);
            wide.AddRange([.. header, .. zip[(at + 46)..(at + 46 + name)], 1, 0, 24, 0, .. sizes]);
            at += 46 + name + extra + comment;
        }
        long size = wide.Count - start, at64 = wide.Count;
        wide.AddRange([.. "PK\x06\x06"u8, .. Wide(44), 45, 0, 45, 0, .. new byte[8], .. Wide(count), .. Wide(count), .. Wide(size), .. Wide(start)]);
        wide.AddRange([.. "PK\x06\x07"u8, 0, 0, 0, 0, .. Wide(at64), 1, 0, 0, 0]);
        wide.AddRange([.. "PK\x05\x06"u8, 0, 0, 0, 0, .. Enumerable.Repeat((byte)0xFF, 12), 0, 0]);

        using var folder = new TemporaryFolder();
        using var expected = TensorFile.Open(Goldens.Path("sd1-formats/edge.ckpt"));
        using var actual = TensorFile.Open(folder.Write("wide.ckpt", [.. wide]));
        AssertSame(expected, actual, expected.Tensors.Keys);
    }

    private static byte[] Wide(byte[] header, int at) => Wide(BitConverter.ToUInt32(header, at));

    private static byte[] Wide(long number) => BitConverter.GetBytes(number);

    private static void AssertSame(TensorFile expected, TensorFile actual, IEnumerable<string> names)
    {
        foreach (var name in names)
        {
            using var scope = NewDisposeScope();
            Assert.Equal(expected.Tensors[name].DType, actual.Tensors[name].DType);
            Assert.Equal(expected.Tensors[name].Shape, actual.Tensors[name].Shape);
            Assert.True(Bytes(expected.View(name)).SequenceEqual(Bytes(actual.View(name))), name);
        }
    }

    private static byte[] Bytes(Tensor tensor) => tensor.NumberOfElements == 0 ? [] : tensor.contiguous().bytes.ToArray();
}
