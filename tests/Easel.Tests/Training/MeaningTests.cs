using Easel.Tests.Weights;
using Easel.Training.Data;

namespace Easel.Tests.Training;

/// <summary>
/// Guards what words mean that no caption has: plurals, kinds of a thing, things of a kind, and what is too far away. The nouns are a few of WordNet's, in its
/// files' format.
/// </summary>
public sealed class MeaningTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public MeaningTests()
    {
        // feline > (cat > tabby), (lion); carnivore > feline, canine; canine > dog > poodle; draw is a lot, and mostly a verb
        File.WriteAllLines(_folder.Path("data.noun"),
        [
            "  1 This text stands where WordNet has its licence.",
            "00000001 05 n 01 carnivore 0 000 | a beast",
            "00000002 05 n 02 feline 0 felid 0 001 @ 00000001 n 0000 | of cats",
            "00000003 05 n 01 cat 0 002 @ 00000002 n 0000 ~ 00000004 n 0000 | a pet",
            "00000004 05 n 01 tabby 0 001 @ 00000003 n 0000 | a striped one",
            "00000005 05 n 01 lion 0 001 @ 00000002 n 0000 | with a mane",
            "00000006 05 n 01 canine 0 001 @ 00000001 n 0000 | of dogs",
            "00000007 05 n 01 dog 0 001 @ 00000006 n 0000 | a friend",
            "00000008 05 n 01 poodle 0 001 @ 00000007 n 0000 | a curly one",
            "00000009 18 n 01 lion 1 000 | a celebrity",
            "00000010 05 n 01 draw 0 001 @ 00000003 n 0000 | no such cat",
        ]);
        File.WriteAllLines(_folder.Path("index.noun"),
        [
            "  1 This text stands where WordNet has its licence.",
            .. new (string Word, int Id)[] { ("carnivore", 1), ("feline", 2), ("felid", 2), ("cat", 3), ("tabby", 4), ("canine", 6), ("dog", 7), ("poodle", 8),
                ("draw", 10) }.Select(noun => $"{noun.Word} n 1 1 @ 1 0 {noun.Id:D8}"),
            "lion n 2 1 @ 2 0 00000005 00000009",
        ]);
        File.WriteAllLines(_folder.Path("index.sense"), ["draw%1:05:00:: 00000010 1 2", "draw%2:36:00:: 00000099 1 30", "cat%1:05:00:: 00000003 1 18"]);
    }

    public void Dispose() => _folder.Dispose();

    private WordNet Net => WordNet.Read(_folder.Path("."));

    private static Concept Cat => new("1f431", ["cat"], false, true);

    private static Concept Dog => new("1f436", ["dog"], false, true);

    private static Concept Lion => new("1f981", ["lion"], false, true);

    [Fact]
    public void APluralMeansWhatItsSingularDoes()
    {
        Assert.Equal("00000008", Net.Senses("poodles").Single().Id);
        Assert.Empty(Net.Senses("please"));
        Assert.Equal(2, Net.Senses("lion").Count);
    }

    [Fact]
    public void WhatAThingIsAKindOfIsFoundWithTheStepsToIt()
    {
        var above = Net.Above(Net.Senses("tabby")[0], 2);
        Assert.Equal(new Dictionary<string, int> { ["00000004"] = 0, ["00000003"] = 1, ["00000002"] = 2 }, above);
    }

    [Fact]
    public void AWordMeansTheNearestThing()
    {
        var meanings = Meanings.Of(Net, [Cat, Dog]);
        Assert.Equal("cat", meanings["tabby"].Names[0]); // a kind of cat
        Assert.Equal("cat", meanings["feline"].Names[0]); // what a cat is a kind of
        Assert.Equal("dog", meanings["poodle"].Names[0]);
        Assert.Equal("cat", meanings["lion"].Names[0]); // what is of the same kind
        Assert.False(meanings.ContainsKey("draw")); // mostly no noun
        Assert.False(meanings.ContainsKey("cat")); // a name
        Assert.False(meanings.ContainsKey("please"));
    }

    [Fact]
    public void OfEquallyNearThingsTheBestKnownIsMeant()
    {
        Assert.Equal("lion", Meanings.Of(Net, [Lion, Cat])["feline"].Names[0]);
        Assert.Equal("cat", Meanings.Of(Net, [Cat, Lion])["feline"].Names[0]);
    }
}
