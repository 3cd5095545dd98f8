namespace Easel.Imaging;

/// <summary>What Easel needs of an EXIF block (a small TIFF file, CIPA DC-008): which way is up, the user comment that holds generation parameters, and the
/// plain texts. Damage in it never stops a picture from being read: what cannot be understood is passed over.</summary>
internal sealed class Exif
{
    private const ushort OrientationTag = 0x0112, ExifPointer = 0x8769, UserCommentTag = 0x9286, MakerNoteTag = 0x927C;
    private const ushort FirstWindowsTag = 0x9C9B, LastWindowsTag = 0x9C9F; // in UTF-16, as Windows Explorer writes them
    private const ushort ByteType = 1, AsciiType = 2, ShortType = 3, LongType = 4, UndefinedType = 7;

    private static readonly (ushort Tag, string Key)[] Written =
        [(0x010E, "ImageDescription"), (0x010F, "Make"), (0x0110, "Model"), (0x0131, "Software"), (0x013B, "Artist"), (0x8298, "Copyright")];

    private static readonly (ushort Tag, string Key)[] Texts =
    [
        .. Written, (MakerNoteTag, "MakerNote"), (FirstWindowsTag, "XPTitle"), (0x9C9C, "XPComment"), (0x9C9D, "XPAuthor"), (0x9C9E, "XPKeywords"),
        (LastWindowsTag, "XPSubject"),
    ];

    private static readonly HashSet<ushort> Wanted = [OrientationTag, ExifPointer, UserCommentTag, .. Texts.Select(text => text.Tag)];

    /// <summary>How many bytes of text are still read.</summary>
    private long _left = ImageLimits.Text;

    /// <summary>1 to 8 as EXIF numbers them; 1 is upright.</summary>
    public int Orientation { get; private set; } = 1;

    /// <summary>The user comment, decoded.</summary>
    public string? UserComment { get; private set; }

    /// <summary>The plain texts of the first directory.</summary>
    public List<KeyValuePair<string, string>> Pairs { get; } = [];

    /// <summary>Reads a block, with or without the six bytes "Exif\0\0" before it.</summary>
    public static Exif Parse(ReadOnlySpan<byte> block)
    {
        var exif = new Exif();
        if (block.StartsWith("Exif\0\0"u8)) block = block[6..];
        if (block.Length < 8) return exif;
        var little = block.StartsWith("II*\0"u8);
        if (little || block.StartsWith("MM\0*"u8)) exif.ReadDirectory(block, U32(block, 4, little), little, nested: false);
        return exif;
    }

    /// <summary>A big-endian block with the parameters as a UTF-16 user comment, as AUTOMATIC1111 writes it with piexif, and those other pairs that have a
    /// tag.</summary>
    public static byte[] Build(ImageMetadata metadata)
    {
        var entries = new List<(ushort Tag, ushort Type, byte[] Data)>();
        foreach (var (tag, key) in Written)
            if (metadata[key] is { } text) entries.Add((tag, AsciiType, [.. Encoding.UTF8.GetBytes(text), 0]));
        byte[]? comment = metadata.Parameters is { } parameters ? [.. "UNICODE\0"u8, .. Encoding.BigEndianUnicode.GetBytes(parameters)] : null;
        if (comment is not null) entries.Add((ExifPointer, LongType, new byte[4]));

        // Header, then the first directory, then its data, then the EXIF directory with its one entry, then the comment.
        const int directory = 8;
        var data = directory + 2 + entries.Count * 12 + 4;
        var sub = data + entries.Sum(e => e.Data.Length > 4 ? e.Data.Length + (e.Data.Length & 1) : 0);
        var block = new byte[comment is null ? sub : sub + 18 + comment.Length];
        "MM\0*"u8.CopyTo(block);
        BinaryPrimitives.WriteUInt32BigEndian(block.AsSpan(4), directory);
        BinaryPrimitives.WriteUInt16BigEndian(block.AsSpan(directory), (ushort)entries.Count);
        for (var i = 0; i < entries.Count; i++)
        {
            var (tag, type, bytes) = entries[i];
            if (tag == ExifPointer) BinaryPrimitives.WriteInt32BigEndian(bytes, sub);
            WriteEntry(block, directory + 2 + i * 12, tag, type, type == LongType ? 1 : bytes.Length, bytes, data);
            if (bytes.Length > 4) data += bytes.Length + (bytes.Length & 1);
        }
        if (comment is not null)
        {
            BinaryPrimitives.WriteUInt16BigEndian(block.AsSpan(sub), 1);
            WriteEntry(block, sub + 2, UserCommentTag, UndefinedType, comment.Length, comment, sub + 18);
        }
        return block;
    }

    private static void WriteEntry(byte[] block, int at, ushort tag, ushort type, int count, byte[] bytes, int dataAt)
    {
        BinaryPrimitives.WriteUInt16BigEndian(block.AsSpan(at), tag);
        BinaryPrimitives.WriteUInt16BigEndian(block.AsSpan(at + 2), type);
        BinaryPrimitives.WriteInt32BigEndian(block.AsSpan(at + 4), count);
        if (bytes.Length > 4) BinaryPrimitives.WriteInt32BigEndian(block.AsSpan(at + 8), dataAt);
        bytes.CopyTo(block.AsSpan(bytes.Length > 4 ? dataAt : at + 8));
    }

