using Easel.Imaging;
using Easel.Server.Tests.Support;
using Easel.Tests.Weights;
using ModelContextProtocol;
using ModelContextProtocol.Client;
using ModelContextProtocol.Protocol;

namespace Easel.Server.Tests.Apis;

/// <summary>Guards the tools for assistants, with the protocol's own client.</summary>
public sealed class McpTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task AssistantsDrawEditAndEnlarge()
    {
        await using var server = await RunningServer.Start(RunningServer.OptionsFor(_folder) with { Token = "secret" });
        var transport = new HttpClientTransport(new HttpClientTransportOptions
        {
            Endpoint = new Uri(server.Address + "/mcp"),
            AdditionalHeaders = new Dictionary<string, string> { ["Authorization"] = "Bearer secret" },
        });
        await using var client = await McpClient.CreateAsync(transport);
        Assert.Equal("easel", client.ServerInfo?.Name);
        Assert.Equal(["draw", "edit", "list_models", "upscale"], (await client.ListToolsAsync()).Select(tool => tool.Name).Order(StringComparer.Ordinal));

        var models = await Call("list_models");
        Assert.Equal(RunningServer.ModelName, models.StructuredContent!.Value.GetProperty("default").GetString());

        var told = new List<ProgressNotificationValue>();
        var cats = new Dictionary<string, object?> { ["prompt"] = "a cat", ["width"] = 64, ["height"] = 64, ["steps"] = 3, ["seed"] = 5, ["count"] = 2 };
        var drawn = await client.CallToolAsync("draw", cats, new Told(told));
        Assert.NotEqual(true, drawn.IsError);
        var pictures = drawn.Content.OfType<ImageContentBlock>().ToList();
        Assert.Equal([(64, 64), (64, 64)], pictures.Select(SizeOf));
        Assert.Contains("Seed: 6", ImageFile.ReadMetadata(new MemoryStream(pictures[1].DecodedData.ToArray()), "picture").Parameters);
        lock (told) Assert.NotEmpty(told);

        var text = drawn.Content.OfType<TextContentBlock>().First().Text;
        Assert.EndsWith($", 64x64, seed 5, model {RunningServer.ModelName}", text);
        var id = text.Split(' ', ',')[1];
        var edited = await Call("edit", ("prompt", "a hat"), ("image", id), ("steps", 2), ("strength", 0.5));
        Assert.Equal((64, 64), SizeOf(edited.Content.OfType<ImageContentBlock>().Single()));
        var enlarged = await Call("upscale", ("image", Convert.ToBase64String(pictures[0].DecodedData.Span)), ("scale", 3), ("upscaler", "lanczos"));
        Assert.Equal((192, 192), SizeOf(enlarged.Content.OfType<ImageContentBlock>().Single()));

        await Refused("draw", "steps is 0; it must be from 1 to 1000.", ("prompt", "x"), ("steps", 0));
        await Refused("draw", "no model", ("prompt", "x"), ("model", "none"));
        await Refused("draw", "count is 5", ("prompt", "x"), ("count", 5));
        await Refused("edit", "base64", ("prompt", "x"), ("image", "@@"));
        await Refused("upscale", "no upscaler", ("image", id), ("upscaler", "none"));
        await Refused("draw", "prompt is missing");
        await Refused("upscale", "image is missing");
        await Refused("upscale", "scale is \"much\"", ("image", id), ("scale", "much"));
        var strange = await Call("upscale", ("image", id), ("scale", 2), ("sharpness", 3));
        Assert.Contains(strange.Content.OfType<TextContentBlock>(), block => block.Text.StartsWith("\"sharpness\" is not something", StringComparison.Ordinal));

        async Task<CallToolResult> Call(string tool, params (string Name, object? Value)[] arguments)
        {
            var result = await client.CallToolAsync(tool, arguments.ToDictionary(argument => argument.Name, argument => argument.Value));
            Assert.True(result.IsError != true, string.Join(' ', result.Content.OfType<TextContentBlock>().Select(block => block.Text)));
            return result;
        }

        async Task Refused(string tool, string part, params (string Name, object? Value)[] arguments)
        {
            var result = await client.CallToolAsync(tool, arguments.ToDictionary(argument => argument.Name, argument => argument.Value));
            Assert.True(result.IsError);
            Assert.Contains(part, result.Content.OfType<TextContentBlock>().Single().Text);
        }
    }

    [Fact]
    public async Task AJobThatWaitsKeepsItsCallersClockAlive()
    {
        var clock = new Ticking();
        await using var server = await RunningServer.Start(RunningServer.OptionsFor(_folder), TimeSpan.FromMilliseconds(20), clock: clock);
        await server.Submit(RunningServer.Cat(steps: 200));
        var transport = new HttpClientTransport(new HttpClientTransportOptions { Endpoint = new Uri(server.Address + "/mcp") });
        await using var client = await McpClient.CreateAsync(transport);
        var told = new List<ProgressNotificationValue>();
        var cat = new Dictionary<string, object?> { ["prompt"] = "a cat", ["width"] = 64, ["height"] = 64, ["steps"] = 1 };
        var drawing = client.CallToolAsync("draw", cat, new Told(told)).AsTask();
        while (Messages().Count(message => message.StartsWith("Waiting, ", StringComparison.Ordinal)) < 3)
        {
            clock.Tick();
            await Task.Delay(5);
        }
        await server.Client.DeleteAsync($"api/jobs/{(await server.Get("api/jobs")).GetProperty("active")[0].GetProperty("id").GetString()}");
        Assert.NotEqual(true, (await drawing).IsError);
        lock (told) Assert.Equal(told.Count, told.Select(value => value.Progress).Distinct().Count());

        List<string> Messages()
        {
            lock (told) return [.. told.Select(value => value.Message ?? "")];
        }
    }

    /// <summary>The system's clock, whose timers of ten seconds ring when they are told to.</summary>
    private sealed class Ticking : TimeProvider
    {
        private readonly List<Action> _ring = [];

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            if (period == Easel.Server.Mcp.McpJobs.Patience) lock (_ring) _ring.Add(() => callback(state));
            return base.CreateTimer(callback, state, dueTime, period);
        }

        public void Tick()
        {
            Action[] all;
            lock (_ring) all = [.. _ring];
            foreach (var ring in all) ring();
        }
    }

    private static (int, int) SizeOf(ImageContentBlock block)
    {
        var image = ImageFile.Load(new MemoryStream(block.DecodedData.ToArray()), "picture");
        return (image.Width, image.Height);
    }

    private sealed class Told(List<ProgressNotificationValue> told) : IProgress<ProgressNotificationValue>
    {
        public void Report(ProgressNotificationValue value)
        {
            lock (told) told.Add(value);
        }
    }
}
