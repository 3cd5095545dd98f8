using Easel.Training.Data;

namespace Easel.Tests.Training;

/// <summary>Guards what pictures are called: names, articles, colours, and that no caption uses a word that the text encoder was not told of.</summary>
public sealed class CaptionTests
{
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

    [Theory]
    [InlineData("cat", "cats")]
    [InlineData("cup of coffee", "cups of coffee")]
    [InlineData("butterfly", "butterflies")]
    [InlineData("bus", "buses")]
    [InlineData("snowman", "snowmen")]
    [InlineData("fish", "fish")]
    [InlineData("monkey", "monkeys")]
    public void SeveralAreCalledSo(string one, string several) => Assert.Equal(several, Captions.Plural(one));

    [Fact]
    public void FillersAreWordsThatMeanNothingElse()
    {
        var fillers = Captions.FillersFor(["apple", "red apple"], new Dictionary<string, string> { ["feline"] = "1f431" }, int.MaxValue);
        Assert.DoesNotContain("apple", fillers);
        Assert.DoesNotContain("feline", fillers);
        Assert.DoesNotContain("draw", fillers); // a word of the forms
        Assert.True(fillers.Count > 1000);
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
}
