using System.Text.Json;
using Easel.Tests.Support;
using Easel.Text.Prompts;

namespace Easel.Tests.Text;

/// <summary>Guards that prompts shared between users of AUTOMATIC1111's web UI mean the same here.</summary>
public sealed class PromptParserTests
{
    private static string Show(IEnumerable<WeightedText> pieces) =>
        string.Join(" ", pieces.Select(p => p.IsBreak ? "BREAK" : FormattableString.Invariant($"'{p.Text}':{p.Weight}")));

    private static string Show(IEnumerable<(int UntilStep, string Text)> schedule) => string.Join(" ", schedule.Select(s => $"{s.UntilStep}:'{s.Text}'"));

    [Theory]
    [InlineData("normal text", "'normal text':1")]
    [InlineData("", "'':1")]
    [InlineData("an (important) word", "'an ':1 'important':1.1 ' word':1")]
    [InlineData("(unbalanced", "'unbalanced':1.1")]
    [InlineData(@"\(literal\]", "'(literal]':1")]
    [InlineData("(unnecessary)(parens)", "'unnecessaryparens':1.1")]
    [InlineData("a (((house:1.3)) [on] a (hill:0.5), sun, (((sky))).",
        "'a ':1 'house':1.5730000000000004 ' ':1.1 'on':1 ' a ':1.1 'hill':0.55 ', sun, ':1.1 'sky':1.4641000000000006 '.':1.1")]
    [InlineData("a BREAK b", "'a':1 BREAK 'b':1")]
    [InlineData("(a BREAK b:1.2)", "'a':1.2 BREAK 'b':1.2")]
    [InlineData("BREAKS break", "'BREAKS break':1")]
    [InlineData("(a:1.2.3)", "'a:1.2.3':1.1")]
    [InlineData("a:1.2) )", "'a:1.2) )':1")]
    [InlineData("[a", "'a':0.9090909090909091")]
    public void ReadsWeights(string prompt, string expected) => Assert.Equal(expected, Show(PromptParser.ParseWeights(prompt)));

