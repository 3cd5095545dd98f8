using Easel.Imaging;

namespace Easel.Metadata;

/// <summary>The text AUTOMATIC1111's web UI keeps in its pictures, which most programs read: the prompt, a line with the negative prompt, a line of settings.
/// Written as its <c>create_infotext</c> writes it and read as its <c>parse_generation_parameters</c> reads it.</summary>
/// <remarks>The format does not hold everything: blanks at the ends of prompt lines are lost, a prompt line that begins with "Negative prompt:" is read as one,
/// settings with empty values are dropped, and fewer than three settings are read as part of the prompt. Two things that the original loses are read, since
/// other programs write them: prompts on the line of the settings, and lines that extensions put behind it ("Template: ...").</remarks>
public sealed record Infotext
{
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
        var negative = NegativePrompt.Length > 0 ? $"\n{InfotextReader.NegativeMark} {NegativePrompt}" : "";
        var settings = string.Join(", ", Settings.Select(s => s.Key == s.Value ? s.Key : $"{s.Key}: {Quote(s.Value)}"));
        return $"{Prompt}{negative}\n{settings}".Trim();
    }

    /// <summary>Reads such a text. The last line holds the settings when at least three are found in it; otherwise it belongs to the prompts. Never fails: what
    /// is no setting is prompt.</summary>
    /// <param name="text">The text, as <see cref="ImageMetadata.Parameters"/> has it.</param>
    public static Infotext Parse(string text) => InfotextReader.Read(text);

    private static string Quote(string value) => value.AsSpan().ContainsAny(',', ':', '\n') ? ToJson(value) : value;

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
