namespace Easel.Text.Prompts;

internal static partial class PromptParser
{
    private const int LongestQuote = 100;

    /// <summary>The prompt without its comments: from "#" to the end of the line nothing is meant to be drawn. Original:
    /// <c>modules/processing_scripts/comments.py</c>, which differs in line breaks that mean nothing.</summary>
    /// <param name="prompt">A prompt.</param>
    /// <param name="remarks">Where to say which comments there are: a "#" may be meant as a colour or a number.</param>
    public static string WithoutComments(string prompt, List<string>? remarks = null)
    {
        if (!prompt.Contains('#')) return prompt;
        var (text, lines, first) = (new StringBuilder(prompt.Length), 0, "");
        for (var at = 0; at < prompt.Length;)
        {
            var mark = prompt.IndexOf('#', at) is >= 0 and var found ? found : prompt.Length;
            text.Append(prompt, at, mark - at);
            var end = mark < prompt.Length && prompt.IndexOf('\n', mark) is >= 0 and var newline ? newline : prompt.Length;
            Effort.Add(end - at);
            var before = prompt.AsSpan(at, mark - at);
            if (mark < prompt.Length && before[(before.LastIndexOf('\n') + 1)..].Trim().IsEmpty)
            {
                if (lines++ == 0) first = prompt[mark..end].TrimEnd();
            }
            else if (mark < prompt.Length)
                remarks?.Add($"\"{Cut(prompt[mark..end].TrimEnd())}\" in the prompt is a comment and is not drawn: it begins with \"#\".");
            at = end;
        }
        if (lines > 0) remarks?.Add(lines == 1 ? $"The line \"{Cut(first)}\" of the prompt is a comment and is not drawn."
            : $"{lines} lines of the prompt are comments and are not drawn, the first is \"{Cut(first)}\".");
        if (string.IsNullOrWhiteSpace(text.ToString())) remarks?.Add("The prompt is nothing but comments: it is drawn as an empty one.");
        return text.ToString();
    }

    /// <summary>What a person should be told of tags where none mean anything: in a negative prompt they are words.</summary>
    public static IEnumerable<string> NotesOnNegative(string prompt) => ExtractLoras(prompt).Loras.Select(lora =>
        $"The tag of the LoRA \"{Cut(lora.Name)}\" stands in the negative prompt, where it is read as words; a LoRA belongs into the prompt.");

    /// <summary>A text as a sentence may quote it.</summary>
    public static string Cut(string text) => text.Length <= LongestQuote ? text : text[..LongestQuote] + "...";
}
