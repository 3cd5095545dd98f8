using System.Text;
using System.Text.Json;
using Easel.Imaging;
using Easel.Tests.Fuzzing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;

namespace Easel.Server.Tests.Support;

/// <summary>The routes that take a body, under fire: a server that draws with the fake generator is sent what is sound, damaged. It is answered, or refused in
/// a sentence of ours, never with a fault of the server or in the words of what it is made of. Shared with the fuzzing program, tests/Easel.Fuzz.</summary>
internal sealed class FuzzedBodies(string model, string folder) : IDisposable
{
    /// <summary>After so many bodies the server is begun anew over an empty folder, so that it fills neither disk nor memory.</summary>
    private const int ForOneServer = 4000;

    /// <summary>What no sentence of ours has in it: words of .NET, of its JSON reader and of its stack.</summary>
    private static readonly string[] NotOurs =
    [
        "   at ", "unforeseen", "System.", "Exception:", ".NET", "nullab", "could not be converted", "LineNumber", "BytePosition", "isFinalBlock", "deserializ",
        "constructor", "on type", "JsonElement", "JsonNode", "Parameter '",
    ];

    private WebApplication? _app;
    private HttpClient? _client;
    private int _sent;

    private static string Picture { get; } = Convert.ToBase64String(ImageFile.Encode(new RgbImage(16, 8), ImageFormat.Png));

    /// <summary>A sound body for every route that takes one, by the route.</summary>
    public static IReadOnlyList<KeyValuePair<string, string>> Sound { get; } =
    [
        new("api/jobs", $$$"""
            {"task":"draw","model":null,"vae":null,"scale":null,"parameters":"a\nSteps: 1","request":{"prompt":"a cat","negativePrompt":"x","steps":1,
            "width":64,"height":64,"seed":7,"strength":0.5,"extend":{"left":8,"top":0,"right":0,"bottom":0},"sampler":"euler_a","fill":"original",
            "initImage":"{{{Picture}}}","mask":"{{{Picture}}}"} }
            """),
        new("api/jobs", $$$"""{"task":"enlarge","model":"lanczos","scale":2,"request":{"initImage":"{{{Picture}}}"}}"""),
        new("api/jobs", """
            {"request":{"prompts":["a cat","a dog"],"steps":1,"width":64,"height":64,"controls":[{"network":"x","picture":null,"strength":1}]}}
            """),
        new("api/jobs/0123456789abcdef/move", """{"position":0}"""),
        new("sdapi/v1/txt2img", """
            {"prompt":"a cat","styles":["x"],"steps":"1","width":64,"height":64,"cfg_scale":7.0,"sampler_name":"Euler a","enable_hr":false,"script_args":[],
            "override_settings":{"CLIP_stop_at_last_layers":2,"randn_source":"CPU"},"alwayson_scripts":{"seed":{"args":[5,true,6,0.5]},"sampler":[1,"Euler"],
            "refiner":{"args":[false]},"controlnet":{"args":[{"enabled":false,"model":"x"}]}}}
            """),
        new("api/grids", """
            {"x":{"axis":"steps","values":"1,2"},"y":{"axis":"Prompt S/R","values":"cat,dog"},"z":{"axis":"seed","values":"1-2 (+1)"},"promptMatrix":false,
            "legend":true,"margin":2,"subSheets":true,"model":null,"request":{"prompt":"a cat","steps":1,"width":64,"height":64} }
            """),
        new("sdapi/v1/txt2img", """
            {"prompt":"a cat | old","steps":1,"width":64,"height":64,"script_name":"x/y/z plot","script_args":[4,"1,2",[],8,"a,cat",[],0,"",[],
            true,true,false,false,false,false,false,0,true]}
            """),
        new("sdapi/v1/img2img", $$$"""
            {"prompt":"a cat","steps":1,"init_images":["{{{Picture}}}"],"mask":"{{{Picture}}}","denoising_strength":0.5,"inpainting_fill":1,
            "inpaint_full_res":1,"alwayson_scripts":{"controlnet":{"args":
            [{"model":"x","module":"canny","image":{"image":"{{{Picture}}}","mask":null},"weight":0.5}]} }}
            """),
        new("sdapi/v1/extra-single-image", $$"""{"image":"{{Picture}}","upscaler_1":"Lanczos","upscaling_resize":2,"resize_mode":0}"""),
        new("sdapi/v1/extra-batch-images", $$"""{"imageList":[{"data":"{{Picture}}","name":"x.png"}],"upscaler_1":"Lanczos","upscaling_resize":2}"""),
        new("sdapi/v1/png-info", $$"""{"image":"{{Picture}}"}"""),
        new("sdapi/v1/options", """{"CLIP_stop_at_last_layers":1,"samples_format":"png","jpeg_quality":80}"""),
        new("controlnet/detect", $$"""{"controlnet_module":"canny","controlnet_input_images":["{{Picture}}"],"controlnet_processor_res":64}"""),
        new("v1/images/generations", """
            {"prompt":"a cat","model":"gpt-image-1","size":"64x64","n":1,"quality":"low","response_format":"b64_json","seed":5,"output_format":"png"}
            """),
        new("mcp", """
            {"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"draw","arguments":{"prompt":"a cat","steps":1,"width":64,"height":64}}}
            """),
        new("mcp", $$$"""
            {"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"edit","arguments":{"prompt":"a cat","steps":1,"image":"{{{Picture}}}"} }}
            """),
        new("mcp", $$$"""
            {"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"upscale","arguments":{"image":"{{{Picture}}}","scale":2,"upscaler":"lanczos"} }}
            """),
    ];

