namespace Easel.Text.Repair;

/// <summary>Full-width Latin and half-width katakana, Hangul and symbols (U+FF01 to U+FFEE), which exist to fill a grid of characters, and the letters they
/// stand for.</summary>
internal static class CharacterWidths
{
    private const string Katakana =
        "。「」、・ヲァィゥェォャュョッーアイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワン\u3099\u309A";

    /// <summary>Consonants, in the order of Korean keyboards: U+FFA0 on. First a filler, which takes up the room of a letter.</summary>
    private const string HangulConsonants =
        "\u1160\u1100\u1101\u11AA\u1102\u11AC\u11AD\u1103\u1104\u1105\u11B0\u11B1\u11B2\u11B3\u11B4\u11B5\u111A\u1106\u1107\u1108\u1121\u1109\u110A\u110B\u110C"
        + "\u110D\u110E\u110F\u1110\u1111\u1112";

    /// <summary>From each character to its standard form.</summary>
    public static readonly Dictionary<char, string> Standard = new[]
    {
        From('\u3000', " "),                               // the ideographic space
        From('\uFF01', string.Concat(Enumerable.Range('!', 94).Select(c => (char)c))),
        From('\uFF5F', "\u2985\u2986"),
        From('\uFF61', Katakana),
        From('\uFFA0', HangulConsonants),
        From('\uFFC2', "\u1161\u1162\u1163\u1164\u1165\u1166"),
        From('\uFFCA', "\u1167\u1168\u1169\u116A\u116B\u116C"),
        From('\uFFD2', "\u116D\u116E\u116F\u1170\u1171\u1172"),
        From('\uFFDA', "\u1173\u1174\u1175"),
        From('\uFFE0', "¢£¬"),
        [KeyValuePair.Create('\uFFE3', " \u0304")],         // the macron is a space with a line over it
        From('\uFFE4', "¦¥\u20A9"),
        From('\uFFE8', "\u2502\u2190\u2191\u2192\u2193\u25A0\u25CB"),
    }.SelectMany(range => range).ToDictionary();

    private static IEnumerable<KeyValuePair<char, string>> From(char first, string forms) =>
        forms.Select((form, i) => KeyValuePair.Create((char)(first + i), form.ToString()));
}
