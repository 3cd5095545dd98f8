using Easel.Extensions.AI;
using Easel.Imaging;
using Microsoft.Extensions.AI;

namespace Easel.Tests;

/// <summary>Guards that Microsoft's interface draws with a real model as Easel itself does; what it makes of options is tested with a fake one.</summary>
public sealed class ExtensionsAITests
{
    private static readonly string Missing = Path.Combine(AppContext.BaseDirectory, "no-such-model.safetensors");

    [Fact]
    public async Task A_model_that_is_not_there_is_told_at_the_first_picture_and_asked_for_again_at_the_next()
    {
        using var generator = new EaselImageGenerator(new EaselOptions { Model = Missing });
        for (var time = 0; time < 2; time++)
        {
            var told = await Assert.ThrowsAsync<CheckpointException>(() => generator.GenerateImagesAsync("a lamp"));
            Assert.Contains("no-such-model", told.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task The_built_in_model_draws_the_picture_that_it_draws_without_the_interface()
    {
        var request = new GenerationRequest { Prompt = "a red apple", Seed = 1, Steps = 2 };
        using var own = ImageGenerator.Load();
        using var generator = new EaselImageGenerator();
        var options = new ImageGenerationOptions { RawRepresentationFactory = _ => request };
        var responses = await Task.WhenAll(generator.GenerateImagesAsync("a red apple", options), generator.GenerateImagesAsync("a red apple", options));
        var expected = own.Generate(request).Images[0].Image.Pixels;
        foreach (var response in responses)
        {
            var picture = (DataContent)response.Contents[0];
            using var bytes = new MemoryStream(picture.Data.ToArray());
            Assert.Equal(expected, ImageFile.Load(bytes, "picture").Pixels);
            Assert.Contains("Model: sketch", (string)picture.AdditionalProperties!["parameters"]!, StringComparison.Ordinal);
        }
    }
}
