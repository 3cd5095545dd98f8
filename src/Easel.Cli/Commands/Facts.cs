using Easel.Cli.Runs;

namespace Easel.Cli.Commands;

/// <summary>Named facts in order, to be read by people or by programs.</summary>
internal sealed class Facts
{
    private readonly OrderedDictionary<string, object> _facts = [];

    /// <summary>Adds a fact: a text, a number, or a list of texts. What is null or empty is left out.</summary>
    public void Add(string name, object? value)
    {
        if (value is not (null or "" or IReadOnlyList<string> { Count: 0 })) _facts[name] = value;
    }

    public bool Has(string name) => _facts.ContainsKey(name);

    /// <summary>"name: value" lines; lists and texts of several lines are set in below their name.</summary>
    public string ToText()
    {
        var text = new StringBuilder();
        var width = _facts.Where(fact => !IsLong(fact.Value)).Select(fact => fact.Key.Length).DefaultIfEmpty(0).Max();
        foreach (var (name, value) in _facts)
        {
            if (!IsLong(value))
            {
                text.Append(name).Append(':').Append(' ', width - name.Length + 1).AppendLine(FormattableString.Invariant($"{value}"));
                continue;
            }
            text.Append(name).AppendLine(":");
            foreach (var line in value as IReadOnlyList<string> ?? value.ToString()!.Split('\n')) text.Append("  ").AppendLine(line.TrimEnd());
        }
        return text.ToString().TrimEnd();
    }

    /// <summary>One JSON object with names such as "modelHash".</summary>
    public string ToJson() => JsonLines.Document(_facts.ToDictionary(fact => KeyOf(fact.Key), fact => fact.Value));

    private static bool IsLong(object value) => value is IReadOnlyList<string> || value is string text && text.Contains('\n');

    private static string KeyOf(string name)
    {
        var words = name.Split(' ');
        return words[0].ToLowerInvariant() + string.Concat(words.Skip(1).Select(word => char.ToUpperInvariant(word[0]) + word[1..]));
    }
}
