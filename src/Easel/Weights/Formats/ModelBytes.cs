using Microsoft.Win32.SafeHandles;

namespace Easel.Weights.Formats;

/// <summary>A model file, read piece by piece where it lies. Every access is checked against its length, so that a wrong number in the file can only end in an
/// exception. It is not mapped into memory: where a mapped file is cut short by another program, the system ends the process that touches it; a read ends in an
/// exception here. What was written over while it was read is refused, for it may be half of the one and half of the other. One thread at a time.</summary>
internal sealed class ModelBytes : IDisposable
{
    private const int Window = 4096, Chunk = 64 << 20;

    private readonly SafeFileHandle _handle;
    private readonly DateTime _written;
    private byte[] _window = [];
    private long _windowAt;

    private ModelBytes(string path, SafeFileHandle handle)
    {
        (Path, _handle) = (path, handle);
        (Length, _written) = (RandomAccess.GetLength(handle), File.GetLastWriteTimeUtc(handle));
    }

    /// <summary>The path as the caller gave it.</summary>
    public string Path { get; }

    /// <summary>The file's length in bytes, at least one.</summary>
    public long Length { get; }

    /// <summary>Whether there is another file at the path by now, or the same with other bytes.</summary>
    public bool IsOutdated => new FileInfo(Path) is not { Exists: true } now || now.Length != Length || now.LastWriteTimeUtc != _written;

    /// <summary>Opens the file at <paramref name="path"/>. On Windows nobody can write to it until it is closed.</summary>
    /// <exception cref="CheckpointException">There is no such file, it is a folder or no file at all, it is empty, or it cannot be read.</exception>
    public static ModelBytes Open(string path)
    {
        if (Directory.Exists(path)) throw new CheckpointException($"'{path}' is a folder where a model file is wanted.");
        if (RegularFile.WhyNot(path) is { } why) throw new CheckpointException($"'{path}' {why}.");
        if (!File.Exists(path)) throw new CheckpointException($"There is no model file at '{path}'.");
        try
        {
            var handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
            try
            {
                var file = new ModelBytes(path, handle);
                return file.Length > 0 ? file : throw new CheckpointException($"'{path}' is empty; its download or copy did not finish.");
            }
            catch
            {
                handle.Dispose();
                throw;
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new CheckpointException($"'{path}' cannot be read: {error.Message}", error);
        }
    }

    /// <summary>The bytes from <paramref name="offset"/> on.</summary>
    public ReadOnlySpan<byte> Span(long offset, int length)
    {
        Check(offset, length);
        if (offset < _windowAt || offset + length > _windowAt + _window.Length)
        {
            var window = new byte[Math.Max(length, Math.Min(Window, Length - offset))]; // a new one: spans of the last may be in use
            Read(offset, window);
            (_window, _windowAt) = (window, offset);
        }
        return _window.AsSpan((int)(offset - _windowAt), length);
    }

    /// <summary>Reads the bytes from <paramref name="offset"/> on.</summary>
    /// <exception cref="CheckpointException">The file has not that many, was changed since it was opened, or the disk fails.</exception>
    public void Read(long offset, Span<byte> into)
    {
        Check(offset, into.Length);
        try
        {
            for (int read; into.Length > 0; into = into[read..], offset += read)
            {
                read = RandomAccess.Read(_handle, into[..Math.Min(into.Length, Chunk)], offset);
                if (read == 0) throw Refuse("was cut short while it was read; try again when it is whole");
            }
            if (RandomAccess.GetLength(_handle) != Length || File.GetLastWriteTimeUtc(_handle) != _written)
                throw Refuse("was changed while it was read; try again when it is whole");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw Refuse($"cannot be read: {error.Message.TrimEnd('.')}", error);
        }
    }

    /// <summary>Makes sure that a range lies inside the file.</summary>
    public void Check(long offset, long length)
    {
        ObjectDisposedException.ThrowIf(_handle.IsClosed, this);
        if (offset < 0 || length < 0 || offset > Length - length) throw Refuse("ends before the data it speaks of; its download or copy did not finish");
    }

    /// <summary>The little-endian number at <paramref name="offset"/>.</summary>
    public ulong UInt64(long offset) => BinaryPrimitives.ReadUInt64LittleEndian(Span(offset, 8));

    /// <summary>The exception that refuses this file.</summary>
    /// <param name="what">The rest of the sentence that begins with the file's name, without its full stop.</param>
    public CheckpointException Refuse(string what, Exception? inner = null) => new($"'{Path}' {what}.", inner);

    /// <summary>Closes the file.</summary>
    public void Dispose() => _handle.Dispose();

    /// <summary>A part of the file as a stream.</summary>
    public Stream Stream(long offset, long length)
    {
        Check(offset, length);
        return new Part(this, offset, length);
    }

    private sealed class Part(ModelBytes file, long start, long length) : Stream
    {
        private long _done;

        public override bool CanRead => true;
        public override bool CanSeek => false;
        public override bool CanWrite => false;
        public override long Length => throw new NotSupportedException();
        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override int Read(Span<byte> buffer)
        {
            var count = (int)Math.Min(buffer.Length, length - _done);
            file.Read(start + _done, buffer[..count]);
            _done += count;
            return count;
        }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));
        public override void Flush() { }
        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
        public override void SetLength(long value) => throw new NotSupportedException();
        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
