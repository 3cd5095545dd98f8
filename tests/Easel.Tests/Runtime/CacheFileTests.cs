using Easel.Runtime;
using Easel.Tests.Weights;

namespace Easel.Tests.Runtime;

/// <summary>Guards what is remembered between runs: several programs share the file, and nothing that is wrong with it may disturb.</summary>
public sealed class CacheFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string File => _folder.Path("cache", "numbers.json");

    [Fact]
    public void WhatOneObjectRemembersAnotherFinds()
    {
        var (one, other) = (new CacheFile<double>(File, most: 10), new CacheFile<double>(File, most: 10));
        Assert.False(other.TryGet("a", out _));
        one.Set("a", 1.5);
        one.Set("b", 2.5);
        Assert.True(other.TryGet("b", out var found));
        Assert.Equal(2.5, found);
        other.Set("c", 3.5); // what the first wrote stays
        Assert.True(new CacheFile<double>(File, most: 10).TryGet("a", out _));
        Assert.True(one.TryGet("c", out _));
    }

    [Fact]
    public void AFullFileIsBegunAfresh()
    {
        var cache = new CacheFile<int>(File, most: 3);
        for (var i = 0; i < 4; i++) cache.Set($"{i}", i);
        Assert.Equal([false, false, false, true], Enumerable.Range(0, 4).Select(i => new CacheFile<int>(File, most: 3).TryGet($"{i}", out _)));
    }

    [Theory]
    [InlineData("{\"a\": -1, nonsense")]
    [InlineData("[1]")]
    [InlineData("null")]
    [InlineData("{\"a\": \"text\"}")]
    [InlineData("{\"a\": -1}")]
    public void WhatCannotBeIsPassedOver(string text)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(File)!);
        System.IO.File.WriteAllText(File, text);
        var cache = new CacheFile<double>(File, most: 10, value => value > 0);
        Assert.False(cache.TryGet("a", out _));
        cache.Set("a", 1);
        Assert.True(new CacheFile<double>(File, most: 10).TryGet("a", out _));
    }

    [Fact]
    public void WithoutAFileOrWhereItCannotBeWrittenTheObjectRemembersByItself()
    {
        Directory.CreateDirectory(_folder.Path("taken"));
        foreach (var file in (string?[])[null, _folder.Path("taken")])
        {
            var cache = new CacheFile<int>(file, most: 10);
            cache.Set("a", 1);
            Assert.True(cache.TryGet("a", out var found));
            Assert.Equal(1, found);
        }
    }

    public void Dispose() => _folder.Dispose();
}
