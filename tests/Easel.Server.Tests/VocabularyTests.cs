using Easel.Server.Library;

namespace Easel.Server.Tests;

/// <summary>Guards that the page says rightly what Sketch knows, and offers what is near.</summary>
public sealed class VocabularyTests
{
    private static readonly Vocabulary Sketch = Vocabulary.Sketch;

    [Fact]
    public void TheListIsTheOneThatSketchIsTrainedWith()
    {
        Assert.InRange(Sketch.Count, 300, 2000);
        Assert.Equal("apple", Sketch.Names.First());
        Assert.DoesNotContain(Sketch.Names, name => name.Contains('~') || name.Contains('!') || name.Trim().Length == 0);
    }

    [Theory]
    [InlineData("a red apple")]
    [InlineData("two cats on a mat")]
    [InlineData("FOXES, cartoon style")]
    [InlineData("a slice of pizza")]
    [InlineData("")]
    [InlineData("  ,")]
    public void WhatIsKnownIsNotMissing(string prompt) => Assert.Null(Sketch.Missing(prompt));

    [Theory]
    [InlineData("a lighthouse at dusk, oil painting", "lighthouse")]
    [InlineData("please draw the hydraulic press", "hydraulic press")]
    public void WhatIsNotKnownIsNamed(string prompt, string thing) => Assert.Equal(thing, Sketch.Missing(prompt));

    [Fact]
    public void TheNearestThingsAreOffered()
    {
        Assert.Contains("house", Sketch.Nearest("lighthouse", 3));
        Assert.Empty(Sketch.Nearest("zzzzqqqq", 3));
    }

    [Fact]
    public void EveryExampleOfSketchIsOneThatItKnows()
    {
        var sketch = new ModelEntry { Name = "sketch", Path = "sketch.safetensors", IsBuiltIn = true };
        var examples = Enumerable.Range(0, 4).SelectMany(turn => Examples.For(sketch, turn)).Distinct().ToList();
        Assert.Equal(20, examples.Count);
        Assert.All(examples, example => Assert.Null(Sketch.Missing(example)));
        Assert.All(PromptStyles.For(sketch).SelectMany(group => group.Styles), style => Assert.True(style.Words.Length > 0));
        Assert.NotEqual(Examples.First(sketch), Examples.First(null));
    }
}
