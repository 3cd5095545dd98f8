using System.Buffers;

namespace Easel.Text.Repair;

/// <summary>What mojibake looks like: about 400 characters occur in it, in kinds, and some kinds side by side are all but never meant (a small accented letter
/// before a currency sign). Kinds and rules are those of ftfy 6.1.1's <c>badness</c> and <c>chardata</c> (Robyn Speer).</summary>
internal static partial class MojibakePatterns
{
    // Kinds of characters, as the inside of a character class. None has a hyphen, bracket or backslash of its own.
    private const string
        C1 = @"\x80-\x9F",
        Common = @"\xA0\xAD·´–—―…’",
        Bad = @"¦¤¨¬¯¶§¸ƒˆˇ˘˛˜†‡‰⌐◊\uFFFDªº",
        Currency = "¢£¥₧€",
        Opening = @"¡«¿©΄΅‘‚“„•‹\uF8FF",
        Closing = "®»˝”›™",
        Numeric = @"²³¹±¼½¾×µ÷\u2044\u2202\u2206\u220F\u2211\u221A\u221E\u2229\u222B\u2248\u2260\u2261\u2264\u2265№",
        Kaomoji = "Ò-ÖÙ-Üò-öø-üŐ°",
        UpperAccented = "À-ÑØÜÝĂĄĆČĎĐĘĚĞİĹĽŁŃŇŒŘŚŞŠŢŤŮŰŸŹŻŽҐ",
        LowerAccented = "ßà-ñăąćčďđęěğĺľłœŕśşšťüźżžґﬁﬂ",
        UpperCommon = "Þ\u0391-\u03A9ΆΈΉΊΌΎΏΪΫЁ-Я",
        LowerCommon = "\u03B1-\u03C9άέήίΰа-џ",
        Box = "│┌┐┘├┤┬┼═-╬▀▄█▌▐░▒▓",
        Accented = LowerAccented + UpperAccented,
        Signs = Opening + Closing + Currency + Numeric;

    /// <summary>Python's spaces: .NET's and four separators.</summary>
    private const string Space = @"[\s\x1C-\x1F]";

    [GeneratedRegex($$"""
        [{{C1}}]
        | [{{Bad}}{{Accented}}{{Box}}{{Signs}}][{{Bad}}]
        | [a-zA-Z][{{LowerCommon}}{{UpperCommon}}][{{Bad}}]
        | [{{Bad}}][{{Accented}}{{Box}}{{Signs}}]
        | [{{LowerAccented}}{{LowerCommon}}{{Box}}{{Closing}}{{Currency}}{{Numeric}}][{{UpperAccented}}]
        | [{{Box}}{{Closing}}{{Currency}}{{Numeric}}][{{LowerAccented}}]
        | [{{LowerAccented}}{{Box}}{{Closing}}][{{Currency}}]
        | {{Space}}[{{UpperAccented}}][{{Currency}}]
        | [{{UpperAccented}}{{Box}}][{{Numeric}}]
        | [{{Accented}}{{Box}}{{Currency}}{{Closing}}][{{Opening}}][{{Numeric}}]
        | [{{Accented}}{{Currency}}{{Numeric}}{{Box}}][{{Closing}}][{{Opening}}]
        | [{{Currency}}{{Numeric}}{{Box}}][{{Opening}}]
        | [a-z][{{UpperAccented}}][{{Opening}}{{Currency}}]
        | [{{Box}}][{{Kaomoji}}]
        | [{{Accented}}{{Signs}}][{{Box}}]
        | [{{Box}}][{{Closing}}]
        | [{{Accented}}][{{Closing}}][\p{L}\p{N}_]

        # œ not before a plain letter
        | [Œœ][^A-Za-z]

        # UTF-8 in Windows-1252: of Latin letters, Arabic and South Asian scripts
        | [ÂÃÎÐ][€Šš¢£Ÿž\xA0\xAD®©°·»{{Opening}}{{Closing}}–—´]
        | ×[²³]
        | (?: [ØÙ][{{Common}}{{Currency}}{{Bad}}{{Numeric}}{{Opening}}ŸŠ®°µ»] ){2}
        | à[²µ¹¼½¾]

        # in MacRoman
        | \u221A[±\u2202†\u2260®™´\u2264\u2265¥µø] | \u2248[°¢] | ‚Ä[ìîïòôúùû†°¢\u03C0] | ‚[âó][àä°ê]

        # in Windows-1251, also twice over
        | вЂ | [ВГРС][{{C1}}{{Bad}}{{Opening}}{{Closing}}{{Currency}}°µ][ВГРС] | ГўВЂВ.[A-Za-z\x20]

        # Ã and Â before a no-break space, or what became of it
        | Ã[\xA0¡] | [a-z]{{Space}}?[ÃÂ]\x20 | ^[ÃÂ]\x20 | [a-z.,?!{{Closing}}]Â[\x20{{Opening}}{{Closing}}]

        # in Windows-1253
        | β€[™\xA0Ά\xAD®°] | [\u0392\u0393\u039E\u039F][{{C1}}{{Bad}}{{Opening}}{{Closing}}{{Currency}}°][\u0392\u0393\u039E\u039F]
        """, RegexOptions.IgnorePatternWhitespace)]
    private static partial Regex Badness();

