using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Easel.Imaging;
using Easel.Server.Tests.Support;
using Easel.Tests.Weights;
using static Easel.Server.Tests.Support.Sdapi;

namespace Easel.Server.Tests.Apis;

/// <summary>Guards that bodies of the AUTOMATIC1111 API are taken as loosely as there, and that what was passed over is told in the reply's comments.</summary>
public sealed class SdapiLaxTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>Each field in other spellings of the same value gives the same parameters.</summary>
    [Fact]
    public async Task ValuesAreTakenAsPydanticTakesThem()
    {
        await using var server = await RunningServer.Start(_folder);
        foreach (var (field, off, on) in ((string, string[], string[])[])
        [
            ("send_images", ["false", "0", "\"off\"", "\"False\"", "\"n\""], ["true", "1", "1.0", "\"true\"", "\"on\"", "\"YES\"", "\"1\"", "\" t \""]),
            ("save_images", ["false", "0", "0.0", "\"no\"", "null"], ["true", "1", "\"y\""]),
            ("restore_faces", ["false", "0"], ["true", "\"1\""]),
            ("tiling", ["false", "\"false\"", "0", "null"], ["true", "1", "\"on\""]),
            ("do_not_save_grid", ["\"0\"", "false"], ["\"on\"", "true"]),
        ])
        {
            foreach (var text in off) Assert.Equal(JsonValueKind.False, (await Sent(field, text)).ValueKind);
            foreach (var text in on) Assert.Equal(JsonValueKind.True, (await Sent(field, text)).ValueKind);
        }
        foreach (var text in (string[])["3", "3.0", "\"3\"", "\"3.0\"", "\" 3 \""]) Assert.Equal(3, (await Sent("steps", text)).GetInt32());
        foreach (var text in (string[])["true", "1", "\"1\"", "null"]) Assert.Equal(1, (await Sent("n_iter", text)).GetInt32());
        foreach (var text in (string[])["7", "7.0", "\"7\"", "\"7.0\""]) Assert.Equal(7, (await Sent("cfg_scale", text)).GetDouble());
        foreach (var text in (string[])["0", "\"0\"", "0.0", "null"]) Assert.Equal(JsonValueKind.Null, (await Sent("s_tmax", text)).ValueKind);
        foreach (var text in (string[])["-1", "\"-1\"", "-1.0", "null"]) Assert.Equal(-1, (await Sent("subseed", text)).GetInt32());
        Assert.Equal("7", (await Sent("prompt", "7")).GetString());
        Assert.Equal("DPM++ 2M Karras", (await Sent("sampler_name", "\"DPM++ 2M Karras\"")).GetString());
        Assert.Equal("{}", (await Sent("alwayson_scripts", "[]")).ToString());
        Assert.Equal("{}", (await Sent("override_settings", "[]")).ToString());

        async Task<JsonElement> Sent(string field, string value)
        {
            var more = field == "steps" ? "" : "\"steps\": 1, ";
            var reply = await Posted(server, "txt2img", $$"""{{{more}}"width": 64, "height": 64, "seed": 1, "{{field}}": {{value}}}""");
            return reply.GetProperty("parameters").GetProperty(field);
        }
    }

    [Fact]
    public async Task MaskSwitchesAreTakenAsNumbers()
    {
        await using var server = await RunningServer.Start(_folder);
        var (picture, mask) = (Base64(Shaded(128, 96)), Base64(Half(128, 96).ToRgb()));
        var expected = await Drawn("\"inpaint_full_res\": true, \"inpainting_mask_invert\": 1");
        foreach (var same in (string[])["\"inpaint_full_res\": 1, \"inpainting_mask_invert\": true",
            "\"inpaint_full_res\": \"on\", \"inpainting_mask_invert\": \"1\""])
            Assert.Equal(expected.Pixels, (await Drawn(same)).Pixels);

        async Task<RgbImage> Drawn(string fields)
        {
            var reply = await Posted(server, "img2img", $$"""
                {"prompt": "a", "steps": 1, "width": 64, "height": 64, "seed": 1, "init_images": ["{{picture}}"], "mask": "{{mask}}", {{fields}}}
                """);
            return Picture(reply.GetProperty("images")[0].GetBytesFromBase64());
        }
    }

    [Fact]
    public async Task WhatIsPassedOverIsTold()
    {
        await using var server = await RunningServer.Start(_folder);
        var reply = await Posted(server, "txt2img", """
            {"steps": 1, "width": 500, "height": "71", "seed": 1, "restore_faces": 1, "styles": ["Swagger"], "my_field": 3, "somebody_elses": {"a": 1},
             "override_settings": {"filter_nsfw": true, "token_merging_ratio": 0.5}, "alwayson_scripts": {"Hypertile": {"args": [true]}}}
            """);
        Assert.Equal((496, 64), (Info(reply).GetProperty("width").GetInt32(), Info(reply).GetProperty("height").GetInt32()));
        var comments = Info(reply).GetProperty("comments").GetString()!.Split('\n');
        foreach (var part in (string[])["width is 500; 496", "height is 71; 64", "restore_faces", "\"Swagger\"", "\"my_field\"",
            "\"filter_nsfw\"", "token_merging_ratio", "Hypertile"])
            Assert.Contains(comments, comment => comment.Contains(part, StringComparison.Ordinal));
        Assert.Equal(9, comments.Length); // the last tells of "somebody_elses"
        reply = await Posted(server, "txt2img", """{"steps": 1, "width": 64, "height": 64, "distilled_cfg_scale": 3.5, "hr_additional_modules": []}""");
        Assert.Equal("", Info(reply).GetProperty("comments").GetString());
    }

    /// <summary>What the web UI has of itself and what it draws without: told, and drawn all the same.</summary>
    [Fact]
    public async Task WhatIsNotHereIsToldAndDrawnWithout()
    {
        await using var server = await RunningServer.Start(_folder);
        await Told("""{"override_settings": {"sd_model_checkpoint": "none.safetensors [0123456789]", "CLIP_stop_at_last_layers": 2}}""",
            "none", "Clip skip: 2");
        await Told("""{"override_settings": {"sd_vae": "none.pt"}, "override_settings_restore_afterwards": false}""", "none.pt", "Steps: 1");
        await Told("""{"enable_hr": true, "hr_upscaler": "R-ESRGAN 4x+", "denoising_strength": 0.4}""", "R-ESRGAN 4x+", "Hires upscaler: Built-in");
        await Told("""{"alwayson_scripts": {"Tiled VAE": {"args": [true, 1024]}}}""", "Tiled VAE", "Steps: 1");
        await Told("""{"firstphase_width": 72, "firstphase_height": 64, "enable_hr": true, "hr_upscaler": "Nearest"}""", "", "Size: 72x64");
        Assert.Equal("Automatic", (await server.Get("sdapi/v1/options")).GetProperty("sd_vae").GetString());
        var whole = await Posted(server, "img2img", $$$"""
            {"init_images": ["{{{Base64(Shaded(64, 64))}}}"], "steps": 4, "denoising_strength": 0.5, "override_settings": {"img2img_fix_steps": true}}
            """);
        Assert.Contains("Steps: 8", Info(whole).GetProperty("infotexts")[0].GetString());
        var extras = await Posted(server, "extra-single-image",
            $$"""{"image": "{{Base64(Shaded(8, 8))}}", "upscaler_1": "SwinIR_4x", "upscaling_resize": 2}""");
        Assert.Contains("SwinIR_4x", extras.GetProperty("html_info").GetString());
        Assert.Equal(16, Picture(extras.GetProperty("image").GetBytesFromBase64()).Width);

        async Task Told(string body, string comment, string text)
        {
            var reply = await Posted(server, "txt2img", $$"""{"prompt": "a", "steps": 1, "width": 64, "height": 64, {{body[1..]}}""");
            var comments = Info(reply).GetProperty("comments").GetString()!;
            Assert.True(comment.Length == 0 ? comments.Length == 0 : comments.Contains(comment, StringComparison.Ordinal), comments);
            Assert.Contains(text, Info(reply).GetProperty("infotexts")[0].GetString());
        }
    }

    /// <summary>Scripts as the web UI's "API payload" has them: its own repeat settings, those of extensions are idle.</summary>
    [Fact]
    public async Task BuiltInScriptsAreHonouredAndIdleOnesPassedOver()
    {
        await using var server = await RunningServer.Start(_folder);
        var scripts = """
            {"Refiner": {"args": [false, "", 0.8]}, "Sampler": {"args": [2, "Heun", "Karras"]}, "Seed": {"args": [5, true, 9, 0.25, 0, 0]},
             "Comments": {"args": []}, "Extra options": {"args": []}, "Hypertile": {"args": []}, "Soft Inpainting": {"args": [false, 1, 0.5, 4, 0, 0.5, 2]},
             "ADetailer": {"args": [false, false, {"ad_model": "face_yolov8n.pt"}]},
             "ControlNet": {"args": [{"enabled": false, "module": "canny"}, {"enabled": "false"}]},
             "Dynamic Prompts v2.17.1": {"args": [false, false]}, "AnimateDiff": {"args": [{"enable": false}]}, "FreeU Integrated (SD 1.x, SD 2.x, SDXL)":
             {"args": [false, 1.01, 1.02]}, "ReActor": {"args": ["aGVsbG8=", false, "0"]}, "Tiled VAE": {"args": ["False", 960]}, "nothing": null, "empty": {}}
            """;
        var reply = await Posted(server, "txt2img", $$"""{"width": 64, "height": 64, "alwayson_scripts": {{scripts}}}""");
        var text = Info(reply).GetProperty("infotexts")[0].GetString();
        Assert.Contains("Steps: 2, Sampler: Heun, Schedule type: Karras", text);
        Assert.Contains("Seed: 5, Variation seed: 9, Variation seed strength: 0.25", text);
    }

    /// <summary>A refiner by the two ways in which the web UI's API takes it, and one that is none.</summary>
    [Theory]
    [InlineData("""{"refiner_checkpoint": "NAME [0123456789]", "refiner_switch_at": 0.5}""", true)]
    [InlineData("""{"alwayson_scripts": {"Refiner": {"args": [true, "NAME", 0.5]}}}""", true)]
    [InlineData("""{"refiner_checkpoint": "", "refiner_switch_at": 0.8}""", false)]
    [InlineData("""{"refiner_checkpoint": "None"}""", false)]
    [InlineData("""{"refiner_checkpoint": "NAME", "refiner_switch_at": 1}""", false)]
    public async Task ARefinerIsTaken(string body, bool refines)
    {
        await using var server = await RunningServer.Start(_folder);
        var name = server.Service<Easel.Server.Library.ModelLibrary>().Refiners.First().Name;
        var text = Info(await Posted(server, "txt2img", body.Replace("NAME", name, StringComparison.Ordinal))).GetProperty("infotexts")[0].GetString()!;
        Assert.Equal(refines, text.Contains($", Refiner: {name}, Refiner switch at: 0.5,", StringComparison.Ordinal));
        Assert.Equal(refines, text.Contains("Refiner", StringComparison.Ordinal));
    }

    [Fact]
    public async Task VariationsShareTheSeed()
    {
        await using var server = await RunningServer.Start(_folder);
        var reply = await Posted(server, "txt2img", """
            {"steps": 1, "width": 64, "height": 64, "seed": 5, "subseed": 7, "subseed_strength": "0.5", "n_iter": 2, "batch_size": 2, "seed_resize_from_w": 0,
             "seed_resize_from_h": -1, "override_settings": {"eta_noise_seed_delta": "31337"}}
            """);
        var info = Info(reply);
        Assert.Equal([5, 5, 5, 5], info.GetProperty("all_seeds").EnumerateArray().Select(seed => seed.GetInt32()));
        Assert.Equal([7, 8, 9, 10], info.GetProperty("all_subseeds").EnumerateArray().Select(seed => seed.GetInt32()));
        Assert.Equal(0.5, info.GetProperty("subseed_strength").GetDouble());
        Assert.Contains("Seed: 5, Variation seed: 10, Variation seed strength: 0.5, ENSD: 31337", info.GetProperty("infotexts")[3].GetString());
    }

    [Fact]
    public async Task OptionsAreKnobsWhereTheBodyIsSilent()
    {
        await using var server = await RunningServer.Start(_folder);
        await Post(server, "options", new { s_churn = 3, rho = "5", eta_ancestral = 0.5, CLIP_stop_at_last_layers = "2" });
        var silent = await Text("\"sampler_name\": \"Euler a\"");
        foreach (var part in (string[])["Clip skip: 2", "Eta: 0.5, Sigma churn: 3", "Schedule rho: 5"]) Assert.Contains(part, silent);
        Assert.DoesNotContain("Eta", await Text("\"sampler_name\": \"DDIM\""));
        var named = await Text("\"sampler_name\": \"Euler a\", \"s_churn\": 1, \"clip_skip\": 1, \"override_settings\": {\"rho\": 0, \"eta_ancestral\": 1}");
        Assert.Contains("Sigma churn: 1", named);
        Assert.DoesNotContain("Clip skip", named);
        Assert.DoesNotContain("rho", named);

        async Task<string> Text(string fields) =>
            Info(await Posted(server, "txt2img", $$"""{"steps": 1, "width": 64, "height": 64, "seed": 5, {{fields}}}"""))
                .GetProperty("infotexts")[0].GetString()!;
    }

    /// <summary>A picture's text in a body holds where the body is silent.</summary>
    [Fact]
    public async Task AnInfotextFillsWhatIsNotNamed()
    {
        await using var server = await RunningServer.Start(_folder);
        var reply = await Post(server, "txt2img", new
        {
            steps = 1,
            infotext = "a cat\nNegative prompt: dog\nSteps: 20, Sampler: Euler a, Schedule type: Karras, CFG scale: 5, Seed: 12, Size: 64x128, "
                + "Denoising strength: 0.4, Hires upscale: 2, Hires upscaler: Latent, ADetailer model: x",
        });
        var text = Info(reply).GetProperty("infotexts")[0].GetString();
        Assert.StartsWith("a cat\nNegative prompt: dog\nSteps: 1, Sampler: Euler a, Schedule type: Karras, CFG scale: 5, Seed: 12, Size: 64x128", text);
        foreach (var part in (string[])["Denoising strength: 0.4", "Hires upscale: 2", "Hires upscaler: Latent"]) Assert.Contains(part, text);
        Assert.Contains("ADetailer model", Info(reply).GetProperty("comments").GetString());
    }

    /// <summary>Several pictures are a batch, each with a seed of its own.</summary>
    [Fact]
    public async Task EachPictureOfSeveralIsDrawnOver()
    {
        await using var server = await RunningServer.Start(_folder);
        using var generator = new FakeGenerator();
        var pictures = (RgbImage[])[Shaded(64, 64), Shaded(72, 64)];
        var reply = await Post(server, "img2img",
            new { steps = 1, width = 64, height = 64, seed = 5, batch_size = 2, sampler_name = "Euler", init_images = pictures.Select(Base64) });
        for (var i = 0; i < 2; i++)
        {
            var expected = new GenerationRequest
            {
                Steps = 1,
                Width = 64,
                Height = 64,
                Seed = 5 + i,
                Sampler = "Euler",
                InitImage = pictures[i],
                Fit = ImageFit.Stretch,
            };
            Close(generator.Generate(expected).Images[0].Image, Picture(reply.GetProperty("images")[i].GetBytesFromBase64()));
        }
    }

    /// <summary>A person's own styles are those of AUTOMATIC1111's file, "{prompt}" included, and go before the server's.</summary>
    [Fact]
    public async Task StylesComeFromAFile()
    {
        File.WriteAllText(_folder.Path("styles.csv"),
            "\uFEFFname,prompt,negative_prompt\r\nInk,\"in ink, \"\"bold\"\"\",colour\r\nOld,an old {prompt} of 1900,\r\n\r\n");
        await using var server = await RunningServer.Start(RunningServer.OptionsFor(_folder) with { StylesFile = _folder.Path("styles.csv") });
        var reply = await Post(server, "txt2img", new { prompt = "cat", steps = 1, width = 64, height = 64, styles = (string[])["Old", "Ink"] });
        Assert.StartsWith("an old cat of 1900, in ink, \"bold\"\nNegative prompt: colour\n", Info(reply).GetProperty("infotexts")[0].GetString());
        var listed = (await server.Get("sdapi/v1/prompt-styles"))[0];
        Assert.Equal(("Ink", "colour"), (listed.GetProperty("name").GetString(), listed.GetProperty("negative_prompt").GetString()));
    }

    [Theory]
    [InlineData("name,prompt\na,b\n", null)]
    [InlineData("", null)]
    [InlineData("a,b\nc,d\n", "no column \"name\"")]
    public void A_file_that_holds_no_styles_is_told(string text, string? problem)
    {
        File.WriteAllText(_folder.Path("own.csv"), text);
        var styles = new Easel.Server.Library.StyleLibrary(new ServerOptions { StylesFile = _folder.Path("own.csv") });
        if (problem is null) Assert.Null(styles.Problem);
        else Assert.Contains(problem, styles.Problem);
    }

    private static async Task<JsonElement> Posted(RunningServer server, string route, string body)
    {
        var answer = await server.Client.PostAsync("sdapi/v1/" + route, new StringContent(body, Encoding.UTF8, "application/json"));
        var json = await answer.Content.ReadFromJsonAsync<JsonElement>();
        Assert.True(answer.IsSuccessStatusCode, body + json);
        return json;
    }
}
