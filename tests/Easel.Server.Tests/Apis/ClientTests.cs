using System.Diagnostics;
using System.Text.Json;
using Easel.Server.Tests.Support;
using Easel.Tests.Support;
using Easel.Tests.Weights;

namespace Easel.Server.Tests.Apis;

/// <summary>Guards that programs which others wrote for AUTOMATIC1111's and OpenAI's APIs work unchanged. They are in tests/clients.</summary>
public sealed class ClientTests : IDisposable
{
    private static readonly string Clients = Path.GetFullPath(Path.Combine(Goldens.Path("."), "..", "clients"));
    private static readonly Lazy<Task> Installed = new(Install);

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("stable-diffusion-api")]
    [InlineData("a1111-webui-api")]
    public async Task StableDiffusionApiWorks(string package)
    {
        await using var server = await RunningServer.Start(RunningServer.OptionsFor(_folder) with { User = "me", Password = "secret" });
        var seen = await Run("a1111.mjs", package, server.Address);
        Assert.Equal("[[64,64],[64,64]]", seen.GetProperty("drawn").ToString());
        Assert.Equal("[5,6]", seen.GetProperty("seeds").ToString());
        Assert.Equal("[64,96]", seen.GetProperty("edited").ToString());
        Assert.Equal("[192,192]", seen.GetProperty("enlarged").ToString());
        Assert.Contains("DPM++ 2M", seen.GetProperty("samplers").ToString());
        Assert.Contains("Lanczos", seen.GetProperty("upscalers").ToString());
        Assert.Equal(RunningServer.ModelName, seen.GetProperty("model").GetString());
        Assert.Equal("png", seen.GetProperty("options").GetString());
        Assert.Equal(0, seen.GetProperty("progress").GetDouble());
        Assert.True(seen.GetProperty("flags").GetBoolean());
        Assert.Contains("ADetailer", seen.GetProperty("refused").GetString());
    }

    [Fact]
    public async Task NodeSdWebuiWorks()
    {
        await using var server = await RunningServer.Start(_folder);
        var seen = await Run("node-sd-webui.mjs", server.Address);
        Assert.Equal(2, seen.GetProperty("drawn").GetInt32());
        Assert.Equal("[5,6]", seen.GetProperty("seeds").ToString());
        Assert.Equal(1, seen.GetProperty("edited").GetInt32());
        Assert.Equal(("a cat", "dog", 2),
            (seen.GetProperty("text").GetProperty("prompt").GetString(), seen.GetProperty("text").GetProperty("negativePrompt").GetString(),
            seen.GetProperty("text").GetProperty("steps").GetInt32()));
        Assert.Equal("Unprocessable Entity", seen.GetProperty("refused").GetString());
    }

    [Fact]
    public async Task OpenAiWorks()
    {
        var options = RunningServer.OptionsFor(_folder) with { Token = "secret" };
        await using var server = await RunningServer.Start(options, stepTime: TimeSpan.FromMilliseconds(10));
        var seen = await Run("openai.mjs", server.Address);
        Assert.Equal($"[{0xFFD8},{0xFFD8}]", seen.GetProperty("drawn").ToString());
        Assert.Equal("[5,6]", seen.GetProperty("seeds").ToString());
        Assert.Equal("image/png", seen.GetProperty("type").GetString());
        Assert.Equal((1, 2), (seen.GetProperty("edited").GetInt32(), seen.GetProperty("varied").GetInt32()));
        var events = seen.GetProperty("events").EnumerateArray().ToList();
        Assert.All(events, happened => Assert.Equal(("64x64", "PNG"), (happened[2].GetString(), happened[3].GetString())));
        Assert.Equal("image_generation.completed", events[^1][0].GetString());
        Assert.Equal(Enumerable.Range(0, events.Count - 1), events[..^1].Select(happened => happened[1].GetInt32()));
        Assert.InRange(events.Count, 2, 3);
        Assert.Equal(
            ["""[400,"BadRequestError","size","invalid_value"]""", """[404,"NotFoundError","model","model_not_found"]"""],
            seen.GetProperty("refused").EnumerateArray().Select(refused => refused.ToString()));
        Assert.Contains(RunningServer.ModelName, seen.GetProperty("models").ToString());
        Assert.Equal("model", seen.GetProperty("model").GetString());
    }

    private static async Task<JsonElement> Run(string script, params string[] arguments)
    {
        Assert.SkipWhen(Find("node") is null || Find("npm") is null, "Node.js and npm are not installed, which these clients need.");
        await Installed.Value;
        return JsonDocument.Parse(await Output("node", [script, .. arguments])).RootElement;
    }

    private static async Task Install()
    {
        if (!File.Exists(Path.Combine(Clients, "node_modules", ".package-lock.json")))
            await Output("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
    }

    private static async Task<string> Output(string program, string[] arguments)
    {
        var start = new ProcessStartInfo(Find(program)!, arguments) { WorkingDirectory = Clients, RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(start)!;
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(process.ExitCode == 0, await errors);
        return await output;
    }

    private static string? Find(string program)
    {
        string[] endings = OperatingSystem.IsWindows() ? [".exe", ".cmd"] : [""];
        var folders = Environment.GetEnvironmentVariable("PATH")!.Split(Path.PathSeparator);
        return folders.SelectMany(folder => endings.Select(ending => Path.Combine(folder, program + ending))).FirstOrDefault(File.Exists);
    }
}
