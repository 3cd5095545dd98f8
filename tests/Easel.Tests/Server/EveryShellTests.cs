using System.Net.Http.Json;
using System.Text.Json;
using Easel.Imaging;
using Easel.Server.Jobs;
using Easel.Server.Library;
using Easel.Server.Page;
using Easel.Server.Storage;
using Easel.Server.Tests.Support;
using Easel.Tests.Cli;
using Easel.Tests.Weights;
using Easel.Weights.Formats;
using ModelContextProtocol.Client;
using ModelContextProtocol.Protocol;

namespace Easel.Tests.Server;

/// <summary>
/// Guards that the same words and seed give the same picture from the command line, the page, Easel's own API, OpenAI's, A1111's and MCP, and that where nobody
/// says more the model decides in each of them: the model here wants another guidance, size and number of steps than the usual ones.
/// </summary>
public sealed class EveryShellTests : IDisposable
{
    private const string Words = "a cat on a mat";
    private const long Seed = 1234;

    private readonly TemporaryFolder _folder = new();
    private readonly string _model;

    public EveryShellTests()
    {
        _model = _folder.Path("own-ways.safetensors");
        var metadata = new Dictionary<string, string> { ["easel.guidance_scale"] = "3.5", ["easel.steps"] = "4", ["modelspec.resolution"] = "128x128" };
        using var tensors = TensorFile.Open(Models.LoadedModel.Path("sd1"));
        SafeTensorsWriter.Write(_model, tensors.Tensors, tensors.View, metadata);
        foreach (var beside in Directory.EnumerateFiles(Path.GetDirectoryName(Models.LoadedModel.Path("sd1"))!))
            if (Path.GetExtension(beside) is ".yaml") File.Copy(beside, Path.ChangeExtension(_model, ".yaml"));
            else if (Path.GetFileName(beside) == "text_config.json") File.Copy(beside, _folder.Path("text_config.json"));
    }

    public void Dispose() => _folder.Dispose();

    /// <summary>Words and a seed alone.</summary>
    [Fact]
    public Task WhatTheModelDecidesItDecidesEverywhere() => Same(new GenerationRequest { Prompt = Words, Seed = Seed });

    /// <summary>Knobs that once could not be reached from the page or any API among them.</summary>
    [Fact]
    public Task WhatIsAskedForIsDoneEverywhere() => Same(new GenerationRequest
    {
        Prompt = Words,
        NegativePrompt = "dogs",
        Seed = Seed,
        Steps = 6,
        GuidanceScale = 5,
        Sampler = "euler_ancestral",
        Schedule = "karras",
        Fast = FastLevel.Light,
        ClipSkip = 2,
    });

    private async Task Same(GenerationRequest request)
    {
        using (var generator = ImageGenerator.Load(_model, new LoadOptions { Precision = Precision.Full }))
        {
            var drawn = generator.Generate(request).Images[0];
            Assert.Equal((128, 128), (drawn.Image.Width, drawn.Image.Height));
            if (request.GuidanceScale is null) Assert.Equal((3.5, 4), (drawn.Request.GuidanceScale, drawn.Request.Steps));
            _expected = drawn.Image.Pixels;
        }
        Equal("the command line", CommandLine(request));
        var options = RunningServer.OptionsFor(_folder) with { Models = [_model] };
        await using var server = await RunningServer.Start(options, source: new ModelFiles());
        Equal("the page", await Page(server, request));
        Equal("its own API", await OwnApi(server, request));
        Equal("OpenAI's API", await OpenAi(server, request));
        Equal("A1111's API", await Sdapi(server, request));
        Equal("MCP", await Mcp(server, request));
    }

    private byte[] _expected = [];

    private void Equal(string shell, byte[] file) =>
        Assert.True(_expected.AsSpan().SequenceEqual(ImageFile.Load(new MemoryStream(file), shell).Pixels), $"{shell} gives another picture");

