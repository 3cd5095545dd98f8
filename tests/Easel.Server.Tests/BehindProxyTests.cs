using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json;
using Easel.Server.Tests.Support;
using Easel.Tests.Weights;

namespace Easel.Server.Tests;

/// <summary>Guards that the server can be a part of a site: below a path, and behind a Unix socket.</summary>
public sealed class BehindProxyTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>Whether the proxy takes the path off or not, what is answered names addresses below it.</summary>
    [Theory]
    [InlineData("easel/")]
    [InlineData("")]
    public async Task Page_and_APIs_are_below_the_path(string at)
    {
        await using var server = await RunningServer.Start(RunningServer.OptionsFor(_folder) with { BasePath = "/easel" });
        var page = await Text(server, at, "text/html");
        Assert.Contains("<base href=\"/easel/\"", page);
        Assert.DoesNotContain("=\"/", page.Replace("<base href=\"/easel/\"", "", StringComparison.Ordinal), StringComparison.Ordinal);
        var script = page.Split("src=\"")[1].Split('"')[0];
        Assert.StartsWith("./page/", script);
        Assert.True((await server.Client.GetAsync(at + script[2..])).IsSuccessStatusCode);
        Assert.True((await server.Client.PostAsync(at + "_blazor/negotiate?negotiateVersion=1", null)).IsSuccessStatusCode);
        Assert.Equal(RunningServer.ModelName, (await server.Get(at + "api/models")).GetProperty("default").GetString());
        Assert.True((await server.Client.GetAsync(at + "sdapi/v1/options")).IsSuccessStatusCode);
        Assert.Contains("/easel", (await server.Get(at + "openapi/v1.json")).GetProperty("servers")[0].GetProperty("url").GetString());
        var made = await server.Client.PostAsJsonAsync(at + "api/jobs", RunningServer.Cat());
        Assert.StartsWith("/easel/api/jobs/", made.Headers.Location!.ToString());
        var missing = await Text(server, at + "no/such/page", "text/html");
        Assert.Contains("<base href=\"/easel/\">", missing);
    }

    [Fact]
    public async Task The_path_alone_leads_into_it()
    {
        await using var server = await RunningServer.Start(RunningServer.OptionsFor(_folder) with { BasePath = "/tools/easel" });
        using var client = Client(server);
        var answer = await client.GetAsync("tools/easel?tag=a");
        Assert.Equal("/tools/easel/?tag=a", answer.Headers.Location?.ToString());
        Assert.Equal(HttpStatusCode.NotFound, (await client.GetAsync("tools/easels/api/models")).StatusCode);
    }

    [Fact]
    public async Task A_login_stays_below_the_path()
    {
        await using var server = await RunningServer.Start(RunningServer.OptionsFor(_folder) with { BasePath = "/easel", Token = "secret" });
        using var client = Client(server);
        using var visit = new HttpRequestMessage(HttpMethod.Get, "easel/gallery") { Headers = { { "Accept", "text/html" } } };
        Assert.Equal("/easel/login", (await client.SendAsync(visit)).Headers.Location?.ToString());
        Assert.Contains("action=\"./login\"", await client.GetStringAsync("easel/login"));
        var entered = await client.PostAsync("easel/login", new FormUrlEncodedContent([new("token", "secret")]));
        Assert.Equal("/easel/", entered.Headers.Location?.ToString());
        Assert.Contains("path=/easel/", Assert.Single(entered.Headers.GetValues("Set-Cookie")));
    }

    [Theory]
    [InlineData("/art/easel", "/art/easel/")]
    [InlineData("/art/", "/art/")]
    [InlineData("//evil.example", null)]
    [InlineData("/a/../b", null)]
    [InlineData("/\"><script>", null)]
    public async Task A_proxy_that_is_believed_names_the_path(string prefix, string? path)
    {
        await using var server = await RunningServer.Start(RunningServer.OptionsFor(_folder) with { Proxies = [IPAddress.Loopback] });
        await using var other = await RunningServer.Start(RunningServer.OptionsFor(_folder) with { OutputFolder = _folder.Path("other") });
        Assert.Contains("<base href=\"/\"", await (await Ask(other)).Content.ReadAsStringAsync());
        var answer = await Ask(server);
        Assert.Equal(path is null ? HttpStatusCode.BadRequest : HttpStatusCode.OK, answer.StatusCode);
        if (path is not null) Assert.Contains($"<base href=\"{path}\"", await answer.Content.ReadAsStringAsync());

        async Task<HttpResponseMessage> Ask(RunningServer server)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "") { Headers = { { "Accept", "text/html" }, { "X-Forwarded-For", "192.0.2.7" } } };
            request.Headers.TryAddWithoutValidation("X-Forwarded-Prefix", prefix);
            return await server.Client.SendAsync(request);
        }
    }

    [Fact]
    public async Task Events_are_not_gathered_by_a_proxy()
    {
        await using var server = await RunningServer.Start(RunningServer.OptionsFor(_folder));
        var id = await server.Submit(RunningServer.Cat());
        using var events = await server.Client.GetAsync($"api/jobs/{id}/events", HttpCompletionOption.ResponseHeadersRead);
        Assert.Equal("no", events.Headers.GetValues("X-Accel-Buffering").Single());
        Assert.False((await server.Client.GetAsync("api/models")).Headers.Contains("X-Accel-Buffering"));
    }

    [Theory]
    [InlineData("easel")]
    [InlineData("/easel/")]
    [InlineData("/a//b")]
    [InlineData("/..")]
    [InlineData("/a b")]
    public void What_is_no_base_path_is_refused(string path) =>
        Assert.Contains($"\"{path}\"", Assert.Throws<EaselException>((RunningServer.OptionsFor(_folder) with { BasePath = path }).Validate).Message);

    [Fact]
    public async Task A_socket_serves_and_is_left_to_whoever_listens()
    {
        if (OperatingSystem.IsWindows()) Assert.Skip("the modes of files are those of Unix");
        var path = _folder.Path("easel.sock");
        using (var killed = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
        {
            killed.Bind(new UnixDomainSocketEndPoint(path));
            File.Move(path, path + ".kept"); // it would be deleted, as it is not where a server is killed
        }
        File.Move(path + ".kept", path);
        var options = RunningServer.OptionsFor(_folder) with
        {
            UnixSocket = path,
            UnixSocketMode = (UnixFileMode)0x1b0,
            BasePath = "/easel",
            Log = LogAmount.None,
        };
        using var stop = new CancellationTokenSource();
        var ready = new TaskCompletionSource<string>();
        var running = EaselServer.RunAsync(options, ready.SetResult, stop.Token);
        Assert.Same(ready.Task, await Task.WhenAny(ready.Task, running));
        Assert.Equal($"http://unix:{path}/easel", await ready.Task);
        if (!OperatingSystem.IsWindows()) Assert.Equal((UnixFileMode)0x1b0, File.GetUnixFileMode(path));

        using var client = new HttpClient(new SocketsHttpHandler
        {
            ConnectCallback = async (_, cancel) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancel);
                return new NetworkStream(socket, ownsSocket: true);
            },
        })
        { BaseAddress = new Uri("http://localhost/") };
        var models = await client.GetFromJsonAsync<JsonElement>("easel/api/models");
        Assert.Equal(RunningServer.ModelName, models.GetProperty("models")[0].GetProperty("path").GetString()); // nobody sits behind a socket
        Assert.Contains("in use", (await Assert.ThrowsAsync<EaselException>(() =>
            EaselServer.RunAsync(options with { OutputFolder = _folder.Path("second") }, _ => { }, stop.Token))).Message);
        await stop.CancelAsync();
        await running;
        Assert.False(File.Exists(path));
    }

    [Fact]
    public async Task A_file_in_the_place_of_the_socket_is_left_alone()
    {
        var path = _folder.Write("notes.txt", [1, 2, 3]);
        var options = RunningServer.OptionsFor(_folder) with { UnixSocket = path };
        Assert.Contains(path, (await Assert.ThrowsAsync<EaselException>(() => EaselServer.RunAsync(options, _ => { }, default))).Message);
        Assert.Equal(3, new FileInfo(path).Length);
        options = options with { UnixSocket = _folder.Path(new string('a', 120)) };
        Assert.Contains("too long", Assert.Throws<EaselException>(options.Validate).Message);
    }

    private static HttpClient Client(RunningServer server) =>
        new(new HttpClientHandler { AllowAutoRedirect = false, UseCookies = false }) { BaseAddress = new Uri(server.Address) };

    private static async Task<string> Text(RunningServer server, string path, string accept)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path) { Headers = { { "Accept", accept } } };
        return await (await server.Client.SendAsync(request)).Content.ReadAsStringAsync();
    }
}
