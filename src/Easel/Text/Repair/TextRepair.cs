namespace Easel.Text.Repair;

/// <summary>Mends text that was damaged on its way: read in the wrong encoding, escaped for HTML, typeset with ligatures and curly quotes, in full-width
/// letters, with control characters. Steps, order and tables are those of <c>fix_text</c> of ftfy 6.1.1 (Robyn Speer), which CLIP's tokenizer was trained
/// behind.</summary>
internal static partial class TextRepair
{
    /// <summary>Two letters in one character, and the two.</summary>
    private static readonly Dictionary<char, string> Ligatures =
        "ĲIJ ĳij ŉʼn ǱDZ ǲDz ǳdz ǄDŽ ǅDž ǆdž ǇLJ ǈLj ǉlj ǊNJ ǋNj ǌnj ﬀff ﬁfi ﬂfl ﬃffi ﬄffl ﬅſt ﬆst".Split(' ')
            .ToDictionary(entry => entry[0], entry => entry[1..]);

    private static readonly Dictionary<char, string> Quotes =
        Table("\u201C\u201D\u201E\u201F", '"').Concat(Table("\u02BC\u2018\u2019\u201A\u201B", '\'')).ToDictionary();

    private static readonly Dictionary<char, string> LineBreaks = Table("\r\u2028\u2029\u0085", '\n').ToDictionary();

    /// <summary>Controls with no visible effect: ASCII's except tab, line feed, form feed and carriage return; deprecated Arabic ones; annotations; the byte
    /// order mark.</summary>
    private static readonly Dictionary<char, string> Controls = Enumerable.Range(0, 0x80).Select(c => (char)c)
        .Where(c => c is <= '\u0008' or '\u000B' or (>= '\u000E' and <= '\u001F') or '\u007F')
        .Concat([.. "\u206A\u206B\u206C\u206D\u206E\u206F\uFEFF\uFFF9\uFFFA\uFFFB\uFFFC"])
        .ToDictionary(c => c, _ => "");

    [GeneratedRegex(@"\u001B\[[\d;]*[a-zA-Z]")]
    private static partial Regex TerminalEscape();

    /// <summary>The text, mended line by line; most text comes back as it went in.</summary>
    public static string Repair(string text)
    {
        if (!text.AsSpan().ContainsAnyExceptInRange(' ', '~') && !text.Contains('&')) return text;

        var result = new StringBuilder(text.Length);
        var unescape = true;
        for (int start = 0, end; start < text.Length; start = end)
        {
            end = text.IndexOf('\n', start) is >= 0 and var newline ? newline + 1 : text.Length;
            var line = text[start..end];
            unescape &= !line.Contains('<');              // from the first "<" on this is HTML, and its entities are meant
            result.Append(RepairLine(line, unescape));
        }
        return result.ToString();
    }

    /// <summary>Damage upon damage is mended as often as this; nobody's text was escaped more often, unless to keep a program busy.</summary>
    private const int MostPasses = 32;

    private static string RepairLine(string text, bool unescape)
    {
        for (var pass = 0; pass < MostPasses; pass++)
        {
            Effort.Add(text.Length);
            var before = text;
            if (unescape) text = HtmlEntities.UnescapeComplete(text);
            text = Mojibake.Repair(text);
            text = Mojibake.ReplaceC1Controls(text);
            text = Translate(text, Ligatures);
            text = Translate(text, CharacterWidths.Standard);
            text = Translate(text, Quotes);
            text = Translate(text.Replace("\r\n", "\n", StringComparison.Ordinal), LineBreaks);
            text = ReplaceLoneSurrogates(text);
            text = TerminalEscape().Replace(text, "");
            text = Translate(text, Controls);
            text = CanonicalComposition.Compose(text);
            if (text == before) break;
        }
        return text;
    }

    private static string Translate(string text, Dictionary<char, string> table)
    {
        StringBuilder? result = null;
        for (var i = 0; i < text.Length; i++)
        {
            if (table.TryGetValue(text[i], out var replacement)) (result ??= new StringBuilder(text, 0, i, text.Length)).Append(replacement);
            else result?.Append(text[i]);
        }
        return result?.ToString() ?? text;
    }

    private static string ReplaceLoneSurrogates(string text)
    {
        if (!text.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF')) return text;
        var result = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes()) result.Append(rune.ToString());     // the enumerator gives U+FFFD for a half alone
        return result.ToString();
    }

    private static IEnumerable<KeyValuePair<char, string>> Table(string from, char to) => from.Select(c => KeyValuePair.Create(c, to.ToString()));
}
