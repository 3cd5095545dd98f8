using Easel.Tests.Support;

namespace Easel.Tests;

/// <summary>Guards that LoRAs and learned words take effect by name in a prompt and leave no trace when the next prompt does not ask for them.</summary>
public sealed class PromptExtrasTests
{
    private static readonly GenerationRequest Plain = new() { Prompt = "a house", Width = 64, Height = 64, Steps = 2, Seed = 5 };

    private static ImageGenerator Load() => ImageGenerator.Load(Goldens.Path("layouts/diffusers-sd1-micro"),
        new LoadOptions { Precision = Precision.Full, LoraFolder = Goldens.Path("layouts"), EmbeddingFolder = Goldens.Path("layouts") });

    [Fact]
    public void ALoraIsMergedByNameAndTakenOutWithoutATrace()
    {
        using var generator = Load();
        var before = generator.Generate(Plain).Images[0].Image.Pixels;
        var with = generator.Generate(Plain with { Prompt = "a house<lora:lora-kohya.fp16:0.8>" }).Images[0].Image.Pixels;
        var weaker = generator.Generate(Plain with { Prompt = "a house<lora:lora-kohya.fp16:0.4>" }).Images[0].Image.Pixels;
        var after = generator.Generate(Plain).Images[0].Image.Pixels;
        Assert.NotEqual(before, with);
        Assert.NotEqual(with, weaker);
        Assert.Equal(before, after);
    }

    [Fact]
    public void ALoraThatIsNotThereIsNamedWithThoseThatAre()
    {
        using var generator = Load();
        var refusal = Assert.Throws<InvalidRequestException>(() => generator.Generate(Plain with { Prompt = "a house <lora:nosuch:1>" }));
        Assert.Contains("nosuch", refusal.Message);
        Assert.Contains("lora-kohya.fp16", refusal.Message);
    }

    [Fact]
    public void ALearnedWordStandsForItsVectors()
    {
        using var generator = Load();
        var with = generator.Generate(Plain with { Prompt = "a house in my-style.a1111 at night" }).Images[0].Image.Pixels;
        using var without = ImageGenerator.Load(Goldens.Path("layouts/diffusers-sd1-micro"), new LoadOptions { Precision = Precision.Full });
        Assert.NotEqual(without.Generate(Plain with { Prompt = "a house in my-style.a1111 at night" }).Images[0].Image.Pixels, with);
        Assert.Equal(with, generator.Generate(Plain with { Prompt = "a house in MY-STYLE.A1111 at night" }).Images[0].Image.Pixels);
    }

    [Fact]
    public void TheTinyAutoencoderDecodesAndPreviews()
    {
        using var generator = ImageGenerator.Load(Goldens.Path("layouts/diffusers-sd1-micro"),
            new LoadOptions { Precision = Precision.Full, TinyVae = Goldens.Unpacked("layouts/taesd_decoder.fp16.pth") });
        var previews = 0;
        var result = generator.Generate(Plain, progress => previews += progress.Preview?.Invoke().Count(image => image.Width == 64) ?? 0);
        Assert.Equal(2, previews);
        Assert.Equal(64, result.Images[0].Image.Width);
    }
}
