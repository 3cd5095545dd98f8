using Easel.Weights.Formats;
using static TorchSharp.torch;

namespace Easel.Tests.Weights;

/// <summary>Guards what pickles may say: the forms that files of tensors take, and the limits where other files go on.</summary>
public sealed class UnpicklerTests
{
    [Fact]
    public void NestedDictionariesHaveDottedNamesAndPlainValuesAreKept()
    {
        // The form of an embedding that AUTOMATIC1111's training writes.
        using var opened = Open(Pickles.Zip(p => p.Dict(
            ("string_to_token", () => p.Dict(("*", () => p.Int(265)))),
            ("string_to_param", () => p.Dict(("*", () => p.Tensor(shape: [2, 4], strides: [4, 1])))),
            ("name", () => p.Text("my-style")), ("step", () => p.Int(500)),
            ("rate", () => p.Raw((byte)'G', 0x3F, 0xE0, 0, 0, 0, 0, 0, 0)), ("on", () => p.Raw(0x88)))));
        Assert.Equal(["string_to_param.*"], opened.File.Tensors.Keys);
        Assert.Equal([2L, 4L], opened.File.Tensors["string_to_param.*"].Shape);
        Assert.Equal(new Dictionary<string, object?> { ["name"] = "my-style", ["step"] = 500L, ["rate"] = 0.5, ["on"] = true }, opened.File.Extras);
        Assert.Equal(["1 non-tensor entry"], opened.File.Remarks);
    }

    [Fact]
    public void AModuleOfParametersIsADictionary()
    {
        // The form of the original textual inversion code: an object whose state holds the parameters.
        using var opened = Open(Pickles.Zip(p => p.Dict(("string_to_param", () =>
        {
            p.Name("torch.nn.modules.container", "ParameterDict").Code(")").Raw(0x81);
            p.Dict(("training", () => p.Raw(0x88)), ("_parameters", () => p.Dict(("*", () => p.Tensor())))).Code("b");
        }
        ))));
        Assert.Equal(["string_to_param.*"], opened.File.Tensors.Keys);
    }

    [Theory]
    [InlineData("state_dict")]
    [InlineData("params")]
    [InlineData("params_ema")]
    public void TheStateDictInsideIsUnwrapped(string wrapper)
    {
        using var opened = Open(Pickles.Zip(p => p.Dict(("epoch", () => p.Int(7)), (wrapper, () => p.Dict(("a.weight", () => p.Tensor()))))));
        Assert.Equal(["a.weight"], opened.File.Tensors.Keys);
        Assert.Equal(7L, opened.File.Extras["epoch"]);
    }

    [Fact]
    public void AveragedParametersComeFirst()
    {
        using var opened = Open(Pickles.Zip(p => p.Dict(
            ("params", () => p.Dict(("a", () => p.Tensor()))), ("params_ema", () => p.Dict(("a", () => p.Tensor(shape: [4], offset: 4)))))));
        Assert.Equal([5, 6, 7, 8], opened.File.View("a").data<byte>().ToArray());
        Assert.Equal(["params (1 entry)"], opened.File.Remarks);
    }

    [Theory]
    [InlineData(ScalarType.Float32, "F8_E4M3", "float8_e4m3fn")]
    [InlineData(ScalarType.Int16, "I16", "int16")]
    public void UntypedStoragesTakeTheTypeOfTheTensor(ScalarType dtype, string stored, string name)
    {
        var count = stored == "I16" ? 4 : 8;
        using var opened = Open(Pickles.Zip(p => p.Dict(("w", () =>
        {
            p.Name("torch._utils", "_rebuild_tensor_v3").Code("((");
            p.Text("storage").Name("torch.storage", "UntypedStorage").Text("0").Text("cpu").Int(8).Code("tQ").Int(0);
            p.Code("(").Int(count).Code("t(").Int(1).Code("t").Raw(0x89).Name("collections", "OrderedDict").Code(")R").Name("torch", name).Code("tR");
        }
        ))));
        Assert.Equal((dtype, stored), (opened.File.Tensors["w"].DType, opened.File.Tensors["w"].Stored));
        Assert.Equal(dtype, opened.File.View("w").dtype);
    }

    [Theory]
    [InlineData("collections", "OrderedDict", false)] // may be called, and with these arguments may not
    [InlineData("os", "system", true)]
    [InlineData("builtins", "getattr", true)]
    [InlineData("torch", "load", true)]
    [InlineData("torch.nn.modules.linear", "Linear", true)]
    [InlineData("torch", "FloatStorage", true)]
    public void OnlyWhatTensorsNeedIsCalled(string module, string name, bool named)
    {
        var error = Refused(Pickles.Zip(p => p.Dict(("w", () => p.Tensor()), ("x", () => p.Name(module, name).Code("(").Text("touch PWNED").Code("tR")))));
        if (named) Assert.Contains($"wants to call {module}.{name}, which no tensor checkpoint needs", error);
    }

