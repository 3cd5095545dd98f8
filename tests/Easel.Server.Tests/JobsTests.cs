using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Easel.Imaging;
using Easel.Server.Jobs;
using Easel.Server.Library;
using Easel.Server.Page;
using Easel.Server.Tests.Support;
using Easel.Tests.Weights;

namespace Easel.Server.Tests;

/// <summary>Guards the way of a job: asked for over HTTP, told of step by step, a PNG on disk and a row in the gallery at the end.</summary>
public sealed class JobsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Fact]
    public async Task TheTimeLeftForAllGoesByWhatTheModelDecides()
    {
        await using var server = await RunningServer.Start(_folder);
        var (queue, library) = (server.Service<JobQueue>(), server.Service<ModelLibrary>());
        await using var view = new QueueView(queue, library, TimeProvider.System);
        view.Start();
        await server.Finished(await server.Submit(RunningServer.Cat(steps: 10)));
        while (view.Latest is null) await Task.Delay(20, TestContext.Current.CancellationToken);
        server.Models.StepTime = TimeSpan.FromSeconds(5);
        var own = library.Default!.Defaults!;
        await server.Submit(RunningServer.Cat());
        var open = await Left(new { prompt = "a", batchCount = 90 });
        var said = await Left(new { prompt = "a", batchCount = 90, steps = own.Steps, width = own.Size, height = own.Size });
        Assert.InRange(open / said, 0.95, 1.05);
        queue.StopAll();

        async Task<double> Left(object request)
        {
            var id = await server.Submit(new { request });
            while (!view.Active.Any(job => job.Id == id)) await Task.Delay(20, TestContext.Current.CancellationToken);
            var left = view.SecondsLeft!.Value;
            queue.Cancel(id);
            while (view.Active.Any(job => job.Id == id)) await Task.Delay(20, TestContext.Current.CancellationToken);
            return left;
        }
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task JobBecomesTheGeneratorsPicture()
    {
        await using var server = await RunningServer.Start(_folder, stepTime: TimeSpan.FromMilliseconds(100)); // so that its beginning is not missed
        var id = await server.Submit(RunningServer.Cat(steps: 3, count: 2, seed: 5));
        var events = await server.Events(id);
        var kinds = events.Select(e => e.Kind).ToList();
        Assert.Equal("done", kinds[^1]);
        Assert.Contains("step", kinds);
        Assert.Contains("preview", kinds);
        Assert.Equal(2, kinds.Count(kind => kind == "picture"));

        var job = events[^1].Event.GetProperty("job");
        var pictures = job.GetProperty("pictures").EnumerateArray().Select(p => p.GetString()!).ToList();
        using var generator = new FakeGenerator();
        var expected = generator.Generate(new GenerationRequest { Prompt = "a cat", Steps = 3, Width = 64, Height = 64, Seed = 5, BatchCount = 2 });
        for (var i = 0; i < 2; i++)
        {
            var bytes = await server.Client.GetByteArrayAsync($"api/pictures/{pictures[i]}/file");
            Assert.Equal(expected.Images[i].Image.Pixels, ImageFile.Load(new MemoryStream(bytes), "picture").Pixels);
            Assert.StartsWith("a cat\nSteps: 3, Sampler: DPM++ 2M", ImageFile.ReadMetadata(new MemoryStream(bytes), "picture").Parameters);
        }
        var page = await server.Get("api/pictures");
        Assert.Equal(2, page.GetProperty("total").GetInt32());
        Assert.Equal([6, 5], page.GetProperty("pictures").EnumerateArray().Select(p => p.GetProperty("seed").GetInt64()));
    }

    [Fact]
    public async Task PicturesTravelInTheBodyAndBack()
    {
        await using var server = await RunningServer.Start(_folder);
        var init = new RgbImage(64, 64);
        for (var i = 0; i < init.Pixels.Length; i++) init.Pixels[i] = (byte)(i * 7);
        var mask = new GrayImage(64, 64);
        mask.Pixels.AsSpan(0, 2048).Fill(255);
        var id = await server.Submit(new
        {
            request = new
            {
                prompt = "a hat",
                steps = 2,
                seed = 3,
                initImage = "data:image/png;base64," + Convert.ToBase64String(ImageFile.Encode(init, ImageFormat.Png)),
                mask = Convert.ToBase64String(ImageFile.Encode(mask.ToRgb(), ImageFormat.Png)),
            },
        });
        var job = await server.Finished(id);
        Assert.Equal("done", job.GetProperty("state").GetString());
        Assert.False(job.GetProperty("request").GetProperty("request").TryGetProperty("initImage", out _));
        Assert.Equal(["init", "mask"], job.GetProperty("inputs").EnumerateArray().Select(p => p.GetString()));

        using var generator = new FakeGenerator();
        var expected = generator.Generate(new GenerationRequest { Prompt = "a hat", Steps = 2, Seed = 3, InitImage = init, Mask = mask });
        var bytes = await server.Client.GetByteArrayAsync($"api/pictures/{id}-0000/file");
        Assert.Equal(expected.Images[0].Image.Pixels, ImageFile.Load(new MemoryStream(bytes), "picture").Pixels);
    }

    [Fact]
    public async Task MistakesAreOneSentence()
    {
        await using var server = await RunningServer.Start(_folder);
        await Refused(new { request = new { prompt = "x", steps = 0 } }, HttpStatusCode.BadRequest, "steps", "steps is 0; it must be from 1 to 1000.");
        await Refused(new { request = new { prompt = "x", steps = 201 } }, HttpStatusCode.BadRequest, "steps", "allows 200");
        await Refused(new { request = new { prompt = "x", sampler = "eulr" } }, HttpStatusCode.BadRequest, "sampler", "no sampler");
        await Refused(new { request = new { prompt = "x", stepz = 3 } }, HttpStatusCode.BadRequest, null, "\"stepz\"");
        await Refused(new { request = new { prompt = "x", initImage = "@@@" } }, HttpStatusCode.UnprocessableEntity, null, "base64");
        await Refused(new { request = new { prompt = "x" }, model = "../../etc/passwd" }, HttpStatusCode.UnprocessableEntity, null, "no model");
        await Refused(new { request = new { prompt = "x", width = 4096, height = 4096 } }, HttpStatusCode.BadRequest, "width", "pixels");
        await Refused(new { request = new { prompt = "x", batchCount = 101 } }, HttpStatusCode.BadRequest, "batchCount", "allows 100");
        await Refused(new { request = (object?)null }, HttpStatusCode.BadRequest, null, "null");
        await Refused(new { request = new { prompts = (string?[])["a", null] } }, HttpStatusCode.BadRequest, "request.prompts", "null");
        await Refused(new { request = new { prompt = "x", steps = "20" } }, HttpStatusCode.BadRequest, "request.steps", "a whole number");
        await Refused(new { request = new { prompt = "x", fill = "sand" } }, HttpStatusCode.BadRequest, "request.fill", "must be one of blur, original");
        await Refused(new { request = new { prompt = new string('x', 10_001) } }, HttpStatusCode.BadRequest, "prompt", "characters");

        async Task Refused(object body, HttpStatusCode status, string? field, string detail)
        {
            var answer = await server.Client.PostAsJsonAsync("api/jobs", body);
            var problem = await answer.Content.ReadFromJsonAsync<JsonElement>();
            Assert.Equal(status, answer.StatusCode);
            Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
            Assert.Contains(detail, problem.GetProperty("detail").GetString());
            if (field is not null) Assert.Equal(field, problem.GetProperty("field").GetString());
        }
    }
}
