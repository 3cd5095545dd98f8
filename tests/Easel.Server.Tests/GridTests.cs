using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Easel.Imaging;
using Easel.Server.Jobs;
using Easel.Server.Tests.Support;
using Easel.Tests.Weights;
using static Easel.Server.Tests.Support.Sdapi;

namespace Easel.Server.Tests;

/// <summary>Guards plots and prompt matrices as one order: a job for each place, a sheet when all are over, through Easel's own API and
/// AUTOMATIC1111's.</summary>
public sealed class GridTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private static object Order(string? x = "1,2", string? y = "3,4", string? z = null, int steps = 1, bool subSheets = false) => new
    {
        x = x is null ? null : new { axis = "steps", values = x },
        y = y is null ? null : new { axis = "guidance", values = y },
        z = z is null ? null : new { axis = "seed", values = z },
        subSheets,
        request = new { prompt = "a cat", width = 64, height = 64, steps, seed = 5 },
    };

    private static async Task<JsonElement> Posted(RunningServer server, object order, HttpStatusCode status = HttpStatusCode.Created)
    {
        var answer = await server.Client.PostAsJsonAsync("api/grids", order);
        var json = await answer.Content.ReadFromJsonAsync<JsonElement>();
        Assert.True(answer.StatusCode == status, json.ToString());
        return json;
    }

    [Fact]
    public async Task AnOrderIsDrawnAndItsSheetHasEachPicture()
    {
        await using var server = await RunningServer.Start(_folder);
        var sheet = await server.Finished((await Posted(server, Order())).GetProperty("id").GetString()!);
        Assert.Equal("done", sheet.GetProperty("state").GetString());
        var places = sheet.GetProperty("request").GetProperty("sheet").GetProperty("places").EnumerateArray().Select(ids => ids[0].GetString()!).ToList();
        Assert.Equal(4, places.Count);
        var drawn = Picture(await server.Client.GetByteArrayAsync($"api/pictures/{sheet.GetProperty("pictures")[0].GetString()}/file"));
        var (left, top) = (drawn.Width - 128, drawn.Height - 128);
        Assert.True(left > 0 && top > 0);
        for (var i = 0; i < 4; i++)
        {
            var cell = Picture(await server.Client.GetByteArrayAsync($"api/pictures/{places[i]}-0000/file"));
            Assert.Equal(cell.Pixels, drawn.Crop(new ImageRegion(left + 64 * (i % 2), top + 64 * (i / 2), 64, 64)).Pixels);
        }
        var text = (await server.Get($"api/pictures/{sheet.GetProperty("pictures")[0].GetString()}")).GetProperty("parameters").GetString()!;
        Assert.StartsWith("a cat\nSteps: 1, ", text, StringComparison.Ordinal);
        Assert.EndsWith("Script: X/Y/Z plot, X Type: Steps, X Values: \"1,2\", Y Type: Guidance, Y Values: \"3,4\"", text, StringComparison.Ordinal);
        var told = (await server.Get($"api/jobs/{places[3]}")).GetProperty("request").GetProperty("request");
        Assert.Equal((2, 4.0, 5), (told.GetProperty("steps").GetInt32(), told.GetProperty("guidanceScale").GetDouble(), told.GetProperty("seed").GetInt32()));
    }

    [Fact]
    public async Task EachLayerCanBeASheetOfItsOwn()
    {
        await using var server = await RunningServer.Start(_folder);
        var sheet = await server.Finished((await Posted(server, Order(y: null, z: "1,2,3", subSheets: true))).GetProperty("id").GetString()!);
        Assert.Equal(4, sheet.GetProperty("pictures").GetArrayLength());
        Assert.Equal(4, sheet.GetProperty("pictureCount").GetInt32());
    }

    [Fact]
    public async Task WhatCannotBeIsRefusedBeforeAnythingIsDrawn()
    {
        await using var server = await RunningServer.Start(RunningServer.OptionsFor(_folder) with
        {
            Limits = new ServerLimits { SheetPixels = 180 * 180, Images = 6 },
        });
        Assert.Contains("4 x 2 x 1 places, 8 pictures; this server allows 6",
            (await Posted(server, Order(x: "1-4"), HttpStatusCode.BadRequest)).GetProperty("detail").GetString());
        Assert.Contains("3 x 2 pictures of 64 x 64; at most 32400 pixels",
            (await Posted(server, Order(x: "1-3"), HttpStatusCode.BadRequest)).GetProperty("detail").GetString());
        Assert.Contains("needs an axis", (await Posted(server, Order(x: null, y: null), HttpStatusCode.BadRequest)).GetProperty("detail").GetString());
        Assert.Contains("\"ten\"", (await Posted(server, Order(x: "ten"), HttpStatusCode.BadRequest)).GetProperty("detail").GetString());
        Assert.Contains("/api/grids", await (await server.Client.PostAsJsonAsync("api/jobs", new { task = "sheet" })).Content.ReadAsStringAsync());
        Assert.Equal(0, (await server.Get("api/jobs")).GetProperty("over").GetArrayLength());
        Assert.Contains((await server.Get("api/grids/axes")).EnumerateArray(), axis => axis.GetProperty("name").GetString() == "Sampler"
            && axis.GetProperty("choices").GetArrayLength() > 10);
    }

    [Fact]
    public async Task CancellingTheSheetCancelsWhatIsLeft()
    {
        await using var server = await RunningServer.Start(_folder, TimeSpan.FromMilliseconds(20));
        var id = (await Posted(server, Order(steps: 100, x: "100,101"))).GetProperty("id").GetString()!;
        await server.Client.DeleteAsync($"api/jobs/{id}");
        Assert.Equal("cancelled", (await server.Finished(id)).GetProperty("state").GetString());
        while ((await server.Get("api/jobs")).GetProperty("active").GetArrayLength() > 0) await Task.Delay(10);
        Assert.All((await server.Get("api/jobs")).GetProperty("over").EnumerateArray(), job => Assert.Equal("cancelled", job.GetProperty("state").GetString()));
    }

    /// <summary>All of a grid is tried again or nothing: what finds no room leaves no part of it behind.</summary>
    [Fact]
    public async Task AGridForWhichThereIsNoRoomIsNotTriedAgainInPart()
    {
        var options = RunningServer.OptionsFor(_folder) with { Limits = new ServerLimits { Queued = 4 } };
        await using var server = await RunningServer.Start(options, TimeSpan.FromMilliseconds(50));
        await server.Submit(RunningServer.Cat(steps: 200, count: 50)); // runs
        while (server.Service<JobQueue>().HasWaiting) await Task.Delay(10);
        var id = (await Posted(server, Order(steps: 10, x: "10,11,12", y: null))).GetProperty("id").GetString()!;
        await server.Client.DeleteAsync($"api/jobs/{id}");
        var others = new List<string>();
        for (var i = 0; i < 2; i++) others.Add(await server.Submit(RunningServer.Cat(prompt: $"{i}")));
        var again = await server.Client.PostAsync($"api/jobs/{id}/retry", null);
        Assert.Equal(429, (int)again.StatusCode);
        Assert.Equal(others, server.Service<JobQueue>().Snapshot().Skip(1).Select(job => job.Id));
    }

    [Fact]
    public async Task WhatFailsLeavesItsPlaceEmptyAndIsDrawnWhenTriedAgain()
    {
        await using var server = await RunningServer.Start(_folder);
        server.Models.Failure = "The fake failed.";
        var id = (await Posted(server, Order())).GetProperty("id").GetString()!;
        var sheet = await server.Finished(id);
        Assert.Equal("Nothing came to lie on the sheet: The fake failed.", sheet.GetProperty("error").GetString());
        server.Models.Failure = null;
        var again = await server.Client.PostAsync($"api/jobs/{id}/retry", null);
        sheet = await server.Finished((await again.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("id").GetString()!);
        Assert.Equal("done", sheet.GetProperty("state").GetString());

        // One of its pictures is thrown away before the sheet is tried: its place is empty.
        var places = sheet.GetProperty("request").GetProperty("sheet").GetProperty("places").EnumerateArray().Select(ids => ids[0].GetString()!).ToList();
        await server.Client.DeleteAsync($"api/pictures/{places[1]}-0000");
        var request = server.Service<JobQueue>().Find(sheet.GetProperty("id").GetString()!)!.Request;
        var (queue, gallery) = (server.Service<JobQueue>(), server.Service<Storage.Gallery>());
        Assert.NotNull(gallery.Find($"{places[1]}-0000")!.Deleted);
        Assert.Equal(4, request.Sheet!.Places.Count);
        Assert.Null(queue.TakeSheet(() => true));
    }

    [Fact]
    public async Task AGridMovesAsOneInTheQueue()
    {
        await using var server = await RunningServer.Start(_folder, TimeSpan.FromMilliseconds(20));
        await server.Submit(RunningServer.Cat(steps: 200));
        var other = await server.Submit(RunningServer.Cat(steps: 3));
        var grid = (await Posted(server, Order(y: null))).GetProperty("id").GetString()!;
        var last = await server.Submit(RunningServer.Cat(steps: 3));
        await server.Client.PostAsJsonAsync($"api/jobs/{grid}/move", new { position = 0 });
        Assert.Equal("g g S o l", await Waiting());
        await server.Client.PostAsJsonAsync($"api/jobs/{grid}/move", new { position = 4 });
        Assert.Equal("o l g g S", await Waiting());
        await server.Client.DeleteAsync("api/jobs");

        async Task<string> Waiting() => string.Join(' ', (await server.Get("api/jobs")).GetProperty("active").EnumerateArray()
            .Where(job => job.GetProperty("state").GetString() == "queued")
            .Select(job => job.GetProperty("id").GetString() is var id && id == grid ? "S" : id == other ? "o" : id == last ? "l" : "g"));
    }

    [Fact]
    public async Task AnOrderOutlivesTheServer()
    {
        string id;
        var hasty = RunningServer.OptionsFor(_folder) with { StopPatience = TimeSpan.Zero };
        await using (var first = await RunningServer.Start(hasty, TimeSpan.FromMilliseconds(20)))
            id = (await Posted(first, Order(steps: 100, x: "100,101", y: null))).GetProperty("id").GetString()!;
        await using var server = await RunningServer.Start(_folder);
        Assert.Equal("done", (await server.Finished(id)).GetProperty("state").GetString());
    }

    /// <summary>The arguments as the versions of the web UI have had them: 1.6 to 1.8, since 1.9, before 1.3, and by their labels.</summary>
    [Fact]
    public async Task ThePlotOfOtherClientsIsDrawn()
    {
        await using var server = await RunningServer.Start(_folder);
        await Drawn(1, """[4, "1,2", [], 6, "3-4", [], 0, "", [], true, false, false, false, 0, false]""");
        await Drawn(6, """[4, "1,2", "", 6, "3,4", "", 0, "", "", "true", true, true, false, false, false, false, 0, false]""");
        await Drawn(5, """[4, "1,2", 6, "3,4", 0, "", true, true, false, false, 0]""");
        await Drawn(1, """["Steps", "1,2", [], "CFG Scale", "3,4", []]""");
        Assert.Equal(16, (await server.Get("api/pictures")).GetProperty("pictures").EnumerateArray()
            .Count(picture => picture.GetProperty("width").GetInt32() == 64));

        async Task Drawn(int images, string arguments)
        {
            var reply = await Post(server, "txt2img", JsonSerializer.Deserialize<JsonElement>(
                $$"""{"prompt": "a cat", "seed": 5, "width": 64, "height": 64, "script_name": "X/Y/Z plot", "script_args": {{arguments}}}"""));
            var pictures = reply.GetProperty("images").EnumerateArray().Select(image => Picture(image.GetBytesFromBase64())).ToList();
            Assert.Equal(images, pictures.Count);
            Assert.True(pictures[0].Width > 128 && pictures[0].Height > 128);
            if (images >= 5) Assert.Equal(64, pictures[^1].Width);
            var info = Info(reply);
            Assert.Equal((1, images), (info.GetProperty("index_of_first_image").GetInt32(), info.GetProperty("infotexts").GetArrayLength()));
            Assert.Contains("Script: X/Y/Z plot, X Type: Steps", info.GetProperty("infotexts")[0].GetString());
        }
    }

    [Fact]
    public async Task SeedsVaryAlongAxesAsThere()
    {
        await using var server = await RunningServer.Start(_folder);
        var reply = await Post(server, "txt2img", JsonSerializer.Deserialize<JsonElement>("""
            {"prompt": "a cat", "seed": 5, "width": 64, "height": 64, "script_name": "x/y/z plot", "script_args":
            [4, "1,2", [], 6, "3,4", [], 0, "", [], false, true, false, false, true, true, false, 8, true]}
            """));
        Assert.Equal([5, 5, 6, 7, 8], Info(reply).GetProperty("all_seeds").EnumerateArray().Select(seed => seed.GetInt32()));
        Assert.Equal(64 * 2 + 8, Picture(reply.GetProperty("images")[0].GetBytesFromBase64()).Width);
    }

    [Fact]
    public async Task ThePromptMatrixOfOtherClientsIsDrawn()
    {
        await using var server = await RunningServer.Start(_folder);
        var reply = await Post(server, "txt2img", new
        {
            prompt = "a house | at night | in snow",
            seed = 5,
            steps = 1,
            width = 64,
            height = 64,
            n_iter = 3,
            script_name = "prompt matrix",
            script_args = (object[])[false, true, "positive", "comma", 4],
        });
        Assert.Equal(5, reply.GetProperty("images").GetArrayLength());
        var info = Info(reply);
        Assert.Equal(["a house", "a house", "a house, at night", "a house, in snow", "a house, at night, in snow"],
            info.GetProperty("all_prompts").EnumerateArray().Select(prompt => prompt.GetString()));
        Assert.Equal([5, 5, 6, 7, 8], info.GetProperty("all_seeds").EnumerateArray().Select(seed => seed.GetInt32()));
    }

    [Fact]
    public async Task AnotherPictureIsDrawnAnewAlongAnAxis()
    {
        await using var server = await RunningServer.Start(_folder);
        var reply = await Post(server, "img2img", new
        {
            init_images = (string[])[Base64(Shaded(64, 64))],
            prompt = "a cat",
            steps = 2,
            seed = 5,
            width = 64,
            height = 64,
            script_name = "x/y/z plot",
            script_args = (object[])["Denoising", "0.2,0.8", "", 0, "", "", 0, "", "", true, true, false, false, 0],
        });
        Assert.Equal(3, reply.GetProperty("images").GetArrayLength());
        Assert.Contains("Denoising strength: 0.8", Info(reply).GetProperty("infotexts")[2].GetString());
    }

    [Fact]
    public async Task WhatAScriptCannotDoIsRefused()
    {
        await using var server = await RunningServer.Start(_folder);
        await Refused("x/y/z plot", "[]", "script_args");
        await Refused("x/y/z plot", """[99, "1", []]""", "axis 99");
        await Refused("x/y/z plot", """["Extra noise", "1", []]""", "Extra noise");
        await Refused("x/y/z plot", """["Checkpoint name", "nowhere", []]""", "nowhere");
        await Refused("x/y/z plot", """[4, "1,2", [], 0, "", [], 0, "", [], true, false, false, false, 700]""", "margin is 700");
        await Refused("prompt matrix", """[false, false, "sideways"]""", "sideways");
        await Refused("prompt matrix", "[]", "nothing to combine");
        await Refused("ultimate upscale", "[]", "here Easel has prompt matrix, prompts from file or textbox, x/y/z plot");
        Assert.Equal(0, (await server.Get("api/jobs")).GetProperty("over").GetArrayLength());

        async Task Refused(string script, string arguments, string sentence)
        {
            var answer = await server.Client.PostAsJsonAsync("sdapi/v1/txt2img", JsonSerializer.Deserialize<JsonElement>(
                $$"""{"prompt": "a cat", "width": 64, "height": 64, "script_name": "{{script}}", "script_args": {{arguments}}}"""));
            Assert.InRange((int)answer.StatusCode, 400, 422);
            Assert.Contains(sentence, await answer.Content.ReadAsStringAsync());
        }
    }

    [Fact]
    public async Task TheScriptsAndTheirArgumentsAreListed()
    {
        await using var server = await RunningServer.Start(_folder);
        var names = (await server.Get("sdapi/v1/scripts")).GetProperty("txt2img").EnumerateArray().Select(name => name.GetString()).ToList();
        Assert.Contains("x/y/z plot", names);
        Assert.Contains("prompt matrix", names);
        var plot = (await server.Get("sdapi/v1/script-info")).EnumerateArray()
            .Single(script => script.GetProperty("name").GetString() == "x/y/z plot" && !script.GetProperty("is_img2img").GetBoolean());
        Assert.Equal(18, plot.GetProperty("args").GetArrayLength());
        Assert.Equal("Steps", plot.GetProperty("args")[0].GetProperty("choices")[4].GetString());
    }
}
