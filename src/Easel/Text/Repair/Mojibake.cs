using System.Buffers;
using System.Text.Unicode;

namespace Easel.Text.Repair;

/// <summary>Undoes mojibake: text in UTF-8 that was read as something else, "cafÃ©" for "café". It acts only on text that holds sequences which no person
/// writes (<see cref="MojibakePatterns"/>), by writing it back in the encoding it was misread in and reading that as UTF-8. Original: <c>fix_encoding</c> of
/// ftfy 6.1.1 (Robyn Speer).</summary>
internal static partial class Mojibake
{
    /// <summary>The first byte of à whose second, A0, merged with the space after it: "Ã la mode" is "à la mode", so that the space stays beside the A0 put
    /// back. Not before the Portuguese words that go on, "Ã quele" being "àquele".</summary>
    [GeneratedRegex(@"\xC3\x20(?!\x20|quele|quela|quilo|s\x20)")]
    private static partial Regex LoneAGrave();

    /// <summary>Bytes of a UTF-8 sequence in which a space replaced A0, where such a sequence is likely.</summary>
    [GeneratedRegex("""
        [\xC2\xC3\xC5\xCE\xD0\xD9]\x20
        | [\xE2\xE3]\x20[\x80-\x84\x86-\x9F\xA1-\xBF] | [\xE0-\xE3][\x80-\x84\x86-\x9F\xA1-\xBF]\x20
        | \xF0 (?: \x20[\x80-\xBF][\x80-\xBF] | [\x80-\xBF]\x20[\x80-\xBF] | [\x80-\xBF][\x80-\xBF]\x20 )
        """, RegexOptions.IgnorePatternWhitespace)]
    private static partial Regex SpaceForA0();

    /// <summary>Bytes of a UTF-8 or CESU-8 sequence of which some were lost, and became 1A or (one at most) a question mark.</summary>
    [GeneratedRegex("""
        [\xC2-\xDF]\x1A | [\xC2\xC3]\?
        | \xED[\xA0-\xAF] (?: [\x1A?]\xED[\xB0-\xBF][\x1A?\x80-\xBF] | [\x1A?\x80-\xBF]\xED[\xB0-\xBF][\x1A?] )
        | [\xE0-\xEF] (?: [\x1A?][\x1A\x80-\xBF] | [\x1A\x80-\xBF][\x1A?] )
        | [\xF0-\xF4] (?: [\x1A?][\x1A\x80-\xBF]{2} | [\x1A\x80-\xBF][\x1A?][\x1A\x80-\xBF] | [\x1A\x80-\xBF]{2}[\x1A?] )
        | \x1A
        """, RegexOptions.IgnorePatternWhitespace)]
    private static partial Regex LossySequence();

    /// <summary>What Java writes for U+0000 (C0 80) and for characters beyond U+FFFF (two halves of three bytes each).</summary>
    [GeneratedRegex(@"\xC0\x80|\xED[\xA0-\xAF][\x80-\xBF]\xED[\xB0-\xBF][\x80-\xBF]")]
    private static partial Regex JavaSequence();

    [GeneratedRegex(@"[\x80-\x9F]")]
    private static partial Regex C1Control();

    /// <summary>The text with as much of its mojibake undone as can be, layer by layer.</summary>
    public static string Repair(string text) => Repair(text, new StrongBox<long>((long)MostPasses * Math.Max(text.Length, ShortText)));

    /// <summary>How often the whole text may be looked through, all parts of it that are mended by themselves together: a text made for it would otherwise mend
    /// one character in each pass.</summary>
    private const int MostPasses = 32, ShortText = 64;

    private static string Repair(string text, StrongBox<long> left)
    {
        while ((left.Value -= text.Length) >= 0)
        {
            var repaired = RepairOnce(text, left);
            if (repaired == text) return text;
            text = repaired;
        }
        return text;
    }

    /// <summary>Control characters from 80 to 9F, which nobody uses, to what Windows-1252 has there.</summary>
    public static string ReplaceC1Controls(string text) =>
        C1Control().Replace(text, match => SingleByteEncoding.Windows1252.Decode((byte)match.ValueSpan[0]).ToString());

    private static string RepairOnce(string text, StrongBox<long> left)
    {
        Effort.Add(text.Length);
        if (Ascii.IsValid(text) || !MojibakePatterns.IsBad(text)) return text;

        foreach (var encoding in SingleByteEncoding.All)
        {
            if (encoding.Encode(text) is not { } bytes) continue;
            bytes = LoneAGrave().Replace(bytes, "\u00C3\u00A0 ");
            bytes = SpaceForA0().Replace(bytes, match => match.Value.Replace(' ', '\u00A0'));
            if (encoding.IsSloppy) bytes = LossySequence().Replace(bytes, "\u00EF\u00BF\u00BD");      // U+FFFD in UTF-8
            if (DecodeUtf8(bytes) is { } decoded) return decoded;
        }

        // No encoding explains the whole. What looks most like UTF-8 is mended by itself; a match of the whole text would lead here again.
        var mended = MojibakePatterns.Utf8InDisguise().Replace(text,
            match => match.Length < text.Length && MojibakePatterns.IsBad(match.Value) ? Repair(match.Value, left) : match.Value);
        return mended != text ? mended : ReplaceC1Controls(text);
    }

    /// <summary>Reads bytes, one in each character, as UTF-8 or as Java's variant of it; null if they are not.</summary>
    private static string? DecodeUtf8(string bytes)
    {
        bytes = JavaSequence().Replace(bytes, match => match.ValueSpan is "\u00C0\u0080" ? "\0" : FourBytes(match.ValueSpan));
        var text = new char[bytes.Length];
        return Utf8.ToUtf16(Encoding.Latin1.GetBytes(bytes), text, out _, out var length, replaceInvalidSequences: false) == OperationStatus.Done
            ? new string(text, 0, length) : null;
    }

    /// <summary>The UTF-8 of a character written as two halves. UTF-16's high half counts from 0x10000.</summary>
    private static string FourBytes(ReadOnlySpan<char> halves)
    {
        var (high, low) = (0xD000 | (halves[1] & 0x3F) << 6 | (halves[2] & 0x3F), 0xD000 | (halves[4] & 0x3F) << 6 | (halves[5] & 0x3F));
        return Encoding.Latin1.GetString(Encoding.UTF8.GetBytes([(char)high, (char)low]));
    }
}
