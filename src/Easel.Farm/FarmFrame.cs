using System.Buffers.Binary;

namespace Easel.Farm;

/// <summary>A record and what belongs to it in one message: four bytes of length, the record, the rest.</summary>
internal static class FarmFrame
{
    public static byte[] Write<T>(T record, ReadOnlySpan<byte> rest)
    {
        return Of(FarmProtocol.Write(record), rest);
    }

    /// <summary>A record that is written already, and what belongs to it.</summary>
    public static byte[] Of(byte[] text, ReadOnlySpan<byte> rest)
    {
        var frame = new byte[4 + text.Length + rest.Length];
        BinaryPrimitives.WriteInt32LittleEndian(frame, text.Length);
        text.CopyTo(frame, 4);
        rest.CopyTo(frame.AsSpan(4 + text.Length));
        return frame;
    }

    /// <summary>What a message holds; null where it is none of ours.</summary>
    public static (T Record, ReadOnlyMemory<byte> Beside)? Read<T>(byte[]? frame) where T : class
    {
        if (frame is not { Length: >= 4 }) return null;
        var length = BinaryPrimitives.ReadInt32LittleEndian(frame);
        if (length < 0 || length > frame.Length - 4) return null;
        return FarmProtocol.Read<T>(frame.AsSpan(4, length)) is { } record ? (record, frame.AsMemory(4 + length)) : null;
    }
}
