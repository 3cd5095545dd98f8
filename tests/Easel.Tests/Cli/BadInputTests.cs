using Easel.Cli;
using Easel.Tests.Support;
using Easel.Tests.Weights;

namespace Easel.Tests.Cli;

/// <summary>Guards that whatever is wrong with a command line is told in one sentence that names it, with exit code 2, and before a model is loaded.</summary>
public sealed class BadInputTests
{
    [Theory]
    [InlineData("Say what to draw", "draw")]
    [InlineData("did you mean --steps", "txt2img", "--stepz", "5")]
    [InlineData("no flag -x", "-x")]
    [InlineData("--steps needs a value", "txt2img", "x", "--steps")]
    [InlineData("whole number, not 'many'", "txt2img", "x", "--steps", "many")]
    [InlineData("takes a whole number from 64 to 8192, not '99999999999'", "x", "-W", "99999999999")]
    [InlineData("--ddim_eta takes a number", "txt2img", "x", "--ddim_eta", "nan")]
    [InlineData("next word is --plms", "txt2img", "--prompt", "--plms")]
    [InlineData("from 1 to 1000", "x", "--steps", "0")]
    [InlineData("nearest are 64 and 72", "x", "--width", "65")]
    [InlineData("from 64 to 8192", "x", "--height", "1000000")]
    [InlineData("--count is 0", "x", "--count", "0")]
    [InlineData("--count and --n_iter", "x", "--count", "2", "--n_iter", "3")]
    [InlineData("two samplers", "x", "--plms", "--dpm_solver")]
    [InlineData("dpmpp_2m, dpmpp_sde", "x", "--sampler", "eulr")]
    [InlineData("karras", "x", "--schedule", "kerras")]
    [InlineData("one of eps, v", "x", "--prediction", "w")]
    [InlineData("left=128", "x", "--extend", "inside=5")]
    [InlineData("did you mean 'upscale'", "upscal")]
    [InlineData("no command 'knn2img'; did you mean 'txt2img'", "knn2img")]
    [InlineData("no command 'text2image'", "text2image", "-m", "x.ckpt")]
    [InlineData("no command 'optimized_knn2img'", "optimized_knn2img")]
    [InlineData("in quotes", "txt2img", "two", "words")]
    [InlineData("another in 'b'", "txt2img", "b", "--prompt", "a")]
    [InlineData("does not run", "x", "--laion400m")]
    [InlineData("with -i", "img2img", "x")]
    [InlineData("with -i", "superresolution", "configs/stable-diffusion/x4-upscaling.yaml", "x4-upscaler-ema.ckpt")]
    [InlineData("goes with a picture", "x", "--mask", "m.png")]
    [InlineData("no picture 'nope.png'", "img2img", "x", "-i", "nope.png")]
    [InlineData("no file nope.txt", "--from-file", "nope.txt")]
    [InlineData("no checkpoint at nope.ckpt", "x", "-m", "nope.ckpt")]
    [InlineData("no file or folder nope", "info", "nope")]
    [InlineData("no picture 'nope.png'", "again", "nope.png")]
    [InlineData("read, write", "watermark")]
    [InlineData("did you mean 'read'", "watermark", "raed", "x")]
    [InlineData("needs MODEL; it is called as easel convert MODEL OUTPUT.safetensors", "convert")]
    [InlineData("needs OUTPUT", "convert", "M")]
    [InlineData("no checkpoint at nope.ckpt", "convert", "nope.ckpt", "x.safetensors")]
    [InlineData("\"easel pull sd15\" fetches", "merge", "sd15", "sdxl", "x.safetensors")]
    [InlineData("\"easel pull sd15\" fetches", "info", "sd15")]
    [InlineData("as easel models rm NAME", "models", "rm")]
    [InlineData("no command 'nope'; easel --help lists", "help", "nope")]
    [InlineData("no command 'drw'; did you mean 'draw'", "help", "drw")]
    [InlineData("in easel watermark; did you mean 'read'", "watermark", "raed", "--help")]
    [InlineData("in easel models; there are rm, import", "help", "models", "nope")]
    [InlineData("no picture 'c'; give the one to enlarge with -i", "upscale", "a", "b", "c")]
    [InlineData("'b.png' is one picture too many", "upscale", "a.png", "b.png")]
    [InlineData("--mask names a mask", "inpaint", "a hat", "-i", "a.png", "b.png")]
    [InlineData("goes in quotes: easel inpaint \"a b\"", "inpaint", "a", "b", "-i", "a.png")]
    [InlineData("--styles is nope.csv", "serve", "--styles", "nope.csv")]
    [InlineData("--wildcards is nope", "start", "--wildcards", "nope")]
    [InlineData("there are canny", "hint", "cany", "a", "b")]
    [InlineData(".safetensors", "convert", "a.ckpt", "b.ckpt")]
    [InlineData("bash, zsh, fish, pwsh", "completion", "tcsh")]
    [InlineData("from 0 to 65535", "serve", "--port", "99999")]
    [InlineData("give a --token", "serve", "--host", "0.0.0.0")]
    [InlineData("The folder for pictures has no name", "x", "--outdir", "")]
    [InlineData("Pictures cannot be saved in /proc/none", "serve", "--output", "/proc/none")]
    [InlineData("in place of --host and --port", "serve", "--unix-socket", "x", "--port", "1")]
    [InlineData("an octal number", "serve", "--unix-socket", "x", "--socket-mode", "999")]
    [InlineData("must look like /easel", "serve", "--base-path", "a b")]
    public void IsToldInOneSentence(string told, params string[] args)
    {
        var (code, output, error) = Command.Run(args);
        Assert.Equal(ExitCodes.BadInput, code);
        Assert.Empty(output);
        Assert.StartsWith("easel: ", error);
        Assert.Contains(told, error);
        Assert.Single(error.TrimEnd().Split('\n'));
    }

