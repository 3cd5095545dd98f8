using System.Buffers.Binary;
using System.IO.Hashing;
using System.Text;

namespace Easel.Tests.Fuzzing;

/// <summary>A part of a picture file: a PNG chunk, a JPEG segment, a RIFF chunk of WebP, a block of GIF.</summary>
internal readonly record struct PicturePart(string Type, byte[] Data);

/// <summary>A picture file in its parts, to be put together again in any order. Lengths and checksums are those of what the parts then hold.</summary>
internal sealed record PictureParts(string Kind, byte[] Head, List<PicturePart> Parts, byte[] Tail)
{
    /// <summary>The parts of a sound file; one that is of none of the kinds is one part.</summary>
    public static PictureParts Of(byte[] file) => file switch
    {
        [0x89, (byte)'P', ..] => Png(file),
        [0xFF, 0xD8, ..] => Jpeg(file),
        [(byte)'R', (byte)'I', ..] => WebP(file),
        [(byte)'G', (byte)'I', ..] => Gif(file),
        _ => new PictureParts("", [], [new PicturePart("", file)], []),
    };

    public byte[] ToBytes()
    {
        using var file = new MemoryStream();
        file.Write(Head);
        foreach (var part in Parts) Write(file, part);
        file.Write(Tail);
        var bytes = file.ToArray();
        if (Kind == "webp") BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(4), bytes.Length - 8);
        return bytes;
    }

    private void Write(MemoryStream file, PicturePart part)
    {
        Span<byte> four = stackalloc byte[4];
        var type = Encoding.Latin1.GetBytes(part.Type);
        switch (Kind)
        {
            case "png":
                BinaryPrimitives.WriteInt32BigEndian(four, part.Data.Length);
                file.Write(four);
                byte[] body = [.. type, .. part.Data];
                file.Write(body);
                BinaryPrimitives.WriteUInt32BigEndian(four, Crc32.HashToUInt32(body));
                file.Write(four);
                break;
            case "jpeg":
                file.Write([0xFF, type[0]]);
                BinaryPrimitives.WriteUInt16BigEndian(four, (ushort)Math.Min(part.Data.Length + 2, ushort.MaxValue));
                file.Write(four[..2]);
                file.Write(part.Data.AsSpan(0, Math.Min(part.Data.Length, ushort.MaxValue - 2)));
                break;
            case "webp":
                BinaryPrimitives.WriteInt32LittleEndian(four, part.Data.Length);
                file.Write(type);
                file.Write(four);
                file.Write(part.Data);
                if (part.Data.Length % 2 != 0) file.WriteByte(0);
                break;
            default:
                file.Write(part.Data);
                break;
        }
    }

    private static PictureParts Png(byte[] file)
    {
        var parts = new List<PicturePart>();
        for (var at = 8; at + 12 <= file.Length;)
        {
            var length = BinaryPrimitives.ReadInt32BigEndian(file.AsSpan(at));
            parts.Add(new PicturePart(Encoding.Latin1.GetString(file, at + 4, 4), file[(at + 8)..(at + 8 + length)]));
            at += 12 + length;
        }
        return new PictureParts("png", file[..8], parts, []);
    }

    private static PictureParts Jpeg(byte[] file)
    {
        var parts = new List<PicturePart>();
        var at = 2;
        while (file[at + 1] != 0xDA)
        {
            var length = BinaryPrimitives.ReadUInt16BigEndian(file.AsSpan(at + 2));
            parts.Add(new PicturePart(((char)file[at + 1]).ToString(), file[(at + 4)..(at + 2 + length)]));
            at += 2 + length;
        }
        return new PictureParts("jpeg", file[..2], parts, file[at..]);
    }

    private static PictureParts WebP(byte[] file)
    {
        var parts = new List<PicturePart>();
        for (var at = 12; at + 8 <= file.Length;)
        {
            var length = BinaryPrimitives.ReadInt32LittleEndian(file.AsSpan(at + 4));
            parts.Add(new PicturePart(Encoding.Latin1.GetString(file, at, 4), file[(at + 8)..(at + 8 + length)]));
            at += 8 + length + length % 2;
        }
        return new PictureParts("webp", file[..12], parts, []);
    }

    /// <summary>Pieces of a few bytes: a GIF has no table of its blocks.</summary>
    private static PictureParts Gif(byte[] file) => new("gif", file[..6], [.. file[6..].Chunk(16).Select(piece => new PicturePart("", piece))], []);
}