    /// <summary>Reads a directory once, and of it the few tags that are wanted, the first of each: a block of any size is read in one pass and no text in it
    /// counts twice.</summary>
    private void ReadDirectory(ReadOnlySpan<byte> block, uint at, bool little, bool nested)
    {
        if (at > block.Length - 2) return;
        var count = U16(block, (int)at, little);
        var read = new HashSet<ushort>();
        for (var i = 0; i < count; i++)
        {
            var entry = (int)at + 2 + i * 12;
            if (entry > block.Length - 12) return;
            var (tag, type) = (U16(block, entry, little), U16(block, entry + 2, little));
            if (!Wanted.Contains(tag) || !read.Add(tag)) continue;
            var (length, value) = (U32(block, entry + 4, little), U32(block, entry + 8, little));
            if (tag == OrientationTag && type == ShortType && U16(block, entry + 8, little) is var orientation and >= 1 and <= 8) Orientation = orientation;
            else if (tag == ExifPointer && !nested) ReadDirectory(block, value, little, nested: true);
            else if (type is ByteType or AsciiType or UndefinedType) ReadText(block, tag, length, length > 4 ? value : (uint)entry + 8, nested);
        }
    }

    private void ReadText(ReadOnlySpan<byte> block, ushort tag, uint length, uint start, bool nested)
    {
        if (start > block.Length || length > block.Length - start || length > _left) return;
        _left -= length;
        var bytes = block.Slice((int)start, (int)length);
        if (tag == UserCommentTag) UserComment ??= Comment(bytes);
        else if (Texts.FirstOrDefault(t => t.Tag == tag).Key is { } key && (!nested || tag == MakerNoteTag))
        {
            var text = tag is >= FirstWindowsTag and <= LastWindowsTag ? Encoding.Unicode.GetString(bytes) : Utf8OrLatin(bytes);
            Pairs.Add(KeyValuePair.Create(key, text.TrimEnd('\0')));
        }
    }

    /// <summary>The comment behind its eight-byte code: "UNICODE\0", "ASCII\0\0\0", eight zeros or none at all.</summary>
    private static string? Comment(ReadOnlySpan<byte> bytes)
    {
        var code = bytes.Length < 8 ? "" : Encoding.Latin1.GetString(bytes[..8]).ToUpperInvariant();
        var text = code == "UNICODE\0" ? Unicode(bytes[8..])
            : Utf8OrLatin(code is "ASCII\0\0\0" or "JIS\0\0\0\0\0" or "\0\0\0\0\0\0\0\0" ? bytes[8..] : bytes);
        text = text.TrimEnd('\0', ' ');
        return text.Length == 0 ? null : text;
    }

    /// <summary>Writers disagree on what the mark means: UTF-16 of either byte order, which few mark, or UTF-8. UTF-16 has a zero byte in each Latin letter and
    /// UTF-8 has none; a few bytes without any could be two ideographs that read as Latin letters.</summary>
    private static string Unicode(ReadOnlySpan<byte> bytes)
    {
        if (bytes.StartsWith<byte>([0xFF, 0xFE])) return Encoding.Unicode.GetString(bytes[2..]);
        if (bytes.StartsWith<byte>([0xFE, 0xFF])) return Encoding.BigEndianUnicode.GetString(bytes[2..]);
        var text = bytes.TrimEnd((byte)0);
        if (!text.Contains((byte)0) && text.Length is >= 8 or 1 or 3 or 5 or 7 && System.Text.Unicode.Utf8.IsValid(text)) return Encoding.UTF8.GetString(text);
        return (Likely(bytes, high: 1) > Likely(bytes, high: 0) ? Encoding.Unicode : Encoding.BigEndianUnicode).GetString(bytes);
    }

    /// <summary>How many characters belong to a script in wide use, if their upper halves lie at even places (0) or at odd ones (1).</summary>
    private static int Likely(ReadOnlySpan<byte> bytes, int high)
    {
        var likely = 0;
        for (var i = high; i < bytes.Length; i += 2)
            if (bytes[i] is 0 or 0x03 or 0x04 or 0x20 or (>= 0x30 and <= 0x9F) or (>= 0xAC and <= 0xDF) or 0xFF) likely += bytes[i] == 0 ? 2 : 1;
        return likely;
    }

    private static string Utf8OrLatin(ReadOnlySpan<byte> bytes) =>
        System.Text.Unicode.Utf8.IsValid(bytes) ? Encoding.UTF8.GetString(bytes) : Encoding.Latin1.GetString(bytes);

    private static ushort U16(ReadOnlySpan<byte> block, int at, bool little) =>
        little ? BinaryPrimitives.ReadUInt16LittleEndian(block[at..]) : BinaryPrimitives.ReadUInt16BigEndian(block[at..]);

    private static uint U32(ReadOnlySpan<byte> block, int at, bool little) =>
        little ? BinaryPrimitives.ReadUInt32LittleEndian(block[at..]) : BinaryPrimitives.ReadUInt32BigEndian(block[at..]);
}
