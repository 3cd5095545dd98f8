using Easel.Tests.Support;
using Easel.Text;
using Easel.Text.Prompts;

namespace Easel.Tests.Text;

/// <summary>Guards how prompts longer than the text encoder's window are divided, and that weights stay with their tokens.</summary>
public sealed class PromptChunksTests
{
    private static readonly ClipTokenizer Tokenizer = new();

    private static IReadOnlyList<PromptChunk> Build(string prompt, int padId) => PromptChunks.Build(PromptParser.ParseWeights(prompt), Tokenizer.Encode, padId);

    [Fact]
    public void DividesAsTheReferenceDoes()
    {
        foreach (var golden in Goldens.Json("tokenizer/chunks.json").EnumerateArray())
        {
            var prompt = golden.GetProperty("prompt").GetString()!;
            var expected = golden.GetProperty("chunks").EnumerateArray().ToArray();
            var (endPadded, zeroPadded) = (Build(prompt, ClipTokenizer.EndOfText), Build(prompt, 0));
            Assert.True(expected.Length == endPadded.Count, $"\"{prompt}\" has {endPadded.Count} chunks, should have {expected.Length}");
            for (var i = 0; i < expected.Length; i++)
            {
                Assert.Equal(expected[i].GetProperty("ids").EnumerateArray().Select(n => n.GetInt32()), endPadded[i].Ids);
                Assert.Equal(expected[i].GetProperty("weights").EnumerateArray().Select(n => (float)n.GetDouble()), endPadded[i].Weights);
                Assert.Equal(golden.GetProperty("pad0")[i].EnumerateArray().Select(n => n.GetInt32()), zeroPadded[i].Ids);
            }
        }
    }

    [Fact]
    public void TheEmptyPromptHasOneChunk()
    {
        var chunk = Assert.Single(Build("", ClipTokenizer.EndOfText));
        Assert.Equal(Tokenizer.Tokenize("", ClipTokenizer.EndOfText).Ids, chunk.Ids);
        Assert.All(chunk.Weights, weight => Assert.Equal(1, weight));
    }

    [Fact]
    public void AShortPromptIsWhatTheTokenizerGives() =>
        Assert.Equal(Tokenizer.Tokenize("a cat on a mat", 0).Ids, Assert.Single(Build("a cat on a mat", 0)).Ids);

    [Fact]
    public void ABreakBeginsAChunk()
    {
        var chunks = Build("a (cat:1.5) BREAK a mat", 0);
        Assert.Equal(2, chunks.Count);
        Assert.Equal(Tokenizer.Tokenize("a cat", 0).Ids, chunks[0].Ids);
        Assert.Equal([1, 1, 1.5f, 1], chunks[0].Weights[..4]);
        Assert.Equal(Tokenizer.Tokenize("a mat", 0).Ids, chunks[1].Ids);
    }
}
