using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Easel.Server.Sdapi;
using Easel.Server.Tests.Support;
using Easel.Tests.Fuzzing;
using Easel.Tests.Weights;

namespace Easel.Server.Tests;

/// <summary>Guards that no damage to the body of a request surprises a route: it is answered, or refused in a sentence of ours, never with a fault of the
/// server.</summary>
public sealed class BodiesTests : IDisposable
{
    /// <summary>How many bodies; EASEL_BODIES=10000 makes it a long test, and tests/Easel.Fuzz a longer one.</summary>
    private static readonly int Cases = int.TryParse(Environment.GetEnvironmentVariable("EASEL_BODIES"), out var many) ? many : 600;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void NoDamageSurprisesARoute()
    {
        using var bodies = new FuzzedBodies(RunningServer.Model, _folder.Path("pictures"));
        var (reader, damage, taken) = (bodies.Reader, new Damage(20260101), 0);
        for (var i = 0; i < Cases; i++)
        {
            var bytes = reader.Next(damage);
            var (isRead, fault) = reader.Try(bytes);
            Assert.True(fault is null, $"case {i}: {fault}\n{Encoding.UTF8.GetString(bytes)}");
            if (isRead) taken++;
        }
        Assert.InRange(taken, Cases / 10, Cases - 1);
    }

    /// <summary>Every member of every body, and every entry of its lists, is null once, and of each wrong kind; so is every other name that its route
    /// knows.</summary>
    [Theory]
    [InlineData("null")]
    [InlineData("[null]")]
    [InlineData("""{"data":null}""")]
    public void NoMemberOfTheWrongKindSurprisesARoute(string wrong)
    {
        using var bodies = new FuzzedBodies(RunningServer.Model, _folder.Path("pictures"));
        foreach (var (route, sound) in FuzzedBodies.Sound)
        {
            foreach (var body in Changed(JsonNode.Parse(sound)!, wrong).Concat(NamesOf(route).Select(name => With(sound, name, wrong))))
            {
                try
                {
                    bodies.Send(route, Encoding.UTF8.GetBytes(body));
                }
                catch (InvalidOperationException e)
                {
                    Assert.Fail($"{e.Message}\n{body}");
                }
            }
        }
    }

    [Fact]
    public void WhatASenderWroteComesBackInShort()
    {
        using var bodies = new FuzzedBodies(RunningServer.Model, _folder.Path("pictures"));
        var (endless, many) = (new string('x', 100_000), string.Concat(Enumerable.Repeat("x \U0001F408", 30_000)));
        foreach (var (route, sound) in FuzzedBodies.Sound)
            foreach (var written in (string[])[endless, many])
                foreach (var body in Changed(JsonNode.Parse(sound)!, $"\"{written}\"").Append($$"""{"{{written}}":1}"""))
                    bodies.Send(route, Encoding.UTF8.GetBytes(body)); // which refuses an answer of more than 20,000 letters, and half a character
    }

