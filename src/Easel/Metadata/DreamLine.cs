using static Easel.Metadata.PictureSettings;

namespace Easel.Metadata;

/// <summary>Settings written as the line of commands that asked for them: the first InvokeAI's <c>"a cat" -s 50 -S 42</c> and Midjourney's
/// <c>a cat --ar 3:2</c>.</summary>
internal static class DreamLine
{
    /// <summary>A line of the first InvokeAI; null where it is none.</summary>
    public static PictureSettings? Read(string? line)
    {
        if (line is null || !line.StartsWith('"') || line.LastIndexOf('"') is not (> 0 and var end)) return null;
        var flags = new Dictionary<string, string>();
        var words = line[(end + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        for (var i = 0; i < words.Length; i++)
        {
            if (words[i] is not ['-', var name, .. var rest]) continue;
            if (rest.Length == 0 && i + 1 < words.Length && !words[i + 1].StartsWith('-')) flags[name.ToString()] = words[++i];
            else flags[name.ToString()] = rest;
        }
        var (prompt, negative) = WithoutNegative(line[1..end]);
        string? Flag(string name) => flags.GetValueOrDefault(name);
        return Flag("s") is not { } steps ? null
            : Of("InvokeAI", prompt, negative, steps, OtherPrograms.WithoutPrefix(Flag("A")), null, Flag("C"), Flag("S"), Flag("W"), Flag("H"))
            .With([new("Denoising strength", Flag("I") is null ? null : Flag("f"))]);
    }

    /// <summary>The prompt and, out of its square brackets, what it should not show, as InvokeAI had it.</summary>
    public static (string Prompt, string? Negative) WithoutNegative(string prompt)
    {
        if (!prompt.Contains('[') || !prompt.Contains(']')) return (prompt, null);
        var (words, negative, inside) = (new StringBuilder(), new StringBuilder(), false);
        foreach (var c in prompt)
        {
            if (c == '[' && !inside) inside = true;
            else if (c == ']' && inside) (inside, _) = (false, negative.Append(' '));
            else (inside ? negative : words).Append(c);
        }
        return (words.ToString().Trim(), negative.ToString().Trim());
    }

    /// <summary>The description of a picture of Midjourney; null where it is none. Nobody else can draw it again, so what it tells is its words.</summary>
    public static PictureSettings? OfMidjourney(string? text)
    {
        const string job = "Job ID:";
        if (text is null || text.LastIndexOf(job, StringComparison.Ordinal) is not (>= 0 and var end)) return null;
        var parts = text[..end].Split(" --");
        var settings = new List<KeyValuePair<string, string?>>();
        string? negative = null;
        foreach (var part in parts.Skip(1))
        {
            var space = part.IndexOf(' ');
            var (name, value) = space < 0 ? (part, "True") : (part[..space], part[(space + 1)..].Trim());
            if (name == "no") negative = value;
            else settings.Add(new(name == "seed" ? "Seed" : name, value));
        }
        return Of("Midjourney", parts[0].Trim(), negative).With([.. settings, new("Job ID", text[(end + job.Length)..].Trim())]);
    }
}
