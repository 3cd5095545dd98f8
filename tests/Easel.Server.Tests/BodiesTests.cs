using System.Text;
using Easel.Imaging;
using Easel.Server.Tests.Support;
using Easel.Tests.Weights;

namespace Easel.Server.Tests;

/// <summary>Guards that no damage to the body of a request surprises a route: it is answered, or refused in a sentence, never with a fault of the
/// server.</summary>
public sealed class BodiesTests : IDisposable
{
    private static readonly string[] Words =
    [
        "null", "true", "-1", "0", "1e999", "1.5", "9223372036854775808", "\"\"", "\"\\ud800\"", "\"\\u0000\"", "[]", "{}",
        "[[[[", "\"x\"", ",", ":", "{\"a\":", "\"NaN\"",
        "\uFEFF",
    ];

    /// <summary>How many bodies of each kind; EASEL_BODIES=10000 makes it a long test.</summary>
    private static readonly int Cases = int.TryParse(Environment.GetEnvironmentVariable("EASEL_BODIES"), out var many) ? many : 60;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private static string Picture { get; } = Convert.ToBase64String(ImageFile.Encode(new RgbImage(16, 8), ImageFormat.Png));

    private static string Task(string task, string settings) =>
        $$$"""{"task":"{{{task}}}","scale":null,"parameters":"a\nSteps: 1","request":{ {{{settings}}} "initImage":"{{{Picture}}}"}}""";

    public static TheoryData<string, string> Bodies() => new()
    {
        { "api/jobs", Task("draw", """
            "prompt":"a cat","steps":1,"width":64,"height":64,"seed":7,"strength":0.5,"extend":{"left":8},
            """) },
        { "api/jobs", Task("enlarge", "") },
        { "api/jobs/0123456789abcdef/move", """{"position":0}""" },
        { "sdapi/v1/txt2img", """
            {"prompt":"a cat","steps":"1","width":64,"height":64,"cfg_scale":7.0,"sampler_name":"Euler a","override_settings":{"CLIP_stop_at_last_layers":2}}
            """ },
        { "sdapi/v1/img2img", $$"""
            {"prompt":"a cat","steps":1,"init_images":["{{Picture}}"],"mask":"{{Picture}}","denoising_strength":0.5,"inpainting_fill":1}
            """ },
        { "sdapi/v1/extra-single-image", $$"""{"image":"{{Picture}}","upscaler_1":"Lanczos","upscaling_resize":2,"resize_mode":0}""" },
        { "sdapi/v1/png-info", $$"""{"image":"{{Picture}}"}""" },
        { "sdapi/v1/options", """{"CLIP_stop_at_last_layers":1,"samples_format":"png","jpeg_quality":80}""" },
        { "v1/images/generations", """{"prompt":"a cat","size":"64x64","n":1,"quality":"low","response_format":"b64_json"}""" },
        { "mcp", """
            {"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"draw","arguments":{"prompt":"a cat","steps":1,"width":64,"height":64}}}
            """ },
    };

    [Theory]
    [MemberData(nameof(Bodies))]
    public async Task NoDamageSurprisesARoute(string route, string sound)
    {
        var limits = new ServerLimits { Steps = 5, Images = 2, Pixels = 512 * 512, EnlargedPixels = 512 * 512 };
        await using var server = await RunningServer.Start(RunningServer.OptionsFor(_folder) with { Limits = limits });
        var random = new Random(20260101);
        for (var i = 0; i < Cases; i++)
        {
            var body = Damaged(sound, random);
            using var request = new HttpRequestMessage(HttpMethod.Post, route) { Content = new ByteArrayContent(body) };
            request.Content.Headers.TryAddWithoutValidation("Content-Type", "application/json");
            request.Headers.TryAddWithoutValidation("Accept", "application/json, text/event-stream");
            using var answer = await server.Client.SendAsync(request);
            var said = await answer.Content.ReadAsStringAsync();
            Assert.True((int)answer.StatusCode is < 500 or 501, $"case {i}: {answer.StatusCode} {said}\n{Encoding.UTF8.GetString(body)}");
            Assert.DoesNotContain("   at ", said);
            Assert.DoesNotContain("unforeseen", said);
        }
    }

    /// <summary>A byte, a word of JSON in the place of another, a part twice or not at all, a change to a picture inside.</summary>
    private static byte[] Damaged(string sound, Random random)
    {
        var bytes = Encoding.UTF8.GetBytes(sound).ToList();
        for (var times = random.Next(1, 4); times > 0 && bytes.Count > 1; times--)
        {
            var at = random.Next(bytes.Count);
            var length = Math.Min(random.Next(1, 12), bytes.Count - at);
            switch (random.Next(5))
            {
                case 0:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 1:
                    bytes.RemoveRange(at, length);
                    break;
                case 2:
                    bytes.InsertRange(at, bytes.GetRange(at, length));
                    break;
                default:
                    // The value of a member, so that most bodies stay well formed.
                    var colon = bytes.IndexOf((byte)':', at);
                    if (colon < 0) break;
                    var end = bytes.FindIndex(colon + 1, value => value is (byte)',' or (byte)'}');
                    if (end < 0) break;
                    bytes.RemoveRange(colon + 1, end - colon - 1);
                    bytes.InsertRange(colon + 1, Encoding.UTF8.GetBytes(Words[random.Next(Words.Length)]));
                    break;
            }
        }
        return [.. bytes];
    }
}
