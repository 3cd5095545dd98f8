namespace Easel.Imaging;

/// <summary>The blocks of a GIF file (GIF89a): its comment.</summary>
internal static class GifFile
{
    private const byte Extension = 0x21, CommentLabel = 0xFE, Picture = 0x2C;

    /// <summary>The first comment; null where there is none. Damage behind it is not looked at.</summary>
    public static string? Comment(ReadOnlySpan<byte> file)
    {
        const int header = 13;
        if (file.Length < header) return null;
        for (var at = header + Colours(file[10]); at + 2 < file.Length;)
        {
            if (file[at] == Extension)
            {
                var text = file[at + 1] == CommentLabel ? new MemoryStream() : null;
                at = Past(file, at + 2, text);
                if (text is { Length: > 0 }) return (System.Text.Unicode.Utf8.IsValid(text.ToArray()) ? Encoding.UTF8 : Encoding.Latin1)
                    .GetString(text.ToArray()).TrimEnd('\0');
            }
            else if (file[at] == Picture && at + 10 < file.Length)
            {
                at = Past(file, at + 11 + Colours(file[at + 9]), null);
            }
            else
            {
                return null;
            }
        }
        return null;
    }

    /// <summary>The bytes of a table of colours that these flags announce.</summary>
    private static int Colours(byte flags) => (flags & 0x80) == 0 ? 0 : 3 << (flags & 7) + 1;

    /// <summary>Behind a row of blocks, each of which begins with its length, up to an empty one.</summary>
    private static int Past(ReadOnlySpan<byte> file, int at, MemoryStream? text)
    {
        while (at < file.Length && file[at] is > 0 and var length)
        {
            if (text is not null && text.Length < ImageLimits.Text) text.Write(file.Slice(at + 1, Math.Min(length, file.Length - at - 1)));
            at += 1 + length;
        }
        return at + 1;
    }
}
