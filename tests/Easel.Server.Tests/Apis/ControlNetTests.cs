using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Easel.Imaging;
using Easel.Server.Jobs;
using Easel.Server.Tests.Support;
using Easel.Tests.Weights;

namespace Easel.Server.Tests.Apis;

/// <summary>Guards what speaks of ControlNets: the extension's units and routes in AUTOMATIC1111's API, and Easel's own.</summary>
public sealed class ControlNetTests : IDisposable
{
    private const string Network = "control_v11p_sd15_canny";

    private readonly TemporaryFolder _folder = new();
    private readonly RgbImage _picture = new(64, 64);

    public ControlNetTests()
    {
        Directory.CreateDirectory(_folder.Path("controls", "image_encoder"));
        File.WriteAllBytes(_folder.Path("controls", Network + ".pth"), [1, 2, 3]);
        File.WriteAllBytes(_folder.Path("controls", "t2iadapter_color.safetensors"), new byte[0x120000]);
        File.WriteAllBytes(_folder.Path("controls", "image_encoder", "model.safetensors"), [1]);
        for (var i = 0; i < _picture.Pixels.Length; i++) _picture.Pixels[i] = (byte)(i / 3 % 64 < 32 ? 0 : 255);
    }

    public void Dispose() => _folder.Dispose();

    private string Sent => Convert.ToBase64String(ImageFile.Encode(_picture, ImageFormat.Png));

    private ServerOptions Options => RunningServer.OptionsFor(_folder) is var options
        ? options with { Load = options.Load with { ControlFolders = [_folder.Path("controls")] } } : null!;

    [Fact]
    public async Task UnitsSayWhatTheExtensionsSay()
    {
        await using var server = await RunningServer.Start(Options);
        var unit = new
        {
            enabled = true,
            input_image = Sent,
            module = "canny",
            model = $"{Network} [039058c6]",
            weight = "0.75",
            resize_mode = 2,
            lowvram = true,
            processor_res = -1,
            threshold_a = -1,
            threshold_b = 150.0,
            guidance_start = 0.1,
            guidance = 0.9,
            control_mode = "ControlNet is more important",
        };
        var reply = await Post(server, new[] { unit });
        Assert.Equal(2, reply.GetProperty("images").GetArrayLength()); // the picture, and the hint
        var hint = ImageFile.Load(new MemoryStream(reply.GetProperty("images")[1].GetBytesFromBase64()), "hint");
        Assert.Equal((64, 64), (hint.Width, hint.Height));
        Assert.Contains((byte)255, hint.Pixels);
        var info = JsonDocument.Parse(reply.GetProperty("info").GetString()!).RootElement.GetProperty("infotexts")[0].GetString();
        Assert.Contains($"ControlNet 0: \"Module: canny, Model: {Network}, Weight: 0.75, Resize Mode: Resize and Fill, Processor Res: 512, Threshold A: 100.0, "
            + "Threshold B: 150.0, Guidance Start: 0.1, Guidance End: 0.9, Pixel Perfect: False, Control Mode: ControlNet is more important\"", info);

        var kept = Assert.Single(server.Service<JobQueue>().Snapshot().Concat(Jobs(server)).First().Request.Request.Controls);
        Assert.Equal(new ControlUnit
        {
            Network = Network,
            Hint = HintKind.Canny,
            Strength = 0.75,
            Fit = ImageFit.Pad,
            Resolution = 512,
            ThresholdB = 150,
            Start = 0.1,
            End = 0.9,
            Mode = ControlMode.Control,
        }, kept); // its picture is a file

        Assert.Equal(1, (await Post(server, new[] { new { enabled = false, model = Network, module = "canny" } })).GetProperty("images").GetArrayLength());
        Assert.Equal(1, (await Post(server, new[] { new { image = new { image = Sent, mask = (string?)null }, model = Network, save_detected_map = false } }))
            .GetProperty("images").GetArrayLength());
    }

