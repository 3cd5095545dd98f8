using System.Text.Json;
using Easel.Imaging;
using Easel.Server.Tests.Support;
using Easel.Tests.Support;
using Easel.Tests.Weights;
using static Easel.Server.Tests.Support.Sdapi;

namespace Easel.Server.Tests.Apis;

/// <summary>Guards drawing by the AUTOMATIC1111 API: its names, defaults and replies, and that the generator is asked for what the body says.</summary>
public sealed class SdapiDrawingTests : IDisposable
{
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
            ["all_negative_prompts", "all_prompts", "all_seeds", "all_subseeds", "batch_size", "cfg_scale", "clip_skip", "comments",
                "denoising_strength",
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
             "seed_resize_from_w":-1, "eta_noise_seed_delta":0, "sampler_name":"dpmpp_2m", "scheduler":null, "batch_size":1, "n_iter":1, "steps":1,
             "cfg_scale":7.5, "cfg_rescale":0, "width":64, "height":64, "restore_faces":null, "tiling":false, "do_not_save_samples":false,
             "do_not_save_grid":false, "eta":null, "denoising_strength":0.75, "s_min_uncond":0, "s_churn":0, "s_tmax":null, "s_tmin":0, "s_noise":1,
             "order":null, "rho":null, "sigma_min":null, "sigma_max":null, "override_settings":null,
             "override_settings_restore_afterwards":true, "refiner_checkpoint":null, "refiner_switch_at":null, "disable_extra_networks":false,
             "firstpass_image":null, "comments":null, "clip_skip":1, "few_steps":null, "detail":"none", "detail_prompt":null, "detail_strength":0.4,
             "detail_confidence":0.3, "face_restorer":null, "code_former_weight":0.5,
             "exact_size":false, "fast":"exact", "literal":false, "watermark":true, "script_name":null, "script_args":[],
             "send_images":true, "save_images":false, "alwayson_scripts":{"ControlNet":{"args":[]}}, "force_task_id":null, "infotext":null, "enable_hr":false,
             "firstphase_width":0, "firstphase_height":0, "hr_scale":2, "hr_upscaler":"Latent", "hr_second_pass_steps":0, "hr_resize_x":0,
             "hr_resize_y":0, "hr_checkpoint_name":null, "hr_sampler_name":null, "hr_scheduler":null, "hr_prompt":null,
             "hr_negative_prompt":null, "hr_cfg":null}
            """).RootElement;
        var (wanted, there) = (expected.EnumerateObject().Select(member => member.Name).ToList(), parameters.EnumerateObject().Select(member => member.Name));
        Assert.Equal("", string.Join(' ', wanted.Except(there).Select(name => "-" + name).Concat(there.Except(wanted).Select(name => "+" + name))));
        foreach (var member in expected.EnumerateObject())
        {
            var told = parameters.GetProperty(member.Name);
            Assert.True(JsonElement.DeepEquals(member.Value, told), $"{member.Name}: {told}");
        }
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
    public async Task HiresFixIsTheGeneratorsSecondPass()
    {
        File.Copy(Goldens.Path("upscalers/compact-x2.wrapped.pth"), _folder.Path("sharp.pth"));
        var options = RunningServer.OptionsFor(_folder) with { Models = [RunningServer.Model, _folder.Path("sharp.pth")] };
        await using var server = await RunningServer.Start(options);
        using var generator = new FakeGenerator();
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
        var both = new GenerationRequest
        {
            Prompt = "a cat",
            Steps = 3,
            Width = 64,
            Height = 64,
            Seed = 5,
            BatchCount = 2,
            Sampler = "Euler",
            HiresScale = 1.5,
            HiresUpscaler = "Lanczos",
            HiresSteps = 2,
            Strength = 0.5,
        };
        Close(generator.Generate(both).Images[1].Image, images[1]);
        Assert.Equal(0.5, Info(reply).GetProperty("denoising_strength").GetDouble());
        Assert.Equal(2, (await server.Get("api/pictures")).GetProperty("total").GetInt32()); // those of the first pass are not among them

        reply = await Post(server, "txt2img",
            new { steps = 1, width = 64, height = 64, enable_hr = true, hr_upscaler = "sharp", hr_resize_x = 72, hr_prompt = "a hat" });
        var drawn = reply.GetProperty("images")[0].GetBytesFromBase64();
        Assert.Equal((72, 72), (Picture(drawn).Width, Picture(drawn).Height));
        var text = ImageFile.ReadMetadata(new MemoryStream(drawn), "picture").Parameters;
        Assert.Contains("Denoising strength: 0.75, Hires resize: 72x0, Hires upscaler: sharp, Hires prompt: a hat", text);
        Assert.Equal(3, (await server.Get("api/pictures")).GetProperty("total").GetInt32());
    }

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
}