    // What the bytes of UTF-8 look like in the encodings tried: bytes that begin a sequence of two, three or four, and bytes that go on.
    private const string
        FirstOfTwo = "Â-ßĂĆČĎĐĘĚĞİĹŃŇŐŘŞŢŮŰ\u0392-\u03A9ΪΫάέήίВ-Я",
        FirstOfThree = "àáâãäåæçèéêëìíîïăćčďęěĺŕΰ\u03B1-\u03BFа-п",
        FirstOfFour = "ðóđğ\u03C0\u03C3ру",
        ContinuationStrict = @"\x80-\xBFĄąĽľŁłŒœŚśŞşŠšŤťŸŹźŻżŽžƒˆˇ˘˛˜˝΄΅ΆΈΉΊΌΎΏЁЂЃЄЅІЇЈЉЊЋЌЎЏёђѓєѕіїјљњћќўџҐґ†‡•‰‹›€№™",
        Continuation = ContinuationStrict + @"–—―‘’‚“”„…\x20";

    /// <summary>A run of sequences that look like UTF-8 misread, not in the middle of some larger mess.</summary>
    [GeneratedRegex($$"""
        (?<! [{{ContinuationStrict}}] )
        (?: [{{FirstOfTwo}}][{{Continuation}}] | [{{FirstOfThree}}][{{Continuation}}]{2} | [{{FirstOfFour}}][{{Continuation}}]{3} )+
        """, RegexOptions.IgnorePatternWhitespace)]
    public static partial Regex Utf8InDisguise();

    /// <summary>Whether a text holds anything that is all but certainly mojibake.</summary>
    public static bool IsBad(string text) => Badness().IsMatch(OneCharacterEach(text));

    /// <summary>Characters beyond U+FFFF are two for .NET's expressions and one for the original's; no rule names any of them, so that a letter and a square
    /// can stand in for all.</summary>
    private static string OneCharacterEach(string text)
    {
        if (!text.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF')) return text;
        var result = new StringBuilder(text.Length);
        for (var (at, length) = (0, 0); at < text.Length; at += length)
        {
            var isWhole = Rune.DecodeFromUtf16(text.AsSpan(at), out var rune, out length) == OperationStatus.Done;
            if (isWhole && rune.IsBmp) result.Append(text[at]);
            else result.Append(isWhole && (Rune.IsLetter(rune) || Rune.IsNumber(rune)) ? 'ꀀ' : '□');
        }
        return result.ToString();
    }
}
