namespace Easel;

/// <summary>
/// Prompts with choices in them: <c>{red|blue|green}</c> stands for one of its parts, <c>__animal__</c> for a line of a list of that name. Choices lie in one
/// another; a brace without a bar in it, or after a backslash, is a brace.
/// </summary>
public sealed class PromptTemplate
{
    private const int Deepest = 32;

    private readonly IReadOnlyList<Part> _parts;

    private PromptTemplate(IReadOnlyList<Part> parts) => _parts = parts;

    /// <summary>A piece of text, or several from which one is chosen.</summary>
    private sealed record Part(string Text, IReadOnlyList<PromptTemplate>? Choices = null);

    /// <summary>Whether there is anything to choose.</summary>
    public bool HasChoices => _parts.Any(part => part.Choices is not null);

    /// <summary>How many prompts it stands for; <see cref="long.MaxValue"/> where they are more than can be counted.</summary>
    public long Count
    {
        get
        {
            var count = 1.0;
            foreach (var part in _parts) count *= part.Choices?.Sum(choice => (double)choice.Count) ?? 1;
            return count < long.MaxValue ? (long)count : long.MaxValue;
        }
    }

    /// <summary>Reads a prompt.</summary>
    /// <param name="prompt">The prompt.</param>
    /// <param name="list">The lines of a list by its name; null where there is none of that name, and for no lists at all.</param>
    /// <exception cref="InvalidRequestException">A list is not there or empty, or lists call one another without an end.</exception>
    public static PromptTemplate Parse(string prompt, Func<string, IReadOnlyList<string>?>? list = null) => Parse(prompt, list, 0);

    /// <summary>One prompt.</summary>
    /// <param name="random">What chooses.</param>
    public string Draw(Random random) => string.Concat(_parts.Select(part => part.Choices is { } choices ? choices[random.Next(choices.Count)].Draw(random)
        : part.Text));

    /// <summary>All prompts, the last choice turning fastest.</summary>
    /// <param name="most">How many there may be.</param>
    /// <exception cref="InvalidRequestException">There are more.</exception>
    public IReadOnlyList<string> All(int most)
    {
        if (Count > most)
            throw Refused($"The choices in the prompt make {Count} prompts; at most {most} are possible.");
        IReadOnlyList<string> prompts = [""];
        foreach (var part in _parts)
        {
            IReadOnlyList<string> ends = part.Choices is { } choices ? [.. choices.SelectMany(choice => choice.All(most))] : [part.Text];
            prompts = [.. prompts.SelectMany(begun => ends.Select(end => begun + end))];
        }
        return prompts;
    }

    private static PromptTemplate Parse(string prompt, Func<string, IReadOnlyList<string>?>? list, int depth)
    {
        if (depth > Deepest) throw Refused("Lists of the prompt call one another without an end.");
        var (parts, text) = (new List<Part>(), new StringBuilder());
        for (var at = 0; at < prompt.Length; at++)
        {
            if (prompt[at] == '\\' && at + 1 < prompt.Length && prompt[at + 1] is '{' or '}' or '|')
            {
                text.Append(prompt[++at]);
            }
            else if (prompt[at] == '{' && Inside(prompt, at) is var (choices, end))
            {
                Add(new Part("", [.. choices.Select(choice => Parse(choice, list, depth + 1))]));
                at = end;
            }
            else if (list is not null && NameAt(prompt, at) is { } name)
            {
                var lines = list(name)?.Where(line => line.Trim().Length > 0).ToList();
                if (lines is not { Count: > 0 })
                    throw Refused(lines is null ? $"The prompt asks for the list \"{name}\", which is not there." : $"The list \"{name}\" is empty.");
                Add(new Part("", [.. lines.Select(line => Parse(line.Trim(), list, depth + 1))]));
                at += name.Length + 3;
            }
            else
            {
                text.Append(prompt[at]);
            }
        }
        if (text.Length > 0) parts.Add(new Part(text.ToString()));
        return new PromptTemplate(parts);

        void Add(Part part)
        {
            if (text.Length > 0) parts.Add(new Part(text.ToString()));
            text.Clear();
            parts.Add(part);
        }
    }

    private static InvalidRequestException Refused(string sentence) => new(nameof(GenerationRequest.Prompts), sentence);

    /// <summary>The parts between a brace and the one that closes it; null where no bar is between them, or nothing closes it.</summary>
    private static (IReadOnlyList<string> Choices, int End)? Inside(string prompt, int open)
    {
        var (choices, depth, from) = (new List<string>(), 0, open + 1);
        for (var at = open; at < prompt.Length; at++)
        {
            if (prompt[at] == '\\') at++;
            else if (prompt[at] == '{') depth++;
            else if (prompt[at] == '|' && depth == 1)
            {
                choices.Add(prompt[from..at]);
                from = at + 1;
            }
            else if (prompt[at] == '}' && --depth == 0)
            {
                if (choices.Count == 0) return null;
                choices.Add(prompt[from..at]);
                return (choices, at);
            }
        }
        return null;
    }

    /// <summary>The name in <c>__name__</c>; null where none begins there.</summary>
    private static string? NameAt(string prompt, int at)
    {
        if (!prompt.AsSpan(at).StartsWith("__")) return null;
        var end = prompt.IndexOf("__", at + 2, StringComparison.Ordinal);
        if (end <= at + 2) return null;
        var name = prompt[(at + 2)..end];
        return name.Trim() == name && name.All(c => char.IsLetterOrDigit(c) || c is '-' or '_' or '/' or ' ') ? name : null;
    }
}
