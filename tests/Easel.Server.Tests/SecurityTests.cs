using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Easel.Server.Security;
using Easel.Server.Tests.Support;
using Easel.Tests.Weights;

namespace Easel.Server.Tests;

/// <summary>Guards that local means local: foreign pages, foreign names, strangers, hostile paths and bodies get nowhere.</summary>
public sealed class SecurityTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("evil.example", 421)]
    [InlineData("evil.example:7860", 421)]
    [InlineData("127.0.0.1.evil.example", 421)]
    [InlineData("localhost.evil.example", 421)]
    [InlineData("localhost", 200)]
    [InlineData("127.0.0.1", 200)]
    [InlineData("[::1]:7860", 200)]
    [InlineData("my.name", 200)]
    public async Task OnlyOurOwnNames(string host, int status)
    {
        await using var server = await RunningServer.Start(RunningServer.OptionsFor(_folder) with { HostNames = ["my.name"] });
        using var request = new HttpRequestMessage(HttpMethod.Get, "api/models") { Headers = { Host = host } };
        Assert.Equal(status, (int)(await server.Client.SendAsync(request)).StatusCode);
    }

    [Theory]
    [InlineData("https://evil.example")]
    [InlineData("http://127.0.0.1:1")]
    [InlineData("http://localhost:3000")]
    [InlineData("null")]
    [InlineData("http://127.0.0.1")]
    public async Task ForeignPagesNeitherReadNorStart(string origin)
    {
        await using var server = await RunningServer.Start(_folder);
        foreach (var (method, path) in new[] { ("GET", "api/models"), ("POST", "api/jobs"), ("DELETE", "api/jobs"), ("OPTIONS", "api/jobs"), ("GET", "") })
        {
            using var request = new HttpRequestMessage(new HttpMethod(method), path) { Headers = { { "Origin", origin } } };
            if (method == "POST") request.Content = new StringContent("""{"request":{"prompt":"x"}}""", Encoding.UTF8, "text/plain");
            if (method == "OPTIONS") request.Headers.Add("Access-Control-Request-Method", "POST");
            var answer = await server.Client.SendAsync(request);
            Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
            Assert.False(answer.Headers.Contains("Access-Control-Allow-Origin"));
        }
        Assert.Empty((await server.Get("api/jobs")).GetProperty("active").EnumerateArray());
    }

    [Fact]
    public async Task ForeignPicturesAndFramesAreRefusedButLinksAreFollowed()
    {
        await using var server = await RunningServer.Start(_folder);
        Assert.Equal(403, await Status("cross-site", "no-cors", "image"));
        Assert.Equal(403, await Status("same-site", "no-cors", "image"));
        Assert.Equal(403, await Status("cross-site", "navigate", "iframe"));
        Assert.Equal(200, await Status("cross-site", "navigate", "document"));
        Assert.Equal(200, await Status("same-origin", "cors", "empty"));

        async Task<int> Status(string site, string mode, string destination)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "api/models")
            {
                Headers = { { "Sec-Fetch-Site", site }, { "Sec-Fetch-Mode", mode }, { "Sec-Fetch-Dest", destination } },
            };
            return (int)(await server.Client.SendAsync(request)).StatusCode;
        }
    }

    [Fact]
    public async Task ListedOriginsAndOurOwnMayUseIt()
    {
        await using var server = await RunningServer.Start(RunningServer.OptionsFor(_folder) with { Cors = ["https://friend.example"] });
        using var own = new HttpRequestMessage(HttpMethod.Get, "api/models") { Headers = { { "Origin", server.Address } } };
        Assert.Equal(HttpStatusCode.OK, (await server.Client.SendAsync(own)).StatusCode);

        using var before = new HttpRequestMessage(HttpMethod.Options, "api/jobs")
        {
            Headers = { { "Origin", "https://friend.example" }, { "Access-Control-Request-Method", "POST" },
                { "Access-Control-Request-Headers", "content-type" } },
        };
        var allowed = await server.Client.SendAsync(before);
        Assert.Equal(HttpStatusCode.NoContent, allowed.StatusCode);
        Assert.Equal("https://friend.example", allowed.Headers.GetValues("Access-Control-Allow-Origin").Single());
        Assert.False(allowed.Headers.Contains("Access-Control-Allow-Credentials"));

        using var friend = new HttpRequestMessage(HttpMethod.Get, "api/models") { Headers = { { "Origin", "https://friend.example" } } };
        var answer = await server.Client.SendAsync(friend);
        Assert.Equal("https://friend.example", answer.Headers.GetValues("Access-Control-Allow-Origin").Single());
        Assert.Contains("Origin", answer.Headers.Vary);
    }

    [Fact]
    public async Task TokenIsAskedForEverywhere()
    {
        await using var server = await RunningServer.Start(RunningServer.OptionsFor(_folder) with { Token = "sesame" });
        foreach (var path in (string[])["api/jobs", "api/models", "metrics", "docs/", "openapi/v1.json", "api/pictures/x/file", "nowhere"])
        {
            var refused = await server.Client.GetAsync(path);
            Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
            Assert.Equal("Bearer", refused.Headers.WwwAuthenticate.Single().Scheme);
        }
        Assert.Equal(HttpStatusCode.OK, (await server.Client.GetAsync("health/live")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, await Status(new AuthenticationHeaderValue("Bearer", "sesame")));
        Assert.Equal(HttpStatusCode.OK, await Status(Basic("anybody", "sesame")));
        Assert.Equal(HttpStatusCode.Unauthorized, await Status(new AuthenticationHeaderValue("Bearer", "sesam")));
        Assert.Equal(HttpStatusCode.Unauthorized, await Status(new AuthenticationHeaderValue("Basic", "!!!")));

        async Task<HttpStatusCode> Status(AuthenticationHeaderValue header)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "api/models") { Headers = { Authorization = header } };
            return (await server.Client.SendAsync(request)).StatusCode;
        }
    }

    [Fact]
    public async Task UserLogsInByHeaderOrByTheForm()
    {
        await using var server = await RunningServer.Start(RunningServer.OptionsFor(_folder) with { User = "me", Password = "säsame" });
        using var request = new HttpRequestMessage(HttpMethod.Get, "api/models") { Headers = { Authorization = Basic("me", "säsame") } };
        Assert.Equal(HttpStatusCode.OK, (await server.Client.SendAsync(request)).StatusCode);
        Assert.Equal("Basic", (await server.Client.GetAsync("api/models")).Headers.WwwAuthenticate.Single().Scheme);

        using var handler = new HttpClientHandler { CookieContainer = new CookieContainer(), AllowAutoRedirect = false };
        using var browser = new HttpClient(handler) { BaseAddress = server.Client.BaseAddress };
        using var visit = new HttpRequestMessage(HttpMethod.Get, "") { Headers = { { "Accept", "text/html" } } };
        Assert.Equal("/login", (await browser.SendAsync(visit)).Headers.Location?.ToString());
        Assert.Contains("name=\"password\"", await browser.GetStringAsync("login"));
        Assert.Equal(HttpStatusCode.Unauthorized, (await Login("wrong")).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await browser.GetAsync("api/models")).StatusCode);
        var welcome = await Login("säsame");
        Assert.Equal(HttpStatusCode.Redirect, welcome.StatusCode);
        Assert.Contains("httponly", welcome.Headers.GetValues("Set-Cookie").Single());
        Assert.Equal(HttpStatusCode.OK, (await browser.GetAsync("api/models")).StatusCode);

        Task<HttpResponseMessage> Login(string password) =>
            browser.PostAsync("login", new FormUrlEncodedContent(new Dictionary<string, string> { ["user"] = "me", ["password"] = password }));
    }

    [Fact]
    public async Task PasswordsCannotBeTriedOutAtLeisure()
    {
        await using var server = await RunningServer.Start(RunningServer.OptionsFor(_folder) with { Token = "sesame" });
        var statuses = new List<int>();
        for (var i = 0; i < 12; i++)
        {
            var guess = new AuthenticationHeaderValue("Bearer", $"guess{i}");
            using var request = new HttpRequestMessage(HttpMethod.Get, "api/models") { Headers = { Authorization = guess } };
            statuses.Add((int)(await server.Client.SendAsync(request)).StatusCode);
        }
        Assert.Equal([.. Enumerable.Repeat(401, 10), 429, 429], statuses);
    }

    [Theory]
    [InlineData("api/pictures/..%2F..%2F..%2Fetc%2Fpasswd/file")]
    [InlineData("api/pictures/%2Fetc%2Fpasswd/file")]
    [InlineData("api/pictures/.easel%2Feasel.db/file")]
    [InlineData("api/pictures/..%5C..%5Csecret/thumbnail")]
    [InlineData("api/pictures/../../../etc/passwd")]
    [InlineData("api/jobs/..%2F..%2Fx")]
    public async Task PathsReachNothing(string path)
    {
        await using var server = await RunningServer.Start(_folder);
        Assert.Equal(HttpStatusCode.NotFound, (await server.Client.GetAsync(path)).StatusCode);
    }

    [Fact]
    public async Task BombsAreRefusedBeforeTheyAreUnpacked()
    {
        await using var server = await RunningServer.Start(RunningServer.OptionsFor(_folder) with { Limits = new ServerLimits { BodyBytes = 1 << 20 } });
        // A header that claims a billion pixels, over a body of a few bytes.
        byte[] giant =
        [
            0x89, .. "PNG\r\n\x1A\n"u8, 0, 0, 0, 13, .. "IHDR"u8, 0, 0, 0x80, 0, 0, 0, 0x80, 0, 8, 2, 0, 0, 0, 0x0A, 0x41, 0x9B, 0x1C,
            0, 0, 0, 0, .. "IDAT"u8, 0x35, 0xAF, 0x06, 0x1E,
        ];
        var answer = await server.Client.PostAsJsonAsync("api/jobs", new { request = new { prompt = "x", initImage = Convert.ToBase64String(giant) } });
        Assert.Equal(HttpStatusCode.UnprocessableEntity, answer.StatusCode);
        Assert.DoesNotContain("   at ", await answer.Content.ReadAsStringAsync());

        var large = await server.Client.PostAsJsonAsync("api/jobs", new { request = new { prompt = new string('x', 2 << 20) } });
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, large.StatusCode);

        var deep = await server.Client.PostAsync("api/jobs", new StringContent(new string('[', 500_000), Encoding.UTF8, "application/json"));
        Assert.Equal(HttpStatusCode.BadRequest, deep.StatusCode);
        Assert.Empty((await server.Get("api/jobs")).GetProperty("active").EnumerateArray());
    }

    [Fact]
    public async Task PictureLargerThanAllowedIsRefusedByItsHeader()
    {
        await using var server = await RunningServer.Start(RunningServer.OptionsFor(_folder) with { Limits = new ServerLimits { InputPixels = 128 * 128 } });
        var picture = Convert.ToBase64String(Easel.Imaging.ImageFile.Encode(new Easel.Imaging.RgbImage(256, 256), Easel.Imaging.ImageFormat.Png));
        var answer = await server.Client.PostAsJsonAsync("api/jobs", new { request = new { prompt = "x", initImage = picture } });
        Assert.Contains("allows 16384", (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("detail").GetString());
    }

    [Fact]
    public async Task ManyPicturesOfOneRequestAreBoundedTogether()
    {
        var limits = new ServerLimits { InputPixels = 64 * 64, SentPixels = 4 * 64 * 64 };
        await using var server = await RunningServer.Start(RunningServer.OptionsFor(_folder) with { Limits = limits });
        var picture = Convert.ToBase64String(Easel.Imaging.ImageFile.Encode(new Easel.Imaging.RgbImage(64, 64), Easel.Imaging.ImageFormat.Png));
        IEnumerable<string> Pictures(int count) => Enumerable.Repeat(picture, count);
        await Allowed("api/jobs", new { request = new { prompt = "x", initImage = picture, mask = picture } });
        await Refused("api/jobs", new { request = new { prompt = "x", controls = Pictures(5).Select(hint => new { network = "x", picture = hint }) } },
            "16384");
        await Refused("sdapi/v1/img2img", new { prompt = "x", init_images = Pictures(5) },
            "With a picture in init_images the pictures of this request have 20480");
        var units = new { args = Pictures(5).Select(image => new { model = "x", image }) };
        await Refused("sdapi/v1/txt2img", new { prompt = "x", alwayson_scripts = new { controlnet = units } }, "16384");
        await Refused("controlnet/detect", new { controlnet_module = "none", controlnet_input_images = Pictures(5) }, "16384");
        // A hint costs what it has, not what was sent.
        await Refused("controlnet/detect", new { controlnet_module = "canny", controlnet_input_images = Pictures(1), controlnet_processor_res = 65 }, "4225");
        await Allowed("controlnet/detect", new { controlnet_module = "canny", controlnet_input_images = Pictures(1), controlnet_processor_res = 64 });
        await Allowed("sdapi/v1/extra-batch-images", new { upscaler_1 = "None", imageList = Pictures(5).Select(data => new { data, name = "x" }) });

        async Task Allowed(string path, object body)
        {
            using var answer = await server.Client.PostAsJsonAsync(path, body);
            Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
        }

        async Task Refused(string path, object body, string said)
        {
            using var answer = await server.Client.PostAsJsonAsync(path, body);
            Assert.Equal(HttpStatusCode.UnprocessableEntity, answer.StatusCode);
            Assert.Contains(said, await answer.Content.ReadAsStringAsync());
        }
    }

    [Theory]
    [InlineData('(')]
    [InlineData('[')]
    [InlineData('\\')]
    [InlineData('|')]
    public async Task HostilePromptsAreOnlyPrompts(char sign)
    {
        await using var server = await RunningServer.Start(_folder);
        var id = await server.Submit(RunningServer.Cat(prompt: "<script>alert(1)</script>" + new string(sign, 9000)));
        Assert.Contains((await server.Finished(id)).GetProperty("state").GetString(), (string?[])["done", "failed"]);
        Assert.Equal("alive", await server.Client.GetStringAsync("health/live"));
    }

    [Fact]
    public void OtherAddressesDemandALogin()
    {
        var options = RunningServer.OptionsFor(_folder) with { Address = IPAddress.Any };
        Assert.Contains("--token", Assert.Throws<EaselException>(() => EaselServer.Build(options)).Message);
        Assert.Contains("no origin", Assert.Throws<EaselException>(() => (options with { Token = "x", Cors = ["*"] }).Validate()).Message);
        Assert.Contains("go together", Assert.Throws<EaselException>(() => (options with { User = "x" }).Validate()).Message);
        (options with { Token = "x", Cors = ["https://a.example", "http://b.example:8080"] }).Validate();
    }

    [Fact]
    public async Task AnswersTellBrowsersToBeCareful()
    {
        await using var server = await RunningServer.Start(_folder);
        foreach (var path in (string[])["api/models", "nowhere", "docs/"])
        {
            var answer = await server.Client.GetAsync(path);
            Assert.Equal("nosniff", answer.Headers.GetValues("X-Content-Type-Options").Single());
            Assert.Contains("frame-ancestors 'none'", answer.Headers.GetValues("Content-Security-Policy").Single());
            Assert.Contains("default-src 'none'", answer.Headers.GetValues("Content-Security-Policy").Single());
            // No script but one that is marked in this very answer; the documentation's own files beside.
            Assert.Matches("script-src ('self' )?'nonce-[0-9a-f]{32}';", answer.Headers.GetValues("Content-Security-Policy").Single());
        }
    }

    [Fact]
    public async Task PathsOfTheMachineAreForThoseWhoSitAtItOrHaveLoggedIn()
    {
        await using var server = await RunningServer.Start(RunningServer.OptionsFor(_folder) with { Cors = ["https://friend.example"] });
        var folder = Path.GetDirectoryName(RunningServer.Model)!;
        foreach (var route in (string[])["api/models", "sdapi/v1/sd-models", "sdapi/v1/cmd-flags"])
        {
            Assert.Contains(Seen(route), await server.Client.GetStringAsync(route));
            Assert.DoesNotContain(Seen(route), await Passed(route, "X-Forwarded-For", "203.0.113.7"));
            Assert.DoesNotContain(Seen(route), await Passed(route, "Origin", "https://friend.example"));
        }

        string Seen(string route) => JsonEncodedText.Encode(route.EndsWith("flags", StringComparison.Ordinal) ? _folder.Path("pictures") : folder).ToString();

        async Task<string> Passed(string route, string header, string value)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, route) { Headers = { { header, value } } };
            return await (await server.Client.SendAsync(request)).Content.ReadAsStringAsync();
        }
    }

    /// <summary>A model that went away fails in a sentence that names where it was.</summary>
    [Fact]
    public async Task WhyAJobFailedTellsNoFolderToWhoMayNotKnowIt()
    {
        var model = _folder.Path("models of mine/sub/micro");
        foreach (var file in Directory.GetFiles(RunningServer.Model, "*", SearchOption.AllDirectories))
        {
            var copy = Path.Combine(model, Path.GetRelativePath(RunningServer.Model, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }
        await using var server = await RunningServer.Start(RunningServer.OptionsFor(_folder) with { Models = [_folder.Path("models of mine")] });
        server.Models.Remarks = [$"The file '{model}/x.json' was passed over."];
        var drawn = await server.Submit(RunningServer.Cat());
        await server.Finished(drawn);
        await server.Client.PostAsync("sdapi/v1/unload-checkpoint", null);
        Directory.Delete(model, recursive: true);
        var failed = await server.Submit(RunningServer.Cat());
        Assert.Equal("failed", (await server.Finished(failed)).GetProperty("state").GetString());

        const string cat = """{"prompt":"a cat","steps":1,"width":64,"height":64}""", call = """
            {"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"draw","arguments":{"prompt":"a cat","steps":1}}}
            """;
        foreach (var (route, body) in new (string, string?)[]
        {
            ($"api/jobs/{failed}", null), ($"api/jobs/{drawn}", null), ("api/jobs", null), ($"api/jobs/{failed}/events", null),
            ($"api/jobs/{drawn}/events", null), ("sdapi/v1/txt2img", cat), ("v1/images/generations", """{"prompt":"a cat","size":"64x64"}"""),
            ("v1/images/generations", """{"prompt":"a cat","size":"64x64","stream":true}"""), ("mcp", call),
        })
        {
            Assert.Contains("models of mine", await Said(route, body, remote: false));
            var said = await Said(route, body, remote: true);
            Assert.DoesNotContain("models of mine", said);
            Assert.DoesNotContain(_folder.Path(""), said);
            Assert.Contains("sub/micro", said);
        }

        async Task<string> Said(string route, string? body, bool remote)
        {
            using var request = new HttpRequestMessage(body is null ? HttpMethod.Get : HttpMethod.Post, route);
            if (body is not null) request.Content = new StringContent(body, Encoding.UTF8, "application/json");
            request.Headers.TryAddWithoutValidation("Accept", "application/json, text/event-stream");
            if (remote) request.Headers.Add("X-Forwarded-For", "203.0.113.7");
            using var answer = await server.Client.SendAsync(request);
            return (await answer.Content.ReadAsStringAsync()).Replace("\\u0027", "'", StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("'/srv/a b/models/x y.safetensors' is no model.", "'x y.safetensors' is no model.")]
    [InlineData("The file /srv/a b/models/sub/x.ckpt has changed.", "The file sub/x.ckpt has changed.")]
    [InlineData("The folder /srv/a b/models cannot be read.", "The folder models cannot be read.")]
    [InlineData("'/srv/a b/models-of-others/x.ckpt' and '/mnt/d/e.vae.pt': /etc/ssl/x.", "'x.ckpt' and 'e.vae.pt': x.")]
    [InlineData("'C:\\Users\\me\\x.ckpt' is no model.", "'x.ckpt' is no model.")]
    [InlineData("POST /api/jobs/x leads nowhere; 3/4 of /v1/models and https://example.org/a/b are.",
        "POST /api/jobs/x leads nowhere; 3/4 of /v1/models and https://example.org/a/b are.")]
    public void FoldersAreTakenOutOfSentences(string sentence, string told) =>
        Assert.Equal(told, new MachinePaths(new ServerOptions { Models = ["/srv/a b/models"], OutputFolder = "/srv/out" }).Without(sentence));

    private static AuthenticationHeaderValue Basic(string user, string password) =>
        new("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{password}")));
}
