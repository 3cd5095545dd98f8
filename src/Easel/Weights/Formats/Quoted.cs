namespace Easel.Weights.Formats;

/// <summary>Names out of a file, made fit for a message: a hostile file chooses them, and a terminal obeys control characters.</summary>
internal static class Quoted
{
    private const int Longest = 120;

    /// <summary><paramref name="text"/> without control and formatting characters, cut to a length that a sentence can bear.</summary>
    public static string Text(string text)
    {
        var plain = new StringBuilder();
        foreach (var rune in text.EnumerateRunes())
        {
            if (plain.Length >= Longest) return plain.Append("...").ToString();
            var visible = Rune.GetUnicodeCategory(rune) is not (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator
                or UnicodeCategory.ParagraphSeparator or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned);
            plain.Append(visible ? rune.ToString() : "?");
        }
        return plain.ToString();
    }

    /// <summary><see cref="Text"/> between quotation marks.</summary>
    public static string Name(string text) => $"'{Text(text)}'";
}
