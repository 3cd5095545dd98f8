using System.Reflection;
using System.Text.RegularExpressions;
using Easel.Metadata;
using Easel.Text;
using Easel.Text.Prompts;
using Easel.Text.Repair;

namespace Easel.Tests.Text;

/// <summary>Guards that no text, however it is made, costs more than time in proportion to its length. Steps are counted, not time: four times the text may
/// take four times the steps and a little more.</summary>
public sealed class EffortTests
{
    private const int Short = 3000, Times = 4, Few = 40_000;

    /// <summary>Up to its deepest brackets the weights of a prompt take as many steps for each character as it is deep.</summary>
    private const long Deep = 260L * Short * Times;

    private static readonly ClipTokenizer Tokenizer = new();

    private static readonly Dictionary<string, (Action<string> Read, string[] Pieces)> Readers = new()
    {
        ["weights"] = (text => PromptParser.ParseWeights(text), ["(", ")", "[", "]", "a", " ", ":", "1.2", "\\", "BREAK", ":1.1)", "(a"]),
        ["schedule"] = (text => PromptParser.Schedule(text, 4), ["(", ")", "[", "]", "a", " ", ":", "0.5", "|", "\\", ":1]", "[a"]),
        ["tags"] = (text => PromptParser.ExtractLoras(text), ["<", ">", ":", "lora", "a", "=", "1", "<a:", "#", "\n", "<lora:x:1>"]),
        ["chunks"] = (text => PromptChunks.Build(PromptParser.ParseWeights(text), Tokenizer.Encode, 0), ["a", ",", "!", "'", "é", "1", " ", "ab", "("]),
        ["repair"] = (text => PromptCleaner.Clean(text),
            ["&amp;", "amp;", "&", ";", "#65286;", "&#", "Ã", "â€", "\u009D", "©", "é", "\u0301", "Σ", "'", "\u001B[", "1;", "ﬁ", "\u1100\u1161", "\u0323"]),
        ["infotext"] = (text => Infotext.Parse(text), ["ab", ":", " ", ",", "\"", "\\", "\n", "Steps: 2", "Negative prompt:", "Template: ", "-", "/"]),
    };

    /// <summary>What took time in proportion to the square once, or would with an obvious program.</summary>
    private static readonly string[] Known =
    [
        "(a", "((a)", "[a", "(a:1.1)", "\\(a", "<a:", "<lora:", "&amp;", "amp;", "Ã", "\u0301", "Σ'", "ab: \"", "ab: \"\\\"", "a b ", "[a|", "[a:", ": ",
        "BREAK ", " ", "a: ",
    ];

    public static TheoryData<string> Names() => [.. Readers.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void No_pattern_takes_more_than_its_length(string name)
    {
        var (read, pieces) = Readers[name];
        var random = new Random(3);
        var patterns = Known.Concat(Enumerable.Range(0, 40)
            .Select(_ => string.Concat(Enumerable.Range(0, random.Next(1, 6)).Select(_ => pieces[random.Next(pieces.Length)])))).ToList();
        foreach (var pattern in patterns)
        {
            foreach (var (head, tail) in ((string, string)[])[("", ""), ("&", ""), ("((", "))"), ("\"", "")])
            {
                var (small, large) = (Steps(read, head + Repeated(pattern, Short) + tail), Steps(read, head + Repeated(pattern, Short * Times) + tail));
                Assert.True(large <= Times * 1.3 * small + Few || name == "weights" && large <= Deep,
                    $"\"{pattern}\" takes {small} steps, and {large} for {Times} times as much of it");
            }
        }
    }

    /// <summary>The counters count: else the test above could not fail.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void Steps_are_counted(string name)
    {
#if DEBUG
        Assert.True(Readers[name].Pieces.Any(piece => Steps(Readers[name].Read, Repeated(piece, 500)) >= 250), name);
#else
        Assert.Equal(0, Steps(Readers[name].Read, name));
#endif
    }

    /// <summary>An expression with a repetition that has no end, and something behind it that can fail, may try each length at each place. Those with one say
    /// here why theirs does not.</summary>
    [Fact]
    public void Expressions_repeat_without_end_only_where_nothing_is_tried_twice()
    {
        string[] harmless =
        [
            "WeightToken",       // what is repeated ends at the next mark, where the next match begins
            "TrailingWeight",    // tried at the end of the text alone
            "When",              // anchored at both ends; blanks, digits and the letter between them exclude one another
            "Range",             // the same of digits, blanks, signs and brackets
            "Reference",         // nothing that can fail comes behind the digits
            "TerminalEscape",    // begins at a character that it cannot repeat
            "Utf8InDisguise",    // the repetition is the end
            "Unclosed",          // the same, and it begins at a character that it cannot repeat
        ];
        var expressions = from type in typeof(EaselException).Assembly.GetTypes()
                          from method in type.GetMethods(BindingFlags.Static | BindingFlags.NonPublic | BindingFlags.Public | BindingFlags.DeclaredOnly)
                          let expression = method.GetCustomAttribute<GeneratedRegexAttribute>()
                          where expression is not null && !type.Namespace!.StartsWith("Easel.Weights", StringComparison.Ordinal) // names of files and tensors
                          select (method.Name, Pattern: Regex.Replace(expression.Pattern, @"\\.|\[(?:\\.|[^\]\\])*\]", "x"));
        var all = expressions.ToList();
        Assert.True(all.Count > 8);
        Assert.Empty(all.Where(e => Regex.IsMatch(e.Pattern, @"[*+]|\{\d+,\}") && !harmless.Contains(e.Name)).Select(e => e.Name));
    }

    private static string Repeated(string pattern, int length) => string.Concat(Enumerable.Repeat(pattern, length / Math.Max(1, pattern.Length)));

    private static long Steps(Action<string> read, string text)
    {
        var before = Effort.Spent;
        read(text);
        return Effort.Spent - before;
    }
}
