using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Easel.Hub;
using Easel.Server.Tests.Support;
using Easel.Tests.Weights;

namespace Easel.Server.Tests.Hub;

/// <summary>Guards that a running server fetches a model when somebody who may asks for it, tells how far it is, stops when told, and never does so by
/// itself.</summary>
public sealed class PullsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task What_is_fetched_is_among_the_models()
    {
        await using var hub = await FakeHub.Start();
        var bytes = hub.Put("model.safetensors", 300_000);
        await using var server = await Serve(hub);
        Assert.Empty(hub.Asked);
        var begun = await server.Client.PostAsJsonAsync("api/models/pulls", new { name = "org/model" });
        Assert.Equal(HttpStatusCode.Accepted, begun.StatusCode);
        var status = await Ended(server, "org/model");
        Assert.Equal(("done", bytes.LongLength, bytes.LongLength),
            (status.GetProperty("state").GetString(), status.GetProperty("done").GetInt64(), status.GetProperty("total").GetInt64()));
        var models = await server.Client.GetFromJsonAsync<JsonElement>("api/models");
        Assert.Contains(models.GetProperty("models").EnumerateArray(), model => model.GetProperty("name").GetString()!.StartsWith("org/model",
            StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_cannot_be_had_says_why_and_can_be_asked_for_again()
    {
        await using var hub = await FakeHub.Start();
        hub.Put("model.safetensors", 1000);
        hub.Instead = context =>
        {
            context.Response.StatusCode = 401;
            return Task.FromResult(true);
        };
        await using var server = await Serve(hub);
        await server.Client.PostAsJsonAsync("api/models/pulls", new { name = "org/model" });
        var status = await Ended(server, "org/model");
        Assert.Equal("failed", status.GetProperty("state").GetString());
        Assert.Contains("org/model", status.GetProperty("error").GetString(), StringComparison.Ordinal);

        hub.Instead = _ => Task.FromResult(false);
        await server.Client.PostAsJsonAsync("api/models/pulls", new { name = "org/model" });
        Assert.Equal("done", (await Ended(server, "org/model")).GetProperty("state").GetString());
    }

    [Fact]
    public async Task Stopped_it_stops_and_nothing_is_fetched_twice_at_once()
    {
        await using var hub = await FakeHub.Start();
        hub.Put("model.safetensors", 1000);
        hub.Instead = async context =>
        {
            await Task.Delay(Timeout.Infinite, context.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default);
            return true;
        };
        await using var server = await Serve(hub);
        await server.Client.PostAsJsonAsync("api/models/pulls", new { name = "org/model" });
        var twice = await server.Client.PostAsJsonAsync("api/models/pulls", new { name = "org/model" });
        Assert.Equal(HttpStatusCode.Conflict, twice.StatusCode);
        Assert.Equal(HttpStatusCode.NoContent, (await server.Client.DeleteAsync("api/models/pulls/org/model")).StatusCode);
        Assert.Equal("cancelled", (await Ended(server, "org/model")).GetProperty("state").GetString());
        Assert.Equal(HttpStatusCode.NotFound, (await server.Client.DeleteAsync("api/models/pulls/org/model")).StatusCode);
    }

    [Theory]
    [InlineData("no such name", HttpStatusCode.UnprocessableEntity, "is no model to fetch")]
    [InlineData("sd51", HttpStatusCode.UnprocessableEntity, "did you mean sd15?")]
    [InlineData("", HttpStatusCode.UnprocessableEntity, "name is missing")]
    public async Task A_name_that_is_none_is_told(string name, HttpStatusCode status, string says)
    {
        await using var hub = await FakeHub.Start();
        await using var server = await Serve(hub);
        var answer = await server.Client.PostAsJsonAsync("api/models/pulls", new { name });
        Assert.Equal(status, answer.StatusCode);
        Assert.Contains(says, await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Empty(hub.Asked);
    }

    [Fact]
    public async Task A_stranger_and_a_server_without_a_hub_fetch_nothing()
    {
        await using var hub = await FakeHub.Start();
        await using (var server = await Serve(hub))
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "api/models/pulls") { Content = JsonContent.Create(new { name = "sd15" }) };
            request.Headers.Add("X-Forwarded-For", "203.0.113.5");
            Assert.Equal(HttpStatusCode.Forbidden, (await server.Client.SendAsync(request)).StatusCode);
            Assert.Contains(await Known(server), model => model.GetProperty("name").GetString() == "sd15" && !model.GetProperty("isThere").GetBoolean());
        }
        await using var without = await RunningServer.Start(RunningServer.OptionsFor(_folder));
        Assert.Equal(HttpStatusCode.Forbidden, (await without.Client.PostAsJsonAsync("api/models/pulls", new { name = "sd15" })).StatusCode);
        Assert.Empty(hub.Asked);
    }

    private Task<RunningServer> Serve(FakeHub hub)
    {
        var options = RunningServer.OptionsFor(_folder);
        return RunningServer.Start(options with
        {
            Hub = new HubSettings { Endpoint = hub.Address, CacheFolder = _folder.Path("hub"), RetrySeconds = 0.01 },
        });
    }

    private static async Task<List<JsonElement>> Known(RunningServer server) =>
        [.. (await server.Client.GetFromJsonAsync<JsonElement>("api/models/known")).EnumerateArray()];

    private static async Task<JsonElement> Ended(RunningServer server, string name)
    {
        for (var time = 0; time < 600; time++)
        {
            var pulls = await server.Client.GetFromJsonAsync<JsonElement>("api/models/pulls");
            var own = pulls.EnumerateArray().Single(pull => pull.GetProperty("name").GetString() == name);
            if (own.GetProperty("state").GetString() != "fetching") return own;
            await Task.Delay(50, TestContext.Current.CancellationToken);
        }
        throw new TimeoutException($"{name} is still being fetched.");
    }
}
