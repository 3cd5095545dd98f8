using System.Security.Cryptography;

namespace Easel.Metadata;

/// <summary>The fingerprint by which people name a model file.</summary>
internal static class ModelHash
{
    private const int ShortLength = 10, Block = 1 << 20;

    /// <summary>The SHA-256 of a file in lower-case hexadecimal; its first ten digits are the "model hash" of picture metadata (<see cref="Short"/>).</summary>
    /// <param name="progress">Told the number of bytes read so far, from time to time.</param>
    /// <param name="tensorsOnly">Whether the header of a safetensors file is left out, as AUTOMATIC1111 and kohya's scripts hash LoRAs.</param>
    public static string Sha256(string path, Action<long>? progress = null, CancellationToken cancel = default, bool tensorsOnly = false)
    {
        if (RegularFile.WhyNot(path) is { } why) throw new CheckpointException($"'{path}' {why}.");
        try
        {
            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, 0, FileOptions.SequentialScan);
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            if (tensorsOnly && stream.Length > sizeof(long))
            {
                Span<byte> length = stackalloc byte[sizeof(long)];
                stream.ReadExactly(length);
                stream.Position = Math.Clamp(BinaryPrimitives.ReadInt64LittleEndian(length), 0, stream.Length - sizeof(long)) + sizeof(long);
            }
            var block = new byte[Block];
            long done = 0;
            for (int read; (read = stream.Read(block)) > 0;)
            {
                cancel.ThrowIfCancellationRequested();
                hash.AppendData(block, 0, read);
                progress?.Invoke(done += read);
            }
            return Convert.ToHexStringLower(hash.GetHashAndReset());
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException($"'{path}' cannot be read: {error.Message}", error);
        }
    }

    /// <summary>The first ten digits of a hash, as picture metadata and file lists show it.</summary>
    public static string Short(string sha256) => sha256[..ShortLength];
}
