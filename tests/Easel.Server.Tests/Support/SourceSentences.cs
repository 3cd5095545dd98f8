using System.Text;
using System.Text.RegularExpressions;

namespace Easel.Server.Tests.Support;

/// <summary>The sentences that source text refuses with or remarks, read from the text itself: what stands between the quotation marks, with "7" where
/// something is put in.</summary>
internal static partial class SourceSentences
{
    private const char PutIn = '7';

    /// <summary>The sentences of a file, each of the branches where there is a choice.</summary>
    public static IEnumerable<string> Of(string source)
    {
        var text = Comment().Replace(source, "");
        var constants = Constant().Matches(text).GroupBy(match => match.Groups[1].Value)
            .ToDictionary(group => group.Key, group => group.First().Groups[2].Value);
        return Call().Matches(text).Select(call => call.Index + call.Length - 1)
            .SelectMany(open => Sentences(text[(open + 1)..ClosingOf(text, open)], constants));
    }

    /// <summary>The sentences among the arguments of a call.</summary>
    private static IEnumerable<string> Sentences(string arguments, Dictionary<string, string> constants)
    {
        var (said, hasText, isOther) = (new StringBuilder(), false, false);
        for (var i = 0; i <= arguments.Length; i++)
        {
            // A comma ends an argument, a question mark and a colon part what is said in one case from what is said in another.
            if (i == arguments.Length || arguments[i] is ',' or '?' or ':')
            {
                if (hasText) yield return (isOther ? said.Append(PutIn) : said).ToString();
                (hasText, isOther) = (false, false);
                said.Clear();
            }
            else if (arguments[i] == '+')
            {
                if (isOther) said.Append(PutIn);
                isOther = false;
            }
            else if (arguments[i] == '"' || arguments.AsSpan(i).StartsWith("$\""))
            {
                said.Append(Literal(arguments, ref i, constants));
                hasText = true;
            }
            else if (arguments[i] is '(' or '[' or '{')
            {
                var close = ClosingOf(arguments, i);
                // string.Create and FormattableString.Invariant say what their argument says.
                if (Formatter().IsMatch(arguments[..i]) && Sentences(arguments[(i + 1)..close], constants).FirstOrDefault() is { } within)
                {
                    said.Append(within);
                    (hasText, isOther) = (true, false);
                }
                else isOther = true;
                i = close;
            }
            else if (arguments[i] == '\'')
            {
                i = EndOfCharacter(arguments, i);
                isOther = true;
            }
            else if (!char.IsWhiteSpace(arguments[i])) isOther = true;
        }
    }

    /// <summary>What a literal says.</summary>
    /// <param name="at">Where it begins; afterwards its last character.</param>
    private static string Literal(string text, ref int at, Dictionary<string, string> constants)
    {
        var said = new StringBuilder();
        var holds = text[at] == '$';
        for (at += holds ? 2 : 1; text[at] != '"'; at++)
        {
            if (text[at] == '\\') said.Append(text[++at]);
            else if (holds && text[at] is '{' or '}' && text[at + 1] == text[at]) said.Append(text[at++]);
            else if (holds && text[at] == '{')
            {
                var close = ClosingOf(text, at);
                said.Append(constants.GetValueOrDefault(text[(at + 1)..close], $"{PutIn}"));
                at = close;
            }
            else said.Append(text[at]);
        }
        return said.ToString();
    }

    /// <summary>The bracket that closes the one at a place.</summary>
    private static int ClosingOf(string text, int open)
    {
        var depth = 0;
        for (var i = open; ; i++)
        {
            if (text[i] == '"' || text.AsSpan(i).StartsWith("$\"")) _ = Literal(text, ref i, []);
            else if (text[i] == '\'') i = EndOfCharacter(text, i);
            else if (text[i] is '(' or '[' or '{') depth++;
            else if (text[i] is ')' or ']' or '}' && --depth == 0) return i;
        }
    }

    private static int EndOfCharacter(string text, int at) => text.IndexOf('\'', at + (text[at + 1] == '\\' ? 3 : 2));

    [GeneratedRegex(@"\bnew (InvalidRequest|Easel|Server|Checkpoint)Exception\(|(?<!static \w+ )\bRefused\(|\bRemark\(")]
    private static partial Regex Call();

    [GeneratedRegex(@"\bconst string (\w+) = ""([^""\\]*)""")]
    private static partial Regex Constant();

    [GeneratedRegex(@"(string\.Create|FormattableString\.Invariant)\z")]
    private static partial Regex Formatter();

    [GeneratedRegex(@"^\s*//.*$", RegexOptions.Multiline)]
    private static partial Regex Comment();
}