    [Theory]
    [InlineData("sdapi/v1/extra-batch-images", """{"imageList":[{"data":null,"name":"x"}]}""",
        "\"imageList[0].data\" is null; it must have a value or be left out.")]
    [InlineData("sdapi/v1/extra-batch-images", """{"imageList":[{"name":null}]}""", "\"imageList[0].name\" is null; it must have a value or be left out.")]
    [InlineData("api/jobs", """{"request":null}""", "\"request\" is null; it must have a value or be left out.")]
    [InlineData("api/jobs", """{"request":{"prompt":"a","controls":[null]}}""", "Entry 0 of \"controls\" is null; each must have a value.")]
    [InlineData("api/jobs", """{"request":{"prompts":["a",null]}}""", "Entry 1 of \"prompts\" is null; each must have a value.")]
    [InlineData("mcp", "[1", "The body is no JSON.")]
    [InlineData("mcp", """{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"draw","arguments":[]}}""", "must be an object with")]
    [InlineData("mcp", """{"jsonrpc":"2.0","id":1,"method":"tools/call","params":[1]}""", "must be an object.")]
    [InlineData("mcp", """{"id":1}""", "The body is no message of JSON-RPC 2.0, such as {")]
    [InlineData("api/jobs", """{"request":{"prompt":"a","sampler":5}}""", "\"request.sampler\" is a number; it must be a text.")]
    [InlineData("api/jobs", """{"request":{"prompt":"a","steps":"20"}}""", "\"request.steps\" is a text; it must be a whole number.")]
    [InlineData("api/jobs", """{"request":{"prompt":"a","steps":2.5}}""", "\"request.steps\" must be a whole number from -2147483648 to 2147483647.")]
    [InlineData("api/jobs", """{"request":{"prompt":"a","tiling":"on"}}""", "\"request.tiling\" is a text; it must be true or false.")]
    [InlineData("api/jobs", """{"request":{"prompts":"a"}}""", "\"request.prompts\" is of the wrong kind; it must be a list, each of it a text.")]
    [InlineData("api/jobs", """{"task":"paint"}""", "\"task\" is of the wrong kind; it must be one of draw, enlarge, sheet.")]
    [InlineData("api/jobs", """{"request":[]}""", "\"request\" is of the wrong kind; it must be an object.")]
    [InlineData("api/jobs", """{"prompt":"a"}""",
        "\"prompt\" is not a setting that this server knows here; it belongs under \"request\", as {\"request\":{\"prompt\":...}}.")]
    [InlineData("api/jobs", """{"request":{"prompt":"a","cfg_scale":7}}""",
        "\"cfg_scale\" is not a setting that this server knows; it is called \"guidanceScale\" here.")]
    [InlineData("api/jobs", "{}", "\"request\" has no prompt: {\"request\":{\"prompt\":\"a red apple\"}} draws an apple")]
    [InlineData("api/grids", """{"x":{"axis":"steps","values":"1,2"}}""", "\"request\" has no prompt")]
    [InlineData("sdapi/v1/txt2img", """{"script_name":"x/y/z plot","script_args":{"x":1}}""", "\"script_args\" is an object; it must be a list.")]
    [InlineData("mcp", """{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"draw","arguments":{"prompt":5}}}""",
        "prompt is 5; it must be a text.")]
    [InlineData("v1/images/generations", """{"prompt":"a","size":512}""", "Invalid type for 'size': expected a string, but got the number 512 instead.")]
    [InlineData("v1/images/generations", """{"prompt":"a","stream":"maybe"}""", "expected a boolean, but got the string 'maybe' instead.")]
    [InlineData("api/grids", """{"x":{"values":"1,2"},"request":{"prompt":"a"}}""", "\"axis\" is missing.")]
    [InlineData("api/pictures/zip", "{}", "\"ids\" is missing.")]
    [InlineData("api/jobs/1/move", "{}", "\"position\" is missing.")]
    [InlineData("api/jobs", "", "The body is empty; a JSON object is expected.")]
    [InlineData("api/jobs", "x", "The body is no JSON from its first character on.")]
    [InlineData("api/jobs", "{\"request\":\n{]}", "The body is no JSON from line 2, byte 2 on.")]
    [InlineData("sdapi/v1/txt2img", "{\"prompt\":nul}", "The body is no JSON from line 1, byte")]
    public async Task TheSentenceIsOurs(string route, string body, string sentence)
    {
        await using var server = await RunningServer.Start(_folder);
        server.Client.DefaultRequestHeaders.Accept.ParseAdd("application/json, text/event-stream"); // which MCP asks for
        using var answer = await server.Client.PostAsync(route, new StringContent(body, Encoding.UTF8, "application/json"));
        Assert.InRange((int)answer.StatusCode, route == "mcp" ? 200 : 400, 422); // a tool's refusal is an answer
        var said = (await answer.Content.ReadAsStringAsync()).Replace("\\u0022", "\"", StringComparison.Ordinal);
        Assert.Contains(sentence, said.Replace("\\\"", "\"", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("api/jobs?count=abc", "count is \"abc\"; it must be a whole number.")]
    [InlineData("api/pictures?deleted=maybe", "deleted is \"maybe\"; it must be true or false.")]
    [InlineData("v1/images/files/x.png?compression=q", "compression is \"q\"")]
    public async Task TheSentenceOnAnAddressIsOurs(string route, string sentence)
    {
        await using var server = await RunningServer.Start(_folder);
        using var answer = await server.Client.GetAsync(route);
        Assert.Equal(400, (int)answer.StatusCode);
        Assert.Contains(sentence, (await answer.Content.ReadAsStringAsync()).Replace("\\\"", "\"", StringComparison.Ordinal));
    }

    /// <summary>The library that speaks the protocol refuses what has a member more; others pass it over.</summary>
    [Fact]
    public async Task AMessageWithAMemberMoreIsTaken()
    {
        await using var server = await RunningServer.Start(_folder);
        using var request = new HttpRequestMessage(HttpMethod.Post, "mcp")
        {
            Content = new StringContent("""{"jsonrpc":"2.0","id":2,"method":"tools/list","more":[5]}""", Encoding.UTF8, "application/json"),
        };
        request.Headers.TryAddWithoutValidation("Accept", "application/json, text/event-stream");
        using var answer = await server.Client.SendAsync(request);
        Assert.Contains("list_models", await answer.Content.ReadAsStringAsync());
    }

    /// <summary>The body with each of its values exchanged once.</summary>
    private static IEnumerable<string> Changed(JsonNode root, string wrong)
    {
        foreach (var (parent, name, place) in Spots(root).ToList())
        {
            var kept = name is null ? parent[place]?.DeepClone() : parent[name]?.DeepClone();
            Put(JsonNode.Parse(wrong));
            yield return root.ToJsonString();
            Put(kept);

            void Put(JsonNode? value)
            {
                if (name is null) parent[place] = value;
                else parent[name] = value;
            }
        }
    }

    private static IEnumerable<(JsonNode Parent, string? Name, int Place)> Spots(JsonNode? root) => root switch
    {
        JsonObject members => members.SelectMany(member => Spots(member.Value).Prepend((root, member.Key, 0))),
        JsonArray items => Enumerable.Range(0, items.Count).SelectMany(place => Spots(items[place]).Prepend((root, null, place))),
        _ => [],
    };

    /// <summary>The names that a route knows.</summary>
    private static IEnumerable<string> NamesOf(string route) => route switch
    {
        "api/jobs" => typeof(GenerationRequest).GetProperties().Where(property => property.CanWrite).Select(property =>
            JsonNamingPolicy.CamelCase.ConvertName(property.Name)),
        "sdapi/v1/txt2img" => Knobs.All.Select(knob => knob.SdapiName).OfType<string>().Concat(Members<TextToImageBody>()),
        "sdapi/v1/img2img" => Knobs.All.Select(knob => knob.SdapiName).OfType<string>().Concat(Members<ImageToImageBody>()),
        "sdapi/v1/extra-single-image" => Members<ExtrasImageBody>(),
        "sdapi/v1/extra-batch-images" => Members<ExtrasImagesBody>(),
        "v1/images/generations" => Knobs.All.Select(knob => knob.OpenAiName).OfType<string>(),
        "mcp" => Knobs.All.Select(knob => knob.McpName).OfType<string>().Append("model"),
        _ => [],
    };

    private static IEnumerable<string> Members<T>() => SdapiJson.Options.GetTypeInfo(typeof(T)).Properties.Select(property => property.Name);

    /// <summary>The body with a member more, where its route looks for it.</summary>
    private static string With(string sound, string name, string value)
    {
        var root = JsonNode.Parse(sound)!.AsObject();
        var holder = root["params"]?["arguments"] ?? root["request"] ?? root;
        holder[name] = JsonNode.Parse(value);
        return root.ToJsonString();
    }
}
