using System.Net.Http.Json;
using System.Text.Json;
using Easel.Imaging;
using Easel.Server.Jobs;
using Easel.Server.Tests.Support;
using Easel.Tests.Support;
using Easel.Tests.Weights;

namespace Easel.Server.Tests;

/// <summary>Guards what is told of the model folders, changing models, enlarging, and files that go away while they are needed.</summary>
public sealed class ModelsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public ModelsTests()
    {
        Directory.CreateDirectory(_folder.Path("models", "more"));
        CopyFolder(RunningServer.Model, _folder.Path("models", "first"));
        CopyFolder(RunningServer.Model, _folder.Path("models", "more", "second"));
        File.Copy(Goldens.Path("upscalers/compact-x2.wrapped.pth"), _folder.Path("models", "sharp.pth"));
        File.Copy(Path.Combine(RunningServer.Model, "vae", "diffusion_pytorch_model.safetensors"), _folder.Path("models", "kl.safetensors"));
        File.Copy(Goldens.Path("layouts/lora-kohya.fp16.safetensors"), _folder.Path("models", "style.safetensors"));
        File.WriteAllText(_folder.Path("models", "page.ckpt"), "<!doctype html><html>Sign in</html>");
        File.WriteAllText(_folder.Path("models", "<b>bold<.txt"), "no model");
    }

    public void Dispose() => _folder.Dispose();

    private static void CopyFolder(string from, string to)
    {
        foreach (var file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            var copy = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }
    }

    [Fact]
    public async Task APictureBesideAFileIsSentFromAFolderThatIsNamedRelatively()
    {
        Directory.CreateDirectory(_folder.Path("controls"));
        File.Copy(Goldens.Path("control/ip_adapter.safetensors"), _folder.Path("controls", "adapter.safetensors"));
        await File.WriteAllBytesAsync(_folder.Path("controls", "adapter.png"), ImageFile.Encode(new RgbImage(8, 8), ImageFormat.Png));
        var options = RunningServer.OptionsFor(_folder);
        var folder = Path.GetRelativePath(Environment.CurrentDirectory, _folder.Path("controls"));
        await using var server = await RunningServer.Start(options with { Load = options.Load with { ControlFolders = [folder] } });
        using var answer = await server.Client.GetAsync("page/controls/adapter");
        Assert.Equal("image/png", answer.EnsureSuccessStatusCode().Content.Headers.ContentType?.MediaType);
    }

    private Task<RunningServer> Start() => RunningServer.Start(RunningServer.OptionsFor(_folder) with { Models = [_folder.Path("models")] });

    private static object Drawn(string? model, string? vae = null) =>
        new { model, vae, request = new { prompt = "a cat", steps = 1, width = 64, height = 64, seed = 1 } };

    [Fact]
    public async Task FoldersAreDescribed()
    {
        await using var server = await Start();
        var list = await server.Get("api/models");
        Assert.Equal("first", list.GetProperty("default").GetString());
        var models = list.GetProperty("models").EnumerateArray().ToDictionary(model => model.GetProperty("name").GetString()!);
        // Sketch, which comes with Easel, is there if this build has it.
        Assert.Equal(["first", "kl", "second", "sharp", "page", "style"], models.Keys.Where(name => name != "sketch"));
        Assert.Equal(("checkpoint", "Stable Diffusion 1"), (models["first"].GetProperty("use").GetString(), models["first"].GetProperty("family").GetString()));
        Assert.Equal("upscaler", models["sharp"].GetProperty("use").GetString());
        Assert.Equal("vae", models["kl"].GetProperty("use").GetString());
        Assert.Contains("LoRA", models["style"].GetProperty("problem").GetString());
        Assert.Contains("web page", models["page"].GetProperty("problem").GetString());

        CopyFolder(RunningServer.Model, _folder.Path("models", "more", "first"));
        var names = (await (await server.Client.PostAsync("api/models/refresh", null)).Content.ReadFromJsonAsync<JsonElement>()).GetProperty("models")
            .EnumerateArray()
            .Select(model => model.GetProperty("name").GetString()).ToList();
        Assert.Contains("more/first", names);
    }

    [Fact]
    public async Task ModelsChangeFromJobToJob()
    {
        await using var server = await Start();
        var jobs = new List<string>();
        foreach (var model in (string?[])["first", "second", null]) jobs.Add(await server.Submit(Drawn(model)));
        jobs.Add(await server.Submit(Drawn("first", vae: "kl")));
        foreach (var job in jobs) Assert.Equal("done", (await server.Finished(job)).GetProperty("state").GetString());
        Assert.Equal("first", server.Service<ModelThread>().LoadedModel);
        var texts = new List<string>();
        foreach (var job in jobs) texts.Add((await server.Get($"api/pictures/{job}-0000")).GetProperty("parameters").GetString()!);
        Assert.Contains("Model: second", texts[1]);
        Assert.Contains("VAE: kl", texts[3]);

        await server.Service<ModelThread>().UnloadAsync();
        Assert.Null(server.Service<ModelThread>().LoadedModel);
        await server.Service<ModelThread>().LoadAsync("second");
        Assert.Equal("second", server.Service<ModelThread>().LoadedModel);
    }

    [Fact]
    public async Task ModelIsLetGoWhenThereIsNothingToDo()
    {
        await using var server = await RunningServer.Start(RunningServer.OptionsFor(_folder) with { UnloadAfter = TimeSpan.Zero });
        Assert.Equal("done", (await server.Finished(await server.Submit(RunningServer.Cat()))).GetProperty("state").GetString());
        Assert.True(SpinWait.SpinUntil(() => server.Service<ModelThread>().LoadedModel is null, TimeSpan.FromSeconds(20)));
        Assert.Equal("done", (await server.Finished(await server.Submit(RunningServer.Cat()))).GetProperty("state").GetString());
    }

    [Fact]
    public async Task ModelThatGoesAwayFailsItsJobAlone()
    {
        await using var server = await Start();
        var loaded = await server.Submit(Drawn("first"));
        await server.Finished(loaded);
        Directory.Delete(_folder.Path("models", "more", "second"), recursive: true); // the list still has it
        var missing = await server.Finished(await server.Submit(Drawn("second")));
        Assert.Equal("failed", missing.GetProperty("state").GetString());
        Assert.Contains("second", missing.GetProperty("error").GetString());
        Assert.Equal("done", (await server.Finished(await server.Submit(Drawn("first")))).GetProperty("state").GetString());
    }

    [Fact]
    public async Task OutputFolderThatCannotBeWrittenFailsTheJobAlone()
    {
        await using var server = await Start();
        var day = _folder.Path("pictures", DateTime.UtcNow.ToString("yyyy-MM-dd"));
        File.WriteAllText(day, "in the way of the folder of this name");
        var failed = await server.Finished(await server.Submit(Drawn("first")));
        Assert.Equal("failed", failed.GetProperty("state").GetString());
        Assert.Contains("cannot be saved", failed.GetProperty("error").GetString());
        File.Delete(day);
        Assert.Equal("done", (await server.Finished(await server.Submit(Drawn("first")))).GetProperty("state").GetString());
    }

    [Theory]
    [InlineData("sharp", null, 24, 16)]
    [InlineData("sharp", 3.0, 36, 24)]
    [InlineData("lanczos", null, 24, 16)]
    [InlineData("nearest", 4.0, 48, 32)]
    public async Task PicturesAreEnlarged(string upscaler, double? scale, int width, int height)
    {
        await using var server = await Start();
        var picture = new RgbImage(12, 8);
        picture.Pixels.AsSpan().Fill(100);
        var id = await server.Submit(new
        {
            task = "enlarge",
            model = upscaler,
            scale,
            parameters = "a cat\nSteps: 3, Sampler: Euler, Seed: 5",
            request = new { initImage = Convert.ToBase64String(ImageFile.Encode(picture, ImageFormat.Png)) },
        });
        Assert.Equal("done", (await server.Finished(id)).GetProperty("state").GetString());
        var enlarged = await server.Get($"api/pictures/{id}-0000");
        Assert.Equal((width, height), (enlarged.GetProperty("width").GetInt32(), enlarged.GetProperty("height").GetInt32()));
        Assert.StartsWith("a cat\nSteps: 3, Sampler: Euler, Seed: 5, Postprocess upscale by: ", enlarged.GetProperty("parameters").GetString());
        Assert.Equal(5, enlarged.GetProperty("seed").GetInt64());
    }

    [Fact]
    public async Task ACopyOfWhatComesWithEaselIsMeantByItsPath()
    {
        foreach (var folder in (string[])["own", "models"])
        {
            Directory.CreateDirectory(_folder.Path(folder));
            File.Copy(Goldens.Unpacked("sd1-formats/micro.fp16.safetensors"), _folder.Path(folder, "small.safetensors"));
        }
        await using var server = await RunningServer.Start(RunningServer.OptionsFor(_folder) with
        {
            Models = [_folder.Path("models")],
            SpareModel = _folder.Path("own", "small.safetensors"),
            DefaultModel = _folder.Path("models", "small.safetensors"),
        });
        Assert.Equal("small", (await server.Get("api/models")).GetProperty("default").GetString());
    }

    [Fact]
    public async Task NoModelAtAllSaysWhereToPutOne()
    {
        await using var server = await RunningServer.Start(RunningServer.OptionsFor(_folder) with { Models = [_folder.Path("empty")], SpareModel = null });
        var answer = await server.Client.PostAsJsonAsync("api/jobs", RunningServer.Cat());
        Assert.Contains(_folder.Path("empty"), (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("detail").GetString());
    }
}
