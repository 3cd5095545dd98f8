namespace Easel.Text.Repair;

/// <summary>Character references of HTML 5: &amp;eacute; and &amp;#233; to é. .NET's own decoder knows 253 of the 2,231 names.</summary>
internal static partial class HtmlEntities
{
    /// <summary>By name without the ampersand, with the semicolon where the name has one.</summary>
    private static readonly Dictionary<string, string> Named = TextTable.Lines("html-entities").Select(line => line.Split(' '))
        .ToDictionary(fields => fields[0], fields => string.Concat(fields.Skip(1).Select(hex => new Rune(TextTable.Hex(hex)))));

    /// <summary>Names that HTML does not know but that upper-casing made of those it knows: NTILDE; for Ñ. Only where nothing else can be meant.</summary>
    private static readonly Dictionary<string, string> Shouted = Named.Keys.Where(name => name.EndsWith(';') && !name.Any(char.IsUpper))
        .Where(name => Longest(name.ToUpperInvariant()) == 0).ToDictionary(name => name.ToUpperInvariant(), name => Shout(Named[name]));

    [GeneratedRegex(@"&(#[0-9]+;?|#[xX][0-9a-fA-F]+;?|[^\t\n\f <&#;]{1,32};?)")]
    private static partial Regex Reference();

    [GeneratedRegex("&(#?[0-9A-Za-z]{1,24};)")]
    private static partial Regex CompleteReference();

    /// <summary>Resolves every reference as a browser does, even without its semicolon (&amp;ampere is &amp;ere). As Python's <c>html.unescape</c>.</summary>
    public static string Unescape(string text) => !text.Contains('&') ? text : Reference().Replace(text, match =>
    {
        var name = match.Groups[1].Value;
        if (name[0] == '#') return Numbered(name);
        return Longest(name) is > 0 and var length ? Named[name[..length]] + name[length..] : match.Value;
    });

    /// <summary>Resolves only what cannot be anything else: references with their semicolon. As ftfy's <c>unescape_html</c>.</summary>
    public static string UnescapeComplete(string text) => !text.Contains('&') ? text : CompleteReference().Replace(text, match =>
    {
        var name = match.Groups[1].Value;
        if (Named.TryGetValue(name, out var value) || Shouted.TryGetValue(name, out value)) return value;
        return name[0] == '#' && Reference().Match(match.Value).Length == match.Length && Numbered(name) is var character and not ";" ? character : match.Value;
    });

    /// <summary>The length of the longest name that this text begins with: the whole, else at least two characters of it; 0 for none.</summary>
    private static int Longest(string text)
    {
        var find = Named.GetAlternateLookup<ReadOnlySpan<char>>();
        Effort.Add(text.Length);
        for (var length = text.Length; length > 1; length--)
            if (find.ContainsKey(text.AsSpan(0, length))) return length;
        return 0;
    }

    /// <summary>The character of #233; or #xE9;. Numbers that are no character give nothing or U+FFFD, and 128-159 mean Windows-1252, as the HTML standard
    /// says.</summary>
    private static string Numbered(string reference)
    {
        var isHex = reference[1] is 'x' or 'X';
        var digits = reference.AsSpan(isHex ? 2 : 1).TrimEnd(';').TrimStart('0');
        if (digits.Length > 8) return "\uFFFD";

        var number = digits.Length == 0 ? 0 : long.Parse(digits, isHex ? NumberStyles.HexNumber : NumberStyles.None, CultureInfo.InvariantCulture);
        return number switch
        {
            0 or (>= 0xD800 and <= 0xDFFF) or > 0x10FFFF => "\uFFFD",
            >= 0x80 and <= 0x9F => SingleByteEncoding.Windows1252.Decode((byte)number).ToString(),
            (>= 0x01 and <= 0x08) or 0x0B or (>= 0x0E and <= 0x1F) or 0x7F or (>= 0xFDD0 and <= 0xFDEF) => "",
            _ when (number & 0xFFFE) == 0xFFFE => "",
            _ => new Rune((int)number).ToString(),
        };
    }

    /// <summary>Upper case by the rules of Unicode, of which .NET has only the simple ones.</summary>
    private static string Shout(string text) => text switch
    {
        "ı" => "I",
        "ß" => "SS",
        "ŉ" => "ʼN",
        "ﬀ" => "FF",
        "ﬁ" => "FI",
        "ﬂ" => "FL",
        "ﬃ" => "FFI",
        "ﬄ" => "FFL",
        _ => text.ToUpperInvariant(),
    };
}
