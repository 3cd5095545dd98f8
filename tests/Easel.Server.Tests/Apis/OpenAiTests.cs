using System.ClientModel;
using System.Net;
using System.Net.Http.Json;
using System.Net.ServerSentEvents;
using System.Text.Json;
using Easel.Imaging;
using Easel.Server.OpenAi;
using Easel.Server.Tests.Support;
using Easel.Tests.Weights;
using OpenAI;
using OpenAI.Images;

namespace Easel.Server.Tests.Apis;

/// <summary>
/// Guards the OpenAI image API, with OpenAI's own client where it goes that far: the generator is asked for what was meant, and errors have its shape.
/// </summary>
public sealed class OpenAiTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task OfficialClientDrawsEditsAndVaries()
    {
        await using var server = await RunningServer.Start(RunningServer.OptionsFor(_folder) with { Token = "secret" });
        var options = new OpenAIClientOptions { Endpoint = new Uri(server.Address + "/v1") };
        var client = new OpenAIClient(new ApiKeyCredential("secret"), options);
        var images = client.GetImageClient("dall-e-2");
        var size = new GeneratedImageSize(64, 64);

        var drawn = (await images.GenerateImagesAsync("a cat", 2,
            new ImageGenerationOptions { Size = size, ResponseFormat = GeneratedImageFormat.Bytes })).Value;
        Assert.Equal(2, drawn.Count);
        Assert.All(drawn, image => Assert.Equal((64, 64), SizeOf(image.ImageBytes.ToArray())));
        Assert.StartsWith("a cat\nSteps: 25, ", ImageFile.ReadMetadata(drawn[0].ImageBytes.ToStream(), "picture").Parameters);

        var byUri = (await images.GenerateImageAsync("a cat", new ImageGenerationOptions { Size = size, ResponseFormat = GeneratedImageFormat.Uri })).Value;
        Assert.Equal(HttpStatusCode.Unauthorized, (await server.Client.GetAsync(byUri.ImageUri)).StatusCode);
        server.Client.DefaultRequestHeaders.Authorization = new("Bearer", "secret");
        Assert.Equal((64, 64), SizeOf(await server.Client.GetByteArrayAsync(byUri.ImageUri)));

        var edit = new ImageEditOptions { Size = size, ResponseFormat = GeneratedImageFormat.Bytes };
        var edited = (await images.GenerateImageEditAsync(drawn[0].ImageBytes.ToStream(), "picture.png", "a hat", edit)).Value;
        Assert.Equal((64, 64), SizeOf(edited.ImageBytes.ToArray()));
        var varied = (await images.GenerateImageVariationsAsync(drawn[0].ImageBytes.ToStream(), "picture.png", 2,
            new ImageVariationOptions { Size = size, ResponseFormat = GeneratedImageFormat.Bytes })).Value;
        Assert.Equal(2, varied.Count);

        Assert.Contains(RunningServer.ModelName, (await client.GetOpenAIModelClient().GetModelsAsync()).Value.Select(model => model.Id));
        var missing = await Assert.ThrowsAsync<ClientResultException>(() => client.GetImageClient("no-such-model").GenerateImageAsync("a cat"));
        Assert.Equal(404, missing.Status);
        Assert.Contains("model_not_found", missing.Message);
    }

    [Fact]
    public async Task ExtraFieldsDecideThePicture()
    {
        await using var server = await RunningServer.Start(_folder);
        var answer = await Post(server, new
        {
            prompt = "a cat",
            model = RunningServer.ModelName,
            size = "64x128",
            seed = 7,
            steps = 2,
            negative_prompt = "dog",
            guidance = 4.5,
            sampler = "euler_a",
            response_format = "b64_json",
            n = 2
        });
        using var generator = new FakeGenerator();
        var expected = generator.Generate(new GenerationRequest
        {
            Prompt = "a cat",
            Width = 64,
            Height = 128,
            Seed = 7,
            Steps = 2,
            NegativePrompt = "dog",
            GuidanceScale = 4.5,
            Sampler = "euler_a",
            BatchCount = 2
        });
        var data = answer.GetProperty("data").EnumerateArray().ToList();
        for (var i = 0; i < 2; i++) Assert.Equal(expected.Images[i].Image.Pixels,
            ImageFile.Load(new MemoryStream(data[i].GetProperty("b64_json").GetBytesFromBase64()), "picture").Pixels);
        Assert.Equal([7, 8], data.Select(image => image.GetProperty("seed").GetInt64()));
        Assert.Equal(("png", "64x128", "auto"),
            (answer.GetProperty("output_format").GetString(), answer.GetProperty("size").GetString(), answer.GetProperty("quality").GetString()));

        var (small, large) = (await Compressed(1), await Compressed(100));
        Assert.True(small < large, $"{small} bytes of the worst quality, {large} of the best");
        var address = (await Post(server, new { prompt = "a cat", size = "64x64", steps = 1, output_format = "webp" }))
            .GetProperty("data")[0].GetProperty("url").GetString();
        using var fetched = await server.Client.GetAsync(address);
        Assert.Equal("image/webp", fetched.Content.Headers.ContentType?.MediaType);

        async Task<int> Compressed(int quality) =>
            (await Post(server, new
            {
                prompt = "a cat",
                seed = 1,
                size = "64x64",
                steps = 1,
                output_format = "jpeg",
                output_compression = quality,
                response_format = "b64_json"
            }))
            .GetProperty("data")[0].GetProperty("b64_json").GetBytesFromBase64().Length;
    }

    [Fact]
    public async Task TransparencyIsWhatIsDrawnAnew()
    {
        await using var server = await RunningServer.Start(_folder);
        var picture = new RgbImage(64, 64);
        for (var i = 0; i < picture.Pixels.Length; i++) picture.Pixels[i] = (byte)(i % 251);
        var mask = Transparent(64, 64, 16, 40);
        var answer = await server.Client.PostAsync("v1/images/edits",
            Form(("prompt", "a hat"), ("seed", "3"), ("steps", "2"), ("response_format", "b64_json"), ("image", Png(picture)), ("mask", mask)));
        var body = await answer.Content.ReadFromJsonAsync<JsonElement>();
        Assert.True(answer.IsSuccessStatusCode, body.ToString());
        var drawn = ImageFile.Load(new MemoryStream(body.GetProperty("data")[0].GetProperty("b64_json").GetBytesFromBase64()), "picture");
        var changed = Enumerable.Range(0, 64 * 64).Where(p => !drawn.Pixels.AsSpan(3 * p, 3).SequenceEqual(picture.Pixels.AsSpan(3 * p, 3))).ToList();
        Assert.NotEmpty(changed);
        Assert.All(changed, p => Assert.True(p % 64 is >= 16 and < 40 && p / 64 is >= 16 and < 40, $"{p % 64}, {p / 64} was to be kept"));

        await Refused(Form(("prompt", "a hat"), ("image", Png(picture)), ("mask", Png(picture))), "mask", "no transparent part");
        await Refused(Form(("prompt", "a hat"), ("image", Png(picture)), ("mask", Transparent(32, 32, 4, 8))), "mask", "32x32");
        await Refused(Form(("prompt", "a hat")), "image", "Missing required parameter");
        await Refused(Form(("image", Png(picture))), "prompt", "Missing required parameter");
        await Refused(Form(("prompt", "a hat"), ("image", new byte[] { 1, 2, 3 })), "image", "not a picture");
        Assert.Equal(HttpStatusCode.UnsupportedMediaType, (await server.Client.PostAsJsonAsync("v1/images/edits", new { prompt = "a hat" })).StatusCode);

        async Task Refused(MultipartFormDataContent form, string? param, string part)
        {
            var refused = await server.Client.PostAsync("v1/images/edits", form);
            var error = (await refused.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("error");
            Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
            Assert.Equal(param, error.GetProperty("param").GetString());
            Assert.Contains(part, error.GetProperty("message").GetString());
        }
    }

    [Fact]
    public async Task SeveralPicturesALargePhotographAndForeignFieldsAreTakenAndTold()
    {
        var options = RunningServer.OptionsFor(_folder);
        await using var server = await RunningServer.Start(options with { Limits = options.Limits with { Pixels = 128 * 128 } });
        var answer = await server.Client.PostAsync("v1/images/edits", Form(("prompt", "a hat"), ("steps", "1"), ("foreign", "1"),
            ("response_format", "b64_json"), ("image[]", Png(new RgbImage(320, 160))), ("image[]", Png(new RgbImage(8, 8)))));
        var body = await answer.Content.ReadFromJsonAsync<JsonElement>();
        Assert.True(answer.IsSuccessStatusCode, body.ToString());
        Assert.Equal((176, 88), SizeOf(body.GetProperty("data")[0].GetProperty("b64_json").GetBytesFromBase64()));
        Assert.Equal(0, body.GetProperty("usage").GetProperty("total_tokens").GetInt32());
        var remarks = body.GetProperty("remarks").ToString();
        foreach (var part in (string[])["Of 2 pictures the first was drawn on", "320x160; it was made 176x88 first", "'foreign' is no parameter here"])
            Assert.Contains(part, remarks);
    }

    [Fact]
    public async Task ALongDrawingGivesSignsOfLife()
    {
        var (done, signs, patience) = (new TaskCompletionSource(), 0, TimeSpan.FromMilliseconds(5));
        Assert.False(await KeepAlive.WaitAsync(done.Task, patience, CancellationToken.None)); // so that the answer is begun
        Assert.True(await KeepAlive.WaitAsync(done.Task, patience, CancellationToken.None, () =>
        {
            if (++signs == 3) done.SetResult();
            return Task.CompletedTask;
        }));
        Assert.Equal(3, signs);
    }

    [Fact]
    public async Task PicturesAreStreamed()
    {
        await using var server = await RunningServer.Start(_folder, stepTime: TimeSpan.FromMilliseconds(10));
        var body = new { prompt = "a cat", size = "64x64", steps = 60, n = 2, seed = 4, stream = true, partial_images = 2 };
        using var request = new HttpRequestMessage(HttpMethod.Post, "v1/images/generations") { Content = JsonContent.Create(body) };
        using var answer = await server.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        Assert.Equal("text/event-stream", answer.Content.Headers.ContentType?.MediaType);
        var events = new List<JsonElement>();
        await foreach (var item in SseParser.Create(await answer.Content.ReadAsStreamAsync()).EnumerateAsync())
        {
            events.Add(JsonDocument.Parse(item.Data).RootElement);
            Assert.Equal(item.EventType, events[^1].GetProperty("type").GetString());
            ImageFile.Load(new MemoryStream(events[^1].GetProperty("b64_json").GetBytesFromBase64()), "picture");
        }
        Assert.Equal([4, 5],
            events.Where(e => e.GetProperty("type").GetString() == "image_generation.completed").Select(e => e.GetProperty("seed").GetInt64()));
        Assert.Contains(events, e => e.GetProperty("type").GetString() == "image_generation.partial_image"
            && e.GetProperty("partial_image_index").GetInt32() == 0);
        Assert.Equal("image_generation.completed", events[^1].GetProperty("type").GetString());
    }

    [Fact]
    public async Task ErrorsHaveItsShape()
    {
        await using var server = await RunningServer.Start(_folder);
        await Refused(new { n = 1 }, 400, "prompt", "missing_required_parameter");
        await Refused(new { prompt = "x", n = 11 }, 400, "n", "integer_above_max_value");
        await Refused(new { prompt = "x", n = "two" }, 400, "n", "invalid_type");
        await Refused(new { prompt = 1 }, 400, "prompt", "invalid_type");
        await Refused(new { prompt = "x", size = "100x100" }, 400, "size", "invalid_value");
        await Refused(new { prompt = "x", size = "large" }, 400, "size", "invalid_value");
        await Refused(new { prompt = "x", size = "4096x4096" }, 400, "size", "invalid_value");
        await Refused(new { prompt = "x", background = "transparent" }, 400, "background", "invalid_value");
        await Refused(new { prompt = "x", output_format = "gif" }, 400, "output_format", "invalid_value");
        await Refused(new { prompt = "x", output_compression = 50 }, 400, "output_compression", "invalid_value");
        await Refused(new { prompt = "x", steps = 201 }, 400, "steps", "invalid_value");
        await Refused(new { prompt = "x", guidance = 101 }, 400, "guidance", "invalid_value");
        await Refused(new { prompt = "x", partial_images = 4 }, 400, "partial_images", "integer_above_max_value");
        await Refused(new { prompt = "x", n = 1.5 }, 400, "n", "invalid_type");
        await Refused(new { prompt = "x", model = "none" }, 404, "model", "model_not_found");
        await Refused(new { prompt = "x", stream = true, size = "1x1" }, 400, "size", "invalid_value");
        await Refused(new[] { 1 }, 400, null, "invalid_json");
        Assert.Equal(HttpStatusCode.NotFound, (await server.Client.PostAsJsonAsync("v1/chat/completions", new { })).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await server.Client.GetAsync("v1/images/files/nothing.png")).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await server.Client.GetAsync("v1/models/nothing")).StatusCode);

        async Task Refused(object body, int status, string? param, string? code)
        {
            var answer = await server.Client.PostAsJsonAsync("v1/images/generations", body);
            var error = (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("error");
            Assert.Equal((status, param, code, "invalid_request_error"),
                ((int)answer.StatusCode, error.GetProperty("param").GetString(), error.GetProperty("code").GetString(), error.GetProperty("type").GetString()));
            Assert.NotEmpty(error.GetProperty("message").GetString()!);
        }
    }

    private static async Task<JsonElement> Post(RunningServer server, object body)
    {
        var answer = await server.Client.PostAsJsonAsync("v1/images/generations", body);
        var json = await answer.Content.ReadFromJsonAsync<JsonElement>();
        Assert.True(answer.IsSuccessStatusCode, json.ToString());
        return json;
    }

    private static MultipartFormDataContent Form(params (string Name, object Value)[] fields)
    {
        var form = new MultipartFormDataContent();
        foreach (var (name, value) in fields)
        {
            if (value is byte[] file) form.Add(new ByteArrayContent(file), name, name + ".png");
            else form.Add(new StringContent((string)value), name);
        }
        return form;
    }

    private static byte[] Png(RgbImage image) => ImageFile.Encode(image, ImageFormat.Png);

    /// <summary>A picture with a transparent square.</summary>
    private static byte[] Transparent(int width, int height, int from, int to)
    {
        using var bitmap = new SkiaSharp.SKBitmap(width, height, SkiaSharp.SKColorType.Rgba8888, SkiaSharp.SKAlphaType.Unpremul);
        bitmap.Erase(SkiaSharp.SKColors.Red);
        for (var y = from; y < to; y++)
            for (var x = from; x < to; x++) bitmap.SetPixel(x, y, SkiaSharp.SKColors.Transparent);
        using var data = bitmap.Encode(SkiaSharp.SKEncodedImageFormat.Png, 100);
        return data.ToArray();
    }

    private static (int, int) SizeOf(byte[] file)
    {
        var image = ImageFile.Load(new MemoryStream(file), "picture");
        return (image.Width, image.Height);
    }
}
