using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Easel.Imaging;
using Easel.Server.Tests.Support;
using Easel.Tests.Weights;
using static Easel.Server.Tests.Support.Sdapi;

namespace Easel.Server.Tests.Apis;

/// <summary>Guards progress, interruption and settings of the AUTOMATIC1111 API.</summary>
public sealed class SdapiControlTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

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
            var refused = await server.Client.PostAsJsonAsync("sdapi/v1/options", new { sd_model_checkpoint = "one", samples_format = "avif" });
            Assert.Equal(HttpStatusCode.UnprocessableEntity, refused.StatusCode);
            var passed = await server.Client.PostAsJsonAsync("sdapi/v1/options", new { no_such = 1, jpeg_quality = "81", img2img_color_correction = true });
            Assert.Contains("no_such", passed.Headers.GetValues("X-Easel-Remarks").Single());
            Assert.Contains("img2img_color_correction", passed.Headers.GetValues("X-Easel-Remarks").Single());
            Assert.False((await server.Get("sdapi/v1/options")).GetProperty("img2img_color_correction").GetBoolean()); // as it is done
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

    private void CopyModel(string name)
    {
        foreach (var file in Directory.EnumerateFiles(RunningServer.Model, "*", SearchOption.AllDirectories))
        {
            var copy = Path.Combine(_folder.Path("models", name), Path.GetRelativePath(RunningServer.Model, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }
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
}
