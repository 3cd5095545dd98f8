using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Easel.Imaging;
using Easel.Server.Tests.Support;
using Easel.Tests.Support;
using Easel.Tests.Weights;
using static Easel.Server.Tests.Support.Sdapi;

namespace Easel.Server.Tests.Apis;

/// <summary>Guards enlarging, reading pictures' texts and the lists of the AUTOMATIC1111 API.</summary>
public sealed class SdapiListTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

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

    /// <summary>Faces are mended where somebody has a network for it, after the enlarging, GFPGAN's before CodeFormer's.</summary>
    [Fact]
    public async Task FacesAreMended()
    {
        Directory.CreateDirectory(_folder.Path("restorers"));
        Restorers.WriteGfpgan(_folder.Path("restorers", "GFPGANv1.4.safetensors"));
        Restorers.WriteCodeFormer(_folder.Path("restorers", "codeformer-v0.1.0.safetensors"));
        var options = RunningServer.OptionsFor(_folder);
        await using var server = await RunningServer.Start(options with { Models = [.. options.Models, _folder.Path("restorers")] });
        Assert.Equal(["codeformer-v0.1.0", "GFPGANv1.4"], (await server.Get("sdapi/v1/face-restorers")).EnumerateArray()
            .Select(restorer => restorer.GetProperty("name").GetString()));
        var sent = Convert.ToBase64String(ImageFile.Encode(new RgbImage(24, 16), ImageFormat.Png));

        Assert.Equal((24, 127), Colour(await Mended(new { image = sent, gfpgan_visibility = 0.5 })));
        Assert.Equal((24, 153), Colour(await Mended(new { image = sent, codeformer_visibility = 1, codeformer_weight = 0.6 })));
        var both = await Mended(new { image = sent, upscaler_1 = "Nearest", gfpgan_visibility = 1, codeformer_visibility = 0.5 });
        Assert.Equal((48, 127), Colour(both));
        Assert.Contains("codeformer-v0.1.0 visibility: 0.5", ImageFile.ReadMetadata(new MemoryStream(both), "x").Parameters);
        Assert.Equal(HttpStatusCode.UnprocessableEntity,
            (await server.Client.PostAsJsonAsync("sdapi/v1/extra-single-image", new { image = sent, gfpgan_visibility = 1.5 })).StatusCode);

        var drawn = await Post(server, "txt2img", new { prompt = "a cat", steps = 1, width = 64, height = 64, seed = 1, restore_faces = true });
        using var info = JsonDocument.Parse(drawn.GetProperty("info").GetString()!);
        Assert.Equal("codeformer-v0.1.0", info.RootElement.GetProperty("face_restoration_model").GetString());
        drawn = await Post(server, "txt2img", new
        {
            prompt = "a cat",
            steps = 1,
            width = 64,
            height = 64,
            seed = 1,
            restore_faces = true,
            override_settings = new { face_restoration_model = "GFPGAN", code_former_weight = 0.2 },
        });
        Assert.Contains("Face restoration: GFPGANv1.4", drawn.GetProperty("info").GetString());

        async Task<byte[]> Mended(object body) => (await Post(server, "extra-single-image", body)).GetProperty("image").GetBytesFromBase64();

        static (int, int) Colour(byte[] image) => (Picture(image).Width, Picture(image).Pixels[0]);
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
            Load = new LoadOptions { Precision = Precision.Full, LoraFolders = [_folder.Path("loras")] },
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
        Assert.Contains("refiner", (await server.Get("sdapi/v1/scripts")).GetProperty("txt2img").EnumerateArray().Select(name => name.GetString()));
        Assert.Equal(["Latent", "Latent (antialiased)", "Latent (bicubic)", "Latent (bicubic antialiased)", "Latent (nearest)", "Latent (nearest-exact)"],
            (await server.Get("sdapi/v1/latent-upscale-modes")).EnumerateArray().Select(mode => mode.GetProperty("name").GetString()));
        foreach (var empty in (string[])["hypernetworks", "realesrgan-models", "extensions"])
            Assert.Equal(0, (await server.Get("sdapi/v1/" + empty)).GetArrayLength());
        foreach (var refresh in (string[])["checkpoints", "vae", "embeddings", "loras"]) await Post(server, "refresh-" + refresh, new { });
        Assert.Equal(HttpStatusCode.NotImplemented, (await server.Client.PostAsJsonAsync("sdapi/v1/interrogate", new { })).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await server.Client.GetAsync("sdapi/v1/nowhere")).StatusCode);
        Assert.True((await server.Client.GetAsync("sdapi/v1/samplers")).Headers.Contains("X-Process-Time"));
        Assert.Equal(HttpStatusCode.OK, (await server.Client.GetAsync("internal/ping")).StatusCode);

        async Task<string> Names(string list) =>
            string.Join(',', (await server.Get("sdapi/v1/" + list))[0].EnumerateObject().Select(member => member.Name).Order(StringComparer.Ordinal));
    }
}
