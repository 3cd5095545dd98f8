using Easel.Cli;
using Easel.Cli.Options;
using Easel.Imaging;
using Easel.Metadata;
using Easel.Planning;
using Easel.Tests.Cli;
using Easel.Tests.Models;
using Easel.Tests.Support;
using Easel.Tests.Weights;

namespace Easel.Tests;

/// <summary>Guards runs that are steered: that a hint changes the picture as far as it is asked to, and in no other case; that texts, plans and the command
/// line know of it.</summary>
public sealed class ControlRunTests : IClassFixture<ControlRunTests.Loaded>
{
    private static readonly GenerationRequest Plain = new()
    {
        Prompt = "a house",
        Width = 64,
        Height = 64,
        Steps = 4,
        Seed = 5,
        Sampler = "euler",
        GuidanceScale = 3,
        Watermark = false,
    };

    private readonly Loaded _loaded;

    public ControlRunTests(Loaded loaded) => _loaded = loaded;

    private ControlUnit Unit => new() { Network = _loaded.Network, Picture = _loaded.Hint };

    [Fact]
    public void AHintSteersAsMuchAndAsLongAsItIsAsked()
    {
        var plain = Draw();
        var steered = Draw(Unit);
        Assert.NotEqual(plain, steered);
        Assert.Equal(plain, Draw(Unit with { Strength = 0 }));
        Assert.Equal(plain, Draw(Unit with { Start = 0.9 })); // after the last of four steps, which begins at three quarters
        Assert.Equal(steered, Draw(Unit with { End = 0.75 }));
        Assert.Equal(5, new[]
        {
            plain, steered, Draw(Unit with { End = 0.5 }), Draw(Unit with { Mode = ControlMode.Prompt }), Draw(Unit with { Mode = ControlMode.Control }),
        }.Select(Convert.ToHexString).Distinct().Count());
        Assert.Equal(plain, Draw()); // what steered before is gone
    }

    [Fact]
    public void TwoHalvesAreAWhole()
    {
        var whole = Draw(Unit);
        var halves = Draw(Unit with { Strength = 0.5 }, Unit with { Strength = 0.5 });
        Assert.True(whole.Zip(halves, (one, other) => Math.Abs(one - other)).Max() <= 1);
    }

    [Fact]
    public void TheInputPictureIsTheHintWhereNoneIsGiven()
    {
        var request = Plain with { InitImage = _loaded.Hint, Strength = 0.5 };
        var own = _loaded.Generator.Generate(request with { Controls = [Unit] }).Images[0];
        var shared = _loaded.Generator.Generate(request with { Controls = [Unit with { Picture = null }] }).Images[0];
        Assert.Equal(own.Image.Pixels, shared.Image.Pixels);
        Assert.Contains("no picture to go by", Assert.Throws<InvalidRequestException>(() =>
            _loaded.Generator.Generate(Plain with { Controls = [Unit with { Picture = null }] })).Message);
    }

    [Fact]
    public void ThePlanCountsTheNetwork()
    {
        var (plain, steered) = (_loaded.Generator.Plan(Plain), _loaded.Generator.Plan(Plain with { Controls = [Unit] }));
        Assert.True(steered.MemoryNeeded > plain.MemoryNeeded);
        Assert.InRange(steered.StepGigaflops / plain.StepGigaflops, 1.1, 1.5);
    }

    /// <summary>At the size of Stable Diffusion 1 a ControlNet costs at most two fifths of a step.</summary>
    [Fact]
    public void AControlNetCostsAtMostTwoFifthsOfAStep()
    {
        var unet = new Easel.Models.UNetConfig
        {
            InChannels = 4,
            OutChannels = 4,
            Channels = [320, 640, 1280, 1280],
            Attention = [new(1, 8, true), new(1, 8, true), new(1, 8, true), new(0, 8, true)],
            MiddleAttention = new(1, 8, true),
            BlocksPerLevel = 2,
            ContextWidth = 768,
            LinearProjections = false,
        };
        var step = NetworkWork.OfUNet(unet, 2, 64, 64).Flops;
        var added = NetworkWork.OfControlNet(new(unet, 3, [16, 32, 96, 256]), 2, 64, 64).Flops;
        Assert.InRange((step + added) / step, 1.2, 1.4);
    }

    /// <summary>The text is the extension's, and is read again.</summary>
    [Fact]
    public void APicturesTextTellsItsUnitsAsTheExtensionDoes()
    {
        var image = _loaded.Generator.Generate(Plain with { Controls = [Unit with { Hint = HintKind.Canny, Strength = 0.8, End = 0.5 }] }).Images[0];
        var text = RequestInfotext.ToInfotext(image, "m", null).ToString();
        Assert.Contains("ControlNet 0: \"Module: canny, Model: control.fp16, Weight: 0.8, Resize Mode: Crop and Resize, Processor Res: 512, "
            + "Threshold A: 100.0, Threshold B: 200.0, Guidance Start: 0.0, Guidance End: 0.5, Pixel Perfect: True, Control Mode: Balanced\"", text);
        var told = new PictureSettings("Easel", Infotext.Parse(text));
        Assert.True(told.NeedsControlPictures);
        Assert.Empty(told.NotUnderstood);
        var again = Assert.Single(told.ToRequest().Controls);
        Assert.Equal(new ControlUnit { Network = "control.fp16", Hint = HintKind.Canny, Strength = 0.8, End = 0.5 }, again);
    }

