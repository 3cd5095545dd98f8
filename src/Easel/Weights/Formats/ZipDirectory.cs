namespace Easel.Weights.Formats;

/// <summary>One file inside a zip.</summary>
/// <param name="Name">Its name, with slashes between folders.</param> <param name="Start">Where its bytes begin in the archive.</param>
/// <param name="PackedSize">How many bytes it takes there.</param> <param name="Size">How many it has when inflated, as the directory claims.</param>
internal sealed record ZipEntry(string Name, long Start, long PackedSize, long Size, bool Deflated)
{
    // Deflate cannot make less than one byte of 1032; a directory that claims more lies.
    private const long BestDeflate = 1032;

    /// <summary>Whether that many bytes can have been packed into this few.</summary>
    public bool Plausible => Deflated ? Size / BestDeflate <= PackedSize : Size == PackedSize;

    /// <summary>Reads the inflated bytes one after another.</summary>
    public ZipInflater Inflate(ModelBytes file) => new(file, this);
}

/// <summary>Inflates one entry, exactly as far as it is asked to: what an entry claims to hold costs nothing.</summary>
internal sealed class ZipInflater : IDisposable
{
    private readonly ModelBytes _file;
    private readonly ZipEntry _entry;
    private readonly DeflateStream _stream;

    /// <summary>Begins at the entry's first byte.</summary>
    public ZipInflater(ModelBytes file, ZipEntry entry)
    {
        (_file, _entry) = (file, entry);
        _stream = new DeflateStream(file.Stream(entry.Start, entry.PackedSize), CompressionMode.Decompress);
    }

    /// <summary>Fills <paramref name="destination"/> with the bytes that follow.</summary>
    public void Read(Span<byte> destination)
    {
        try
        {
            _stream.ReadExactly(destination);
        }
        catch (Exception error) when (error is InvalidDataException or IOException)
        {
            throw _file.Refuse($"has a damaged entry {Quoted.Name(_entry.Name)}", error);
        }
    }

    /// <summary>Passes over <paramref name="count"/> bytes.</summary>
    public void Skip(long count)
    {
        Span<byte> scratch = stackalloc byte[4096];
        for (; count > 0; count -= scratch.Length) Read(scratch[..(int)Math.Min(count, scratch.Length)]);
    }

    public void Dispose() => _stream.Dispose();
}

/// <summary>The central directory of a zip, zip64 included (PKWARE APPNOTE 6.3, sections 4.3 and 4.5.3). .NET's own reader hands out streams; this one says
/// where each entry lies, so that stored ones can be used in place.</summary>
internal static class ZipDirectory
{
    private const uint EndSignature = 0x06054B50, End64Signature = 0x06064B50, Locator64Signature = 0x07064B50;
    private const uint EntrySignature = 0x02014B50, LocalSignature = 0x04034B50;
    private const int EndSize = 22, End64Size = 56, Locator64Size = 20, EntrySize = 46, LocalSize = 30, LongestComment = 0xFFFF;
    private const int LargestDirectory = 256 << 20;

    /// <summary>The entries of <paramref name="file"/> in the directory's order, each checked to lie inside the file.</summary>
    public static OrderedDictionary<string, ZipEntry> Read(ModelBytes file)
    {
        var end = FindEnd(file);
        var record = file.Span(end, EndSize);
        long count = U16(record, 10), size = U32(record, 12), start = U32(record, 16);
        if (count == 0xFFFF || size == 0xFFFFFFFF || start == 0xFFFFFFFF) (end, count, size, start) = ReadEnd64(file, end);
        if (start < 0 || size < 0 || count < 0 || size > LargestDirectory || start > end - size || count > size / EntrySize)
            throw Damaged(file, "its list of contents lies outside the file");

        var directory = file.Span(start, (int)size);
        var entries = new OrderedDictionary<string, ZipEntry>();
        for (; count > 0; count--)
        {
            var (entry, length) = ReadEntry(file, directory, dataEnd: start);
            if (!entries.TryAdd(entry.Name, entry)) throw Damaged(file, $"{Quoted.Name(entry.Name)} is in it twice");
            directory = directory[length..];
        }
        return entries;
    }

    private static long FindEnd(ModelBytes file)
    {
        // The record is the last thing in the file, but for a comment whose length it gives.
        var tail = (int)Math.Min(file.Length, EndSize + LongestComment);
        var span = file.Span(file.Length - tail, tail);
        for (var at = tail - EndSize; at >= 0; at--)
            if (U32(span, at) == EndSignature && U16(span, at + 20) == tail - EndSize - at) return file.Length - tail + at;
        throw file.Refuse("is cut short: it begins as a zip archive, as PyTorch writes, and its end is missing; its download or copy did not finish");
    }