    /// <summary>The names of members that damaged bodies are given.</summary>
    private static readonly string[] Words =
        [.. Knobs.All.SelectMany(knob => new[] { knob.SdapiName, knob.OpenAiName, knob.McpName, JsonNamingPolicy.CamelCase.ConvertName(knob.Property) })
            .OfType<string>().Distinct()];

    /// <summary>The reader: a case is a route, a line's end, and a body.</summary>
    public FuzzedReader Reader => new("body", damage =>
    {
        var (route, sound) = damage.Any(Sound);
        var body = Encoding.UTF8.GetBytes(sound);
        body = damage.Random.Next(8) switch { 0 => damage.Bytes(body), 1 => damage.Utf8(body, Words), _ => damage.Json(body, Words) };
        return [.. Encoding.UTF8.GetBytes(route), (byte)'\n', .. body];
    }, bytes =>
    {
        var end = Array.IndexOf(bytes, (byte)'\n');
        return Send(Encoding.UTF8.GetString(bytes, 0, end), bytes[(end + 1)..]);
    });

    /// <summary>Sends a body.</summary>
    /// <returns>Whether it was taken.</returns>
    /// <exception cref="InvalidOperationException">The answer is no refusal in a sentence of ours.</exception>
    public bool Send(string route, byte[] body)
    {
        if (_sent++ % ForOneServer == 0) Begin();
        using var request = new HttpRequestMessage(HttpMethod.Post, route) { Content = new ByteArrayContent(body) };
        request.Content.Headers.TryAddWithoutValidation("Content-Type", "application/json");
        request.Headers.TryAddWithoutValidation("Accept", "application/json, text/event-stream");
        using var answer = _client!.Send(request);
        using var stream = answer.Content.ReadAsStream();
        var said = new StreamReader(stream, Encoding.UTF8).ReadToEnd();
        if ((int)answer.StatusCode is >= 500 and not (501 or 503)) throw new InvalidOperationException($"{route}: {(int)answer.StatusCode} {said}");
        var isTool = route == "mcp" && said.Contains("\"isError\":true", StringComparison.Ordinal);
        if (answer.IsSuccessStatusCode && !isTool) return true;
        if (said.Length is < 10 or > 20_000) throw new InvalidOperationException($"{route}: {(int)answer.StatusCode} and {said.Length} letters");
        // What the sender wrote may come back in a sentence, and is theirs.
        var sent = Encoding.UTF8.GetString(body);
        if (Array.Find(NotOurs, word => said.Contains(word, StringComparison.Ordinal) && !sent.Contains(word, StringComparison.Ordinal)) is { } word)
            throw new InvalidOperationException($"{route} answers with \"{word}\": {said}");
        return false;
    }

    public void Dispose()
    {
        _client?.Dispose();
        if (_app is null) return;
        _app.StopAsync().GetAwaiter().GetResult();
        ((IDisposable)_app).Dispose();
        if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
    }

    private void Begin()
    {
        Dispose();
        var options = new ServerOptions
        {
            Port = 0,
            OutputFolder = folder,
            Models = [model],
            SpareModel = null,
            Log = LogAmount.None,
            Limits = new ServerLimits { Steps = 5, Images = 2, Pixels = 128 * 128, EnlargedPixels = 256 * 256 },
            StopPatience = TimeSpan.FromSeconds(5),
        };
        _app = EaselServer.Build(options, new FakeModels());
        _app.StartAsync().GetAwaiter().GetResult();
        var address = _app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();
        _client = new HttpClient { BaseAddress = new Uri(address), Timeout = TimeSpan.FromMinutes(1) };
    }
}
