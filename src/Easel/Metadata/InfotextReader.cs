using System.Buffers;

namespace Easel.Metadata;

/// <summary>Reads <see cref="Infotext"/>, in a few passes over the text, since it may come from anybody. Original: <c>parse_generation_parameters</c> in
/// modules/infotext_utils.py of AUTOMATIC1111/stable-diffusion-webui.</summary>
internal static class InfotextReader
{
    public const string NegativeMark = "Negative prompt:";

    private static readonly SearchValues<char> OfNumbers = SearchValues.Create("0123456789.,-+ ");

    private const string StepsMark = "Steps:", PromptMark = "Prompt:";

    /// <summary>As many settings make a line one of settings.</summary>
    private const int Fewest = 3;

    private const int LongestName = 40;

    public static Infotext Read(string text)
    {
        var lines = Renamed(text.Trim().Split('\n'));
        if (LineOfSettings(lines) is not { } at) return Of(lines, []);

        // What stands before the settings on their own line is prompt; the original takes none of it.
        var (above, line) = (lines[..at].ToList(), lines[at]);
        if (StartOfSettings(line) is > 0 and var start)
        {
            var words = above.Count == 0 && line.StartsWith(PromptMark, StringComparison.OrdinalIgnoreCase) ? PromptMark.Length : 0;
            above.AddRange(Parted(line[words..start]));
            line = line[start..];
        }
        else if (!above.Exists(IsNegative) && above.FindIndex(words => NegativeWithin(words) > 0) is >= 0 and var mixed)
        {
            var parts = Parted(above[mixed]);
            above.RemoveAt(mixed);
            above.InsertRange(mixed, parts);
        }
        var behind = lines[(at + 1)..];
        return Of([.. above, .. behind.Where(IsNegative)], [.. SettingsOf(line.TrimEnd()), .. Named(behind)]);
    }

    /// <summary>The lines with the names of settings as they are written here, where a program, or a person, writes none of them so: a line with "steps: 20"
    /// and two more that are known but for the size of their letters.</summary>
    private static string[] Renamed(string[] lines)
    {
        if (Array.Exists(lines, line => line.Contains(StepsMark, StringComparison.Ordinal))) return lines;
        for (var at = 0; at < lines.Length; at++)
        {
            if (!lines[at].Contains(StepsMark, StringComparison.OrdinalIgnoreCase)) continue;
            var known = Found(lines[at]).Select(setting => (setting.At, setting.Name.Length, Name: RequestInfotext.KnownAs(WithoutPrompt(setting.Name))))
                .Where(setting => setting.Name is not null).ToList();
            if (known.Count < Fewest || !known.Exists(setting => setting.Name + ":" == StepsMark)) continue;
            var line = new StringBuilder(lines[at]);
            // A name may have caught words before it; those are as long as before, and so is the name.
            foreach (var (start, length, name) in known) line.Remove(start + length - name!.Length, name.Length).Insert(start + length - name.Length, name);
            lines[at] = line.ToString();
        }
        return lines;
    }

    /// <summary>What a name was found with may be words of a prompt before it: "a cat steps" for "steps".</summary>
    private static string WithoutPrompt(string name) =>
        name.EndsWith(" " + StepsMark[..^1], StringComparison.OrdinalIgnoreCase) ? StepsMark[..^1] : name;

    /// <summary>The last line, if it holds settings; or one that begins with the steps, where what comes behind it are the named lines of extensions.</summary>
    private static int? LineOfSettings(string[] lines)
    {
        var last = lines.Length - 1;
        var lastHolds = Found(lines[last]).Count >= Fewest;
        if (lastHolds && lines[last].Contains(StepsMark, StringComparison.Ordinal)) return last;
        for (var at = last - 1; at >= 0; at--)
        {
            if (!lines[at].TrimStart().StartsWith(StepsMark, StringComparison.Ordinal)) continue;
            var next = Array.Find(lines[(at + 1)..], line => !string.IsNullOrWhiteSpace(line))!;
            if (NameOf(next) is not null && Found(lines[at]).Count >= Fewest) return at;
            break;
        }
        return lastHolds ? last : null;
    }

    /// <summary>Where the settings begin on a line that begins otherwise: at "Steps: 20", unless what stands before it are settings too.</summary>
    private static int StartOfSettings(string line)
    {
        if (Found(line) is [var (first, _, at), ..] && line.AsSpan(0, at).IsWhiteSpace() && RequestInfotext.IsKnown(first)) return 0;
        for (var start = line.IndexOf(StepsMark, StringComparison.Ordinal); start >= 0; start = line.IndexOf(StepsMark, start + 1, StringComparison.Ordinal))
        {
            var value = line.AsSpan(start + StepsMark.Length).TrimStart();
            if ((start == 0 || !IsWord(line[start - 1])) && value.Length > 0 && char.IsAsciiDigit(value[0])) return start;
        }
        return 0;
    }

    private static bool IsNegative(string line) => line.AsSpan().TrimStart().StartsWith(NegativeMark, StringComparison.OrdinalIgnoreCase);

    /// <summary>Where the mark of the negative prompt stands within a line; -1 where it does not.</summary>
    private static int NegativeWithin(string line)
    {
        var at = line.IndexOf(NegativeMark, StringComparison.OrdinalIgnoreCase);
        return at > 0 && IsWord(line[at - 1]) ? -1 : at;
    }

    /// <summary>A line with both prompts, in two; the comma or full stop that parted them is not theirs.</summary>
    private static IEnumerable<string> Parted(string line)
    {
        var mark = NegativeWithin(line);
        if (mark < 0) return [Ended(line)];
        var negative = Ended(line[mark..]);
        return line.AsSpan(0, mark).IsWhiteSpace() ? [negative] : [Ended(line[..mark]), negative];
    }