    [Theory]
    [InlineData("""{"model": "nothing", "image": "PICTURE"}""",
        "There is no network of control \"nothing\"; there are control_v11p_sd15_canny, t2iadapter_color.")]
    [InlineData("""{"model": "../../etc/passwd", "image": "PICTURE"}""", "There is no network of control")]
    [InlineData("""{"model": "t2iadapter_color", "module": "openpose", "image": "PICTURE"}""", "module(openpose) not found in supported modules")]
    [InlineData("""{"model": "t2iadapter_color"}""", "has no picture to go by")]
    [InlineData("""{"image": "PICTURE"}""", "names no model")]
    [InlineData("""{"model": "t2iadapter_color", "image": "PICTURE", "weight": 3}""", "strength of 3; it must be 0 to 2")]
    [InlineData("""{"model": "t2iadapter_color", "image": "PICTURE", "guidance_start": 0.8, "guidance_end": 0.2}""", "begins at 0.8 and ends at 0.2")]
    [InlineData("""{"model": "t2iadapter_color", "image": "PICTURE", "advanced_weighting": [1, 2]}""", "advanced_weighting")]
    [InlineData("""{"model": "t2iadapter_color", "image": "PICTURE", "control_mode": "mine"}""", "control_mode is mine")]
    [InlineData("7", "must hold objects")]
    public async Task WhatCannotBeDoneIsRefused(string unit, string sentence)
    {
        await using var server = await RunningServer.Start(Options);
        var answer = await server.Client.PostAsync("sdapi/v1/txt2img", new StringContent(
            $$$$"""{"prompt": "a", "steps": 1, "width": 64, "alwayson_scripts": {"controlnet": {"args": [{{{{unit.Replace("PICTURE", Sent)}}}}]}}}"""));
        Assert.True(answer.StatusCode is HttpStatusCode.BadRequest or HttpStatusCode.UnprocessableEntity, $"{answer.StatusCode}");
        Assert.Contains(sentence, (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("detail").GetString());
    }

    [Fact]
    public async Task TheRoutesAreTheExtensions()
    {
        await using var server = await RunningServer.Start(Options);
        Assert.Equal(3, (await server.Get("controlnet/version")).GetProperty("version").GetInt32());
        var models = (await server.Get("controlnet/model_list")).GetProperty("model_list").EnumerateArray().Select(model => model.GetString()).ToList();
        // The hash is the extension's: of 64 KiB behind the first MiB.
        Assert.Equal([$"{Network} [e3b0c442]", "t2iadapter_color [de2f2560]"], models);
        var modules = await server.Get("controlnet/module_list");
        Assert.Contains("lineart_standard", modules.GetProperty("module_list").EnumerateArray().Select(module => module.GetString()));
        Assert.Equal("Low Threshold", modules.GetProperty("module_detail").GetProperty("canny").GetProperty("sliders")[1].GetProperty("name").GetString());
        Assert.Contains("t2ia_color_grid", (await server.Get("controlnet/module_list?alias_names=true")).GetProperty("module_list").EnumerateArray()
            .Select(module => module.GetString()));
        var canny = (await server.Get("controlnet/control_types")).GetProperty("control_types").GetProperty("Canny");
        Assert.Equal(("canny", models[0]), (canny.GetProperty("default_option").GetString(), canny.GetProperty("default_model").GetString()));
        Assert.Equal(ControlUnit.Most, (await server.Get("controlnet/settings")).GetProperty("control_net_unit_count").GetInt32());

        var answer = await server.Client.PostAsJsonAsync("controlnet/detect",
            new { controlnet_module = "invert", controlnet_input_images = new[] { Sent }, controlnet_processor_res = 64 });
        var image = (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("images")[0].GetBytesFromBase64();
        Assert.Equal(_picture.Pixels.Select(value => (byte)(255 - value)), ImageFile.Load(new MemoryStream(image), "hint").Pixels);
        Assert.False(answer.Headers.Contains("X-Easel-Remarks"));
        answer = await server.Client.PostAsJsonAsync("controlnet/detect",
            new { controlnet_module = "canny", controlnet_input_images = new[] { Sent }, controlnet_processor_res = 5, controlnet_threshold_a = 999 });
        Assert.Equal("controlnet_processor_res is 5; canny takes 64 to 2048, and 512 was used in its place. "
            + "controlnet_threshold_a is 999; canny takes 1 to 255, and 100 was used in its place.",
            Uri.UnescapeDataString(answer.Headers.GetValues("X-Easel-Remarks").Single()));
        answer = await server.Client.PostAsJsonAsync("controlnet/detect", new { controlnet_module = "canny", controlnet_input_images = Array.Empty<string>() });
        Assert.Equal("No image selected", (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("detail").GetString());
    }

    /// <summary>Pictures of units wait as files, and are drawn with after a restart of the queue's memory as well.</summary>
    [Fact]
    public async Task EaselsOwnApiTakesThemAsTheLibraryDoes()
    {
        await using var server = await RunningServer.Start(Options);
        var id = await server.Submit(new
        {
            request = new
            {
                prompt = "a cat",
                steps = 1,
                width = 64,
                height = 64,
                seed = 5,
                controls = new[] { new { network = Network, hint = "canny", strength = 0.5, picture = Sent } },
            },
        });
        var job = await server.Finished(id);
        Assert.Equal("done", job.GetProperty("state").GetString());
        Assert.Equal("control0", job.GetProperty("inputs")[0].GetString());
        var drawn = ImageFile.Load(new MemoryStream(await server.Client.GetByteArrayAsync($"api/pictures/{id}-0000/file")), "picture");
        using var generator = new FakeGenerator();
        var expected = generator.Generate(new GenerationRequest
        {
            Prompt = "a cat",
            Steps = 1,
            Width = 64,
            Height = 64,
            Seed = 5,
            Controls = [new ControlUnit { Network = Network, Hint = HintKind.Canny, Strength = 0.5, Picture = _picture }],
        });
        Assert.Equal(expected.Images[0].Image.Pixels, drawn.Pixels);
    }

    [Fact]
    public async Task AFolderCalledControlNetBesideTheModelsIsFound()
    {
        Directory.Move(_folder.Path("controls"), _folder.Path("ControlNet"));
        Directory.CreateDirectory(_folder.Path("models"));
        await using var server = await RunningServer.Start(RunningServer.OptionsFor(_folder) with { Models = [RunningServer.Model, _folder.Path("models")] });
        Assert.Equal(2, (await server.Get("controlnet/model_list")).GetProperty("model_list").GetArrayLength());
    }

    private static IEnumerable<Job> Jobs(RunningServer server) => server.Service<JobStore>().Over(null, 10);

    private static async Task<JsonElement> Post(RunningServer server, object units)
    {
        var answer = await server.Client.PostAsJsonAsync("sdapi/v1/txt2img",
            new { prompt = "a cat", steps = 1, width = 64, height = 64, seed = 5, alwayson_scripts = new { ControlNet = new { args = units } } });
        var json = await answer.Content.ReadFromJsonAsync<JsonElement>();
        Assert.True(answer.IsSuccessStatusCode, json.ToString());
        return json;
    }
}
