using Easel.Imaging;
using Easel.Tests.Cli;
using Easel.Tests.Support;
using Easel.Tests.Weights;
using Easel.Training.Evaluation;

namespace Easel.Tests;

/// <summary>The small model that comes with Easel, loaded once for all tests, in full precision so that machines agree.</summary>
public sealed class SketchModel : IDisposable
{
    private readonly Lazy<ImageGenerator> _generator = new(() => ImageGenerator.Load(new LoadOptions { Precision = Precision.Full, Device = "cpu" }));

    internal ImageGenerator Generator => _generator.Value;

    private readonly Dictionary<string, RgbImage> _drawn = [];

    /// <summary>A picture that several tests compare with.</summary>
    internal RgbImage Once(string name, Func<RgbImage> draw)
    {
        if (!_drawn.TryGetValue(name, out var picture)) _drawn.Add(name, picture = draw());
        return picture;
    }

    public void Dispose()
    {
        if (_generator.IsValueCreated) Generator.Dispose();
    }
}

/// <summary>
/// Guards the whole of Easel with a model that has learned something: what settings are for must show in the picture. Each assertion compares pictures with
/// pictures, so none hangs on how well the model draws.
/// </summary>
public sealed class SketchTests : IClassFixture<SketchModel>
{
    private readonly SketchModel _model;

    public SketchTests(SketchModel model)
    {
        Assert.SkipUnless(BuiltInModel.Exists, "This build carries no model: there is no models/sketch.safetensors.");
        _model = model;
    }

    private static readonly GenerationRequest Apple = new() { Prompt = "a red apple", Seed = 7, Steps = 12, GuidanceScale = 4, Watermark = false };

    [Fact]
    public void TheSameSeedGivesTheSamePictureAndAnotherSeedAnother()
    {
        var first = Draw(Apple);
        Assert.Equal((128, 128), (first.Width, first.Height)); // the size that the file names
        Assert.Equal(first.Pixels, Draw(Apple).Pixels);
        Assert.True(Distance(first, Draw(Apple with { Seed = 8 })) > 1);
    }

    [Theory]
    [InlineData("euler")]
    [InlineData("heun")]
    [InlineData("dpmpp_2m")]
    [InlineData("unipc")]
    public void SamplersAgreeAsStepsGrow(string sampler)
    {
        // All follow one curve; the more steps, the nearer. The reference is a sampler of first order with many. A small picture has the same curve.
        var small = Apple with { Sampler = sampler, GuidanceScale = 2, Width = 64, Height = 64 };
        var reference = _model.Once("ddim", () => Draw(small with { Sampler = "ddim", Steps = 60 }));
        var few = Distance(reference, Draw(small with { Steps = 5 }));
        var many = Distance(reference, Draw(small with { Steps = 30 }));
        Assert.True(many < few, $"{sampler}: {few} with 5 steps, {many} with 30");
        Assert.True(many < 8, $"{sampler}: {many} with 30 steps");
    }

    [Fact]
    public void ImageToImageKeepsTheLayoutAtLowStrength()
    {
        var picture = Draw(Apple);
        var other = Apple with { Prompt = "a blue car", InitImage = picture, Seed = 3 };
        var (little, much, all) = (Distance(picture, Draw(other with { Strength = 0.15 })), Distance(picture, Draw(other with { Strength = 0.3 })),
            Distance(picture, Draw(other with { Strength = 1 })));
        Assert.True(little < much && much < all, $"{little} {much} {all}");
        Assert.True(little < all / 3, $"{little} {all}");
    }

    [Fact]
    public void GuidanceDrawsTowardsThePromptAndTheNegativePromptAway()
    {
        // Four seeds, so that chance does not decide. Stronger guidance draws what two prompts ask for further apart; with fewer steps it may not.
        var four = Apple with { Seed = 0, BatchSize = 4, Steps = 12, Width = 64, Height = 64 };
        double Apart(double scale)
        {
            var red = DrawAll(four with { GuidanceScale = scale });
            return red.Zip(DrawAll(four with { Prompt = "a blue apple", GuidanceScale = scale }), Distance).Average();
        }
        var (weak, strong) = (Apart(1), Apart(5));
        Assert.True(strong > weak, $"{weak} {strong}");

        // Redness is what a negative prompt takes away here.
        double Redness(string prompt, string negative, double scale) =>
            DrawAll(four with { Prompt = prompt, NegativePrompt = negative, GuidanceScale = scale }).Average(RednessOf);

        var (away, plain) = (Redness("an apple", "a red apple", 5), Redness("an apple", "", 5));
        Assert.True(away < plain, $"{away} {plain}");
    }

    [Fact]
    public void TheColourAskedForIsTheColourDrawn()
    {
        Assert.Equal("red",
            Looks.MainColour(Draw(new GenerationRequest { Prompt = "a red heart", Seed = 1, Steps = 16, GuidanceScale = 4, Watermark = false })));
        Assert.Equal("blue",
            Looks.MainColour(Draw(new GenerationRequest { Prompt = "a blue heart", Seed = 1, Steps = 16, GuidanceScale = 4, Watermark = false })));
    }

    /// <summary>tests/goldens/sketch/README.md says how the picture was made.</summary>
    [Fact]
    public void AStoredPictureIsReproduced()
    {
        var stored = ImageFile.Load(Goldens.Path("sketch/apple.png"));
        var drawn = Draw(Apple);
        Assert.True(Distance(stored, drawn) < 1, "the mean difference is above 1 of 255"); // processors add in other orders
        var far = stored.Pixels.Zip(drawn.Pixels).Count(pair => Math.Abs(pair.First - pair.Second) > 8);
        Assert.True(far < stored.Pixels.Length / 100, $"{far} samples are off by more than 8");
    }

    [Fact]
    public void WithNothingButAPromptTheCommandDrawsAndSaysWhere()
    {
        using var folder = new TemporaryFolder();
        var (code, output, error) = Command.Run("a red apple", "--output", folder.Path("out"), "--steps", "2");
        Assert.True(code == 0, error);
        var path = output.Trim();
        Assert.EndsWith(".png", path);
        Assert.Equal(128, ImageFile.Load(path).Width);
    }

    private RgbImage Draw(GenerationRequest request) => DrawAll(request).First();

    private IEnumerable<RgbImage> DrawAll(GenerationRequest request) => _model.Generator.Generate(request).Images.Select(made => made.Image);

    /// <summary>The mean absolute difference of two pictures, of 255.</summary>
    private static double Distance(RgbImage one, RgbImage other) => one.Pixels.Zip(other.Pixels).Average(pair => Math.Abs(pair.First - pair.Second));

    /// <summary>How much redder than green the pixels are on average.</summary>
    private static double RednessOf(RgbImage picture)
    {
        var sum = 0.0;
        for (var i = 0; i < picture.Pixels.Length; i += 3) sum += picture.Pixels[i] - picture.Pixels[i + 1];
        return sum / (picture.Width * picture.Height);
    }
}
