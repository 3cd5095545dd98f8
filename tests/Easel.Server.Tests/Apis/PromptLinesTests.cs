using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Easel.Server.Tests.Support;
using Easel.Tests.Weights;

namespace Easel.Server.Tests.Apis;

/// <summary>The script of AUTOMATIC1111 that draws each line of a text.</summary>
public sealed class PromptLinesTests : IDisposable
{
    private const string Name = "Prompts from file or textbox";
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task EachLineIsDrawnAtItsPlaceWithItsOwnSettings()
    {
        await using var server = await RunningServer.Start(_folder);
        var info = Support.Sdapi.Info(await Support.Sdapi.Post(server, "txt2img", Body([true, false, "start",
            "a cat\n\n--prompt a dog --negative_prompt \"no leash\" --steps 3 --width 128 --n_iter 2\n--prompt 'a -- b' --seed 77 --outpath_grids x\n"])));
        Assert.Equal(["a cat in oil", "a dog in oil", "a dog in oil", "a -- b in oil"], Texts(info, "all_prompts"));
        Assert.Equal(["mud", "no leash mud", "no leash mud", "mud"], Texts(info, "all_negative_prompts"));
        Assert.Equal([5, 6, 7, 77], info.GetProperty("all_seeds").EnumerateArray().Select(seed => seed.GetInt32()));
        Assert.Contains("Steps: 3,", Texts(info, "infotexts")[1]);
        Assert.Contains("Size: 128x64", Texts(info, "infotexts")[2]);
        Assert.Contains("--outpath_grids of a line was passed over", info.GetProperty("comments").GetString());

        // The oldest version has no place: a line stands for the prompt. A seed that is left to chance may be one for all.
        var old = Support.Sdapi.Info(await Support.Sdapi.Post(server, "img2img", Body([false, true, "a cat\na dog"], seed: -1)));
        Assert.Equal(["a cat", "a dog"], Texts(old, "all_prompts"));
        Assert.Single(old.GetProperty("all_seeds").EnumerateArray().Select(seed => seed.GetInt64()).Distinct());
    }

    [Theory]
    [InlineData("--steps many", "it says --steps many, which must be a whole number")]
    [InlineData("--ghost 3", "Easel does not know --ghost")]
    [InlineData("--steps 3 --prompt", "nothing stands behind --prompt")]
    [InlineData("--prompt 'a cat", "a quotation mark in it is not closed")]
    [InlineData("--outpath_grids x 4", "\"4\" stands where a name such as --steps must")]
    public async Task ALineThatCannotBeReadAsSettingsIsAPrompt(string line, string why)
    {
        await using var server = await RunningServer.Start(_folder);
        var info = Support.Sdapi.Info(await Support.Sdapi.Post(server, "txt2img", Body([false, false, "end", $"a cat\n{line}"])));
        Assert.Equal(["in oil a cat", $"in oil {line}"], Texts(info, "all_prompts"));
        Assert.Contains("Steps: 1,", Texts(info, "infotexts")[1]);
        Assert.Contains($"The line \"{line}\" was drawn as a prompt, for {why}.", info.GetProperty("comments").GetString());
    }

    [Theory]
    [InlineData("--n_iter 1000", "this server allows")]
    [InlineData(" ", "has no lines")]
    public async Task WhatCannotBeDrawnIsRefused(string line, string sentence)
    {
        await using var server = await RunningServer.Start(_folder);
        using var answer = await server.Client.PostAsJsonAsync("sdapi/v1/txt2img", Body([false, false, "end", line]));
        Assert.Equal(HttpStatusCode.UnprocessableEntity, answer.StatusCode);
        Assert.Contains(sentence, await answer.Content.ReadAsStringAsync());
    }

    private static List<string> Texts(JsonElement info, string name) => [.. info.GetProperty(name).EnumerateArray().Select(text => text.GetString()!)];

    private static object Body(object?[] arguments, long seed = 5) => new
    {
        prompt = "in oil",
        negative_prompt = "mud",
        seed,
        steps = 1,
        width = 64,
        height = 64,
        script_name = Name,
        script_args = arguments,
        init_images = (string[])[Support.Sdapi.Base64(Support.Sdapi.Shaded(64, 64))],
    };
}
