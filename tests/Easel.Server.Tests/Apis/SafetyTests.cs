using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Easel.Server.Tests.Support;
using Easel.Tests.Weights;
using ModelContextProtocol.Client;
using ModelContextProtocol.Protocol;

namespace Easel.Server.Tests.Apis;

/// <summary>Guards that what a server does with explicit pictures holds and is told in every API, whatever a caller says.</summary>
public sealed class SafetyTests : IDisposable
{
    private const string Finding = "Picture 1, which the safety filter takes for explicit (explicit 0.90), is";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task WhatTheSafetyFilterDidIsToldInEveryReplyAndNoCallerTurnsItOff()
    {
        await using var server = await Start(SafetyAction.Blur);
        server.Models.Remarks = [Finding + " blurred."];
        var job = await server.Finished(await server.Submit(RunningServer.Cat()));
        Assert.Equal(Finding + " blurred.", job.GetProperty("remarks")[0].GetString());
        Assert.Contains(Finding, (await Post(server, "sdapi/v1/txt2img", new Dictionary<string, object?>(Asked)
        {
            ["override_settings"] = new { safe = "off", safety = "off", filter_nsfw = false },
        })).Body.GetProperty("info").GetString(), StringComparison.Ordinal);
        Assert.Contains(Finding, (await Post(server, "v1/images/generations", new Dictionary<string, object?>(Asked) { ["moderation"] = "low" })).Body
            .GetProperty("remarks").EnumerateArray().Last().GetString(), StringComparison.Ordinal);
        var spoken = await Mcp(server);
        Assert.NotEqual(true, spoken.IsError);
        Assert.StartsWith(Finding, spoken.Content.OfType<TextContentBlock>().Last().Text, StringComparison.Ordinal);
        await server.Client.PostAsJsonAsync("sdapi/v1/options", new { safe = "off", safety = "off" });
        foreach (var field in (string[])["safe", "safety"])
        {
            Assert.Equal(HttpStatusCode.BadRequest, (await Post(server, "api/jobs", new Dictionary<string, object?>
            {
                [field] = "off",
                ["request"] = new { prompt = "a cat" },
            })).Status);
        }
        await server.Finished(await server.Submit(RunningServer.Cat()));
        Assert.Equal(SafetyAction.Blur, server.Models.Safety);
    }

    [Fact]
    public async Task WhatIsRefusedIsRefusedInEveryApi()
    {
        await using var server = await Start(SafetyAction.Refuse);
        server.Models.Failure = Finding + " not given out, nor are those after it.";
        var job = await server.Finished(await server.Submit(RunningServer.Cat()));
        Assert.Equal(("failed", server.Models.Failure), (job.GetProperty("state").GetString(), job.GetProperty("error").GetString()));
        foreach (var path in (string[])["sdapi/v1/txt2img", "v1/images/generations"])
        {
            var (status, body) = await Post(server, path, Asked);
            Assert.True((int)status is >= 400 and < 500 && body.ToString().Contains(Finding, StringComparison.Ordinal), $"{path}: {status} {body}");
        }
        var spoken = await Mcp(server);
        Assert.True(spoken.IsError);
        Assert.Contains(Finding, spoken.Content.OfType<TextContentBlock>().Single().Text, StringComparison.Ordinal);
        Assert.Equal(0, (await server.Get("api/pictures")).GetProperty("total").GetInt32());
    }

    private static Dictionary<string, object?> Asked => new() { ["prompt"] = "a cat", ["steps"] = 1 };

    private Task<RunningServer> Start(SafetyAction action)
    {
        var options = RunningServer.OptionsFor(_folder);
        return RunningServer.Start(options with { Load = options.Load with { Safety = action } });
    }

    private static async Task<CallToolResult> Mcp(RunningServer server)
    {
        await using var client = await McpClient.CreateAsync(
            new HttpClientTransport(new HttpClientTransportOptions { Endpoint = new Uri(server.Address + "/mcp") }));
        return await client.CallToolAsync("draw", Asked);
    }

    private static async Task<(HttpStatusCode Status, JsonElement Body)> Post(RunningServer server, string path, object body)
    {
        var answer = await server.Client.PostAsJsonAsync(path, body);
        return (answer.StatusCode, await answer.Content.ReadFromJsonAsync<JsonElement>());
    }
}