    /// <summary>The knobs that are turned, by the names of a protocol.</summary>
    private static Dictionary<string, object?> Turned(GenerationRequest request, Func<Knob, string?> nameOf) =>
        Knobs.All.Where(knob => nameOf(knob) is not null && !knob.IsDefault(request)).ToDictionary(knob => nameOf(knob)!, knob => knob.Get(request) switch
        {
            IReadOnlyList<string> texts => texts[0],
            Enum member => knob.Format(member),
            var value => value,
        });

    private byte[] CommandLine(GenerationRequest request)
    {
        var output = _folder.Path($"{Guid.NewGuid():N}.png");
        var flags = Knobs.All.Where(knob => !knob.IsDefault(request)).SelectMany(knob => (string[])[knob.Flags[0], knob.Format(knob.Get(request)!)]);
        var (code, _, error) = Command.Run(["draw", "-m", _model, "--precision", "full", "-o", output, .. flags]);
        Assert.True(code == 0, error);
        return File.ReadAllBytes(output);
    }

    private static async Task<byte[]> Page(RunningServer server, GenerationRequest request)
    {
        var state = new DrawState(server.Service<ModelLibrary>(), server.Service<StyleLibrary>(), server.Service<Wildcards>(), server.Service<JobIntake>(),
            server.Service<Gallery>(), server.Service<PictureReader>(),
            server.Service<Easel.Server.ServerLimits>(), new Browser(null!));
        state.Settings.Prompt = request.Prompt;
        state.Settings.SeedIsLocked = true;
        foreach (var knob in Knobs.All.Where(knob => knob.OnPage && knob.Kind != KnobKind.Texts && !knob.IsDefault(request)))
            state.Settings.Turn(knob, knob.Get(request));
        var job = await state.Draw(null, "page");
        Assert.True(job is not null, state.Refusal?.Message);
        return await Picture(server, job.Id);
    }

    private static async Task<byte[]> OwnApi(RunningServer server, GenerationRequest request)
    {
        var body = Turned(request, knob => knob.Kind == KnobKind.Texts ? "prompt" : JsonNamingPolicy.CamelCase.ConvertName(knob.Property));
        return await Picture(server, await server.Submit(new { request = body }));
    }

    private static async Task<byte[]> OpenAi(RunningServer server, GenerationRequest request)
    {
        var body = Turned(request, knob => knob.OpenAiName);
        body["response_format"] = "b64_json";
        return (await Post(server, "v1/images/generations", body)).GetProperty("data")[0].GetProperty("b64_json").GetBytesFromBase64();
    }

    private static async Task<byte[]> Sdapi(RunningServer server, GenerationRequest request) =>
        (await Post(server, "sdapi/v1/txt2img", Turned(request, knob => knob.SdapiName))).GetProperty("images")[0].GetBytesFromBase64();

    private static async Task<byte[]> Mcp(RunningServer server, GenerationRequest request)
    {
        await using var client = await McpClient.CreateAsync(
            new HttpClientTransport(new HttpClientTransportOptions { Endpoint = new Uri(server.Address + "/mcp") }));
        var result = await client.CallToolAsync("draw", Turned(request, knob => knob.McpName));
        Assert.True(result.IsError != true, string.Join(' ', result.Content.OfType<TextContentBlock>().Select(block => block.Text)));
        return result.Content.OfType<ImageContentBlock>().Single().DecodedData.ToArray();
    }

    private static async Task<JsonElement> Post(RunningServer server, string path, object body)
    {
        var answer = await server.Client.PostAsJsonAsync(path, body);
        var json = await answer.Content.ReadFromJsonAsync<JsonElement>();
        Assert.True(answer.IsSuccessStatusCode, json.ToString());
        return json;
    }

    private static async Task<byte[]> Picture(RunningServer server, string job)
    {
        Assert.Equal("done", (await server.Finished(job)).GetProperty("state").GetString());
        return await server.Client.GetByteArrayAsync($"api/pictures/{job}-0000/file");
    }
}
