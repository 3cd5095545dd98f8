namespace Easel.Text.Repair;

/// <summary>Makes of what a person typed or pasted the text that CLIP was trained on: broken encodings repaired, HTML entities resolved, one space between
/// words, lower case. Original: <c>basic_clean</c>, <c>whitespace_clean</c> and <c>str.lower</c> in openai/CLIP's <c>simple_tokenizer.py</c>.</summary>
internal static class PromptCleaner
{
    /// <summary>The text as the tokenizer splits it.</summary>
    public static string Clean(string text)
    {
        text = TextRepair.Repair(text);
        text = HtmlEntities.Unescape(HtmlEntities.Unescape(text));
        return Lower(CollapseSpaces(text));
    }

    private static string CollapseSpaces(string text)
    {
        var result = new StringBuilder(text.Length);
        foreach (var c in text)
        {
            if (!char.IsWhiteSpace(c)) result.Append(c);
            else if (result.Length > 0 && result[^1] != ' ') result.Append(' ');
        }
        if (result.Length > 0 && result[^1] == ' ') result.Length--;
        return result.ToString();
    }

    /// <summary>Lower case by the rules of Unicode, of which .NET has only the simple ones: a sigma that ends a word has a form of its own, and a dotted
    /// capital I keeps its dot.</summary>
    private static string Lower(string text)
    {
        if (text.Contains('Σ'))
        {
            var letters = text.ToCharArray();
            for (var at = 0; at < letters.Length; at++)
                if (letters[at] == 'Σ' && IsCased(Neighbour(text, at, -1)) && !IsCased(Neighbour(text, at, +1))) letters[at] = 'ς';
            text = new string(letters);
        }
        return text.Replace("İ", "i\u0307", StringComparison.Ordinal).ToLowerInvariant();
    }

    /// <summary>The nearest character before or after a place that the rule for sigma does not look through; a space at the border of the text.</summary>
    private static Rune Neighbour(string text, int at, int direction)
    {
        for (at += direction; at >= 0 && at < text.Length; at += direction)
        {
            if (direction < 0 && char.IsLowSurrogate(text[at]) && at > 0) at--;
            Rune.DecodeFromUtf16(text.AsSpan(at), out var rune, out var length);
            if (!IsCaseIgnorable(rune)) return rune;
            if (direction > 0) at += length - 1;
        }
        return new Rune(' ');
    }

    /// <summary>Unicode's property Case_Ignorable.</summary>
    private static bool IsCaseIgnorable(Rune rune) =>
        Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark or UnicodeCategory.EnclosingMark or UnicodeCategory.Format
            or UnicodeCategory.ModifierLetter or UnicodeCategory.ModifierSymbol
        || (rune.IsBmp && "'.:\u00B7\u0387\u055F\u05F4\u2018\u2019\u2024\u2027\uFE13\uFE52\uFE55\uFF07\uFF0E\uFF1A".Contains((char)rune.Value));

    /// <summary>Unicode's property Cased: letters with case, and what looks like them (ordinal indicators, Roman numerals, letters in circles and
    /// squares).</summary>
    private static bool IsCased(Rune rune) =>
        Rune.GetUnicodeCategory(rune) is UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter
        || rune.Value is 0xAA or 0xBA or (>= 0x2160 and <= 0x217F) or (>= 0x24B6 and <= 0x24E9)
            or (>= 0x1F130 and <= 0x1F149) or (>= 0x1F150 and <= 0x1F169) or (>= 0x1F170 and <= 0x1F189);
}