    /// <summary>A word that could be a thing is drawn, even one with a digit in it.</summary>
    [Theory]
    [InlineData("cat")]
    [InlineData("1girl")]
    [InlineData("r2d2")]
    [InlineData("long_hair")]
    [InlineData("雪")]
    public void OneWordIsAPrompt(string word) => Assert.Equal(word, Command.Read(word).Prompt);

    [Fact]
    public void VariableThatNamesNoModel()
    {
        var (code, _, error) = Command.Run(Command.Shell(variables: new Dictionary<string, string> { ["EASEL_MODEL"] = "/nope" }), "x");
        Assert.Equal(ExitCodes.BadInput, code);
        Assert.Contains("EASEL_MODEL", error);
    }

    /// <summary>What makes one file out of others makes no folder for it: a path that leads nowhere is a slip of the pen.</summary>
    [Theory]
    [InlineData("convert", "MODEL", "x.safetensors")]
    [InlineData("merge", "MODEL", "MODEL", "x.gguf")]
    [InlineData("extract", "MODEL", "MODEL", "x.safetensors")]
    [InlineData("hint", "canny", "PICTURE", "x.png")]
    [InlineData("watermark", "write", "PICTURE", "x.png")]
    [InlineData("train", "data", "--out", "x.data")]
    public void AFileIsNotPutIntoAFolderThatIsNotThere(params string[] line)
    {
        using var folder = new TemporaryFolder();
        var nowhere = folder.Path("nope");
        var (code, _, error) = Command.Run([.. line[..^1].Select(word => word switch
        {
            "MODEL" => Goldens.Unpacked("sd1-formats/micro.fp16.safetensors"),
            "PICTURE" => Goldens.Path("sd1/images/init_0.png"),
            _ => word,
        }), Path.Combine(nowhere, line[^1])]);
        Assert.Equal($"easel: There is no folder {nowhere}; make it first, or name another place.", error.TrimEnd());
        Assert.Equal(ExitCodes.BadInput, code);
        Assert.False(Directory.Exists(nowhere));
    }

    [Fact]
    public void PicturesThatAreNone()
    {
        using var folder = new TemporaryFolder();
        var text = folder.Write("picture.png", "not a picture"u8.ToArray());
        Assert.Equal(ExitCodes.BadInput, Command.Run("img2img", "x", "-i", text).Code);
        Assert.Equal(ExitCodes.BadInput, Command.Run("watermark", "read", text).Code);
        Assert.Equal(ExitCodes.BadInput, Command.Run("txt2img", "--from-file", folder.Write("empty.txt", "\n \n"u8.ToArray())).Code);
        Assert.Contains("zero byte in line 2", Command.Run("txt2img", "--from-file", folder.Write("zero.txt", "a\nb\0"u8.ToArray())).Error);
    }

    [Fact]
    public void ModelsThatAreNone()
    {
        using var folder = new TemporaryFolder();
        var hostile = Goldens.Path("malicious/reduce_os_system.ckpt");
        foreach (var path in (string[])[hostile, folder.Path(), Goldens.Path("sd1/images/init_0.png"), folder.Write("cut.safetensors", [1, 2, 3])])
        {
            var (code, _, error) = Command.Run("x", "-m", path, "--outdir", folder.Path("out"), "-q");
            Assert.Equal(ExitCodes.BadInput, code);
            Assert.Contains(Path.GetFileName(path), error);
        }
        Assert.Equal(ExitCodes.BadInput, Command.Run("info", hostile).Code);
    }

    [Fact]
    public void InpaintingWithoutAPlaceToPaint()
    {
        var (code, _, error) = Command.Run("inpaint", "x", "-i", Goldens.Path("sd1/images/init_0.png"));
        Assert.Equal(ExitCodes.BadInput, code);
        Assert.Contains("--mask", error);
    }

    [Fact]
    public void StackTracesAreForThoseWhoAsk()
    {
        var quiet = Command.Run("info", "nope").Error;
        var loud = Command.Run(Command.Shell(variables: new Dictionary<string, string> { ["EASEL_DEBUG"] = "1" }), "info", "nope").Error;
        Assert.DoesNotContain("   at ", quiet);
        Assert.Contains("   at ", loud);
    }

    [Theory]
    [InlineData(typeof(OperationCanceledException), ExitCodes.Cancelled)]
    [InlineData(typeof(OutOfMemoryException), ExitCodes.Failed)]
    [InlineData(typeof(DllNotFoundException), ExitCodes.Failed)]
    [InlineData(typeof(IOException), ExitCodes.Failed)]
    [InlineData(typeof(NullReferenceException), ExitCodes.Failed)]
    public void ExitCodesOfFailures(Type failure, int code)
    {
        var exception = (Exception)Activator.CreateInstance(failure)!;
        Assert.Equal(code, ExitCodes.Of(exception).Code);
        Assert.Equal(code, ExitCodes.Of(new TypeInitializationException("x", exception)).Code);
    }
}
