using Easel.Training;
using Easel.Training.Data;

namespace Easel.Tests.Training;

/// <summary>Guards what pictures are called: names, articles, colours, and that no caption uses a word that the text encoder was not told of.</summary>
public sealed class CaptionTests
{
    private static readonly Drawing Apple = new()
    {
        Concept = "1f34e",
        Rank = 0,
        Names = ["apple", "red apple"],
        Source = "fluent-3d",
        Style = "3D",
        File = "x.png",
    };

    [Fact]
    public void TheListOfConceptsIsWhole()
    {
        var concepts = Concept.Known();
        Assert.True(concepts.Count >= 300);
        Assert.Equal(concepts.Count, concepts.Select(concept => concept.Code).Distinct().Count());
        Assert.All(concepts, concept => Assert.All(concept.Names, name => Assert.Matches("^[a-z][a-z0-9 '-]*$", name)));
        Assert.Equal("1f34e", concepts[0].Code);
        Assert.Equal("1f9d1-200d-1f680", Concept.CodeOf("🧑‍🚀"));
        var bicycle = Concept.Parse("🚲 = bicycle, bike !");
        Assert.Equal((false, false, 2), (bicycle.CanMirror, bicycle.IsMass, bicycle.Names.Count));
        Assert.True(Concept.Parse("🔥 = ~fire, flame").IsMass);
    }

    [Theory]
    [InlineData("apple", "an apple")]
    [InlineData("unicorn", "a unicorn")]
    [InlineData("umbrella", "an umbrella")]
    [InlineData("cat", "a cat")]
    public void NamesGetTheirArticle(string name, string phrase) => Assert.Equal(phrase, Captions.WithArticle(name));

    [Fact]
    public void AChangedColourIsAlwaysSaidAndTheOldOneNever()
    {
        var random = new Random(1);
        for (var i = 0; i < 300; i++)
        {
            var caption = Captions.For(Apple, ("blue", true, null), ["quickly"], random);
            Assert.Contains("blue apple", caption);
            Assert.DoesNotContain("red", caption);
        }
    }

    [Fact]
    public void ACaptionUsesOnlyWordsThatWereGathered()
    {
        var fillers = Captions.FillersFor([Apple], new Dictionary<string, string>(), 50);
        var words = new Words(Captions.Parts([Apple]).Concat(fillers));
        var random = new Random(2);
        var captions = Enumerable.Range(0, 500)
            .Select(i => Captions.For(Apple, (i % 2 == 0 ? "red" : null, false, i % 3 == 0 ? "pink" : null), fillers, random)).ToList();
        using var ids = words.Encode(captions); // throws for a word that is not there
        Assert.Equal([500L, 77L], ids.shape);
        Assert.True(captions.Distinct().Count() > 50);
        Assert.Contains(captions, caption => fillers.Any(filler => caption.StartsWith(filler + " ", StringComparison.Ordinal)));
        Assert.DoesNotContain("apple", fillers);
        Assert.DoesNotContain("feline", Captions.FillersFor([Apple], new Dictionary<string, string> { ["feline"] = "1f431" }, int.MaxValue));
        Assert.Contains(captions, caption => caption.Contains("3D"));
    }

    [Theory]
    [InlineData(220, 30, 30, "red")]
    [InlineData(250, 160, 20, "orange")]
    [InlineData(250, 220, 40, "yellow")]
    [InlineData(40, 170, 60, "green")]
    [InlineData(40, 110, 230, "blue")]
    [InlineData(130, 60, 190, "purple")]
    [InlineData(240, 110, 180, "pink")]
    [InlineData(110, 70, 40, "brown")]
    [InlineData(20, 20, 25, "black")]
    [InlineData(250, 250, 250, "white")]
    [InlineData(140, 140, 140, "gray")]
    public void ColoursHaveTheirNames(int red, int green, int blue, string word) => Assert.Equal(word, ColourWords.Of(red, green, blue));

    [Fact]
    public void TurningHuesMovesColoursRoundTheCircle()
    {
        var turned = ColourWords.Turn([255, 0, 0, 255], 120);
        Assert.Equal([0, 255, 0, 255], turned);
        Assert.Equal([9, 9, 9, 0], ColourWords.Turn([9, 9, 9, 0], 90)); // what is not seen is let be
    }

    [Fact]
    public void VariantsAreTheSameEachTimeAndSayWhatWasChanged()
    {
        var rgba = new byte[Drawing.Side * Drawing.Side * 4];
        for (var y = 40; y < 150; y++)
            for (var x = 40; x < 150; x++) (rgba[4 * (y * Drawing.Side + x)], rgba[4 * (y * Drawing.Side + x) + 3]) = (230, 255);
        var variants = Variant.Of(rgba, canMirror: true, seed: 5);
        Assert.Equal(Variant.Count, variants.Count);
        Assert.All(variants, variant => Assert.Equal((128, 128), (variant.Pixels.Width, variant.Pixels.Height)));
        Assert.Equal("red", variants[0].Colour);
        Assert.Null(variants[0].Ground);
        Assert.NotNull(variants[5].Ground);
        Assert.All(variants, variant => Assert.True(!variant.MustSayColour || variant.Colour != "red"));
        Assert.Equal(variants[3].Pixels.Pixels, Variant.Of(rgba, true, 5)[3].Pixels.Pixels);
    }
}
