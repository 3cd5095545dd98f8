using Easel.Weights;
using Easel.Weights.Formats;
using static TorchSharp.torch;

namespace Easel.Tests.Weights;

/// <summary>Guards which file of a component is taken, and that several with an index are as one.</summary>
public sealed class DiffusersFolderTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Fact]
    public void TheBetterFileIsTaken()
    {
        Save("unet/diffusion_pytorch_model.fp16.safetensors", ("half", 1));
        Assert.Equal(["half"], Names("unet"));
        Save("unet/diffusion_pytorch_model.safetensors", ("full", 1));
        Assert.Equal(["full"], Names("unet"));

        Directory.CreateDirectory(_folder.Path("text_encoder"));
        _folder.Write("text_encoder/pytorch_model.bin", Pickles.Zip(p => p.Dict(("pickled", () => p.Tensor()))));
        Assert.Equal(["pickled"], Names("text_encoder"));
        Save("text_encoder/model.fp16.safetensors", ("half", 1));
        Assert.Equal(["half"], Names("text_encoder"));
    }

    /// <summary>Whatever variant is there is taken, the fullest of several, unless another precision or the averaged weights are asked for. What other programs
    /// read (Flax, ONNX), or a shard alone, is no variant.</summary>
    [Fact]
    public void AnyVariantIsTaken()
    {
        foreach (var other in (string[])["flax_model.msgpack", "model.onnx", "config.json"]) Other("unet/" + other);
        Assert.Null(DiffusersFolder.FindWeights(_folder.Path("unet")));
        foreach (var (variant, options, taken) in ((string, LoadOptions?, string)[])
        [
            (".pruned", null, "pruned"), (".non_ema", null, "non_ema"), (".ema", null, "ema"), (".ema", new() { Ema = true }, "ema"),
            (".bf16", null, "bf16"), (".fp16", null, "fp16"), (".fp16", new() { Precision = Precision.BFloat16 }, "bf16"),
            (".fp16", new() { Ema = true }, "ema"), (".fp32", null, "fp32"),
            ("", null, ""), ("", new() { Precision = Precision.Float16 }, "fp16"), ("-00001-of-00002", null, ""),
        ])
        {
            Other($"unet/diffusion_pytorch_model{variant}.safetensors");
            var name = taken.Length > 0 ? $"diffusion_pytorch_model.{taken}.safetensors" : "diffusion_pytorch_model.safetensors";
            Assert.Equal(_folder.Path("unet", name), DiffusersFolder.FindWeights(_folder.Path("unet"), options));
        }

        void Other(string name)
        {
            Directory.CreateDirectory(_folder.Path("unet"));
            File.WriteAllText(_folder.Path(name), "");
        }
    }

    [Theory]
    [InlineData("diffusion_pytorch_model.safetensors.index.json")]
    [InlineData("diffusion_pytorch_model.safetensors.index.fp16.json")]
    [InlineData("diffusion_pytorch_model.fp16.safetensors.index.json")]
    public void ShardsAreOneFile(string index)
    {
        Save("unet/m-00001-of-00002.safetensors", ("a", 1), ("b", 2));
        Save("unet/m-00002-of-00002.safetensors", ("c", 3));
        Index(index, """{"metadata":{"total_size":12},"weight_map":{"c":"m-00002-of-00002.safetensors","a":"m-00001-of-00002.safetensors"}}""");
        using var file = DiffusersFolder.OpenComponent(_folder.Path(), "unet");
        Assert.Equal(["c", "a"], file.Tensors.Keys);
        Assert.Equal(3, file.View("c").item<float>());
        Assert.Equal(1, file.View("a").item<float>());
    }

    [Theory]
    [InlineData("""{"weight_map":{"a":"../unet/m.safetensors"}}""", "points out of its folder")]
    [InlineData("""{"weight_map":{"a":"/etc/passwd"}}""", "points out of its folder")]
    [InlineData("""{"weight_map":{"a":"..\\m.safetensors"}}""", "points out of its folder")]
    [InlineData("""{"weight_map":{"a":".."}}""", "points out of its folder")]
    [InlineData("""{"weight_map":{"a":"m-2.safetensors"}}""", "'m-2.safetensors', which is not beside it")]
    [InlineData("""{"weight_map":{"z":"m.safetensors"}}""", "says that 'z' is in 'm.safetensors'")]
    [InlineData("""{"weight_map":{"a":"m.safetensors","a":"m.safetensors"}}""", "not a well-formed index")]
    [InlineData("""{"weight_map":{"a":7}}""", "not a well-formed index")]
    [InlineData("""{"weight_map":["a"]}""", "no weight_map")]
    [InlineData("""{"weight_map":""", "not a well-formed index")]
    public void ABadIndexIsRefused(string json, string said)
    {
        Save("unet/m.safetensors", ("a", 1));
        Index("diffusion_pytorch_model.safetensors.index.json", json);
        Assert.Contains(said, Assert.Throws<CheckpointException>(() => DiffusersFolder.OpenComponent(_folder.Path(), "unet")).Message);
    }

    [Fact]
    public void WhereNothingIsTheMessageSaysWhatWouldBe()
    {
        Assert.Contains("There is no folder", Assert.Throws<CheckpointException>(() => DiffusersFolder.OpenComponent(_folder.Path(), "vae")).Message);
        Directory.CreateDirectory(_folder.Path("vae"));
        Assert.Contains("has no weights", Assert.Throws<CheckpointException>(() => DiffusersFolder.OpenComponent(_folder.Path(), "vae")).Message);
    }

    public void Dispose() => _folder.Dispose();

    private string[] Names(string component)
    {
        using var file = DiffusersFolder.OpenComponent(_folder.Path(), component);
        return [.. file.Tensors.Keys];
    }

    private void Index(string name, string json)
    {
        Directory.CreateDirectory(_folder.Path("unet"));
        File.WriteAllText(_folder.Path("unet", name), json);
    }

    private void Save(string path, params (string Name, float Value)[] tensors)
    {
        using var scope = NewDisposeScope();
        Directory.CreateDirectory(Path.GetDirectoryName(_folder.Path(path))!);
        SafeTensorsWriter.Write(_folder.Path(path), tensors.ToDictionary(entry => entry.Name, entry => tensor(entry.Value)));
    }
}