    [Theory]
    [InlineData("test", "10:'test'")]
    [InlineData("", "10:''")]
    [InlineData("a [b:3]", "3:'a ' 10:'a b'")]
    [InlineData("a [b: 3]", "3:'a ' 10:'a b'")]
    [InlineData("a [[[b]]:2]", "2:'a ' 10:'a [[b]]'")]
    [InlineData("[(a:2):3]", "3:'' 10:'(a:2)'")]
    [InlineData("a [b : c : 1] d", "1:'a b  d' 10:'a  c  d'")]
    [InlineData("a[b:[c:d:2]:1]e", "1:'abe' 2:'ace' 10:'ade'")]
    [InlineData("a [unbalanced", "10:'a [unbalanced'")]
    [InlineData("a [b:.5] c", "5:'a  c' 10:'a b c'")]
    [InlineData("((a][:b:c [d:3]", "3:'((a][:b:c ' 10:'((a][:b:c d'")]
    [InlineData("[fe|]male", "1:'female' 2:'male' 3:'female' 4:'male' 5:'female' 6:'male' 7:'female' 8:'male' 9:'female' 10:'male'")]
    [InlineData("[fe|||]male", "1:'female' 2:'male' 3:'male' 4:'male' 5:'female' 6:'male' 7:'male' 8:'male' 9:'female' 10:'male'")]
    [InlineData("[a::4] [b:c:1.5] [d:0]", "4:'a b d' 10:' b d'")]
    [InlineData("a | b [c:3]", "10:'a | b [c:3]'")]
    [InlineData(@"[a\::b:3] \", @"10:'[a\::b:3] \'")]
    [InlineData("[a:99999999999999999999]", "10:''")]
    public void Schedules(string prompt, string expected) => Assert.Equal(expected, Show(PromptParser.Schedule(prompt, 10)));

    [Fact]
    public void SchedulesAsTheReferenceDoes()
    {
        var wrong = new List<string>();
        foreach (var golden in Goldens.Json("tokenizer/schedules.json").EnumerateArray())
        {
            var before = golden.TryGetProperty("steps_before", out var earlier) ? earlier.GetInt32() : 0;
            var prompt = golden.GetProperty("prompt").GetString()!;
            var expected = Show(golden.GetProperty("schedule").EnumerateArray().Select(s => (s[0].GetInt32(), s[1].GetString()!)));
            var actual = Show(PromptParser.Schedule(prompt, golden.GetProperty("steps").GetInt32(), before));
            if (actual != expected) wrong.Add($"\"{prompt}\": {actual}, should be {expected}");
        }
        Assert.Empty(wrong);
    }

    [Fact]
    public void ReadsWeightsAndCompositionsAsTheReferenceDoes()
    {
        static WeightedText Piece(JsonElement e) =>
            e[1].GetDouble() == -1 && e[0].GetString() == "BREAK" ? WeightedText.Break : new(e[0].GetString()!, e[1].GetDouble());
        var wrong = new List<string>();
        foreach (var golden in Goldens.Json("tokenizer/weights.json").EnumerateArray())
        {
            var prompt = golden.GetProperty("prompt").GetString()!;
            var expected = golden.GetProperty("weights").EnumerateArray().Select(Piece).ToArray();
            var actual = PromptParser.ParseWeights(prompt);
            if (!actual.SequenceEqual(expected)) wrong.Add($"\"{prompt}\": {Show(actual)}, should be {Show(expected)}");

            var parts = golden.GetProperty("composition").EnumerateArray().Select(e => (e[0].GetString()!, e[1].GetDouble()));
            if (!PromptParser.SplitComposition(prompt).SequenceEqual(parts)) wrong.Add($"parts of \"{prompt}\"");
        }
        Assert.Empty(wrong);
    }

    [Fact]
    public void SplitsCompositions()
    {
        Assert.Equal([("a cat", 1.2), (" a dog", 0.5), (" SAND:x", 1), (" c", -0.25)],
            PromptParser.SplitComposition("a cat :1.2 AND a dog : 0.5 AND SAND:x AND c:-.25"));
        Assert.Equal([("", 1.0)], PromptParser.SplitComposition(""));
    }

    [Fact]
    public void TakesLorasOut()
    {
        var tags = PromptParser.ExtractLoras(
            "a <lora:ink:0.8>cat <lora:oil> <lyco:x:1:0.5>, <lora:y:te=0.2:unet=.3> <hypernet:z:1> <lora:bad:much> a<b>c <lora:>");
        Assert.Equal("a cat  ,    a<b>c <lora:>", tags.Text);
        Assert.Equal([new("ink", 0.8, 0.8), new("oil", 1, 1), new("x", 1, 0.5), new("y", 0.2, 0.3)], tags.Loras);
        Assert.Collection(tags.Remarks, r => Assert.Contains("<hypernet:z:1>", r), r => Assert.Contains("\"much\" is no number", r));
    }

    /// <summary>What the web UI and its extension for block weights let tags say; what means nothing is told, and the LoRA counts all the same.</summary>
    [Theory]
    [InlineData("<lora:x:0.8:lbw=OUTALL>", 0.8, 0.8, null)]
    [InlineData("<lora:x:0.8:OUTALL>", 0.8, 0.8, null)]
    [InlineData("<lora:x:1:0.5:4>", 1, 0.5, null)]
    [InlineData("<lora: x :te=0.5:unet=0.25:dyn=8:step=2-0.5>", 0.5, 0.25, null)]
    [InlineData("<lora:x:0.8:lbw=1,2,3>", 0.8, 0.8, "block weights \"1,2,3\"; they can be one of NONE, ALL")]
    [InlineData("<lora:x:0.8:colour=red>", 0.8, 0.8, "colour=red, which means nothing")]
    [InlineData("<lora:x:1:stop=soon>", 1, 1, "without its stop=soon")]
    [InlineData("<lora:x:1> <lora:y:1", 1, 1, "<lora:y:1 is not closed")]
    public void ReadsNamedArguments(string prompt, double text, double unet, string? remark)
    {
        var tags = PromptParser.ExtractLoras(prompt);
        var lora = Assert.Single(tags.Loras);
        Assert.Equal(("x", text, unet), (lora.Name, lora.TextEncoderWeight, lora.UNetWeight));
        if (remark is null) Assert.Empty(tags.Remarks);
        else Assert.Contains(remark, Assert.Single(tags.Remarks));
        if (!prompt.Contains("OUTALL")) return;
        Assert.Equal([1.0, 0, 0, 1], new[] { lora.Blocks!.Base, lora.Blocks.Of("input_blocks.4.1")!.Value, lora.Blocks.Of("middle_block.1")!.Value,
            lora.Blocks.Of("output_blocks.11.1")!.Value });
    }

    [Fact]
    public void TellsInWhichStepsALoraActs()
    {
        LoraTag Of(string tag) => Assert.Single(PromptParser.ExtractLoras(tag).Loras);
        IEnumerable<int> Steps(string tag) => Enumerable.Range(0, 10).Where(step => Of(tag).ActsIn(step, 10));
        Assert.Equal(Enumerable.Range(0, 10), Steps("<lora:x:1>"));
        Assert.Equal([0, 1, 2], Steps("<lora:x:1:stop=4>"));
        Assert.Equal([3, 4, 5, 6, 7, 8, 9], Steps("<lora:x:1:start=4>"));
        Assert.Equal([4, 5], Steps("<lora:x:1:step=5-7>"));
        Assert.Equal([0, 1, 2, 3, 4], Steps("<lora:x:1:stop=0.5>"));
        Assert.Equal((3, 8), (Of("<lora:x:1:1:3>").Rank, Of("<lora:x:1:dyn=8>").Rank));
    }

    [Theory]
    [InlineData("a <lora:plain:0,8>", "", "\"0,8\" is no number")]
    [InlineData("a <LORA:plain:0.8>", "", "<LORA:plain:0.8> is nothing")]
    [InlineData("a <lora:plain:0.8", "", "is not closed")]
    [InlineData("a cat\n# <lora:plain:0.8>", "", "The line \"# <lora:plain:0.8>\" of the prompt is a comment")]
    [InlineData("a cat # 1 in the list", "", "\"# 1 in the list\"")]
    [InlineData("1 < 2 and <b>", "", null)]
    public void NothingOfATagIsLostInSilence(string prompt, string loras, string? told)
    {
        var tags = PromptParser.ExtractLoras(prompt);
        Assert.Equal(loras, string.Join(';', tags.Loras.Select(l => FormattableString.Invariant($"{l.Name} {l.TextEncoderWeight} {l.UNetWeight}"))));
        if (told is null) Assert.Empty(tags.Remarks);
        else Assert.Contains(told, Assert.Single(tags.Remarks));
    }

    [Fact]
    public void CommentsAreNotDrawn()
    {
        Assert.Equal("a cat\n", PromptParser.WithoutComments("a cat\n# a dog"));
        Assert.Equal("\na cat \n\nb", PromptParser.WithoutComments("# x\na cat # y\n# z\nb#"));
        Assert.Equal("a cat ", PromptParser.ExtractLoras("a cat # <lora:x:1>").Text);
        Assert.Single(PromptParser.NotesOnNegative("ugly <lora:x:1>"));
    }

    [Theory]
    [InlineData("a cat\n# a dog", "The line \"# a dog\" of the prompt is a comment and is not drawn.")]
    [InlineData("# a\na cat\n  # b", "2 lines of the prompt are comments and are not drawn, the first is \"# a\".")]
    [InlineData("a #5 cat", "\"#5 cat\" in the prompt is a comment and is not drawn: it begins with \"#\".")]
    [InlineData("# a dog", "The line \"# a dog\" of the prompt is a comment and is not drawn.",
        "The prompt is nothing but comments: it is drawn as an empty one.")]
    [InlineData("a cat")]
    public void CommentsAreTold(string prompt, params string[] told) => Assert.Equal(told, PromptParser.ExtractLoras(prompt).Remarks);

    /// <summary>More than anybody nests, and few enough that a prompt of brackets alone costs no quadratic time.</summary>
    [Fact]
    public void BracketsInsideManyOthersDoNothingMore()
    {
        static double Weight(int depth) => PromptParser.ParseWeights(new string('(', depth) + "a" + new string(')', depth))[0].Weight;
        Assert.Equal(Math.Pow(1.1, 100), Weight(100), Math.Pow(1.1, 100) * 1e-9);
        Assert.Equal(Weight(256), Weight(3000));
    }

    [Fact]
    public void NothingMakesItThrow()
    {
        const string Marks = "[](){}<>|:\\ .,0123456789abANDBREAK\n\uD800é";
        var random = new Random(2);
        for (var round = 0; round < 5000; round++)
        {
            var prompt = new string([.. Enumerable.Range(0, random.Next(40)).Select(_ => Marks[random.Next(Marks.Length)])]);
            Assert.NotEmpty(PromptParser.ParseWeights(prompt));
            Assert.NotEmpty(PromptParser.SplitComposition(prompt));
            Assert.Equal(20, PromptParser.Schedule(prompt, 20)[^1].UntilStep);
            Assert.True(PromptParser.ExtractLoras(prompt).Text.Length <= prompt.Length);
        }
    }

    /// <summary>Brackets nested too deep for a call stack.</summary>
    [Fact]
    public void DepthIsNoTrouble()
    {
        Assert.Single(PromptParser.Schedule(new string('(', 20_000), 5));
        Assert.Single(PromptParser.Schedule(new string('[', 20_000) + new string(']', 20_000), 5));
        Assert.Equal("1:'' 5:'a'", Show(PromptParser.Schedule(new string('[', 5_000) + "a" + string.Concat(Enumerable.Repeat(":1]", 5_000)), 5)));
    }
}
