using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Easel.Server.Jobs;
using Easel.Server.Tests.Support;
using Easel.Tests.Weights;

namespace Easel.Server.Tests;

/// <summary>Guards that secrets cannot be tried out, and that a login ends when it is to end.</summary>
public sealed class LoginTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly Clock _clock = new();

    public void Dispose() => _folder.Dispose();

    private sealed class Clock : TimeProvider
    {
        public TimeSpan Ahead { get; set; }
        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + Ahead;
        public override long GetTimestamp() => base.GetTimestamp() + (long)(Ahead.TotalSeconds * TimestampFrequency);
    }

    private Task<RunningServer> Start(ServerOptions? options = null, TimeSpan stepTime = default) =>
        RunningServer.Start((options ?? RunningServer.OptionsFor(_folder)) with { Token = "sesame", StopPatience = TimeSpan.Zero }, stepTime, clock: _clock);

    private static async Task<HttpResponseMessage> Ask(RunningServer server, string? token = null, string? cookie = null, string path = "api/samplers",
        HttpMethod? method = null, params (string Name, string Value)[] headers)
    {
        using var handler = new HttpClientHandler { UseCookies = false, AllowAutoRedirect = false };
        using var client = new HttpClient(handler) { BaseAddress = new Uri(server.Address) };
        using var request = new HttpRequestMessage(method ?? HttpMethod.Get, path);
        if (token is not null) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        if (cookie is not null) request.Headers.Add("Cookie", cookie);
        foreach (var (name, value) in headers) request.Headers.Add(name, value);
        if (path == "login" && method == HttpMethod.Post)
            request.Content = new FormUrlEncodedContent(new Dictionary<string, string> { ["token"] = token ?? "sesame" });
        request.Headers.Authorization = path == "login" ? null : request.Headers.Authorization;
        return await client.SendAsync(request);
    }

    private static async Task<string> LogIn(RunningServer server) =>
        (await Ask(server, path: "login", method: HttpMethod.Post)).Headers.GetValues("Set-Cookie").Single().Split(';')[0];

    private static string Name(RunningServer server) => $"easel-{new Uri(server.Address).Port}";

    /// <summary>The clients of other programs' APIs show what stands in a refusal of those programs.</summary>
    [Fact]
    public async Task WhoIsNotKnownIsToldInTheWordsOfTheApi()
    {
        await using var server = await Start();
        var ours = (await (await Ask(server, "wrong", path: "v1/models")).Content.ReadFromJsonAsync<JsonElement>()).GetProperty("error");
        Assert.Equal(("invalid_request_error", "invalid_api_key"), (ours.GetProperty("type").GetString(), ours.GetProperty("code").GetString()));
        var theirs = await (await Ask(server, "wrong", path: "sdapi/v1/options")).Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal(("HTTPException", true), (theirs.GetProperty("error").GetString(),
            theirs.GetProperty("detail").GetString()!.Contains("wrong", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task WhoTriedTooOftenWaitsLongerEachTimeThoughTheTokenBeRight()
    {
        await using var server = await Start();
        for (var i = 0; i < 10; i++) Assert.Equal(401, (int)(await Ask(server, $"guess{i}")).StatusCode);
        var refused = await Ask(server, "sesame"); // not looked at, so nothing is learnt from it
        Assert.Equal(429, (int)refused.StatusCode);
        Assert.InRange(refused.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 30);
        _clock.Ahead += TimeSpan.FromSeconds(31);
        Assert.Equal(401, (int)(await Ask(server, "wrong again")).StatusCode);
        _clock.Ahead += TimeSpan.FromSeconds(31);
        Assert.Equal(429, (int)(await Ask(server, "sesame")).StatusCode); // a minute this time
        _clock.Ahead += TimeSpan.FromSeconds(31);
        Assert.Equal(200, (int)(await Ask(server, "sesame")).StatusCode);
        for (var i = 0; i < 10; i++) Assert.Equal(401, (int)(await Ask(server, $"guess{i}")).StatusCode); // begun afresh
    }

    [Fact]
    public async Task ManyAtOnceAreCountedOneByOne()
    {
        await using var server = await Start();
        var answers = await Task.WhenAll(Enumerable.Range(0, 40).Select(i => Ask(server, $"guess{i}")));
        Assert.Equal(10, answers.Count(answer => answer.StatusCode == HttpStatusCode.Unauthorized));
        Assert.Equal(30, answers.Count(answer => answer.StatusCode == HttpStatusCode.TooManyRequests));
    }

    [Fact]
    public async Task WrongCookiesCountAndRightOnesNeverWait()
    {
        await using var server = await Start();
        var right = await LogIn(server);
        for (var i = 0; i < 10; i++) Assert.Equal(401, (int)(await Ask(server, cookie: $"{Name(server)}=1.{i}")).StatusCode);
        Assert.Equal(429, (int)(await Ask(server, cookie: $"{Name(server)}=x")).StatusCode);
        Assert.Equal(429, (int)(await Ask(server, path: "login", method: HttpMethod.Post)).StatusCode);
        Assert.Equal(200, (int)(await Ask(server, cookie: right)).StatusCode);
    }

    [Fact]
    public async Task LoginsGrowOldAndOutliveARestart()
    {
        string cookie;
        await using (var server = await Start()) cookie = await LogIn(server);
        var port = int.Parse(cookie.Split('=')[0]["easel-".Length..], System.Globalization.CultureInfo.InvariantCulture);
        await using var again = await Start(RunningServer.OptionsFor(_folder) with { Port = port });
        Assert.Equal(200, (int)(await Ask(again, cookie: cookie)).StatusCode);
        _clock.Ahead += TimeSpan.FromDays(31);
        for (var i = 0; i < 12; i++) Assert.Equal(401, (int)(await Ask(again, cookie: cookie)).StatusCode); // too old, and no attempt at guessing
    }

    [Fact]
    public async Task ALoginEndsEverywhereWithWhatItHasOpen()
    {
        await using var server = await Start(stepTime: TimeSpan.FromMilliseconds(50));
        var (here, there) = (await LogIn(server), await LogIn(server));
        server.Service<JobIntake>().Submit(new JobRequest { Request = new GenerationRequest { Prompt = "x", Steps = 100, Width = 64, Height = 64 } }, "x");
        using var watching = new HttpClient(new HttpClientHandler { UseCookies = false }) { BaseAddress = new Uri(server.Address) };
        watching.DefaultRequestHeaders.Add("Cookie", there);
        await using var events = await watching.GetStreamAsync("api/jobs/events");
        Assert.Equal(302, (int)(await Ask(server, cookie: here, path: "logout/everywhere", method: HttpMethod.Post)).StatusCode);
        foreach (var cookie in (string[])[here, there]) Assert.Equal(401, (int)(await Ask(server, cookie: cookie)).StatusCode);
        await Assert.ThrowsAnyAsync<IOException>(async () =>
        {
            var buffer = new byte[64];
            while (await events.ReadAsync(buffer).AsTask().WaitAsync(TimeSpan.FromSeconds(10)) > 0) { }
            throw new IOException("It was ended.");
        });
        Assert.Equal(200, (int)(await Ask(server, cookie: await LogIn(server))).StatusCode);
        Assert.Equal(401, (int)(await Ask(server, path: "logout/everywhere", method: HttpMethod.Post)).StatusCode); // not for strangers
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task CookieIsForEncryptedWaysAloneBehindANamedProxy(bool isNamed)
    {
        await using var server = await Start(RunningServer.OptionsFor(_folder) with { Proxies = isNamed ? [IPAddress.Loopback] : [] });
        var answer = await Ask(server, path: "login", method: HttpMethod.Post, headers: [("X-Forwarded-Proto", "https"), ("X-Forwarded-For", "203.0.113.7")]);
        Assert.Equal(isNamed, answer.Headers.GetValues("Set-Cookie").Single().Contains("; secure", StringComparison.OrdinalIgnoreCase));
        Assert.Contains("max-age=2592000", answer.Headers.GetValues("Set-Cookie").Single());
    }
}
