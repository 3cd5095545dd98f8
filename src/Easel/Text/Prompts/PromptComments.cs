namespace Easel.Text.Prompts;

internal static partial class PromptParser
{
    private const int LongestQuote = 100;

    /// <summary>The prompt without its comments: from "#" to the end of the line nothing is meant to be drawn. Original:
    /// <c>modules/processing_scripts/comments.py</c>, which differs in line breaks that mean nothing.</summary>
    /// <param name="prompt">A prompt.</param>
    /// <param name="remarks">Where to say which comments stand among words, and so may not be meant as any.</param>
    public static string WithoutComments(string prompt, List<string>? remarks = null)
    {
        if (!prompt.Contains('#')) return prompt;
        var text = new StringBuilder(prompt.Length);
        for (var at = 0; at < prompt.Length;)
        {
            var mark = prompt.IndexOf('#', at) is >= 0 and var found ? found : prompt.Length;
            text.Append(prompt, at, mark - at);
            var end = mark < prompt.Length && prompt.IndexOf('\n', mark) is >= 0 and var newline ? newline : prompt.Length;
            Effort.Add(end - at);
            // A line that is all comment is meant so; a "#" among words may be a colour or a number.
            var before = prompt.AsSpan(at, mark - at);
            if (mark < prompt.Length && !before[(before.LastIndexOf('\n') + 1)..].Trim().IsEmpty)
                remarks?.Add($"\"{Cut(prompt[mark..end].TrimEnd())}\" in the prompt is a comment and is not drawn: it begins with \"#\".");
            at = end;
        }
        return text.ToString();
    }

    /// <summary>What a person should be told of tags where none mean anything: in a negative prompt they are words.</summary>
    public static IEnumerable<string> NotesOnNegative(string prompt) => ExtractLoras(prompt).Loras.Select(lora =>
        $"The tag of the LoRA \"{Cut(lora.Name)}\" stands in the negative prompt, where it is read as words; a LoRA belongs into the prompt.");

    /// <summary>A text as a sentence may quote it.</summary>
    public static string Cut(string text) => text.Length <= LongestQuote ? text : text[..LongestQuote] + "...";
}
