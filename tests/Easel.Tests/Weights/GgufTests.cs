using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Easel.Tests.Support;
using Easel.Weights.Formats;
using static TorchSharp.torch;

namespace Easel.Tests.Weights;

/// <summary>Guards that GGUF is read and written as ggml reads and writes it, to the bit, and that damaged files are refused (tests/goldens/gguf).</summary>
public sealed class GgufTests : IDisposable
{
    private static readonly JsonElement Golden = Goldens.Json("gguf/ggml.json");

    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string> Types => [.. Golden.GetProperty("types").EnumerateObject().Select(type => type.Name)];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Types))]
    public void BlocksAndTheirValuesAreGgmls(string type)
    {
        var path = _folder.Path("made.gguf");
        ModelFile.Convert(Goldens.Unpacked("gguf/source.safetensors"), path, type);
        Check(path, Golden.GetProperty("types").GetProperty(type));
    }

    [Fact]
    public void AFileOfStableDiffusionCppIsRead() => Check(Goldens.Unpacked("gguf/q4_K.gguf"), Golden.GetProperty("types").GetProperty("q4_k"));

    /// <summary>Which tensors are kept in blocks is part of it.</summary>
    [Theory]
    [InlineData("q8_0")]
    [InlineData("q4_0")]
    public void AWholeModelIsWhatStableDiffusionCppMakesOfIt(string type)
    {
        var path = _folder.Path("made.gguf");
        ModelFile.Convert(Goldens.Unpacked("sd1-formats/micro.fp16.safetensors"), path, type);
        var expected = Golden.GetProperty("models").GetProperty("micro." + type);
        // It leaves out what follows from the rest.
        var made = Read(path).Where(tensor => tensor.Name == "alphas_cumprod" || tensor.Name.Contains('.') && !tensor.Name.EndsWith("position_ids")).ToList();
        Assert.Equal(expected.GetProperty("tensors").GetInt32(), made.Count);
        Assert.Equal(expected.GetProperty("blocks").GetString(), Digits(Encoding.ASCII.GetBytes(string.Concat(made.Select(tensor => tensor.Blocks)))));
        Assert.Equal(expected.GetProperty("values").GetString(), Digits(Encoding.ASCII.GetBytes(string.Concat(made.Select(tensor => tensor.Values)))));
        var told = ModelFile.Read(path);
        Assert.Equal("Stable Diffusion 1", told.Description);
        Assert.Contains(type.ToUpperInvariant(), told.Formats);
    }

    /// <summary>ComfyUI-GGUF folds tensors into longer rows and says what they were.</summary>
    [Fact]
    public void AFoldedTensorHasItsOwnShape()
    {
        var header = new Bytes().Text("GGUF", bare: true).UInt32(3).UInt64(1).UInt64(1)
            .Text("comfy.gguf.orig_shape.x").UInt32(9).UInt32(5).UInt64(3).UInt32(2).UInt32(4).UInt32(4)
            .Text("x").UInt32(1).UInt64(32).UInt32(8).UInt64(0).PaddedTo(32);
        using var file = TensorFile.Open(_folder.Write("a.gguf", [.. header.All, .. new byte[34]]));
        Assert.Equal([2, 4, 4], file.Tensors["x"].Shape);
        using var view = file.View("x");
        Assert.Equal([2, 4, 4], view.shape);
    }

    [Theory]
    [InlineData("version", "version 9")]
    [InlineData("high byte first", "high byte first")]
    [InlineData("count", "more than it has room for")]
    [InlineData("type", "IQ2_XXS")]
    [InlineData("rank", "5 dimensions")]
    [InlineData("row", "not possible for Q8_0")]
    [InlineData("single number", "not possible for Q8_0")]
    [InlineData("size", "not possible")]
    [InlineData("offset", "no multiple of 32")]
    [InlineData("end", "ends before the values")]
    [InlineData("overlap", "overlap")]
    [InlineData("twice", "twice")]
    public void WhatIsWrongIsSaid(string what, string said)
    {
        var second = what is "overlap" or "twice";
        var header = new Bytes().Text("GGUF", bare: true).UInt32(what switch { "version" => 9u, "high byte first" => 0x03000000, _ => 3 })
            .UInt64(what == "count" ? 1UL << 60 : second ? 2UL : 1).UInt64(0);
        Tensor("x");
        if (second) Tensor(what == "twice" ? "x" : "y");
        var path = _folder.Write("bad.gguf", [.. header.PaddedTo(32).All, .. new byte[what == "end" ? 33 : 68]]);
        Assert.Contains(said, Assert.Throws<CheckpointException>(() => TensorFile.Open(path)).Message, StringComparison.Ordinal);

        void Tensor(string name)
        {
            header.Text(name).UInt32(what switch { "rank" => 5, "single number" => 0, _ => 1 });
            if (what != "single number") header.UInt64(what switch { "row" => 33, "size" => 1UL << 62, _ => 32 });
            header.UInt32(what == "type" ? 16u : 8).UInt64(what == "offset" ? 8UL : 0);
        }
    }

    /// <summary>ComfyUI's eight-bit files have a scale beside each weight.</summary>
    [Fact]
    public void ScaledEightBitFloatsAreMultiplied()
    {
        using var scope = NewDisposeScope();
        // 0x38 is 1 and 0xC0 is -2 in F8_E4M3.
        const string Header = """
            {"a.weight":{"dtype":"F8_E4M3","shape":[2],"data_offsets":[0,2]},"a.scale_weight":{"dtype":"F32","shape":[],"data_offsets":[2,6]},
            "scaled_fp8":{"dtype":"F8_E4M3","shape":[0],"data_offsets":[6,6]}}
            """;
        byte[] length = new byte[8], scale = new byte[4];
        BinaryPrimitives.WriteInt64LittleEndian(length, Header.Length);
        BinaryPrimitives.WriteSingleLittleEndian(scale, 0.25f);
        using var file = TensorFile.Open(_folder.Write("a.safetensors", [.. length, .. Encoding.ASCII.GetBytes(Header), 0x38, 0xC0, .. scale]));
        Assert.Equal(["a.weight"], file.Tensors.Keys);
        Assert.Equal([0.25f, -0.5f], file.View("a.weight").data<float>().ToArray());
    }

    private static void Check(string path, JsonElement expected)
    {
        var made = Read(path).ToDictionary(tensor => tensor.Name);
        foreach (var (name, stored) in expected.EnumerateObject().Select(tensor => (tensor.Name, tensor.Value)))
            Assert.Equal((name, stored[0].GetString(), stored[1].GetString(), stored[2].GetString()), made[name]);
        Assert.Equal(expected.EnumerateObject().Count(), made.Count);
    }

    /// <summary>The tensors in the order of their names, with the digits of what is stored and of what is made of it.</summary>
    private static List<(string Name, string? Type, string? Blocks, string? Values)> Read(string path)
    {
        using var scope = NewDisposeScope();
        using var file = TensorFile.Open(path);
        var bytes = File.ReadAllBytes(path);
        var places = Places(bytes);
        return [.. file.Tensors.OrderBy(tensor => tensor.Key, StringComparer.Ordinal).Select(tensor =>
        {
            var size = (int)GgmlType.Named(tensor.Value.Stored)!.BytesOf(tensor.Value.Shape)!.Value;
            return (tensor.Key, (string?)tensor.Value.Stored, (string?)Digits(bytes.AsSpan((int)places[tensor.Key], size)),
                (string?)Digits(file.View(tensor.Key).to(ScalarType.Float32).contiguous().bytes));
        })];
    }

    /// <summary>Where values begin, read here without the library's reader.</summary>
    private static Dictionary<string, long> Places(byte[] bytes)
    {
        var at = 8;
        var (tensors, values) = (UInt64(), UInt64());
        for (var i = 0UL; i < values; i++)
        {
            Text();
            if (UInt32() == 8) Text();
            else at += 4;
        }
        var starts = new List<(string, long)>();
        for (var i = 0UL; i < tensors; i++)
        {
            var name = Text();
            var rank = (int)UInt32();
            at += rank * 8 + 4;
            starts.Add((name, (long)UInt64()));
        }
        var data = (at + 31) / 32 * 32;
        return starts.ToDictionary(start => start.Item1, start => data + start.Item2);

        ulong UInt64() => BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan((at += 8) - 8));

        uint UInt32() => BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan((at += 4) - 4));

        string Text()
        {
            var length = (int)UInt64();
            return Encoding.UTF8.GetString(bytes, (at += length) - length, length);
        }
    }

    private static string Digits(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes))[..16];

    /// <summary>The bytes of a header, one thing after the other.</summary>
    private sealed class Bytes
    {
        public List<byte> All { get; } = [];

        public Bytes UInt32(uint number) => Add(BitConverter.GetBytes(number));

        public Bytes UInt64(ulong number) => Add(BitConverter.GetBytes(number));

        public Bytes Text(string text, bool bare = false) => (bare ? this : UInt64((ulong)text.Length)).Add(Encoding.UTF8.GetBytes(text));

        public Bytes PaddedTo(int multiple) => Add(new byte[(multiple - All.Count % multiple) % multiple]);

        private Bytes Add(byte[] bytes)
        {
            All.AddRange(bytes);
            return this;
        }
    }
}
