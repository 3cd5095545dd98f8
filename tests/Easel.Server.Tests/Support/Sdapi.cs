using System.Net.Http.Json;
using System.Text.Json;
using Easel.Imaging;

namespace Easel.Server.Tests.Support;

/// <summary>What tests of the AUTOMATIC1111 API have in common.</summary>
internal static class Sdapi
{
    /// <summary>Names as they stand in the source: one of them begins with capitals.</summary>
    private static readonly JsonSerializerOptions AsWritten = new();

    public static JsonElement Info(JsonElement reply) => JsonDocument.Parse(reply.GetProperty("info").GetString()!).RootElement;

    public static async Task<JsonElement> Post(RunningServer server, string route, object body)
    {
        var answer = await server.Client.PostAsJsonAsync("sdapi/v1/" + route, body, AsWritten);
        var json = await answer.Content.ReadFromJsonAsync<JsonElement>();
        Assert.True(answer.IsSuccessStatusCode, json.ToString());
        return json;
    }

    public static async Task<JsonElement> Until(RunningServer server, Func<JsonElement, bool> condition)
    {
        while (true)
        {
            var progress = await server.Get("sdapi/v1/progress");
            if (condition(progress)) return progress;
        }
    }

    public static RgbImage Shaded(int width, int height)
    {
        var image = new RgbImage(width, height);
        for (var i = 0; i < image.Pixels.Length; i++) image.Pixels[i] = (byte)(i % 251);
        return image;
    }

    public static GrayImage Half(int width, int height)
    {
        var mask = new GrayImage(width, height);
        for (var i = 0; i < mask.Pixels.Length; i++) mask.Pixels[i] = (byte)(i % width is > 30 and < 70 && i / width is > 20 and < 60 ? 255 : 0);
        return mask;
    }

    public static string Base64(RgbImage image) => Convert.ToBase64String(ImageFile.Encode(image, ImageFormat.Png));

    public static RgbImage Picture(byte[] bytes) => ImageFile.Load(new MemoryStream(bytes), "picture");

    /// <summary>Pictures of one batch and of several may differ in the last bit of some pixels, for sums are made in another order.</summary>
    public static void Close(RgbImage expected, RgbImage actual)
    {
        Assert.Equal((expected.Width, expected.Height), (actual.Width, actual.Height));
        for (var i = 0; i < expected.Pixels.Length; i++) Assert.InRange(actual.Pixels[i] - expected.Pixels[i], -1, 1);
    }
}
