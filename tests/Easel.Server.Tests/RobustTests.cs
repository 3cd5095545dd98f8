using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text;
using Easel.Imaging;
using Easel.Server.Library;
using Easel.Server.Storage;
using Easel.Server.Tests.Support;
using Easel.Tests.Weights;

namespace Easel.Server.Tests;

/// <summary>Guards that nothing in a request or a folder takes the server down or costs it more than it is worth.</summary>
public sealed class RobustTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>A picture of many pixels in few bytes: nothing may be decoded of it, at whichever door it comes.</summary>
    private static string Large { get; } = Convert.ToBase64String(ImageFile.Encode(new RgbImage(300, 200), ImageFormat.Png));

    private async Task<RunningServer> WithSmallPictures() =>
        await RunningServer.Start(RunningServer.OptionsFor(_folder) with { Limits = new ServerLimits { InputPixels = 200 * 200, EnlargedPixels = 200 * 200 } });

    public static TheoryData<string, object> Doors() => new()
    {
        { "api/jobs", new { request = new { prompt = "x", initImage = Large } } },
        { "api/jobs", new { request = new { prompt = "x", mask = Large } } },
        { "api/jobs", new { request = new { prompt = "x", depth = Large } } },
        { "api/jobs", new { task = "enlarge", request = new { initImage = Large } } },
        { "sdapi/v1/img2img", new { prompt = "x", init_images = new[] { Large } } },
        { "sdapi/v1/extra-single-image", new { image = Large, upscaler_1 = "Lanczos" } },
        { "sdapi/v1/extra-batch-images", new { imageList = new[] { new { data = Large, name = "x" } }, upscaler_1 = "Lanczos" } },
    };

    [Theory]
    [MemberData(nameof(Doors))]
    public async Task SizeIsAskedOfTheHeaderAtEveryDoor(string route, object body)
    {
        await using var server = await WithSmallPictures();
        var answer = await server.Client.PostAsJsonAsync(route, body);
        Assert.Equal(HttpStatusCode.UnprocessableEntity, answer.StatusCode);
        Assert.Contains("300x200 pixels, 60000 in all; this server allows 40000", await answer.Content.ReadAsStringAsync());
    }

    [Theory]
    [InlineData("image")]
    [InlineData("mask")]
    public async Task SizeIsAskedOfTheHeaderOfAForm(string field)
    {
        await using var server = await WithSmallPictures();
        using var form = new MultipartFormDataContent { { new StringContent("x"), "prompt" } };
        var small = ImageFile.Encode(new RgbImage(64, 64), ImageFormat.Png);
        form.Add(new ByteArrayContent(field == "image" ? Convert.FromBase64String(Large) : small), "image", "a.png");
        if (field == "mask") form.Add(new ByteArrayContent(Convert.FromBase64String(Large)), "mask", "b.png");
        var answer = await server.Client.PostAsync("v1/images/edits", form);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains("this server allows 40000", await answer.Content.ReadAsStringAsync());
    }

    [Theory]
    [InlineData("api/jobs", """{"request":{"prompt":"a \ud800 b"}}""")]
    [InlineData("api/jobs", """{"model":"\udc00","request":{"prompt":"x"}}""")]
    [InlineData("sdapi/v1/txt2img", """{"prompt":"a \ud800 b"}""")]
    [InlineData("sdapi/v1/txt2img", """{"\ud800":1}""")]
    [InlineData("sdapi/v1/png-info", """{"image":"\ud800"}""")]
    [InlineData("sdapi/v1/options", """{"x":["\ud800"]}""")]
    [InlineData("v1/images/generations", """{"prompt":"a \ud800 b"}""")]
    [InlineData("v1/images/generations", """{"prompt":"x","\udfff":2}""")]
    [InlineData("mcp", """{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"draw","arguments":{"prompt":"\ud800"}}}""")]
    public async Task HalfOfACharacterIsNoText(string route, string body)
    {
        await using var server = await RunningServer.Start(_folder);
        var answer = await server.Client.PostAsync(route, new StringContent(body, Encoding.UTF8, "application/json"));
        Assert.True(answer.StatusCode == HttpStatusCode.BadRequest, $"{answer.StatusCode}: {await answer.Content.ReadAsStringAsync()}");
    }

    [Theory]
    [InlineData("login", "application/json", "{}", 400)]
    [InlineData("login", "multipart/form-data", "x", 400)]
    [InlineData("login", "multipart/form-data; boundary=b", "x", 400)]
    [InlineData("login", "application/x-www-form-urlencoded", "%%%=%%%", 401)]
    [InlineData("v1/images/edits", "multipart/form-data; boundary=b", "no part", 400)]
    [InlineData("v1/images/edits", "multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"image\"; filename=\"a\"\r\n\r\ncut", 400)]
    [InlineData("v1/images/edits", "multipart/form-data", "x", 400)]
    public async Task FormThatIsNoneIsToldSo(string route, string type, string body, int status)
    {
        await using var server = await RunningServer.Start(RunningServer.OptionsFor(_folder) with { Token = "sesame" });
        using var request = new HttpRequestMessage(HttpMethod.Post, route) { Content = new ByteArrayContent(Encoding.UTF8.GetBytes(body)) };
        request.Content.Headers.TryAddWithoutValidation("Content-Type", type);
        request.Headers.Authorization = new("Bearer", "sesame");
        var answer = await server.Client.SendAsync(request);
        Assert.True((int)answer.StatusCode == status, $"{answer.StatusCode}: {await answer.Content.ReadAsStringAsync()}");
    }

    [Fact]
    public async Task TooLargeAndOfTheWrongKindAreSaidInTheirOwnWords()
    {
        await using var server = await RunningServer.Start(RunningServer.OptionsFor(_folder) with { Limits = new ServerLimits { BodyBytes = 1 << 16 } });
        foreach (var route in (string[])["api/jobs", "sdapi/v1/txt2img", "v1/images/generations"])
        {
            var large = await server.Client.PostAsJsonAsync(route, new { prompt = new string('x', 1 << 17) });
            Assert.Equal(HttpStatusCode.RequestEntityTooLarge, large.StatusCode);
            Assert.Contains("larger than this server allows", await large.Content.ReadAsStringAsync());
        }
        var kind = await server.Client.PostAsync("api/jobs", new StringContent("prompt=x"));
        Assert.Equal(HttpStatusCode.UnsupportedMediaType, kind.StatusCode);
        Assert.Contains("application/json", await kind.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task RequestThatDoesNotGoOnIsLetGo()
    {
        var limits = new ServerLimits { HeaderPatience = TimeSpan.FromSeconds(1) };
        await using var server = await RunningServer.Start(RunningServer.OptionsFor(_folder) with { Limits = limits });
        using var socket = new TcpClient("127.0.0.1", new Uri(server.Address).Port);
        await socket.GetStream().WriteAsync("POST /api/jobs HTTP/1.1\r\nHost: localhost\r\n"u8.ToArray());
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        var buffer = new byte[1024];
        while (await socket.GetStream().ReadAsync(buffer, patience.Token) > 0) { } // ends when the server closes it
    }

    [Fact]
    public async Task QueueIsBoundedInBytes()
    {
        var limits = new ServerLimits { QueuedBytesPerClient = 60_000 };
        await using var server = await RunningServer.Start(RunningServer.OptionsFor(_folder) with { Limits = limits }, stepTime: TimeSpan.FromMilliseconds(50));
        await server.Submit(RunningServer.Cat(steps: 100, count: 100));
        var status = HttpStatusCode.Created;
        var sent = 0;
        for (; sent < 100 && status == HttpStatusCode.Created; sent++)
            status = (await server.Client.PostAsJsonAsync("api/jobs", RunningServer.Cat(prompt: new string('x', 1000)))).StatusCode;
        Assert.Equal(HttpStatusCode.TooManyRequests, status);
        Assert.InRange(sent, 2, 20);
        var noise = new RgbImage(128, 128);
        Random.Shared.NextBytes(noise.Pixels);
        await server.Client.DeleteAsync("api/jobs");
        var picture = Convert.ToBase64String(ImageFile.Encode(noise, ImageFormat.Png));
        await server.Submit(RunningServer.Cat(steps: 100, count: 100));
        var large = await server.Client.PostAsJsonAsync("api/jobs", new { request = new { prompt = "x", initImage = picture, mask = picture } });
        Assert.Equal(HttpStatusCode.TooManyRequests, large.StatusCode);
        Assert.DoesNotContain(Directory.EnumerateFiles(_folder.Path("pictures", ".easel", "inputs")), path => path.Contains("mask")); // nothing is left behind
    }

    [Fact]
    public void OneBadFileLeavesTheOthersInTheList()
    {
        var models = Directory.CreateDirectory(_folder.Path("models")).FullName;
        CopyFolder(RunningServer.Model, Path.Combine(models, "good"));
        foreach (var (name, config) in Hostile)
        {
            CopyFolder(RunningServer.Model, Path.Combine(models, name));
            File.WriteAllText(Path.Combine(models, name, "unet", "config.json"), config);
        }
        File.WriteAllText(Path.Combine(models, "empty.safetensors"), "");
        var library = new ModelLibrary(RunningServer.OptionsFor(_folder) with { Models = [models] });
        Assert.Equal("good", Assert.Single(library.Checkpoints).Name);
        Assert.Equal(Hostile.Length + 2, library.Entries.Count);
        Assert.All(library.Entries.Where(entry => entry.Use == ModelUse.None), entry => Assert.NotNull(entry.Problem));
    }

    private static (string Name, string Config)[] Hostile =>
    [
        ("deep", new string('[', 100_000)), ("deep-object", string.Concat(Enumerable.Repeat("{\"a\":", 50_000))),
        ("surrogate", "{\"attention_head_dim\":8,\"x\":\"\\ud800\"}"), ("twice", "{\"a\":1,\"a\":2}"), ("list", "[]"), ("text", "hello"),
        ("long", "{\"a\":\"" + new string('x', 2 << 20) + "\"}"), ("no-heads", "{\"attention_head_dim\":[]}"),
        ("name", "{\"\\udc00\":1}"),
    ];

    [Fact]
    public void LinksWithoutEndAndWhatIsNoFileAreToldAndNotFollowed()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Links need rights there, and pipes are no files.");
        var models = Directory.CreateDirectory(_folder.Path("models")).FullName;
        for (var i = 0; i < 8; i++) Directory.CreateSymbolicLink(Path.Combine(models, $"loop{i}"), models);
        File.CreateSymbolicLink(Path.Combine(models, "self.safetensors"), Path.Combine(models, "self.safetensors"));
        File.CreateSymbolicLink(Path.Combine(models, "device.safetensors"), "/dev/zero");
        using (var made = System.Diagnostics.Process.Start("mkfifo", Path.Combine(models, "pipe.safetensors"))) made.WaitForExit();
        CopyFolder(RunningServer.Model, Path.Combine(models, "good"));
        var library = new ModelLibrary(RunningServer.OptionsFor(_folder) with { Models = [models] });
        Assert.Equal("good", Assert.Single(library.Checkpoints).Name);
        string ProblemOf(string name) => library.Entries.Single(entry => Path.GetFileName(entry.Path) == name).Problem!;
        Assert.Contains("is a pipe", ProblemOf("pipe.safetensors"));
        Assert.Contains("is a device", ProblemOf("device.safetensors"));
        Assert.NotNull(ProblemOf("self.safetensors"));
        Assert.Contains("back into a folder", ProblemOf("loop3"));
        Assert.Equal(12, library.Entries.Count);
    }

    [Theory]
    [InlineData("request = '{\"request\":{\"prompt\":\"x\",\"knobOfTheFuture\":1}}'")]
    [InlineData("request = 'no json'")]
    [InlineData("state = 'pondering'")]
    [InlineData("created = 9223372036854775807, request = '{\"task\":\"dance\"}'")]
    [InlineData("request = '{\"request\":{\"prompt\":\"\\ud800\"}}'")]
    [InlineData("remarks = 'null', count = 99999999999")]
    public async Task JobOfAnotherVersionIsKeptAndTheServerStarts(string change)
    {
        string strange, good;
        var options = RunningServer.OptionsFor(_folder) with { StopPatience = TimeSpan.Zero };
        await using (var server = await RunningServer.Start(options, TimeSpan.FromMilliseconds(50)))
        {
            await server.Submit(RunningServer.Cat(steps: 100, count: 10));
            strange = await server.Submit(RunningServer.Cat());
            good = await server.Submit(RunningServer.Cat(prompt: "a dog"));
            await server.Client.DeleteAsync($"api/jobs/{(await server.Get("api/jobs")).GetProperty("active")[0].GetProperty("id").GetString()}");
            server.Models.StepTime = TimeSpan.FromSeconds(1);
        }
        using (var database = Database.Open(_folder.Path("pictures", ".easel", "easel.db")))
            database.Write(connection =>
                Database.Run(connection, $"UPDATE jobs SET state = 'queued', finished = NULL, {change} WHERE id = $id", ("$id", strange)));

        await using (var server = await RunningServer.Start(_folder))
        {
            Assert.Equal("done", (await server.Finished(good)).GetProperty("state").GetString());
            var kept = await server.Get($"api/jobs/{strange}");
            Assert.Contains("another version of Easel", kept.GetProperty("error").GetString());
        }
        await using (var server = await RunningServer.Start(_folder))
        {
            Assert.Contains(strange, (await server.Get($"api/jobs/{strange}")).ToString()); // still there
            Assert.True((await server.Client.DeleteAsync($"api/jobs/{strange}")).IsSuccessStatusCode);
            Assert.Equal(HttpStatusCode.Conflict, (await server.Client.DeleteAsync($"api/jobs/{strange}")).StatusCode); // it is over
        }
    }

    [Fact]
    public async Task ServerStartsOverADamagedPage()
    {
        var file = _folder.Path("pictures", ".easel", "easel.db");
        await using (var server = await RunningServer.Start(_folder))
            for (var i = 0; i < 60; i++) await server.Finished(await server.Submit(RunningServer.Cat(prompt: new string('x', 900) + i)));
        using (var database = Database.Open(file)) database.Write(connection => Database.Run(connection, "UPDATE jobs SET client = 'x'"));
        var bytes = File.ReadAllBytes(file);
        const int Page = 4096;
        for (var page = bytes.Length / Page / 2; page < bytes.Length / Page / 2 + 6; page++) bytes.AsSpan(page * Page, Page).Fill(0xAB);
        File.WriteAllBytes(file, bytes);

        await using var again = await RunningServer.Start(_folder);
        Assert.Equal("alive", await again.Client.GetStringAsync("health/live"));
        var answers = new List<string>();
        foreach (var route in (string[])["api/jobs?count=200", "api/pictures?count=200&words=xx", "api/pictures?count=200"])
            answers.Add(await (await again.Client.GetAsync(route)).Content.ReadAsStringAsync());
        Assert.Contains(answers, answer => answer.Contains("gallery rebuild"));
    }

    [Fact]
    public void RebuildPutsOnlyADamagedDatabaseAside()
    {
        var root = _folder.Path("pictures");
        using (var folder = new PictureFolder(root))
        {
            folder.Open();
            Database.Open(folder.Database).Dispose();
        }
        var file = Path.Combine(root, ".easel", "easel.db");
        using (var other = new Microsoft.Data.Sqlite.SqliteConnection($"Data Source={file};Pooling=false"))
        {
            other.Open();
            using var held = other.CreateCommand();
            held.CommandText = "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; CREATE TABLE held (x);";
            held.ExecuteNonQuery();
            var busy = Assert.Throws<EaselException>(() => GalleryRebuild.Run(root));
            Assert.Contains("another program works with it", busy.Message);
        }
        Assert.Empty(Directory.EnumerateFiles(Path.Combine(root, ".easel"), "*damaged*"));
        Assert.Null(GalleryRebuild.Run(root).SetAside);
        File.WriteAllText(file, string.Concat(Enumerable.Repeat("this is no database ", 300)));
        Assert.NotNull(GalleryRebuild.Run(root).SetAside);
    }

    private static void CopyFolder(string from, string to)
    {
        foreach (var file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            var target = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }
    }
}
