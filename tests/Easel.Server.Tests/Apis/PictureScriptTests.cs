using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Easel.Imaging;
using Easel.Server.Jobs;
using Easel.Server.Sdapi;
using Easel.Server.Tests.Support;
using Easel.Tests.Weights;

namespace Easel.Server.Tests.Apis;

/// <summary>The scripts of AUTOMATIC1111's img2img: Loopback, SD upscale and Outpainting mk2.</summary>
public sealed class PictureScriptTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(100, 90, 64, 48, 16)]
    [InlineData(64, 64, 64, 64, 0)]
    [InlineData(130, 64, 64, 64, 8)]
    public void WhatIsPartedIsPutTogetherAgain(int width, int height, int tileWidth, int tileHeight, int overlap)
    {
        var (picture, layout) = (Support.Sdapi.Shaded(width, height), new TileLayout(width, height, tileWidth, tileHeight, overlap));
        Assert.All(layout.Regions, region => region.CheckInside(width, height));
        Assert.Equal(picture.Pixels, layout.Join(place => picture.Crop(layout.Regions[place])).Pixels);
    }

    [Fact]
    public void TilesFadeIntoEachOther()
    {
        var layout = new TileLayout(112, 64, 64, 64, 16);
        Assert.Equal([0, 48], layout.Regions.Select(region => region.X));
        var joined = layout.Join(place => new RgbImage(64, 64, [.. Enumerable.Repeat((byte)(place * 200), 64 * 64 * 3)]));
        Assert.Equal([0, 0, 100, 187, 200], ((int[])[0, 48, 56, 63, 64]).Select(x => (int)joined.Pixels[3 * x]));
    }

    [Theory]
    [InlineData("Linear", 0.5)]
    [InlineData("Aggressive", 0.6243)]
    [InlineData("Lazy", 0.3757)]
    public void TheStrengthFollowsItsCurve(string curve, double middle)
    {
        var loop = new Loopback(3, 0.8, curve);
        Assert.Equal((0.2, 0.8), (loop.StrengthAt(0.2, 0), loop.StrengthAt(0.2, 2)));
        Assert.Equal(middle, loop.StrengthAt(0.2, 1), 0.0001);
        Assert.Equal(0.3, new Loopback(1, 0.8, curve).StrengthAt(0.3, 0));
    }

    [Fact]
    public async Task ALoopDrawsOverWhatItDrew()
    {
        await using var server = await RunningServer.Start(_folder);
        var reply = await Support.Sdapi.Post(server, "img2img", Body("Loopback", [3, "0.9", "linear", "None"]));
        var images = reply.GetProperty("images").EnumerateArray().Select(image => Support.Sdapi.Picture(image.GetBytesFromBase64())).ToList();
        Assert.Equal([3 * 64, 64, 64, 64], images.Select(image => image.Width)); // all rounds in a row, then each
        Assert.Equal(images[2].Pixels, images[0].Crop(new ImageRegion(64, 0, 64, 64)).Pixels);
        var info = Support.Sdapi.Info(reply);
        Assert.Equal(1, info.GetProperty("index_of_first_image").GetInt32());
        Assert.Equal([5, 5, 6, 7], info.GetProperty("all_seeds").EnumerateArray().Select(seed => seed.GetInt32()));
        Assert.Equal("0.9", info.GetProperty("extra_generation_params").GetProperty("Final denoising strength").GetString());
        var texts = info.GetProperty("infotexts").EnumerateArray().Select(text => text.GetString()!).ToList();
        Assert.Contains("Denoising strength: 0.3", texts[1]);
        Assert.Contains("Denoising strength: 0.6", texts[2]);
        Assert.Contains("Denoising strength: 0.9", texts[3]);
        Assert.Equal(3, texts.Select(text => text).Distinct().Count());

        // Of several times only what each came to is sent; arguments that are too many are told, and the row may be unwanted.
        await Support.Sdapi.Post(server, "options", new { return_grid = false });
        var twice = await Support.Sdapi.Post(server, "img2img", Body("loopback", [2, 0.5, "Lazy", null, true, 7], count: 2));
        Assert.Contains("loopback takes 4 arguments", Support.Sdapi.Info(twice).GetProperty("comments").GetString());
        Assert.Equal([6, 8], Support.Sdapi.Info(twice).GetProperty("all_seeds").EnumerateArray().Select(seed => seed.GetInt32()));
    }

    [Fact]
    public async Task AnEnlargedPictureIsDrawnInTiles()
    {
        await using var server = await RunningServer.Start(_folder);
        var reply = await Support.Sdapi.Post(server, "img2img", Body("SD upscale", [null, 16, 1, 2], side: 80));
        var picture = Support.Sdapi.Picture(Convert.FromBase64String(Assert.Single(reply.GetProperty("images").EnumerateArray()).GetString()!));
        Assert.Equal((160, 160), (picture.Width, picture.Height));
        var info = Support.Sdapi.Info(reply);
        Assert.Contains("SD upscale overlap: 16, SD upscale upscaler: lanczos", info.GetProperty("infotexts")[0].GetString());
        // Only the picture is in the gallery, not its tiles.
        Assert.Equal(1, (await server.Get("api/pictures")).GetProperty("pictures").GetArrayLength());

        var plain = await Support.Sdapi.Post(server, "img2img", Body("SD upscale", [null, 0, "None", 4], side: 64));
        Assert.Equal(64, Support.Sdapi.Picture(Convert.FromBase64String(plain.GetProperty("images")[0].GetString()!)).Width);
    }

    [Fact]
    public async Task APictureIsDrawnOnAtTheSidesThatAreNamed()
    {
        await using var server = await RunningServer.Start(_folder);
        // 80 + 40 and 80 + 2 x 40 grow to multiples of 64.
        var reply = await Support.Sdapi.Post(server, "img2img", Body("Outpainting mk2", [null, 40, 4, (string[])["right", "up", "down"], 1, 0.05], side: 80));
        var picture = Support.Sdapi.Picture(Assert.Single(reply.GetProperty("images").EnumerateArray()).GetBytesFromBase64());
        Assert.Equal((128, 192), (picture.Width, picture.Height));
        Assert.Equal(Support.Sdapi.Shaded(80, 80).Pixels, picture.Crop(new ImageRegion(0, 56, 80, 80)).Pixels); // what was there stays
        Assert.Contains("noise_q and color_variation", Support.Sdapi.Info(reply).GetProperty("comments").GetString());
        var two = await Support.Sdapi.Post(server, "img2img", Body("outpainting mk2", [null, 64, 4, "left"], count: 2));
        Assert.Equal([5, 6], Support.Sdapi.Info(two).GetProperty("all_seeds").EnumerateArray().Select(seed => seed.GetInt32()));
    }

    [Theory]
    [InlineData("Loopback", "[40]", "loops is 40; it must be from 1 to 32")]
    [InlineData("Loopback", "[2, 0.5, \"steep\"]", "must be one of Aggressive, Linear, Lazy")]
    [InlineData("Loopback", "[2, 0.5, \"Lazy\", \"CLIP\"]", "does not put pictures into words")]
    [InlineData("SD upscale", "[null, 64, 99, 2]", "upscaler_index is 99; there are")]
    [InlineData("SD upscale", "[null, 64, 1, 2]", "overlap is 64; it must be below the sides of a tile, which is 64x64")]
    [InlineData("Outpainting mk2", "[null, 64, 4, [\"inwards\"]]", "must be some of left, right, up, down")]
    [InlineData("Ghost", "[]", "here Easel has loopback, outpainting mk2, prompt matrix, prompts from file or textbox, sd upscale, x/y/z plot")]
    public async Task WhatAScriptCannotDoIsSaid(string script, string arguments, string sentence)
    {
        await using var server = await RunningServer.Start(_folder);
        var body = Body(script, JsonSerializer.Deserialize<object?[]>(arguments)!);
        using var answer = await server.Client.PostAsJsonAsync("sdapi/v1/img2img", body);
        Assert.Equal(HttpStatusCode.UnprocessableEntity, answer.StatusCode);
        Assert.Contains(sentence, await answer.Content.ReadAsStringAsync());
        using var other = await server.Client.PostAsync("sdapi/v1/txt2img",
            new StringContent($$"""{"script_name":"{{script}}"}""", Encoding.UTF8, "application/json"));
        Assert.Equal(HttpStatusCode.UnprocessableEntity, other.StatusCode);
        if (script != "Ghost") Assert.Contains("it belongs to img2img", await other.Content.ReadAsStringAsync());
    }

    private static object Body(string script, object?[] arguments, int side = 64, int count = 1) => new
    {
        prompt = "a cat",
        seed = 5,
        width = 64,
        height = 64,
        denoising_strength = 0.3,
        n_iter = count,
        script_name = script,
        script_args = arguments,
        init_images = (string[])[Support.Sdapi.Base64(Support.Sdapi.Shaded(side, side))],
    };
}