    [Fact]
    public void AnUnknownNameMayBeAKeyAndNothingElse()
    {
        void Name(Pickles p) => p.Name("some.framework", "Callback");
        using var opened = Open(Pickles.Zip(p =>
        {
            p.Dict(("w", () => p.Tensor()), ("callbacks", () => { p.Code("}"); Name(p); p.Int(1).Code("s"); }));
        }));
        Assert.Equal("w", Assert.Single(opened.File.Tensors.Keys));

        const string refusal = "refers to some.framework.Callback, which no tensor checkpoint needs";
        Assert.Contains(refusal, Refused(Pickles.Zip(p => p.Dict(("w", () => p.Tensor()), ("x", () => Name(p))))));
        Assert.Contains(refusal, Refused(Pickles.Zip(p => p.Dict(("w", () => p.Tensor()), ("x", () => { p.Code("]"); Name(p); p.Code("a"); })))));
        Assert.Contains(refusal, Refused(Pickles.Zip(p => p.Dict(("w", () => p.Tensor()), ("x", () => { p.Code("("); Name(p); p.Code("t"); })))));
        Assert.Contains(refusal, Refused(Pickles.Zip(Name)));
    }

    [Theory]
    [InlineData("FloatStorage", 2, 0, new[] { 3 }, new[] { 1 })] // one too many
    [InlineData("FloatStorage", 2, 1, new[] { 2 }, new[] { 1 })] // one too far
    [InlineData("FloatStorage", 2, -1, new[] { 1 }, new[] { 1 })]
    [InlineData("FloatStorage", 2, 0, new[] { -1 }, new[] { 1 })]
    [InlineData("FloatStorage", 2, 0, new[] { 2 }, new[] { -1 })]
    [InlineData("FloatStorage", 2, 0, new[] { 2 }, new[] { 2 })]
    [InlineData("FloatStorage", 2, 0, new[] { 2 }, new[] { 1, 1 })]
    [InlineData("FloatStorage", 2, 0, new[] { int.MaxValue, int.MaxValue, int.MaxValue }, new[] { 0, 0, 0 })]
    [InlineData("FloatStorage", 2, 0, new[] { int.MaxValue, int.MaxValue, 0 }, new[] { int.MaxValue, int.MaxValue, int.MaxValue })]
    [InlineData("FloatStorage", 2, 0, new[] { int.MaxValue }, new[] { 0 })] // legal to lay out, and 8 GB once copied
    [InlineData("FloatStorage", 3, 0, new[] { 1 }, new[] { 1 })] // the storage has two
    [InlineData("FloatStorage", -2, 0, new[] { 0 }, new[] { 1 })]
    [InlineData("DoubleStorage", 2, 0, new[] { 1 }, new[] { 1 })]
    public void NoTensorReachesOutOfItsStorage(string storage, int count, int offset, int[] shape, int[] strides)
    {
        Refused(Pickles.Zip(p => p.Dict(("w", () => p.Tensor(storage, count, offset, shape, strides)))));
        if (storage != "DoubleStorage")
            Refused(Pickles.Legacy(p => p.Dict(("w", () => p.Tensor("ByteStorage", count * 4, offset * 4, shape, [.. strides.Select(s => s * 4)])))));
    }

    [Fact]
    public void AnExpandedTensorIsLegal()
    {
        using var opened = Open(Pickles.Zip(p => p.Dict(("w", () => p.Tensor(shape: [3, 8], strides: [0, 1])))));
        Assert.Equal(108, opened.File.View("w").sum().item<long>());
    }

    [Fact]
    public void TheOldFormIsReadAndABigEndianOneRefused()
    {
        using var opened = Open(Pickles.Legacy(p => p.Dict(("w", () => p.Tensor()))));
        Assert.Equal([1, 2, 3, 4, 5, 6, 7, 8], opened.File.View("w").data<byte>().ToArray());
        Assert.Contains("big-endian", Refused(Pickles.Legacy(p => p.Dict(("w", () => p.Tensor())), littleEndian: false)));
        Assert.Contains("'big' byte order", Refused(Pickles.Zip(p => p.Dict(("w", () => p.Tensor())), ("a/byteorder", "big"u8.ToArray()))));
    }

    /// <summary>Small files that would grow without end: a list of lists in itself, a tuple of the same large text again and again, copies of copies.</summary>
    [Fact]
    public void ValuesThatGrowOutOfProportionAreRefused()
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        // A million bytes, encoded again by every four bytes of the pickle.
        Refused(Pickles.Zip(p =>
        {
            p.Name("_codecs", "encode").Code("q\0").Text(new string('x', 1_000_000)).Text("latin1").Raw(0x86).Code("q\u0001R");
            for (var i = 0; i < 10_000; i++) p.Code("h\0h\u0001R");
        }));
        // A dictionary of a hundred thousand entries, made again by every five.
        Refused(Pickles.Zip(p =>
        {
            p.Name("collections", "OrderedDict").Code("q\0](");
            for (var i = 0; i < 100_000; i++) p.Code("NN").Raw(0x86);
            p.Code("e").Raw(0x85).Code("q\u0001R");
            for (var i = 0; i < 10_000; i++) p.Code("h\0h\u0001R");
        }));
        // A place in the memo for every byte.
        Refused(Pickles.Zip(p => p.Code("N").Raw([.. Enumerable.Repeat((byte)0x94, 6_000_000)])));
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 1L << 30);
    }

    private static Opened Open(byte[] file) => new(file);

    private static string Refused(byte[] file) => Assert.Throws<CheckpointException>(() => new Opened(file)).Message;

    private sealed class Opened : IDisposable
    {
        private readonly TemporaryFolder _folder = new();

        public Opened(byte[] content)
        {
            try
            {
                File = TensorFile.Open(_folder.Write("model.ckpt", content));
            }
            catch
            {
                _folder.Dispose();
                throw;
            }
        }

        public TensorFile File { get; }

        public void Dispose()
        {
            File.Dispose();
            _folder.Dispose();
        }
    }
}
