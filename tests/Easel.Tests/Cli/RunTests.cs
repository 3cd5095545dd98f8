using System.Text.Json;
using Easel.Cli;
using Easel.Imaging;
using Easel.Tests.Models;
using Easel.Tests.Support;
using Easel.Tests.Weights;

namespace Easel.Tests.Cli;

/// <summary>Guards whole runs, from a command line to files, with a tiny model.</summary>
public sealed class RunTests : IDisposable
{
    private const string Prompt = "a photograph of an astronaut riding a horse";

    private readonly TemporaryFolder _folder = new();
    private readonly string _model = LoadedModel.Path("sd1-formats", "micro.fp16.safetensors");

    public void Dispose() => _folder.Dispose();

    /// <summary>With the model that is nearest to a real one: in "micro" norms over single channels hide the time embedding.</summary>
    [Fact]
    public void ScriptsLineGivesTheLibrarysPictures()
    {
        var model = LoadedModel.Path("sd1");
        var (code, output, _) = Run("txt2img", "--prompt", Prompt, "--ckpt", model, "--H", "64", "--W", "64", "--ddim_steps", "2", "--n_samples", "2",
            "--n_iter", "2", "--precision", "full", "--outdir", _folder.Path("out"), "-q");
        Assert.Equal(ExitCodes.Ok, code);
        string[] names = ["samples/00000.png", "samples/00001.png", "samples/00002.png", "samples/00003.png", "grid-0000.png"];
        Assert.Equal(names.Select(name => _folder.Path(["out", .. name.Split('/')])), Lines(output));

        using var generator = ImageGenerator.Load(model, new LoadOptions { Precision = Precision.Full });
        var expected = generator.Generate(new GenerationRequest
        {
            Prompt = Prompt,
            Width = 64,
            Height = 64,
            Steps = 2,
            Sampler = "ddim",
            Seed = 42,
            Like = NoiseLike.CompVis,
            Literal = true,
            BatchSize = 2,
            BatchCount = 2,
            Eta = 0,
        });
        for (var i = 0; i < 4; i++) Assert.Equal(expected.Images[i].Image.Pixels, ImageFile.Load(Lines(output)[i]).Pixels);
        Assert.Equal(ImageGrid.Make([.. expected.Images.Select(i => i.Image)], 2).Pixels, ImageFile.Load(Lines(output)[4]).Pixels);

        // The third picture again, out of its own text.
        var again = _folder.Path("again.png");
        Assert.Equal(ExitCodes.Ok, Run("again", Lines(output)[2], "-m", model, "-o", again, "-q").Code);
        Assert.Equal(ImageFile.Load(Lines(output)[2]).Pixels, ImageFile.Load(again).Pixels);
        Assert.Equal(ImageFile.ReadMetadata(Lines(output)[2]).Parameters, ImageFile.ReadMetadata(again).Parameters);
    }

    [Fact]
    public void JsonTellsEveryPictureAndTheEnd()
    {
        var (code, output, error) = Run("a cat", "-m", _model, "--width", "64", "--height", "64", "--steps", "1", "--count", "2", "--outdir",
            _folder.Path("out"), "--json", "--no-metadata", "--format", "webp");
        Assert.Equal(ExitCodes.Ok, code);
        var lines = Lines(output).Select(line => JsonDocument.Parse(line).RootElement).ToList();
        Assert.Equal(["plan", "picture", "picture", "end"], lines.Select(line => line.GetProperty("type").GetString()));
        Assert.Equal((64, 2), (lines[0].GetProperty("width").GetInt32(), lines[0].GetProperty("pictures").GetInt32()));
        lines.RemoveAt(0);
        Assert.Equal(lines[0].GetProperty("seed").GetInt64() + 1, lines[1].GetProperty("seed").GetInt64());
        Assert.True(File.Exists(lines[1].GetProperty("file").GetString()));
        Assert.Equal(2, lines[2].GetProperty("pictures").GetInt32());
        Assert.Null(ImageFile.ReadMetadata(lines[0].GetProperty("file").GetString()!).Parameters);
        Assert.Contains($"seed {lines[0].GetProperty("seed").GetInt64()}", error);
        Assert.Contains("step 1/1", error);
        Assert.DoesNotContain("watermark", error); // a small picture carries none, which nobody asked about
    }

