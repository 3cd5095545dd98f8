namespace Easel.Imaging;

/// <summary>The boxes of an AVIF file (ISO 14496-12 and 23008-12) that lead to its EXIF and XMP. Its pixels are not read. Whatever is damaged is not
/// there.</summary>
internal static class AvifFile
{
    /// <summary>The types of the items.</summary>
    public const string Exif = "Exif", Xmp = "mime";

    private const int MostBoxes = 1000, MostItems = 10_000;

    /// <summary>The bytes of the first item of a type; for EXIF those of the block, without what announces it. Empty where there is none.</summary>
    public static ReadOnlyMemory<byte> Find(byte[] file, string type)
    {
        try
        {
            var meta = Box(file, file, "meta");
            if (meta.Length < 4) return default;
            meta = meta[4..];
            if (ItemOf(Box(file, meta, "iinf").Span, type) is not { } id) return default;
            var item = Place(file, Box(file, meta, "iloc").Span, Box(file, meta, "idat"), id);
            if (type != Exif || item.Length < 4) return item;
            var skip = BinaryPrimitives.ReadUInt32BigEndian(item.Span);
            return skip > item.Length - 4 ? default : item[(4 + (int)skip)..];
        }
        catch (ArgumentOutOfRangeException)
        {
            return default; // cut short, or a length that lies
        }
    }

    /// <summary>The contents of the first box of a type.</summary>
    private static ReadOnlyMemory<byte> Box(byte[] file, ReadOnlyMemory<byte> within, string type)
    {
        var wanted = Encoding.ASCII.GetBytes(type);
        for (var boxes = 0; boxes < MostBoxes && within.Length >= 8; boxes++)
        {
            var (length, head) = ((long)BinaryPrimitives.ReadUInt32BigEndian(within.Span), 8);
            if (length == 1) (length, head) = (BinaryPrimitives.ReadInt64BigEndian(within.Span[8..]), 16);
            if (length == 0) length = within.Length;
            if (length < head || length > within.Length) return default;
            if (within.Span.Slice(4, 4).SequenceEqual(wanted)) return within[head..(int)length];
            within = within[(int)length..];
        }
        return default;
    }

    private static long? ItemOf(ReadOnlySpan<byte> iinf, string type)
    {
        if (iinf.Length < 6) return null;
        var wanted = Encoding.ASCII.GetBytes(type);
        var at = iinf[0] == 0 ? 6 : 8;
        for (var items = 0; items < MostItems && at + 12 <= iinf.Length; items++)
        {
            var length = BinaryPrimitives.ReadUInt32BigEndian(iinf[at..]);
            var (version, id) = (iinf[at + 8], at + 12);
            var wide = version > 2 ? 4 : 2;
            var kind = id + wide + 2;
            if (version >= 2 && kind + 4 <= iinf.Length && iinf.Slice(kind, 4).SequenceEqual(wanted)) return Number(iinf, id, wide);
            if (length < 12 || length > iinf.Length - at) return null;
            at += (int)length;
        }
        return null;
    }

    /// <summary>Where an item's first extent lies: in the file, or in the box beside.</summary>
    private static ReadOnlyMemory<byte> Place(byte[] file, ReadOnlySpan<byte> iloc, ReadOnlyMemory<byte> idat, long id)
    {
        var (version, sizes) = (iloc[0], iloc[4] << 8 | iloc[5]);
        var (offsetSize, lengthSize, baseSize, indexSize) = (sizes >> 12 & 15, sizes >> 8 & 15, sizes >> 4 & 15, version is 1 or 2 ? sizes & 15 : 0);
        var wide = version < 2 ? 2 : 4;
        var (count, at) = (Number(iloc, 6, wide), 6 + wide);
        for (var item = 0L; item < Math.Min(count, MostItems); item++)
        {
            var own = Number(iloc, at, wide);
            at += wide;
            var method = version is 1 or 2 ? (int)Number(iloc, at, 2) & 15 : 0;
            at += version is 1 or 2 ? 4 : 2;
            var start = Number(iloc, at, baseSize);
            at += baseSize;
            var extents = (int)Number(iloc, at, 2);
            at += 2;
            if (own == id && extents > 0)
            {
                var from = start + Number(iloc, at + indexSize, offsetSize);
                var length = Number(iloc, at + indexSize + offsetSize, lengthSize);
                var source = method == 0 ? file.AsMemory() : idat;
                return from < 0 || length < 0 || from > source.Length || length > source.Length - from ? default : source.Slice((int)from, (int)length);
            }
            at += extents * (indexSize + offsetSize + lengthSize);
        }
        return default;
    }

    private static long Number(ReadOnlySpan<byte> bytes, int at, int size) => size switch
    {
        2 => BinaryPrimitives.ReadUInt16BigEndian(bytes[at..]),
        4 => BinaryPrimitives.ReadUInt32BigEndian(bytes[at..]),
        8 => BinaryPrimitives.ReadInt64BigEndian(bytes[at..]),
        _ => 0,
    };
}
