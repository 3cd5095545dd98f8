namespace Easel.Text.Repair;

/// <summary>A character set of 256 characters, the lower half ASCII, that text in UTF-8 gets misread in.</summary>
internal sealed class SingleByteEncoding
{
    /// <summary>Windows-1252, in which the bytes without a character stand for the control characters of the same number.</summary>
    public static readonly SingleByteEncoding Windows1252 = new(isSloppy: true,
        "€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008DŽ\u008F\u0090‘’“”•–—˜™š›œ\u009DžŸ\u00A0¡¢£¤¥¦§¨©ª«¬\u00AD®¯°±²³´µ¶·¸¹º»¼½¾¿" +
        "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖ×ØÙÚÛÜÝÞßàáâãäåæçèéêëìíîïðñòóôõö÷øùúûüýþÿ");

    private static readonly SingleByteEncoding Windows1251 = new(isSloppy: true,
        "ЂЃ‚ѓ„…†‡€‰Љ‹ЊЌЋЏђ‘’“”•–—\u0098™љ›њќћџ\u00A0ЎўЈ¤Ґ¦§Ё©Є«¬\u00AD®Ї°±Ііґµ¶·ё№є»јЅѕї" +
        "АБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯабвгдежзийклмнопрстуфхцчшщъыьэюя");

    private static readonly SingleByteEncoding Windows1250 = new(isSloppy: true,
        "€\u0081‚\u0083„…†‡\u0088‰Š‹ŚŤŽŹ\u0090‘’“”•–—\u0098™š›śťžź\u00A0ˇ˘Ł¤Ą¦§¨©Ş«¬\u00AD®Ż°±˛ł´µ¶·¸ąş»Ľ˝ľż" +
        "ŔÁÂĂÄĹĆÇČÉĘËĚÍÎĎĐŃŇÓÔŐÖ×ŘŮÚŰÜÝŢßŕáâăäĺćçčéęëěíîďđńňóôőö÷řůúűüýţ˙");

    private static readonly SingleByteEncoding Windows1253 = new(isSloppy: true,
        "€\u0081‚ƒ„…†‡\u0088‰\u008A‹\u008C\u008D\u008E\u008F\u0090‘’“”•–—\u0098™\u009A›\u009C\u009D\u009E\u009F\u00A0΅Ά£¤¥¦§¨©ª«¬\u00AD®―°±²³΄µ¶·ΈΉΊ»Ό½ΎΏ" +
        "ΐΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡÒΣΤΥΦΧΨΩΪΫάέήίΰαβγδεζηθικλμνξοπρςστυφχψωϊϋόύώÿ");

    private static readonly SingleByteEncoding Windows1254 = new(isSloppy: true,
        "€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008D\u008E\u008F\u0090‘’“”•–—˜™š›œ\u009D\u009EŸ\u00A0¡¢£¤¥¦§¨©ª«¬\u00AD®¯°±²³´µ¶·¸¹º»¼½¾¿" +
        "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏĞÑÒÓÔÕÖ×ØÙÚÛÜİŞßàáâãäåæçèéêëìíîïğñòóôõö÷øùúûüışÿ");

    private static readonly SingleByteEncoding Latin2 = new(isSloppy: false,
        Range(0x80, 0x9F) +
        "\u00A0Ą˘Ł¤ĽŚ§¨ŠŞŤŹ\u00ADŽŻ°ą˛ł´ľśˇ¸šşťź˝žżŔÁÂĂÄĹĆÇČÉĘËĚÍÎĎĐŃŇÓÔŐÖ×ŘŮÚŰÜÝŢßŕáâăäĺćçčéęëěíîďđńňóôőö÷řůúűüýţ˙");

    private static readonly SingleByteEncoding MacRoman = new(isSloppy: false,
        "ÄÅÇÉÑÖÜáàâäãåçéèêëíìîïñóòôöõúùûü†°¢£§•¶ß®©™´¨≠ÆØ∞±≤≥¥µ∂∑∏π∫ªºΩæø" +
        "¿¡¬√ƒ≈∆«»…\u00A0ÀÃÕŒœ–—“”‘’÷◊ÿŸ⁄€‹›ﬁﬂ‡·‚„‰ÂÊÁËÈÍÎÏÌÓÔ\uF8FFÒÚÛÙıˆ˜¯˘˙˚¸˝˛ˇ");

    private static readonly SingleByteEncoding CodePage437 = new(isSloppy: false,
        "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐" +
        "└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00A0");

    private static readonly SingleByteEncoding Latin1 = new(isSloppy: false, Range(0x80, 0xFF));

    /// <summary>The encodings that repair is tried with, in this order.</summary>
    public static readonly SingleByteEncoding[] All = [Latin1, Windows1252, Windows1251, Windows1250, Windows1253, Windows1254, Latin2, MacRoman, CodePage437];

    /// <summary>What a sloppy encoding writes for a character that was lost (U+FFFD); as a character itself it then cannot be written.</summary>
    public const char Lost = '\u001A';

    private readonly string _upperHalf;
    private readonly Dictionary<char, char> _encode;

    private SingleByteEncoding(bool isSloppy, string upperHalf)
    {
        IsSloppy = isSloppy;
        _upperHalf = upperHalf;
        _encode = Range(0x00, 0x7F).Concat(upperHalf).Select((character, value) => (character, value)).ToDictionary(e => e.character, e => (char)e.value);
        if (!isSloppy) return;
        _encode.Remove(Lost);
        _encode.Add('\uFFFD', Lost);
    }

    /// <summary>Whether the encoding's holes are filled, and lost characters allowed, as programs do that read anything as Windows text.</summary>
    public bool IsSloppy { get; }

    /// <summary>The character of a byte.</summary>
    public char Decode(byte value) => value < 0x80 ? (char)value : _upperHalf[value - 0x80];

    /// <summary>The bytes of a text, one in each character of the result, so that they can be searched like text; null if the encoding cannot write
    /// it.</summary>
    public string? Encode(string text)
    {
        var bytes = new char[text.Length];
        for (var i = 0; i < text.Length; i++)
            if (!_encode.TryGetValue(text[i], out bytes[i])) return null;
        return new string(bytes);
    }

    private static string Range(int from, int to) => string.Concat(Enumerable.Range(from, to - from + 1).Select(c => (char)c));
}