    [Fact]
    public void APlanIsToldAndNothingDrawn()
    {
        string[] line = ["txt2img", "a cat", "-m", _model, "--width", "64", "--height", "64", "--steps", "20", "--outdir", _folder.Path("out")];
        var (code, output, error) = Run([.. line, "--plan", "--fast", "medium"]);
        Assert.Equal((ExitCodes.Ok, ""), (code, error));
        Assert.Contains("64x64, 20 steps of dpmpp_2m", output);
        Assert.Contains("a first run will tell better", output);
        Assert.Contains("--fast medium", output);
        Assert.False(Directory.Exists(_folder.Path("out")));

        // A run says it in one line, and teaches the next.
        (code, _, error) = Run(line);
        Assert.Equal(ExitCodes.Ok, code);
        Assert.Contains("note: 64x64 in ", error);
        var json = JsonDocument.Parse(Run([.. line, "--plan", "--json"]).Out).RootElement;
        Assert.True(json.GetProperty("learnt").GetBoolean());
        Assert.True(json.GetProperty("drawingSeconds").GetDouble() > 0);
        Assert.True(json.GetProperty("fits").GetBoolean());
        Assert.Single(Directory.EnumerateFiles(_folder.Path("out")));
        Assert.Contains("from earlier runs", Run("again", Directory.EnumerateFiles(_folder.Path("out")).Single(), "-m", _model, "--plan").Out);
    }

    /// <summary>What another program's picture was made with and does not say.</summary>
    [Theory]
    [InlineData("""{"sui_image_params":{"prompt":"a cat","steps":1,"seed":5,"cfgscale":7,"width":64,"height":64,"model":"dream"}}""",
        "made with the model dream")]
    [InlineData("""{"prompt":"a cat","base_model":"dream.safetensors","steps":1,"sampler":"euler","seed":5,"resolution":"(64, 64)","guidance_scale":4}""",
        "made with the model dream")]
    [InlineData("""{"sui_image_params":{"prompt":"a cat","steps":1,"width":64,"height":64}}""", "does not tell its seed and guidance scale")]
    public void AgainTellsAnotherModelAndWhatIsNotSaid(string parameters, string told)
    {
        var other = _folder.Path("other.png");
        File.WriteAllBytes(other, ImageFile.Encode(new RgbImage(64, 64), ImageFormat.Png, new ImageMetadata(parameters)));
        Assert.Contains(told, Run("again", other, "-m", _model, "-o", _folder.Path("again.png")).Error);
        Assert.Contains(told, Run("again", other, "-m", _model, "--plan").Error);
    }

    [Fact]
    public void WhatWasLeftOutIsLeftOutAgain()
    {
        var (first, again) = (_folder.Path("first.png"), _folder.Path("again.png"));
        Assert.Equal(ExitCodes.Ok, Run("a cat", "-m", _model, "--width", "64", "--height", "64", "--steps", "5", "--fast", "strong", "-o", first, "-q").Code);
        Assert.Contains("Fast: strong", ImageFile.ReadMetadata(first).Parameters);
        Assert.Equal(ExitCodes.Ok, Run("again", first, "-m", _model, "-o", again, "-q").Code);
        Assert.Equal(ImageFile.Load(first).Pixels, ImageFile.Load(again).Pixels);
        Assert.Contains("light, medium, strong", Run("a cat", "--fast", "furious").Error);
    }

    [Fact]
    public void ImageToImageFromPictureAndBack()
    {
        var picture = Goldens.Path("sd1/images/init_0.png");
        var (first, second) = (_folder.Path("first.png"), _folder.Path("second.png"));
        Assert.Equal(ExitCodes.Ok, Run("img2img", "a bird", "-m", _model, "-i", picture, "--strength", "0.5", "--steps", "4", "-o", first, "-q").Code);

        var (code, _, error) = Run("again", first, "-m", _model, "-o", second);
        Assert.Equal(ExitCodes.BadInput, code);
        Assert.Contains("-i", error);
        Assert.Equal(ExitCodes.Ok, Run("again", first, "-m", _model, "-i", picture, "-o", second, "-q").Code);
        Assert.Equal(ImageFile.Load(first).Pixels, ImageFile.Load(second).Pixels);

        error = Run("again", first, "-m", _model, "-i", first, "-o", second, "--force").Error;
        Assert.Contains("another than the one", error);
    }

