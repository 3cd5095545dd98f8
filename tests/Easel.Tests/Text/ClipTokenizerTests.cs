using System.Text;
using System.Text.Json;
using Easel.Tests.Support;
using Easel.Text;

namespace Easel.Tests.Text;

/// <summary>Guards that prompts become the ids that the models were trained on: those of openai/CLIP, for any text at all.</summary>
public sealed class ClipTokenizerTests
{
    private static readonly ClipTokenizer Tokenizer = new();

    private static int[] Ints(JsonElement array) => [.. array.EnumerateArray().Select(n => n.GetInt32())];

    [Fact]
    public void GivesTheReferenceIds()
    {
        var wrong = new List<string>();
        foreach (var golden in Goldens.Json("tokenizer/tokens.json").GetProperty("prompts").EnumerateArray())
        {
            var prompt = golden.GetProperty("prompt").GetString()!;
            var tokens = Ints(golden.GetProperty("tokens"));
            var zeroPadded = Tokenizer.Tokenize(prompt, padId: 0);
            if (!Tokenizer.Encode(prompt).Take(200).SequenceEqual(tokens)
                || zeroPadded.TokenCount != golden.GetProperty("token_count").GetInt32()
                || zeroPadded.CutCount > 0 != golden.GetProperty("truncated").GetBoolean()
                || !zeroPadded.Ids.SequenceEqual(Ints(golden.GetProperty("ids_pad0")))
                || !Tokenizer.Tokenize(prompt, ClipTokenizer.EndOfText).Ids.SequenceEqual(Ints(golden.GetProperty("ids_pad_eos"))))
                wrong.Add($"\"{prompt}\" read as \"{Tokenizer.Decode(Tokenizer.Encode(prompt))}\", should be \"{Tokenizer.Decode(tokens)}\"");
        }
        Assert.Empty(wrong);
    }

    [Fact]
    public void RepairsDamagedTextAsTheReferenceDoes()
    {
        var wrong = new List<string>();
        foreach (var golden in Goldens.Json("tokenizer/repair.json").EnumerateArray())
        {
            var prompt = golden.GetProperty("prompt").GetString()!;
            var (expected, actual) = (Ints(golden.GetProperty("ids")), Tokenizer.Encode(prompt));
            if (!actual.SequenceEqual(expected)) wrong.Add($"\"{prompt}\" read as \"{Tokenizer.Decode(actual)}\", should be \"{Tokenizer.Decode(expected)}\"");
        }
        Assert.Empty(wrong);
    }

    [Fact]
    public void TheVocabularyIsWhole()
    {
        for (var id = 0; id < ClipTokenizer.BeginOfText; id++) Assert.NotEqual("", Tokenizer.Decode([id]));
        Assert.Equal("<|startoftext|><|endoftext|>", Tokenizer.Decode([ClipTokenizer.BeginOfText, ClipTokenizer.EndOfText]));
        Assert.Equal("jekyll ", Tokenizer.Decode([ClipTokenizer.BeginOfText - 1]));      // the last merge of the table
    }

    [Fact]
    public void DecodingGivesTheWordsBack() =>
        Assert.Equal("a photo of a café , naïve & 日本 😀 ", Tokenizer.Decode(Tokenizer.Encode("A photo of a cafÃ©, naïve &amp; 日本 😀")));

    [Theory]
    [InlineData(-1)]
    [InlineData(49408)]
    public void DecodingRefusesWhatIsNoToken(int id) =>
        Assert.Contains("49407", Assert.Throws<InvalidRequestException>(() => Tokenizer.Decode([id])).Message);

    [Fact]
    public void SaysWhatWasCut()
    {
        var prompt = Tokenizer.Tokenize(string.Concat(Enumerable.Repeat("word ", 75)) + "Golden hour", padId: 0);
        Assert.Equal((77, 77, 2, "golden hour"), (prompt.Ids.Length, prompt.TokenCount, prompt.CutCount, prompt.CutText));
        Assert.Equal(ClipTokenizer.EndOfText, prompt.Ids[^1]);

        var whole = Tokenizer.Tokenize(string.Concat(Enumerable.Repeat("word ", 75)), padId: 0);
        Assert.Equal((75, 0, ""), (whole.TokenCount, whole.CutCount, whole.CutText));
        Assert.Equal(ClipTokenizer.EndOfText, whole.Ids[^1]);
    }

    [Fact]
    public void PiecesJoin() => Assert.Equal(Tokenizer.Encode("a cat, on a mat"), Tokenizer.Encode("a cat, ").Concat(Tokenizer.Encode("on a mat")));

    [Fact]
    public void AnyTextAtAllGives77Ids()
    {
        var random = new Random(1);
        for (var round = 0; round < 3000; round++)
        {
            var text = new string([.. Enumerable.Range(0, random.Next(60)).Select(_ => (char)(random.Next(4) switch
            {
                0 => random.Next(0x80),
                1 => random.Next(0x250),
                2 => 0xD800 + random.Next(0x800),      // halves of pairs, whole and alone
                _ => random.Next(0x10000),
            }))]);
            var prompt = Tokenizer.Tokenize(text, padId: 0);
            Assert.Equal(77, prompt.Ids.Length);
            Assert.Equal(ClipTokenizer.BeginOfText, prompt.Ids[0]);
            Assert.Equal(ClipTokenizer.EndOfText, prompt.Ids[Math.Min(prompt.TokenCount, 75) + 1]);
            Assert.All(prompt.Ids, id => Assert.InRange(id, 0, ClipTokenizer.VocabularySize - 1));
        }
    }

    [Theory]
    [InlineData("!")]
    [InlineData("x")]
    [InlineData("&amp;")]
    [InlineData("😀é")]
    [InlineData("a\u0301\u0316")]
    public void LongTextIsNoTrouble(string piece) =>
        Assert.Equal(77, Tokenizer.Tokenize(new StringBuilder().Insert(0, piece, 20_000).ToString(), padId: 0).Ids.Length);

    [Fact]
    public void OneTokenizerServesManyThreads()
    {
        var tokenizer = new ClipTokenizer();
        var expected = Tokenizer.Encode("un cafÃ© à la carte &eacute; e\u0301");
        Parallel.For(0, 32, _ => Assert.Equal(expected, tokenizer.Encode("un cafÃ© à la carte &eacute; e\u0301")));
    }
}