    private static (long End, long Count, long Size, long Start) ReadEnd64(ModelBytes file, long end)
    {
        if (end < Locator64Size) throw Damaged(file, "its zip64 record is missing");
        var locator = file.Span(end - Locator64Size, Locator64Size);
        if (U32(locator, 0) != Locator64Signature) throw Damaged(file, "its zip64 record is missing");
        var at = (long)U64(locator, 8);
        if (at < 0 || at > end - Locator64Size - End64Size) throw Damaged(file, "its zip64 record lies outside the file");
        var record = file.Span(at, End64Size);
        if (U32(record, 0) != End64Signature) throw Damaged(file, "its zip64 record is missing");
        return (at, (long)U64(record, 32), (long)U64(record, 40), (long)U64(record, 48));
    }

    private static (ZipEntry Entry, int Length) ReadEntry(ModelBytes file, ReadOnlySpan<byte> directory, long dataEnd)
    {
        if (directory.Length < EntrySize || U32(directory, 0) != EntrySignature) throw Damaged(file, "its list of contents breaks off");
        int flags = U16(directory, 8), method = U16(directory, 10);
        int nameLength = U16(directory, 28), extraLength = U16(directory, 30), commentLength = U16(directory, 32);
        long packed = U32(directory, 20), size = U32(directory, 24), local = U32(directory, 42);
        var length = EntrySize + nameLength + extraLength + commentLength;
        if (directory.Length < length) throw Damaged(file, "its list of contents breaks off");

        var nameBytes = directory.Slice(EntrySize, nameLength);
        var name = Encoding.UTF8.GetString(nameBytes);
        Extend(file, directory.Slice(EntrySize + nameLength, extraLength), ref size, ref packed, ref local);
        if ((flags & 1) != 0) throw file.Refuse($"is encrypted ({Quoted.Name(name)}), and Easel has no password for it");
        if (method is not (0 or 8)) throw file.Refuse($"has {Quoted.Name(name)} compressed by method {method}; PyTorch stores its entries, or deflates them");

        if (local < 0 || local > dataEnd - LocalSize) throw Damaged(file, $"{Quoted.Name(name)} lies outside the file");
        var header = file.Span(local, LocalSize);
        var data = local + LocalSize + U16(header, 26) + U16(header, 28);
        if (U32(header, 0) != LocalSignature || U16(header, 26) != nameLength || packed < 0 || size < 0 || data > dataEnd || packed > dataEnd - data)
            throw Damaged(file, $"{Quoted.Name(name)} lies outside the file");
        // Two names for one entry is how archives show one thing to a scanner and another to a reader.
        if (!file.Span(local + LocalSize, nameLength).SequenceEqual(nameBytes)) throw Damaged(file, $"{Quoted.Name(name)} has another name at its place");

        var entry = new ZipEntry(name, data, packed, size, method == 8);
        return entry.Plausible ? (entry, length) : throw Damaged(file, $"{Quoted.Name(name)} claims {size} bytes and takes {packed}");
    }

    // A field of 32 ones means: see the zip64 extra field, which holds just those that did not fit, in this order.
    private static void Extend(ModelBytes file, ReadOnlySpan<byte> extra, ref long size, ref long packed, ref long local)
    {
        while (extra.Length >= 4)
        {
            int id = U16(extra, 0), length = U16(extra, 2);
            if (extra.Length < 4 + length) return;
            if (id == 1)
            {
                var fields = extra.Slice(4, length);
                Take(file, ref fields, ref size);
                Take(file, ref fields, ref packed);
                Take(file, ref fields, ref local);
                return;
            }
            extra = extra[(4 + length)..];
        }
    }

    private static void Take(ModelBytes file, ref ReadOnlySpan<byte> fields, ref long value)
    {
        if (value != 0xFFFFFFFF) return;
        if (fields.Length < 8) throw Damaged(file, "a zip64 field is missing");
        value = (long)U64(fields, 0);
        fields = fields[8..];
    }

    private static CheckpointException Damaged(ModelBytes file, string what) => file.Refuse($"is a damaged zip archive ({what}); fetch it again");

    private static int U16(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt16LittleEndian(bytes[at..]);
    private static uint U32(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);
    private static ulong U64(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt64LittleEndian(bytes[at..]);
}
