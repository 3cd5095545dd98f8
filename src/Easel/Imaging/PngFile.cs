using System.IO.Hashing;

namespace Easel.Imaging;

/// <summary>The chunks of a PNG file (W3C PNG, third edition): reading and writing its text, finding its EXIF block.</summary>
internal static class PngFile
{
    private const int MaxText = ImageLimits.Text;

    /// <summary>More chunks and texts than any file of a size that is read has, and few enough to list.</summary>
    private const int MostChunks = 200_000, MostTexts = 1000;

    /// <summary>One chunk: its four-letter type and where its data lies in the file.</summary>
    public readonly record struct Chunk(string Type, int Start, int Length);

    /// <summary>The eight bytes every PNG begins with.</summary>
    public static ReadOnlySpan<byte> Signature => [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A];

    /// <summary>The chunks up to IEND, each with its checksum verified.</summary>
    public static List<Chunk> Chunks(byte[] file, string name)
    {
        var chunks = new List<Chunk>();
        var at = Signature.Length;
        while (true)
        {
            if (at + 12 > file.Length) throw new EaselException($"'{name}' is cut short: its last PNG chunk is missing.");
            var length = BinaryPrimitives.ReadUInt32BigEndian(file.AsSpan(at));
            if (length > file.Length - at - 12) throw new EaselException($"'{name}' is cut short inside a PNG chunk.");

            var type = Encoding.Latin1.GetString(file, at + 4, 4);
            if (BinaryPrimitives.ReadUInt32BigEndian(file.AsSpan(at + 8 + (int)length)) != Crc32.HashToUInt32(file.AsSpan(at + 4, (int)length + 4)))
                throw new EaselException($"'{name}' is damaged: the checksum of its PNG chunk at byte {at} is wrong.");
            if (type == "IEND") return chunks;
            if (chunks.Count == MostChunks) throw new EaselException($"'{name}' is damaged: it has more than {MostChunks} PNG chunks.");
            chunks.Add(new Chunk(type, at + 8, (int)length));
            at += 12 + (int)length;
        }
    }

    /// <summary>The EXIF block, empty when there is none. The file may be damaged elsewhere: whether it can be shown is for the decoder to say.</summary>
    public static ReadOnlyMemory<byte> Exif(byte[] file)
    {
        var at = Signature.Length;
        while (at + 12 <= file.Length)
        {
            var length = BinaryPrimitives.ReadUInt32BigEndian(file.AsSpan(at));
            if (length > file.Length - at - 12) break;
            if (file.AsSpan(at + 4, 4).SequenceEqual("eXIf"u8)) return file.AsMemory(at + 8, (int)length);
            at += 12 + (int)length;
        }
        return default;
    }

    /// <summary>All text pairs in the file's order, from tEXt, zTXt and iTXt chunks.</summary>
    /// <exception cref="EaselException">The file is damaged, or its text unpacks to more than is allowed.</exception>
    public static ImageMetadata ReadText(byte[] file, string name)
    {
        var pairs = new List<KeyValuePair<string, string>>();
        long total = 0;
        foreach (var chunk in Chunks(file, name))
        {
            var data = file.AsSpan(chunk.Start, chunk.Length);
            var pair = chunk.Type switch
            {
                "tEXt" => ReadPlain(data),
                "zTXt" => ReadPacked(data, name, MaxText - total),
                "iTXt" => ReadInternational(data, name, MaxText - total),
                _ => null,
            };
            if (pair is null) continue;
            total += pair.Value.Key.Length + pair.Value.Value.Length;
            ImageLimits.CheckText(total, name);
            if (pairs.Count == MostTexts) throw new EaselException($"'{name}' holds more than {MostTexts} texts.");
            pairs.Add(pair.Value);
        }
        return ImageMetadata.From(pairs);
    }

    /// <summary>The file with the text pairs put in behind its header, "parameters" first.</summary>
    /// <exception cref="EaselException">A key is not 1 to 79 Latin-1 characters.</exception>
    public static byte[] WithText(byte[] file, ImageMetadata metadata)
    {
        var header = Signature.Length + 12 + 13;
        using var result = new MemoryStream(file.Length + 1024);
        result.Write(file, 0, header);
        if (metadata.Parameters is { } parameters) WriteText(result, ImageMetadata.ParametersKey, parameters);
        foreach (var (key, text) in metadata.Others) WriteText(result, key, text);
        result.Write(file, header, file.Length - header);
        return result.ToArray();
    }

