using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Easel.Imaging;
using Easel.Server.Tests.Support;
using Easel.Tests.Support;
using Easel.Tests.Weights;

namespace Easel.Server.Tests.Apis;

/// <summary>Guards the AUTOMATIC1111 API: its names, defaults and replies, and that the generator is asked for what the body says.</summary>
public sealed class SdapiTests : IDisposable
{
    /// <summary>Names as they stand in the source: one of them begins with capitals.</summary>
    private static readonly JsonSerializerOptions AsWritten = new();

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task TextToImageIsTheGeneratorsPicture()
    {
        await using var server = await RunningServer.Start(_folder);
        var reply = await Post(server, "txt2img",
            new
            {
                prompt = "a cat",
                negative_prompt = "dog",
                steps = 2,
                width = 64,
                height = 64,
                seed = 5,
                n_iter = 2,
                batch_size = 2,
                sampler_name = "Euler a"
            });

        using var generator = new FakeGenerator();
        var expected = generator.Generate(new GenerationRequest
        {
            Prompt = "a cat",
            NegativePrompt = "dog",
            Steps = 2,
            Width = 64,
            Height = 64,
            Seed = 5,
            BatchCount = 4,
            Sampler = "Euler a",
        });
        var images = reply.GetProperty("images").EnumerateArray().Select(image => image.GetBytesFromBase64()).ToList();
        Assert.Equal(4, images.Count);
        for (var i = 0; i < 4; i++) Close(expected.Images[i].Image, Picture(images[i]));

        var info = Info(reply);
        Assert.Equal([5, 6, 7, 8], info.GetProperty("all_seeds").EnumerateArray().Select(seed => seed.GetInt64()));
        Assert.Equal(4, info.GetProperty("infotexts").GetArrayLength());
        Assert.Equal(info.GetProperty("infotexts")[3].GetString(), ImageFile.ReadMetadata(new MemoryStream(images[3]), "picture").Parameters);
        Assert.StartsWith("a cat\nNegative prompt: dog\nSteps: 2, Sampler: Euler a, Schedule type: ", info.GetProperty("infotexts")[0].GetString());
        Assert.Contains("Seed: 8, Size: 64x64", info.GetProperty("infotexts")[3].GetString());
        Assert.Contains("RNG: CPU", info.GetProperty("infotexts")[0].GetString());
        Assert.Equal(("Euler a", 5L, 64, 7.5),
            (info.GetProperty("sampler_name").GetString(), info.GetProperty("seed").GetInt64(), info.GetProperty("width").GetInt32(),
                info.GetProperty("cfg_scale").GetDouble()));
        Assert.Equal(RunningServer.ModelName, info.GetProperty("sd_model_name").GetString());
        Assert.Equal(
            ["all_negative_prompts", "all_prompts", "all_seeds", "all_subseeds", "batch_size", "cfg_scale", "clip_skip", "denoising_strength",
                "extra_generation_params", "face_restoration_model", "height", "index_of_first_image", "infotexts",
                "is_using_inpainting_conditioning", "job_timestamp", "negative_prompt", "prompt", "restore_faces", "sampler_name", "sd_model_hash",
                "sd_model_name", "sd_vae_hash", "sd_vae_name", "seed", "seed_resize_from_h", "seed_resize_from_w", "steps", "styles", "subseed",
                "subseed_strength", "version", "width"],
            info.EnumerateObject().Select(member => member.Name).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task DefaultsAreTheOriginalsButForWhatTheModelDecides()
    {
        await using var server = await RunningServer.Start(_folder);
        // Numbers come as texts and with fractions, nulls for what is not meant, and members that nobody knows: the original takes them all.
        var sent = JsonDocument.Parse("""
            {"steps": "1", "width": 64.0, "height": 64, "seed": null, "sampler_name": null, "n_iter": 1, "somebody_elses": {"a": 1},
             "alwayson_scripts": {"ControlNet": {"args": []}}}
            """);
        var parameters = (await Post(server, "txt2img", sent)).GetProperty("parameters");
        var expected = JsonDocument.Parse("""
            {"prompt":"", "negative_prompt":"", "styles":[], "seed":-1, "subseed":-1, "subseed_strength":0, "seed_resize_from_h":-1,
             "seed_resize_from_w":-1, "sampler_name":"dpmpp_2m", "scheduler":null, "batch_size":1, "n_iter":1, "steps":1, "cfg_scale":7.5, "cfg_rescale":0,
             "width":64, "height":64, "restore_faces":null, "tiling":null, "do_not_save_samples":false, "do_not_save_grid":false, "eta":null,
             "denoising_strength":0.75, "s_min_uncond":null, "s_churn":0, "s_tmax":null, "s_tmin":0, "s_noise":1, "order":null, "rho":null, "sigma_min":null,
             "sigma_max":null, "override_settings":null,
             "override_settings_restore_afterwards":true, "refiner_checkpoint":null, "refiner_switch_at":null, "disable_extra_networks":false,
             "firstpass_image":null, "comments":null, "clip_skip":1, "few_steps":null,
             "fast":"exact", "literal":false, "watermark":true, "script_name":null, "script_args":[],
             "send_images":true, "save_images":false, "alwayson_scripts":{"ControlNet":{"args":[]}}, "force_task_id":null, "infotext":null, "enable_hr":false,
             "firstphase_width":0, "firstphase_height":0, "hr_scale":2, "hr_upscaler":null, "hr_second_pass_steps":0, "hr_resize_x":0,
             "hr_resize_y":0, "hr_checkpoint_name":null, "hr_sampler_name":null, "hr_scheduler":null, "hr_prompt":"", "hr_negative_prompt":""}
            """).RootElement;
        foreach (var member in expected.EnumerateObject()) Assert.True(JsonElement.DeepEquals(member.Value, parameters.GetProperty(member.Name)),
            $"{member.Name}: {parameters.GetProperty(member.Name)}");
        Assert.Equal(expected.EnumerateObject().Count(), parameters.EnumerateObject().Count());
    }

    [Fact]
    public async Task MasksAreTheGenerators()
    {
        await using var server = await RunningServer.Start(_folder);
        using var generator = new FakeGenerator();
        var (picture, mask) = (Shaded(128, 96), Half(128, 96));
        await Check(fill: 0, onlyMasked: false, invert: 0);
        await Check(fill: 1, onlyMasked: false, invert: 1);
        await Check(fill: 2, onlyMasked: false, invert: 0);
        await Check(fill: 3, onlyMasked: true, invert: 0);
        await Check(fill: 1, onlyMasked: true, invert: 1);

        async Task Check(int fill, bool onlyMasked, int invert)
        {
            var reply = await Post(server, "img2img", new
            {
                prompt = "a hat",
                steps = 2,
                seed = 3,
                width = 64,
                height = 64,
                sampler_name = "Euler",
                init_images = (string[])["data:image/png;base64," + Base64(picture)],
                mask = Base64(mask.ToRgb()),
                mask_blur = 2,
                inpainting_fill = fill,
                inpaint_full_res = onlyMasked,
                inpaint_full_res_padding = 4,
                inpainting_mask_invert = invert,
                denoising_strength = 0.6,
                resize_mode = 1,
            });
            var request = new GenerationRequest
            {
                Prompt = "a hat",
                Steps = 2,
                Seed = 3,
                Sampler = "Euler",
                InitImage = onlyMasked ? picture : Resampling.Fit(picture, 64, 64, ImageFit.Crop),
                Mask = onlyMasked ? mask : Resampling.Fit(mask.ToRgb(), 64, 64, ImageFit.Crop).ToGray(),
                MaskBlur = 2,
                Fill = (MaskFill)fill,
                OnlyMasked = onlyMasked,
                OnlyMaskedPadding = 4,
                InvertMask = invert == 1,
                Strength = 0.6,
                Width = onlyMasked ? 64 : null,
                Height = onlyMasked ? 64 : null,
            };
            var drawn = Picture(reply.GetProperty("images")[0].GetBytesFromBase64());
            Assert.Equal(onlyMasked ? (128, 96) : (64, 64), (drawn.Width, drawn.Height));
            Close(generator.Generate(request).Images[0].Image, drawn);
            Assert.Equal(JsonValueKind.Null, reply.GetProperty("parameters").GetProperty("init_images").ValueKind);
            Assert.Equal(0.6, Info(reply).GetProperty("denoising_strength").GetDouble());
        }
    }

    [Fact]
    public async Task PicturesAreBroughtToTheSizeAskedFor()
    {
        await using var server = await RunningServer.Start(_folder);
        using var generator = new FakeGenerator();
        var picture = Shaded(100, 72);
        foreach (var (mode, fit) in ((int, ImageFit)[])[(0, ImageFit.Stretch), (1, ImageFit.Crop), (2, ImageFit.Pad)])
        {
            var reply = await Post(server, "img2img", new
            {
                steps = 2,
                seed = 3,
                width = 64,
                height = 128,
                resize_mode = mode,
                sampler_index = "Euler",
                init_images = (string[])[Base64(picture)],
                include_init_images = true
            });
            var request = new GenerationRequest
            {
                Steps = 2,
                Seed = 3,
                Sampler = "Euler",
                InitImage = picture,
                Width = 64,
                Height = 128,
                Fit = fit,
                Strength = 0.75
            };
            Close(generator.Generate(request).Images[0].Image, Picture(reply.GetProperty("images")[0].GetBytesFromBase64()));
            Assert.Equal(1, reply.GetProperty("parameters").GetProperty("init_images").GetArrayLength());
        }
    }

    [Fact]
    public async Task HiresFixDrawsOverEachEnlargedPictureWithItsSeed()
    {
        File.Copy(Goldens.Path("upscalers/compact-x2.wrapped.pth"), _folder.Path("sharp.pth"));
        var options = RunningServer.OptionsFor(_folder) with { Models = [RunningServer.Model, _folder.Path("sharp.pth")] };
        await using var server = await RunningServer.Start(options);
        using var generator = new FakeGenerator();
        var first = new GenerationRequest
        {
            Prompt = "a cat",
            Steps = 3,
            Width = 64,
            Height = 64,
            Seed = 5,
            BatchCount = 2,
            Sampler = "Euler",
            Watermark = false
        };
        var small = generator.Generate(first).Images[1].Image;

        var reply = await Post(server, "txt2img", new
        {
            prompt = "a cat",
            steps = 3,
            width = 64,
            height = 64,
            seed = 5,
            n_iter = 2,
            enable_hr = true,
            sampler_name = "Euler",
            hr_upscaler = "Lanczos",
            hr_scale = 1.5,
            hr_second_pass_steps = 2,
            denoising_strength = 0.5
        });
        var images = reply.GetProperty("images").EnumerateArray().Select(image => Picture(image.GetBytesFromBase64())).ToList();
        Assert.Equal(2, images.Count);
        var second = first with
        {
            InitImage = Resampling.Resize(small, 96, 96),
            Width = 96,
            Height = 96,
            Seed = 6,
            BatchCount = 1,
            Steps = 2,
            Strength = 0.5,
            Watermark = true,
        };
        Close(generator.Generate(second).Images[0].Image, images[1]);
        Assert.Equal(0.5, Info(reply).GetProperty("denoising_strength").GetDouble());
        Assert.Equal(2, (await server.Get("api/pictures")).GetProperty("total").GetInt32()); // those of the first pass are not among them

        reply = await Post(server, "txt2img",
            new { steps = 1, width = 64, height = 64, enable_hr = true, hr_upscaler = "sharp", hr_resize_x = 72, hr_prompt = "a hat" });
        var drawn = reply.GetProperty("images")[0].GetBytesFromBase64();
        Assert.Equal((72, 72), (Picture(drawn).Width, Picture(drawn).Height));
        Assert.StartsWith("a hat\n", ImageFile.ReadMetadata(new MemoryStream(drawn), "picture").Parameters);
        Assert.Equal(3, (await server.Get("api/pictures")).GetProperty("total").GetInt32());
    }

    [Fact]
    public async Task WhatCannotBeDoneIsSaid()
    {
        await using var server = await RunningServer.Start(_folder);
        await Refused("""{"restore_faces": true}""", 422, "restore_faces");
        await Refused("""{"tiling": true}""", 422, "tiling");
        await Refused("""{"subseed_strength": 0.5}""", 422, "subseed_strength");
        await Refused("""{"seed_resize_from_w": 512}""", 422, "seed_resize_from");
        await Refused("""{"s_churn": -5}""", 422, "s_churn is -5; it must be from 0 to 100.");
        await Refused("""{"refiner_checkpoint": "x", "refiner_switch_at": 0.8}""", 422, "refiner_checkpoint");
        await Refused("""{"styles": ["anime"]}""", 422, "anime");
        await Refused("""{"script_name": "X/Y/Z plot"}""", 422, "X/Y/Z plot");
        await Refused("""{"alwayson_scripts": {"controlnet": {"args": [{"enabled": true}]}}}""", 422, "controlnet");
        await Refused("""{"sampler_name": "Eulr"}""", 400, "Sampler not found");
        await Refused("""{"scheduler": "Karas"}""", 400, "schedule");
        await Refused("""{"override_settings": {"sd_model_checkpoint": "none.safetensors"}}""", 422, "none.safetensors");
        await Refused("""{"override_settings": {"img2img_color_correction": true}}""", 422, "img2img_color_correction");
        await Refused("""{"override_settings": {"s_churn": 0, "no_such_thing": 1}}""", 422, "no_such_thing");
        await Refused("""{"override_settings": {"CLIP_stop_at_last_layers": 13}}""", 422, "CLIP_stop_at_last_layers");
        await Refused("""{"override_settings": {"samples_format": "avif"}}""", 422, "avif");
        await Refused("""{"steps": 0}""", 422, "steps is 0; it must be from 1 to 1000.");
        await Refused("""{"width": 65}""", 422, "64 and 72");
        await Refused("""{"batch_size": 0}""", 422, "batch_size");
        await Refused("""{"n_iter": 101}""", 422, "allows 100");
        await Refused("""{"enable_hr": true}""", 422, "Latent");
        await Refused("""{"enable_hr": true, "hr_upscaler": "none such"}""", 422, "none such");
        await Refused("""{"enable_hr": true, "hr_upscaler": "Lanczos", "hr_scale": 5}""", 422, "pixels of the second pass");
        await Refused("""{"enable_hr": true, "hr_upscaler": "Lanczos", "hr_checkpoint_name": "other"}""", 422, "hr_checkpoint_name");
        await Refused("""{"enable_hr": true, "hr_upscaler": "Lanczos", "hr_sampler_name": "Eulr"}""", 400, "Eulr");
        await Refused("""{"steps": "many"}""", 422, "steps");
        await Refused("""{"prompt": 7}""", 422, "prompt");
        await Refused("""[]""", 422, "object");
        await Refused("""{"steps": """, 422, "body");
        Assert.Empty((await server.Get("api/jobs")).GetProperty("over").EnumerateArray());

        async Task Refused(string body, int status, string part)
        {
            var answer = await server.Client.PostAsync("sdapi/v1/txt2img", new StringContent(body, Encoding.UTF8, "application/json"));
            var text = await answer.Content.ReadAsStringAsync();
            Assert.True(status == (int)answer.StatusCode, $"{body}: {(int)answer.StatusCode} {text}");
            Assert.Contains(part, text);
            var json = JsonDocument.Parse(text).RootElement;
            Assert.True(json.GetProperty("detail").ValueKind == JsonValueKind.Array
                || json.GetProperty("errors").GetString() == json.GetProperty("detail").GetString(), text);
        }
    }

    [Fact]
    public async Task PicturesThatCannotBeUsedAreSaid()
    {
        await using var server = await RunningServer.Start(_folder);
        await Refused("""{"init_images": null}""", 404, "Init image not found");
        await Refused("""{"init_images": ["@@"]}""", 422, "base64");
        await Refused("""{"init_images": ["http://127.0.0.1/a.png"]}""", 422, "address");
        await Refused("""{"init_images": ["R0lGOD", "R0lGOD"]}""", 422, "begins from one");
        await Refused("""{"init_images": ["x"], "resize_mode": 3}""", 422, "resize_mode");
        await Refused("""{"init_images": ["x"], "inpainting_fill": 4}""", 422, "inpainting_fill");
        await Refused("""{"init_images": ["x"], "initial_noise_multiplier": 1.1}""", 422, "initial_noise_multiplier");
        await Refused("""{"init_images": ["x"], "latent_mask": "x"}""", 422, "latent_mask");

        async Task Refused(string body, int status, string part)
        {
            var answer = await server.Client.PostAsync("sdapi/v1/img2img", new StringContent(body, Encoding.UTF8, "application/json"));
            Assert.Equal(status, (int)answer.StatusCode);
            Assert.Contains(part, (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("detail").GetString());
        }
    }

    [Fact]
    public async Task ProgressIsToldAndBatchesAreSkippedAndInterrupted()
    {
        await using var server = await RunningServer.Start(_folder, stepTime: TimeSpan.FromMilliseconds(25));
        var idle = await server.Get("sdapi/v1/progress");
        Assert.Equal((0, 0), (idle.GetProperty("progress").GetDouble(), idle.GetProperty("state").GetProperty("job_count").GetInt32()));
        Assert.Equal(JsonValueKind.Null, idle.GetProperty("current_image").ValueKind);

        var drawing = Post(server, "txt2img", new { steps = 200, width = 64, height = 64, n_iter = 4, seed = 9, sampler_name = "Heun" });
        var seen = await Until(server, progress => progress.GetProperty("current_image").ValueKind == JsonValueKind.String);
        var state = seen.GetProperty("state");
        Assert.Equal((4, "scripts_txt2img"), (state.GetProperty("job_count").GetInt32(), state.GetProperty("job").GetString()));
        Assert.InRange(seen.GetProperty("progress").GetDouble(), 0.01, 0.99);
        Assert.InRange(state.GetProperty("sampling_step").GetInt32(), 1, 200);
        Assert.True(seen.GetProperty("eta_relative").GetDouble() > 0);
        Picture(seen.GetProperty("current_image").GetBytesFromBase64());
        Assert.Equal(JsonValueKind.Null, (await server.Get("sdapi/v1/progress?skip_current_image=true")).GetProperty("current_image").ValueKind);

        await server.Client.PostAsync("sdapi/v1/skip", null);
        seen = await Until(server, progress => progress.GetProperty("state").GetProperty("job_no").GetInt32() > 0);
        Assert.True(seen.GetProperty("state").GetProperty("skipped").GetBoolean());
        await server.Client.PostAsync("sdapi/v1/interrupt", null);
        var reply = await drawing;
        Assert.InRange(reply.GetProperty("images").GetArrayLength(), 0, 2);
        Assert.Equal(reply.GetProperty("images").GetArrayLength(), Info(reply).GetProperty("infotexts").GetArrayLength());
        Assert.Empty((await server.Get("api/jobs")).GetProperty("active").EnumerateArray());
    }

    [Fact]
    public async Task AClientThatGoesAwayIsNotDrawnForUnlessItWantsItsPicturesSaved()
    {
        await using var server = await RunningServer.Start(_folder, stepTime: TimeSpan.FromMilliseconds(25));
        foreach (var saved in (bool[])[false, true])
        {
            using var gone = new CancellationTokenSource();
            var drawing = server.Client.PostAsJsonAsync("sdapi/v1/txt2img",
                new { steps = saved ? 20 : 200, width = 64, height = 64, save_images = saved, seed = 9 }, gone.Token);
            string id;
            while (true)
            {
                var active = (await server.Get("api/jobs")).GetProperty("active");
                if (active.GetArrayLength() == 0) continue;
                id = active[0].GetProperty("id").GetString()!;
                break;
            }
            gone.Cancel();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => drawing);
            Assert.Equal(saved ? "done" : "cancelled", (await server.Finished(id)).GetProperty("state").GetString());
        }
    }

    [Fact]
    public async Task SettingsAreKeptAndOverridden()
    {
        CopyModel("one");
        CopyModel("two");
        var options = RunningServer.OptionsFor(_folder) with { Models = [_folder.Path("models")] };
        await using (var server = await RunningServer.Start(options))
        {
            var all = await server.Get("sdapi/v1/options");
            Assert.Equal("one", all.GetProperty("sd_model_checkpoint").GetString());
            Assert.Equal("CPU", all.GetProperty("randn_source").GetString());
            Assert.Equal(JsonValueKind.Null, (await Post(server, "options", all)).ValueKind); // clients send all of them back
            await Post(server, "options", new { sd_model_checkpoint = "two", CLIP_stop_at_last_layers = 2, samples_format = "jpg", randn_source = "GPU" });
            Assert.Equal("two", server.Service<Easel.Server.Jobs.ModelThread>().LoadedModel);
            var refused = await server.Client.PostAsJsonAsync("sdapi/v1/options", new { sd_model_checkpoint = "one", no_such = 1 });
            Assert.Equal(HttpStatusCode.UnprocessableEntity, refused.StatusCode);
        }
        await using (var server = await RunningServer.Start(options))
        {
            Assert.Equal("two", (await server.Get("sdapi/v1/options")).GetProperty("sd_model_checkpoint").GetString());
            var reply = await Post(server, "txt2img", new { steps = 1, width = 64, height = 64, seed = 1 });
            var info = Info(reply);
            Assert.Equal(("two", 2), (info.GetProperty("sd_model_name").GetString(), info.GetProperty("clip_skip").GetInt32()));
            Assert.DoesNotContain("RNG", info.GetProperty("infotexts")[0].GetString());
            var bytes = reply.GetProperty("images")[0].GetBytesFromBase64();
            Assert.Equal([0xFF, 0xD8], bytes[..2]);
            Assert.Equal(info.GetProperty("infotexts")[0].GetString(), ImageFile.ReadMetadata(new MemoryStream(bytes), "picture").Parameters);

            reply = await Post(server, "txt2img", new
            {
                steps = 1,
                width = 64,
                height = 64,
                override_settings = new { sd_model_checkpoint = "one", samples_format = "png", enable_pnginfo = false },
            });
            Assert.Equal("one", Info(reply).GetProperty("sd_model_name").GetString());
            Assert.Null(ImageFile.ReadMetadata(new MemoryStream(reply.GetProperty("images")[0].GetBytesFromBase64()), "picture").Parameters);
            Assert.Equal("two", (await server.Get("sdapi/v1/options")).GetProperty("sd_model_checkpoint").GetString());

            await Post(server, "txt2img",
                new
                {
                    steps = 1,
                    width = 64,
                    height = 64,
                    override_settings = new { sd_model_checkpoint = "one" },
                    override_settings_restore_afterwards = false
                });
            Assert.Equal("one", (await server.Get("sdapi/v1/options")).GetProperty("sd_model_checkpoint").GetString());

            await Post(server, "unload-checkpoint", new { });
            Assert.Null(server.Service<Easel.Server.Jobs.ModelThread>().LoadedModel);
            await Post(server, "reload-checkpoint", new { });
            Assert.Equal("one", server.Service<Easel.Server.Jobs.ModelThread>().LoadedModel);
        }
    }

    [Fact]
    public async Task PicturesAreEnlarged()
    {
        Directory.CreateDirectory(_folder.Path("models"));
        File.Copy(Goldens.Path("upscalers/compact-x2.wrapped.pth"), _folder.Path("models", "sharp.pth"));
        await using var server = await RunningServer.Start(RunningServer.OptionsFor(_folder) with { Models = [_folder.Path("models"), RunningServer.Model] });
        var picture = Shaded(24, 16);
        var sent = Convert.ToBase64String(ImageFile.Encode(picture, ImageFormat.Png, new ImageMetadata("a cat\nSteps: 3, Sampler: Euler, Seed: 5")));

        var twice = await Enlarged(new { image = sent, upscaler_1 = "Lanczos" });
        Assert.Equal(Resampling.Resize(picture, 48, 32).Pixels, Picture(twice).Pixels);
        Assert.StartsWith("a cat\nSteps: 3, Sampler: Euler, Seed: 5, Postprocess upscale by: 2",
            ImageFile.ReadMetadata(new MemoryStream(twice), "picture").Parameters);
        Assert.Equal(picture.Pixels, Picture(await Enlarged(new { image = sent })).Pixels);
        Assert.Equal((48, 32), SizeOf(await Enlarged(new { image = sent, upscaler_1 = "sharp" })));
        Assert.Equal((60, 40),
            SizeOf(await Enlarged(new
            {
                image = sent,
                upscaler_1 = "Nearest",
                resize_mode = 1,
                upscaling_resize_w = 60,
                upscaling_resize_h = 30,
                upscaling_crop = false
            })));
        Assert.Equal((60, 30),
            SizeOf(await Enlarged(new { image = sent, upscaler_1 = "Nearest", resize_mode = 1, upscaling_resize_w = 60, upscaling_resize_h = 30 })));

        var (a, b) = (Resampling.Resize(picture, 48, 32).Pixels, Resampling.Resize(picture, 48, 32, ResampleFilter.Nearest).Pixels);
        var mixed = Picture(await Enlarged(new { image = sent, upscaler_1 = "Lanczos", upscaler_2 = "Nearest", extras_upscaler_2_visibility = 0.5 })).Pixels;
        for (var i = 0; i < mixed.Length; i++) Assert.InRange(mixed[i] - (a[i] + b[i]) / 2.0, -1, 1);

        var batch = await Post(server, "extra-batch-images",
            new
            {
                upscaler_1 = "Nearest",
                upscaling_resize = 3,
                imageList = new[] { new { data = sent, name = "a.png" }, new { data = sent, name = "b.png" } }
            });
        Assert.Equal([(72, 48), (72, 48)], batch.GetProperty("images").EnumerateArray().Select(image => SizeOf(image.GetBytesFromBase64())));
        foreach (var lacking in (object[])[new { image = sent, upscaler_1 = "none such" }, new { image = sent, gfpgan_visibility = 1 }, new { image = "" },
            new { image = sent, upscaler_1 = "Lanczos", upscaling_resize = 0 }])
            Assert.Equal(HttpStatusCode.UnprocessableEntity, (await server.Client.PostAsJsonAsync("sdapi/v1/extra-single-image", lacking)).StatusCode);

        async Task<byte[]> Enlarged(object body) => (await Post(server, "extra-single-image", body)).GetProperty("image").GetBytesFromBase64();

        static (int, int) SizeOf(byte[] image) => (Picture(image).Width, Picture(image).Height);
    }

    [Fact]
    public async Task TextsInPicturesAreRead()
    {
        await using var server = await RunningServer.Start(_folder);
        var metadata = new ImageMetadata("a cat\nNegative prompt: dog\nSteps: 3, Sampler: Euler, Seed: 5, Size: 64x96")
        {
            Others = [KeyValuePair.Create("Software", "a test")],
        };
        var read = await Post(server, "png-info",
            new { image = "data:image/png;base64," + Convert.ToBase64String(ImageFile.Encode(Shaded(8, 8), ImageFormat.Png, metadata)) });
        Assert.Equal(metadata.Parameters, read.GetProperty("info").GetString());
        Assert.Equal("a test", read.GetProperty("items").GetProperty("Software").GetString());
        var parameters = read.GetProperty("parameters");
        Assert.Equal(("a cat", "dog", "3", "64", "96", "1"), (Of("Prompt"), Of("Negative prompt"), Of("Steps"), Of("Size-1"), Of("Size-2"), Of("Clip skip")));
        Assert.Equal("", (await Post(server, "png-info", new { image = Base64(Shaded(8, 8)) })).GetProperty("info").GetString());

        // Another program's settings come in the same words.
        var novel = new ImageMetadata((string?)null)
        {
            Others =
            [
                new("Software", "NovelAI"), new("Description", "a cat"),
                new("Comment", """{"steps":2,"sampler":"k_euler_ancestral","seed":5,"scale":11.0,"uc":"blurry","height":64,"width":64}"""),
            ],
        };
        read = await Post(server, "png-info", new { image = Convert.ToBase64String(ImageFile.Encode(Shaded(8, 8), ImageFormat.Png, novel)) });
        Assert.Equal("a cat\nNegative prompt: blurry\nSteps: 2, Sampler: Euler a, CFG scale: 11, Seed: 5, Size: 64x64, Clip skip: 2, ENSD: 31337",
            read.GetProperty("info").GetString());

        string? Of(string name) => parameters.GetProperty(name).GetString();
    }

    [Fact]
    public async Task ListsHaveTheOriginalsNames()
    {
        Directory.CreateDirectory(_folder.Path("loras"));
        File.Copy(Goldens.Path("layouts/lora-kohya.fp16.safetensors"), _folder.Path("loras", "style.safetensors"));
        File.Copy(Path.Combine(RunningServer.Model, "vae", "diffusion_pytorch_model.safetensors"), _folder.Path("loras", "kl.safetensors"));
        await using var server = await RunningServer.Start(RunningServer.OptionsFor(_folder) with
        {
            Models = [RunningServer.Model, _folder.Path("loras")],
            Load = new LoadOptions { Precision = Precision.Full, LoraFolder = _folder.Path("loras") },
        });
        Assert.Equal("aliases,name,options", await Names("samplers"));
        Assert.Contains((await server.Get("sdapi/v1/samplers")).EnumerateArray(), sampler => sampler.GetProperty("name").GetString() == "DPM++ 2M");
        Assert.Equal("aliases,default_rho,label,name,need_inner_model", await Names("schedulers"));
        Assert.Equal("config,filename,hash,model_name,sha256,title", await Names("sd-models"));
        Assert.Equal("filename,model_name", await Names("sd-vae"));
        Assert.Equal("model_name,model_path,model_url,name,scale", await Names("upscalers"));
        Assert.Equal(["None", "Lanczos", "Nearest"],
            (await server.Get("sdapi/v1/upscalers")).EnumerateArray().Select(upscaler => upscaler.GetProperty("name").GetString()));
        Assert.Equal("alias,metadata,name,path", await Names("loras"));
        Assert.Equal("name,negative_prompt,prompt", await Names("prompt-styles"));
        Assert.Equal(JsonValueKind.Object, (await server.Get("sdapi/v1/embeddings")).GetProperty("loaded").ValueKind);
        Assert.True((await server.Get("sdapi/v1/memory")).GetProperty("ram").GetProperty("used").GetInt64() > 0);
        Assert.True((await server.Get("sdapi/v1/cmd-flags")).GetProperty("api").GetBoolean());
        Assert.Equal(0, (await server.Get("sdapi/v1/scripts")).GetProperty("txt2img").GetArrayLength());
        foreach (var empty in (string[])["latent-upscale-modes", "script-info", "hypernetworks", "face-restorers", "realesrgan-models", "extensions"])
            Assert.Equal(0, (await server.Get("sdapi/v1/" + empty)).GetArrayLength());
        foreach (var refresh in (string[])["checkpoints", "vae", "embeddings", "loras"]) await Post(server, "refresh-" + refresh, new { });
        Assert.Equal(HttpStatusCode.NotImplemented, (await server.Client.PostAsJsonAsync("sdapi/v1/interrogate", new { })).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await server.Client.GetAsync("sdapi/v1/nowhere")).StatusCode);
        Assert.True((await server.Client.GetAsync("sdapi/v1/samplers")).Headers.Contains("X-Process-Time"));
        Assert.Equal(HttpStatusCode.OK, (await server.Client.GetAsync("internal/ping")).StatusCode);

        async Task<string> Names(string list) =>
            string.Join(',', (await server.Get("sdapi/v1/" + list))[0].EnumerateObject().Select(member => member.Name).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task BasicAuthenticationOpensIt()
    {
        await using var server = await RunningServer.Start(RunningServer.OptionsFor(_folder) with { User = "me", Password = "secret" });
        var closed = await server.Client.GetAsync("sdapi/v1/samplers");
        Assert.Equal((HttpStatusCode.Unauthorized, "Basic"), (closed.StatusCode, closed.Headers.WwwAuthenticate.Single().Scheme));
        server.Client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String("me:secret"u8));
        Assert.Equal(HttpStatusCode.OK, (await server.Client.GetAsync("sdapi/v1/samplers")).StatusCode);
    }

    private static JsonElement Info(JsonElement reply) => JsonDocument.Parse(reply.GetProperty("info").GetString()!).RootElement;

    /// <summary>A style's words stand behind the prompt, and in the record of the picture.</summary>
    [Fact]
    public async Task StylesAddTheirWords()
    {
        using var folder = new TemporaryFolder();
        await using var server = await RunningServer.Start(folder);
        var drawn = await Post(server, "txt2img", new { prompt = "a cat", styles = new[] { "Ink" }, steps = 1, width = 64, height = 64 });
        var info = JsonDocument.Parse(drawn.GetProperty("info").GetString()!).RootElement;
        Assert.StartsWith("a cat, ink drawing, black lines on white paper", info.GetProperty("infotexts")[0].GetString());
    }

    private static async Task<JsonElement> Post(RunningServer server, string route, object body)
    {
        var answer = await server.Client.PostAsJsonAsync("sdapi/v1/" + route, body, AsWritten);
        var json = await answer.Content.ReadFromJsonAsync<JsonElement>();
        Assert.True(answer.IsSuccessStatusCode, json.ToString());
        return json;
    }

    private static async Task<JsonElement> Until(RunningServer server, Func<JsonElement, bool> condition)
    {
        while (true)
        {
            var progress = await server.Get("sdapi/v1/progress");
            if (condition(progress)) return progress;
        }
    }

    private void CopyModel(string name)
    {
        foreach (var file in Directory.EnumerateFiles(RunningServer.Model, "*", SearchOption.AllDirectories))
        {
            var copy = Path.Combine(_folder.Path("models", name), Path.GetRelativePath(RunningServer.Model, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }
    }

    private static RgbImage Shaded(int width, int height)
    {
        var image = new RgbImage(width, height);
        for (var i = 0; i < image.Pixels.Length; i++) image.Pixels[i] = (byte)(i % 251);
        return image;
    }

    private static GrayImage Half(int width, int height)
    {
        var mask = new GrayImage(width, height);
        for (var i = 0; i < mask.Pixels.Length; i++) mask.Pixels[i] = (byte)(i % width is > 30 and < 70 && i / width is > 20 and < 60 ? 255 : 0);
        return mask;
    }

    private static string Base64(RgbImage image) => Convert.ToBase64String(ImageFile.Encode(image, ImageFormat.Png));

    private static RgbImage Picture(byte[] bytes) => ImageFile.Load(new MemoryStream(bytes), "picture");

    /// <summary>Pictures of one batch and of several may differ in the last bit of some pixels, for sums are made in another order.</summary>
    private static void Close(RgbImage expected, RgbImage actual)
    {
        Assert.Equal((expected.Width, expected.Height), (actual.Width, actual.Height));
        for (var i = 0; i < expected.Pixels.Length; i++) Assert.InRange(actual.Pixels[i] - expected.Pixels[i], -1, 1);
    }
}