    private static string Ended(string words)
    {
        words = words.TrimEnd();
        return words.EndsWith(',') || words.EndsWith('.') || words.EndsWith(';') ? words[..^1].TrimEnd() : words;
    }

    private static Infotext Of(IEnumerable<string> prompts, IReadOnlyList<KeyValuePair<string, string>> settings)
    {
        var (prompt, negative) = (new StringBuilder(), new StringBuilder());
        var current = prompt;
        foreach (var raw in prompts)
        {
            var line = raw.Trim();
            if (IsNegative(line))
            {
                current = negative;
                line = line[NegativeMark.Length..].Trim();
            }
            if (current.Length > 0) current.Append('\n');
            current.Append(line);
        }
        return new Infotext { Prompt = prompt.ToString(), NegativePrompt = negative.ToString(), Settings = settings };
    }

    private static List<KeyValuePair<string, string>> SettingsOf(string line)
    {
        var settings = new List<KeyValuePair<string, string>>();
        var places = new Dictionary<string, int>();
        foreach (var (name, value, _) in Found(line))
        {
            if (value.Length == 0) continue;
            var setting = KeyValuePair.Create(name, Unquote(value));
            if (places.TryAdd(name, settings.Count)) settings.Add(setting);
            else settings[places[name]] = setting;
        }
        return settings;
    }

    /// <summary>The lines of extensions behind the settings: a name and its value, which may go on over more lines.</summary>
    private static IEnumerable<KeyValuePair<string, string>> Named(IEnumerable<string> lines)
    {
        var (name, value) = ((string?)null, new StringBuilder());
        foreach (var line in lines.Where(line => !IsNegative(line)))
        {
            if (NameOf(line) is not { } next)
            {
                value.Append('\n').Append(line.Trim());
                continue;
            }
            if (name is not null) yield return KeyValuePair.Create(name, value.ToString().Trim());
            name = next;
            value.Clear().Append(line[(line.IndexOf(':') + 1)..].Trim());
        }
        if (name is not null) yield return KeyValuePair.Create(name, value.ToString().Trim());
    }

    /// <summary>The name of a line that has one: a capital letter and a few words before a colon.</summary>
    private static string? NameOf(string line)
    {
        var colon = line.AsSpan(0, Math.Min(line.Length, LongestName)).IndexOf(':');
        return colon > 1 && char.IsUpper(line[0]) && line.AsSpan(0, colon).IndexOfAnyExcept(NameLetters) < 0 ? line[..colon] : null;
    }

    private static readonly System.Buffers.SearchValues<char> NameLetters =
        System.Buffers.SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 _-/");

    /// <summary>Every setting of a line, as the original's expression finds them: <c>\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)</c>. By hand, since
    /// an engine that tries again and again takes quadratic time over texts made for it.</summary>
    private static List<(string Name, string Value, int At)> Found(string line)
    {
        var found = new List<(string, string, int)>();
        for (int from = 0, colon; (colon = line.IndexOf(':', from)) >= 0;)
        {
            var start = colon;
            while (start > from && IsWord(line[start - 1]) | line[start - 1] is ' ' or '-' or '/') start--;
            while (start < colon && !IsWord(line[start])) start++;
            Effort.Add(colon - from + 1);
            from = colon + 1;
            if (colon - start < 2) continue;

            while (from < line.Length && char.IsWhiteSpace(line[from])) from++;
            var end = EndOfQuoted(line, from) ?? EndOfNumbers(line, from) ?? (line.IndexOf(',', from) is >= 0 and var comma ? comma : line.Length);
            Effort.Add(end - colon);
            found.Add((line[start..colon], line[from..end], start));
            from = Math.Min(end + 1, line.Length);
        }
        return found;
    }

    /// <summary>Behind the quotation mark that closes the one here; null where none opens, or where the setting does not end behind it. What is looked through
    /// ends at the latest where the next setting's quotation mark opens, so that nothing is looked through twice.</summary>
    private static int? EndOfQuoted(string line, int at)
    {
        if (at >= line.Length || line[at] != '"') return null;
        var end = at + 1;
        while (end < line.Length && line[end] != '"') end += line[end] == '\\' ? 2 : 1;
        Effort.Add(Math.Min(end, line.Length) - at);
        return end < line.Length && end > at + 1 && (end + 1 == line.Length || line[end + 1] == ',') ? end + 1 : null;
    }

    /// <summary>Behind the bracket that closes a list of numbers, which some programs write without quotation marks: "(1.5, 0.8, 0.3)". Null where there is
    /// none.</summary>
    private static int? EndOfNumbers(string line, int at)
    {
        if (at >= line.Length || line[at] is not ('(' or '[')) return null;
        var end = line.AsSpan(at + 1).IndexOfAnyExcept(OfNumbers);
        Effort.Add(end < 0 ? line.Length - at : end);
        if (end < 0) return null;
        end += at + 1;
        return line[end] == (line[at] == '(' ? ')' : ']') && (end + 1 == line.Length || line[end + 1] == ',') ? end + 1 : null;
    }

    private static bool IsWord(char c) => char.IsLetterOrDigit(c)
        || char.GetUnicodeCategory(c) is UnicodeCategory.ConnectorPunctuation or UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark;

    private static string Unquote(string value)
    {
        if (value.Length < 2 || value[0] != '"' || value[^1] != '"') return value;
        try
        {
            using var json = JsonDocument.Parse(value);
            return json.RootElement.GetString()!;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or ArgumentException)
        {
            return value;
        }
    }
}
