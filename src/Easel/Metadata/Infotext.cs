using Easel.Imaging;

namespace Easel.Metadata;

/// <summary>The text AUTOMATIC1111's web UI keeps in its pictures, which most programs read: the prompt, a line with the negative prompt, a line of settings.
/// Written as its <c>create_infotext</c> writes it and read as its <c>parse_generation_parameters</c> reads it.</summary>
/// <remarks>The format does not hold everything: blanks at the ends of prompt lines are lost, a prompt line that begins with "Negative prompt:" is read as one,
/// settings with empty values are dropped, and fewer than three settings are read as part of the prompt.</remarks>
public sealed record Infotext
{
    private const string NegativeMark = "Negative prompt:";

    /// <summary>What the picture should show; may have several lines.</summary>
    public string Prompt { get; init; } = "";

    /// <summary>What it should not show; may have several lines; empty when there was none.</summary>
    public string NegativePrompt { get; init; } = "";

    /// <summary>The settings in their order, such as "Steps" = "20" and "Size" = "512x512".</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Settings { get; init; } = [];

    /// <summary>A setting by its exact name, or null.</summary>
    public string? this[string name] => Settings.LastOrDefault(s => s.Key == name).Value;

    /// <summary>Equal when the prompts are and the settings are the same in the same order.</summary>
    public bool Equals(Infotext? other) =>
        other is not null && Prompt == other.Prompt && NegativePrompt == other.NegativePrompt && Settings.SequenceEqual(other.Settings);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Prompt, NegativePrompt, Settings.Count);

    /// <summary>The text itself. A value with a comma, a colon or a line break is quoted as JSON; a setting whose value equals its name is written as the bare
    /// name.</summary>
    public override string ToString()
    {
        var negative = NegativePrompt.Length > 0 ? $"\n{NegativeMark} {NegativePrompt}" : "";
        var settings = string.Join(", ", Settings.Select(s => s.Key == s.Value ? s.Key : $"{s.Key}: {Quote(s.Value)}"));
        return $"{Prompt}{negative}\n{settings}".Trim();
    }

    /// <summary>Reads such a text. The last line holds the settings when at least three are found in it; otherwise it belongs to the prompts. Never fails: what
    /// is no setting is prompt.</summary>
    /// <param name="text">The text, as <see cref="ImageMetadata.Parameters"/> has it.</param>
    public static Infotext Parse(string text)
    {
        text = text.Trim();
        var lastBreak = text.LastIndexOf('\n');
        var settings = Setting.Matches(text[(lastBreak + 1)..]);
        var hasSettings = settings.Count >= 3;
        var prompts = hasSettings ? text[..Math.Max(0, lastBreak)] : text;

        var (prompt, negative) = (new StringBuilder(), new StringBuilder());
        var current = prompt;
        foreach (var raw in prompts.Split('\n'))
        {
            var line = raw.Trim();
            if (line.StartsWith(NegativeMark, StringComparison.Ordinal))
            {
                current = negative;
                line = line[NegativeMark.Length..].Trim();
            }
            if (current.Length > 0) current.Append('\n');
            current.Append(line);
        }
        return new Infotext { Prompt = prompt.ToString(), NegativePrompt = negative.ToString(), Settings = hasSettings ? SettingsOf(settings) : [] };
    }

    private static List<KeyValuePair<string, string>> SettingsOf(MatchCollection matches)
    {
        var settings = new List<KeyValuePair<string, string>>();
        var places = new Dictionary<string, int>();
        foreach (Match match in matches)
        {
            var (name, value) = (match.Groups[1].Value, match.Groups[2].Value);
            if (value.Length == 0) continue;
            var setting = KeyValuePair.Create(name, Unquote(value));
            if (places.TryAdd(name, settings.Count)) settings.Add(setting);
            else settings[places[name]] = setting;
        }
        return settings;
    }

    /// <summary>A name, a colon, and a quoted value or everything up to the next comma. The engine without backtracking keeps hostile texts from taking
    /// quadratic time.</summary>
    private static readonly Regex Setting = new(
        """\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)""", RegexOptions.NonBacktracking | RegexOptions.CultureInvariant);

    private static string Quote(string value) => value.AsSpan().ContainsAny(',', ':', '\n') ? ToJson(value) : value;

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

    /// <summary>As Python's json.dumps(ensure_ascii=False): only what JSON demands is escaped.</summary>
    private static string ToJson(string value)
    {
        var json = new StringBuilder("\"");
        foreach (var c in value)
        {
            json.Append(c switch
            {
                '"' => "\\\"",
                '\\' => "\\\\",
                '\n' => "\\n",
                '\r' => "\\r",
                '\t' => "\\t",
                '\b' => "\\b",
                '\f' => "\\f",
                < ' ' => $"\\u{(int)c:x4}",
                _ => c.ToString(),
            });
        }
        return json.Append('"').ToString();
    }
}
