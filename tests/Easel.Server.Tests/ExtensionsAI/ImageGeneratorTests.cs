using Easel.Extensions.AI;
using Easel.Imaging;
using Easel.Server.Tests.Support;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;

namespace Easel.Server.Tests.ExtensionsAI;

/// <summary>Guards what a caller of Microsoft.Extensions.AI meets: settings reach the request, pictures come back as asked, and what is not honoured is
/// told.</summary>
public sealed class ImageGeneratorTests
{
    [Fact]
    public async Task Count_size_format_and_words_are_those_asked_for()
    {
        using var generator = Fake();
        var response = await generator.GenerateAsync(new ImageGenerationRequest("a red apple"), new ImageGenerationOptions
        {
            Count = 2,
            ImageSize = new(256, 320),
            MediaType = "image/webp",
            AdditionalProperties = new() { ["seed"] = 7, ["Steps"] = "3" },
        });
        var pictures = response.Contents.Cast<DataContent>().ToList();
        Assert.Equal(2, pictures.Count);
        Assert.All(pictures, picture => Assert.Equal("image/webp", picture.MediaType));
        Assert.Equal(["picture-1.webp", "picture-2.webp"], pictures.Select(picture => picture.Name));
        Assert.Equal([7L, 8L], pictures.Select(picture => picture.AdditionalProperties!["seed"]));
        using var bytes = new MemoryStream(pictures[0].Data.ToArray());
        var text = ImageFile.ReadMetadata(bytes, "picture").Parameters!;
        Assert.Equal(text, pictures[0].AdditionalProperties!["parameters"]);
        Assert.StartsWith("a red apple\nSteps: 3", text, StringComparison.Ordinal);
        Assert.Contains("Size: 256x320", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_is_the_picture_of_the_same_request_without_the_interface()
    {
        var request = new GenerationRequest { Prompt = "a lamp", Seed = 3, Steps = 4, Sampler = "euler", GuidanceScale = 5 };
        using var generator = Fake();
        var response = await generator.GenerateImagesAsync("a lamp",
            new ImageGenerationOptions { RawRepresentationFactory = _ => request with { Prompt = "another" } });
        using var plain = new FakeGenerator();
        var expected = plain.Generate(request).Images[0].Image.Pixels;
        Assert.Equal(expected, Read(response.Contents.Cast<DataContent>().Single()).Pixels);
    }

    [Fact]
    public async Task A_picture_is_drawn_over_where_it_is_transparent_or_the_mask_is_white()
    {
        using var generator = Fake();
        var picture = new DataContent(ImageFile.Encode(new RgbImage(64, 64), ImageFormat.Png), "image/png") { Name = "room.png" };
        var white = new RgbImage(64, 64);
        white.Pixels.AsSpan().Fill(255);
        var mask = new DataContent(ImageFile.Encode(white, ImageFormat.Png), "image/png") { Name = "mask.png" };

        var edited = (GenerationResult)(await generator.EditImagesAsync([picture, mask], "a vase")).RawRepresentation!;
        var request = edited.Images[0].Asked;
        Assert.NotNull(request.InitImage);
        Assert.All(request.Mask!.Pixels, value => Assert.Equal(255, value));

        var two = (GenerationResult)(await generator.EditImagesAsync([picture, picture], "a vase")).RawRepresentation!;
        Assert.Null(two.Images[0].Asked.Mask);
        Assert.Contains("One picture is drawn over at a time; 1 further were passed over.", two.Remarks);
    }

    [Fact]
    public async Task What_cannot_be_honoured_is_named()
    {
        using var generator = Fake();
        await Refused("MediaType", new() { MediaType = "image/gif" }, "image/png, image/jpeg, image/webp");
        await Refused("ResponseFormat", new() { ResponseFormat = ImageGenerationResponseFormat.Uri }, "Data");
        await Refused("ModelId", new() { ModelId = "dall-e-3" }, "AddKeyedEasel");
        await Refused("Steps", new() { AdditionalProperties = new() { ["steps"] = "many" } }, "many");
        await Refused("Steps", new() { AdditionalProperties = new() { ["steps"] = 0 } }, "0");
        await Refused("RawRepresentationFactory", new() { RawRepresentationFactory = _ => "text" }, "GenerationRequest");
        var address = await Assert.ThrowsAsync<InvalidRequestException>(() =>
            generator.EditImagesAsync([new UriContent("https://example.org/a.png", "image/png")], "a vase"));
        Assert.Contains("DataContent", address.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<EaselException>(() => generator.EditImageAsync(new DataContent(new byte[] { 1, 2, 3 }, "image/png"), "a vase"));

        async Task Refused(string field, ImageGenerationOptions options, string says)
        {
            var refused = await Assert.ThrowsAsync<InvalidRequestException>(() => generator.GenerateImagesAsync("a lamp", options));
            Assert.Equal(field, refused.Field);
            Assert.Contains(says, refused.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task An_unknown_setting_and_a_size_that_is_rounded_are_remarked()
    {
        using var generator = Fake();
        var result = (GenerationResult)(await generator.GenerateImagesAsync("a lamp",
            new ImageGenerationOptions { ImageSize = new(500, 500), AdditionalProperties = new() { ["style"] = "vivid" } })).RawRepresentation!;
        Assert.Equal((496, 496), (result.Images[0].Image.Width, result.Images[0].Image.Height));
        Assert.Equal(["'style' is no setting of Easel and was passed over.", "500x500 was drawn as 496x496: sides are multiples of 8."], result.Remarks);
    }

    [Fact]
    public async Task Pictures_in_between_come_before_the_finished_one()
    {
        using var generator = Fake();
        var options = new ImageGenerationOptions { StreamingCount = 3, AdditionalProperties = new() { ["Steps"] = 10 } };
        var seen = new List<DataContent>();
        await foreach (var picture in generator.StreamAsync(new ImageGenerationRequest("a lamp"), options)) seen.Add(picture);
        Assert.Equal([true, true, true, false], seen.Select(picture => picture.AdditionalProperties!.ContainsKey("partial")));
        var shares = seen.Take(3).Select(picture => (double)picture.AdditionalProperties!["share"]!).ToList();
        Assert.Equal(shares.Order(), shares);
        Assert.Equal(3, shares.Distinct().Count());
    }

    [Fact]
    public async Task Whoever_stops_listening_ends_the_drawing()
    {
        using var generator = new EaselImageGenerator(new FakeGenerator(new FakeModels { StepTime = TimeSpan.FromMilliseconds(20) }));
        var options = new ImageGenerationOptions { StreamingCount = 100, AdditionalProperties = new() { ["Steps"] = 1000 } };
        await foreach (var _ in generator.StreamAsync(new ImageGenerationRequest("a lamp"), options)) break; // returns long before the thousandth step
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => generator.GenerateImagesAsync("a lamp", cancellationToken: cancelled.Token));
    }

    [Fact]
    public void Services_find_one_generator_and_one_for_each_key()
    {
        var services = new ServiceCollection();
        services.AddEasel();
        services.AddKeyedEasel("inpainting", options => options.Model = "models/sd-inpainting.safetensors");
        using var provider = services.BuildServiceProvider();
        var generator = provider.GetRequiredService<Microsoft.Extensions.AI.IImageGenerator>();
        var keyed = provider.GetRequiredKeyedService<Microsoft.Extensions.AI.IImageGenerator>("inpainting");
        Assert.Same(generator, provider.GetRequiredService<Microsoft.Extensions.AI.IImageGenerator>());
        Assert.Equal("sketch", generator.GetRequiredService<ImageGeneratorMetadata>().DefaultModelId);
        Assert.Equal("sd-inpainting", keyed.GetRequiredService<ImageGeneratorMetadata>().DefaultModelId);
        Assert.NotNull(keyed.GetService<EaselImageGenerator>());
        Assert.Null(keyed.GetService(typeof(EaselImageGenerator), "a key"));
    }

    private static EaselImageGenerator Fake() => new(new FakeGenerator());

    private static RgbImage Read(DataContent picture)
    {
        using var bytes = new MemoryStream(picture.Data.ToArray());
        return ImageFile.Load(bytes, "picture");
    }
}
