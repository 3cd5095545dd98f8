namespace Easel.Tests.Text;

/// <summary>Guards the choices in prompts.</summary>
public sealed class PromptTemplateTests
{
    [Theory]
    [InlineData("a {red|blue} cat", "a red cat;a blue cat")]
    [InlineData("{a|b} {c|d}", "a c;a d;b c;b d")]
    [InlineData("{a|b {c|d}}", "a;b c;b d")]
    [InlineData("a {|big} cat", "a  cat;a big cat")]
    [InlineData("a {red} cat", "a {red} cat")] // no choice: a brace is a brace
    [InlineData("a \\{red|blue\\} cat", "a {red|blue} cat")]
    [InlineData("a {red|blue", "a {red|blue")]
    [InlineData("[a|b] (c:1.2) <lora:x:1>", "[a|b] (c:1.2) <lora:x:1>")]
    [InlineData("a __colour__ cat", "a red cat;a green cat")]
    [InlineData("__both__", "red cat;green cat;dog")]
    [InlineData("a __ b __", "a __ b __")]
    [InlineData("", "")]
    public void AllThatItStandsFor(string prompt, string all)
    {
        var template = PromptTemplate.Parse(prompt, List);
        var expected = all.Split(';');
        Assert.Equal(expected, template.All(100));
        Assert.Equal(expected.Length, template.Count);
        Assert.Equal(expected.Length > 1, template.HasChoices);
        var random = new Random(1);
        var drawn = Enumerable.Range(0, 200).Select(_ => template.Draw(random)).ToHashSet();
        Assert.Equal(expected.ToHashSet(), drawn);
    }

    [Fact]
    public void WhatCannotBeIsRefusedInASentence()
    {
        Assert.Contains("make 1024 prompts", Refused(() => PromptTemplate.Parse(string.Concat(Enumerable.Repeat("{a|b}", 10))).All(100)));
        Assert.Contains("the list \"nothing\", which is not there", Refused(() => PromptTemplate.Parse("__nothing__", List)));
        Assert.Contains("without an end", Refused(() => PromptTemplate.Parse("__loop__", List)));
        Assert.Equal(long.MaxValue, PromptTemplate.Parse(string.Concat(Enumerable.Repeat("{a|b}", 100))).Count);
        Assert.Equal("__colour__", PromptTemplate.Parse("__colour__").All(1)[0]); // no lists at all
    }

    private static string Refused(Action action) => Assert.Throws<InvalidRequestException>(action).Message;

    private static IReadOnlyList<string>? List(string name) => name switch
    {
        "colour" => ["red", "green", ""],
        "both" => ["{__colour__ cat|dog}"],
        "loop" => ["a __loop__"],
        _ => null,
    };
}