    [Theory]
    [InlineData("net.safetensors=hint.png", "net.safetensors", "hint.png", HintKind.None, 1, 0, 1)]
    [InlineData("net.safetensors=hint.png:0.8", "net.safetensors", "hint.png", HintKind.None, 0.8, 0, 1)]
    [InlineData("net=hint.png@0.2-0.7", "net", "hint.png", HintKind.None, 1, 0.2, 0.7)]
    [InlineData("net=photo.jpg,canny:0.8@0-0.5", "net", "photo.jpg", HintKind.Canny, 0.8, 0, 0.5)]
    [InlineData(@"C:\nets\a,b.safetensors=D:\my pictures\a, b.png,lineart@0.5",
        @"C:\nets\a,b.safetensors", @"D:\my pictures\a, b.png", HintKind.Lineart, 1, 0.5, 1)]
    [InlineData("net,depth:1.5", "net", null, HintKind.Depth, 1.5, 0, 1)]
    [InlineData("net=,invert", "net", null, HintKind.Invert, 1, 0, 1)]
    public void AFlagSaysAUnit(string text, string network, string? picture, HintKind hint, double strength, double start, double end)
    {
        var flag = ControlFlag.Parse(text);
        Assert.Equal(picture, flag.Picture);
        Assert.Equal(new ControlUnit { Network = network, Hint = hint, Strength = strength, Start = start, End = end }, flag.Unit);
    }

    [Fact]
    public void TheCommandLineSteersAsTheLibraryDoes()
    {
        using var folder = new TemporaryFolder();
        ImageFile.Save(folder.Path("hint.png"), _loaded.Hint);
        string[] line = ["txt2img", "a house", "-m", _loaded.Model, "--width", "64", "--height", "64", "--steps", "4", "--seed", "5", "--sampler", "euler",
            "--cfg", "3", "--precision", "full", "--no-watermark", "-o", folder.Path("out.png"), "-q"];
        var (code, _, error) = Command.Run([.. line, "--control", $"{_loaded.Network}={folder.Path("hint.png")}:0.5", "--control",
            $"control.fp16={folder.Path("hint.png")}:0.5@0-0.6", "--control-dir", Path.GetDirectoryName(_loaded.Network)!]);
        Assert.True(code == ExitCodes.Ok, error);
        Assert.Equal(Draw(Unit with { Strength = 0.5 }, Unit with { Strength = 0.5, End = 0.6 }), ImageFile.Load(folder.Path("out.png")).Pixels);

        (code, _, error) = Command.Run(["again", folder.Path("out.png"), "-m", _loaded.Model, "-o", folder.Path("again.png")]);
        Assert.Equal(ExitCodes.BadInput, code);
        Assert.Contains("--control", error);
        (code, _, error) = Command.Run([.. line[..^3], "--control", $"nothing.safetensors={folder.Path("hint.png")}", "-o", folder.Path("none.png")]);
        Assert.Equal(ExitCodes.BadInput, code);
        Assert.Contains("nothing.safetensors", error);
    }

    [Fact]
    public void ADrawnOutHintIsRefusedBeforeItIsMade()
    {
        var picture = new RgbImage(16, 256); // 2048x32768 when its shorter side is 2048
        var refused = Assert.Throws<InvalidRequestException>(() => Easel.Hint.Make(picture, HintKind.Canny, 2048));
        Assert.Contains("2048x32768", refused.Message);
        Assert.Equal((2048, 32768), Easel.Hint.SizeOf(picture, HintKind.Canny, 2048));
        Assert.Equal((16, 256), Easel.Hint.SizeOf(picture, HintKind.Invert, 2048)); // which is made of the picture as it is
    }

    [Fact]
    public void AHintIsMadeWithoutDrawing()
    {
        using var folder = new TemporaryFolder();
        ImageFile.Save(folder.Path("photo.png"), _loaded.Hint);
        foreach (var row in HintInfo.All.Where(row => row.Kind != HintKind.Depth))
        {
            var (code, _, error) = Command.Run(["hint", row.Word, folder.Path("photo.png"), folder.Path(row.Word + ".png")]);
            Assert.True(code == ExitCodes.Ok, error);
            var made = ImageFile.Load(folder.Path(row.Word + ".png"));
            Assert.Equal((64, 64), (made.Width, made.Height));
        }
        Assert.Equal(_loaded.Hint.Pixels, ImageFile.Load(folder.Path("none.png")).Pixels);
        var (refused, _, sentence) = Command.Run(["hint", "depth", folder.Path("photo.png"), folder.Path("depth.png")]);
        Assert.Equal(ExitCodes.BadInput, refused);
        Assert.Contains("MiDaS", sentence);
    }

    private byte[] Draw(params ControlUnit[] units) => _loaded.Generator.Generate(Plain with { Controls = units }).Images[0].Image.Pixels;

    /// <summary>The micro model with a ControlNet of its own in a folder.</summary>
    public sealed class Loaded : IDisposable
    {
        private readonly TemporaryFolder _folder = new();

        public Loaded()
        {
            Model = LoadedModel.Path("sd1-formats", "micro.fp16.safetensors");
            Network = _folder.Path("control.fp16.pth");
            File.Copy(Goldens.Unpacked("control/original.fp16.pth"), Network);
            Hint = new RgbImage(64, 64);
            for (var i = 0; i < Hint.Pixels.Length; i++) Hint.Pixels[i] = (byte)((i / 3 % 64 / 16 + i / 3 / 64 / 16) % 2 * 255);
            Generator = ImageGenerator.Load(Model, new LoadOptions { Precision = Precision.Full, ControlFolders = [Path.GetDirectoryName(Network)!] });
        }

        public string Model { get; }

        public string Network { get; }

        public RgbImage Hint { get; }

        public ImageGenerator Generator { get; }

        public void Dispose()
        {
            Generator.Dispose();
            _folder.Dispose();
        }
    }
}