    /// <summary>As Pillow's PngInfo.add_text: tEXt when Latin-1 can hold the text, otherwise iTXt, not packed.</summary>
    private static void WriteText(MemoryStream file, string key, string text)
    {
        if (key.Length is 0 or > 79 || key.AsSpan().ContainsAnyExceptInRange('\u0001', '\u00FF'))
            throw new EaselException($"'{key}' cannot name a text in a PNG: a name has 1 to 79 Latin-1 characters.");
        var latin = !text.AsSpan().ContainsAnyExceptInRange('\0', '\u00FF');
        byte[] data = latin
            ? [.. Encoding.Latin1.GetBytes(key), 0, .. Encoding.Latin1.GetBytes(text)]
            : [.. Encoding.Latin1.GetBytes(key), 0, 0, 0, 0, 0, .. Encoding.UTF8.GetBytes(text)];
        WriteChunk(file, latin ? "tEXt" : "iTXt", data);
    }

    public static void WriteChunk(MemoryStream file, string type, ReadOnlySpan<byte> data)
    {
        var chunk = new byte[data.Length + 12];
        BinaryPrimitives.WriteInt32BigEndian(chunk, data.Length);
        Encoding.Latin1.GetBytes(type, chunk.AsSpan(4));
        data.CopyTo(chunk.AsSpan(8));
        BinaryPrimitives.WriteUInt32BigEndian(chunk.AsSpan(8 + data.Length), Crc32.HashToUInt32(chunk.AsSpan(4, data.Length + 4)));
        file.Write(chunk);
    }

    private static KeyValuePair<string, string>? ReadPlain(ReadOnlySpan<byte> data)
    {
        var end = data.IndexOf((byte)0);
        return end < 0 ? null : KeyValuePair.Create(Encoding.Latin1.GetString(data[..end]), Encoding.Latin1.GetString(data[(end + 1)..]));
    }

    private static KeyValuePair<string, string>? ReadPacked(ReadOnlySpan<byte> data, string name, long most)
    {
        var end = data.IndexOf((byte)0);
        if (end < 0 || end + 2 > data.Length || data[end + 1] != 0) return null;
        return KeyValuePair.Create(Encoding.Latin1.GetString(data[..end]), Encoding.Latin1.GetString(Unpack(data[(end + 2)..], name, most)));
    }

    /// <summary>iTXt: key, 0, packed?, method, language, 0, translated key, 0, text in UTF-8.</summary>
    private static KeyValuePair<string, string>? ReadInternational(ReadOnlySpan<byte> data, string name, long most)
    {
        var end = data.IndexOf((byte)0);
        if (end < 0 || end + 3 > data.Length) return null;
        var key = Encoding.Latin1.GetString(data[..end]);
        var (packed, method) = (data[end + 1], data[end + 2]);
        var rest = data[(end + 3)..];
        for (var skip = 0; skip < 2; skip++)
        {
            var next = rest.IndexOf((byte)0);
            if (next < 0) return null;
            rest = rest[(next + 1)..];
        }
        if (packed == 0) return KeyValuePair.Create(key, Encoding.UTF8.GetString(rest));
        return packed == 1 && method == 0 ? KeyValuePair.Create(key, Encoding.UTF8.GetString(Unpack(rest, name, most))) : null;
    }

    private static byte[] Unpack(ReadOnlySpan<byte> packed, string name, long most)
    {
        try
        {
            using var zlib = new ZLibStream(new MemoryStream(packed.ToArray()), CompressionMode.Decompress);
            using var text = new MemoryStream();
            var buffer = new byte[16384];
            for (int read; (read = zlib.Read(buffer)) > 0;)
            {
                text.Write(buffer, 0, read);
                ImageLimits.CheckText(text.Length + MaxText - most, name);
            }
            return text.ToArray();
        }
        catch (InvalidDataException e)
        {
            throw new EaselException($"'{name}' is damaged: a packed text in it cannot be unpacked.", e);
        }
    }
}
