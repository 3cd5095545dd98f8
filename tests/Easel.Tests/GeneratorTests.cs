using Easel.Imaging;
using Easel.Tests.Models;
using Easel.Tests.Support;
using static TorchSharp.torch;

namespace Easel.Tests;

/// <summary>
/// Guards the whole way from a request to pixels: the same seed gives what the original scripts give (tests/goldens/sd1/seeds.safetensors, recorded in their
/// order of draws), at the reference's tolerance: at least 99 % of samples identical and none off by more than 2.
/// </summary>
public sealed class GeneratorTests
{
    /// <summary>The request of the recorded seeds.</summary>
    internal static GenerationRequest Reference(int pictures) => new()
    {
        Prompt = "a photograph of an astronaut riding a horse",
        NegativePrompt = "blurry, low quality",
        Width = 64,
        Height = 64,
        Steps = 12,
        Sampler = "ddim",
        GuidanceScale = 7.5,
        Seed = 42,
        Like = NoiseLike.CompVis,
        Literal = true,
        BatchSize = pictures,
        Watermark = false,
    };

    [Theory]
    [InlineData("txt2img_ddim", "ddim", 0, 1, 2, false)]
    [InlineData("txt2img_ddim", "ddim", 0, 3, 2, false)]
    [InlineData("txt2img_ddim_eta1", "ddim", 1, 3, 1, false)]
    [InlineData("txt2img_dpm", "dpm_solver", 0, 3, 1, false)]
    [InlineData("txt2img_fixedcode_ddim_eta1", "ddim", 1, 3, 1, true)]
    public void SameSeedSamePictureAsTheScripts(string golden, string sampler, double eta, int pictures, int iterations, bool fixedCode)
    {
        using var scope = NewDisposeScope();
        var path = LoadedModel.Path("sd1");
        using var generator = ImageGenerator.Load(path, new LoadOptions { Precision = Precision.Full });
        var request = Reference(pictures) with { Sampler = sampler, Eta = eta, BatchCount = iterations, FixedCode = fixedCode };
        var result = generator.Generate(request);

        var expected = Goldens.Tensors("sd1/seeds.safetensors");
        var name = $"{golden}.seed42.n{pictures}.";
        var latents = iterations == 1
            ? expected[name + "latent"]
            : cat([.. Enumerable.Range(0, iterations).Select(i => expected[$"{name}iter{i}.latent"])], dim: 0);
        AssertPictures(path, latents, result);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void ImageToImageFollowsTheScriptsSeed(int pictures)
    {
        using var scope = NewDisposeScope();
        var path = LoadedModel.Path("sd1");
        using var generator = ImageGenerator.Load(path, new LoadOptions { Precision = Precision.Full });
        var picture = ImageFile.Load(Goldens.Path("sd1/images/init_0.png"));
        var request = Reference(pictures) with { InitImage = picture, Strength = 0.8, Width = null, Height = null };
        AssertPictures(path, Goldens.Tensors("sd1/seeds.safetensors")[$"img2img.seed42.n{pictures}.latent"], generator.Generate(request));
    }

    private static void AssertPictures(string path, Tensor latents, GenerationResult result)
    {
        using var inference = inference_mode();
        using var model = LoadedModel.Load(path);
        Assert.Equal(latents.shape[0], result.Images.Count);
        for (var i = 0; i < result.Images.Count; i++)
            AssertSame(ImageTensor.ToImage(model.Decode(latents[i..(i + 1)], null)), result.Images[i].Image, $"picture {i}");
    }

    internal static void AssertSame(RgbImage expected, RgbImage actual, string what)
    {
        var (equal, most) = Compared(expected, actual);
        Assert.True(equal >= 0.99 && most <= 2, $"{what}: {equal:p2} of samples equal, the largest difference is {most}");
    }

    /// <summary>Fails unless the pictures are plainly two: what makes the difference had its effect.</summary>
    internal static void AssertOther(RgbImage one, RgbImage other, string what)
    {
        var (equal, most) = Compared(one, other);
        Assert.True(equal < 0.8 && most > 8, $"{what} changes too little: {equal:p2} of samples equal, the largest difference is {most}");
    }

    private static (double Equal, int Most) Compared(RgbImage one, RgbImage other)
    {
        Assert.Equal((one.Width, one.Height), (other.Width, other.Height));
        var differences = one.Pixels.Zip(other.Pixels, (a, b) => Math.Abs(a - b)).ToList();
        return (differences.Count(d => d == 0) / (double)differences.Count, differences.Max());
    }
}