    [Fact]
    public void CancellingLeavesNothingHalfWritten()
    {
        using var cancel = new CancellationTokenSource();
        cancel.Cancel();
        var shell = Command.Shell(cancel: cancel.Token);
        var (code, output, error) = Command.Run(shell, "a cat", "-m", _model, "--outdir", _folder.Path("out"));
        Assert.Equal((ExitCodes.Cancelled, ""), (code, output));
        Assert.EndsWith("easel: cancelled\n", error.ReplaceLineEndings("\n"));
        Assert.False(Directory.Exists(_folder.Path("out"))); // nor the folder that was made for the picture
    }

    [Fact]
    public void WrongModelForTheJob()
    {
        var picture = Goldens.Path("sd1/images/init_0.png");
        Assert.Contains("x4 upscaler", Refused("upscale", picture));
        Assert.Contains("depth", Refused("depth2img", "x", "-i", picture));
        Assert.Contains("4 channels", Refused("txt2img", "x", "--C", "3"));
        Assert.Contains("8 x 8", Refused("txt2img", "x", "--f", "4"));
        // The small model inside has five channels, and is not drawn with what is said of others.
        Assert.Contains("5 channels", Run("txt2img", "x", "--C", "4", "--outdir", _folder.Path("out"), "-q").Error);
        Assert.Equal(ExitCodes.Ok, Run("txt2img", "x", "--C", "5", "--steps", "1", "--outdir", _folder.Path("out"), "-q").Code);

        string Refused(params string[] args)
        {
            var (code, _, error) = Run([.. args, "-m", _model, "--outdir", _folder.Path("out"), "-q"]);
            Assert.Equal(ExitCodes.BadInput, code);
            return error;
        }
    }

    [Fact]
    public void ModelFromTheVariableAndPromptsFromStandardInput()
    {
        var shell = Command.Shell("a fox\n\n  a hen\n", new Dictionary<string, string> { ["EASEL_MODEL"] = _model });
        var (code, output, _) = Command.Run(shell, "--from-file", "-", "--width", "64", "--height", "64", "--steps", "1", "--seed", "5", "--outdir",
            _folder.Path("out"), "-q", "--no-metadata");
        Assert.Equal(ExitCodes.Ok, code);
        Assert.Equal(["00000-5-a-fox.png", "00001-6-a-hen.png"], Lines(output).Select(Path.GetFileName));
    }

    [Fact]
    public void InfoTellsPicturesAndModels()
    {
        var model = Run("info", _model).Out;
        Assert.Contains("Stable Diffusion 1", model);
        Assert.Contains("Float16", model);
        var json = JsonDocument.Parse(Run("info", _model, "--json").Out).RootElement;
        Assert.Equal(64, json.GetProperty("sha256").GetString()!.Length);
        Assert.Equal(10, json.GetProperty("modelHash").GetString()!.Length);

        var (code, lora, _) = Run("info", Goldens.Path("sd1/unet.safetensors"));
        Assert.Equal(ExitCodes.Ok, code);
        Assert.Contains("a layout that Easel does not know", lora);
        Assert.Contains("more (--all lists them)", lora);
        Assert.DoesNotContain("more (--all", Run("info", Goldens.Path("sd1/unet.safetensors"), "--all").Out);

        var picture = Run("info", Goldens.Path("watermark/out_3_SDV2.png")).Out;
        Assert.Contains("SDV2 (32 bits", picture);
    }

    [Fact]
    public void WatermarkIsReadAndWritten()
    {
        var (input, output) = (Goldens.Path("watermark/in_3.png"), _folder.Path("marked.png"));
        Assert.Contains("no known watermark", Run("watermark", "read", input).Out);
        Assert.Equal(ExitCodes.Ok, Run("watermark", "write", input, output).Code);
        Assert.StartsWith("StableDiffusionV1 (136 bits", Run("watermark", "read", output).Out);
        Assert.Equal(ExitCodes.BadInput, Run("watermark", "write", input, output).Code);
        Assert.Equal(ExitCodes.Ok, Run("watermark", "write", input, output, "--text", "Mine", "--force").Code);
        Assert.StartsWith("Mine (32 bits", Run("watermark", "read", output, "--text", "Mine").Out);
    }

    private (int Code, string Out, string Error) Run(params string[] args) =>
        Command.Run(Command.Shell(variables: new Dictionary<string, string> { ["XDG_CACHE_HOME"] = _folder.Path("cache") }), args);

    private static string[] Lines(string text) => text.ReplaceLineEndings("\n").Split('\n', StringSplitOptions.RemoveEmptyEntries);
}
