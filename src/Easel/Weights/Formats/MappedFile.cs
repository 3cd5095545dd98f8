using System.IO.MemoryMappedFiles;

namespace Easel.Weights.Formats;

/// <summary>A file mapped for reading. Every access is checked against its length, so that a wrong number in the file can only end in an exception.</summary>
internal sealed unsafe partial class MappedFile : IDisposable
{
    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;
    private readonly byte* _start;
    private bool _disposed;

    private MappedFile(string path, long length, MemoryMappedFile file)
    {
        Path = path;
        Length = length;
        _file = file;
        _view = file.CreateViewAccessor(0, length, MemoryMappedFileAccess.Read);
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref _start);
        _start += _view.PointerOffset;
    }

    /// <summary>The path as the caller gave it.</summary>
    public string Path { get; }

    /// <summary>The file's length in bytes, at least one.</summary>
    public long Length { get; }

    /// <summary>Maps the file at <paramref name="path"/>.</summary>
    /// <exception cref="CheckpointException">There is no such file, it is a folder, it is empty, or it cannot be read.</exception>
    public static MappedFile Open(string path)
    {
        if (Directory.Exists(path)) throw new CheckpointException($"'{path}' is a folder where a model file is wanted.");
        if (!File.Exists(path)) throw new CheckpointException($"There is no model file at '{path}'.");
        try
        {
            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
            if (!stream.CanSeek) throw new CheckpointException($"'{path}' is not a regular file, and a model is mapped from one.");
            if (stream.Length == 0) throw new CheckpointException($"'{path}' is empty; its download or copy did not finish.");

            var file = MemoryMappedFile.CreateFromFile(stream, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
            try
            {
                return new MappedFile(path, stream.Length, file);
            }
            catch
            {
                file.Dispose();
                throw;
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new CheckpointException($"'{path}' cannot be read: {error.Message}", error);
        }
    }

    /// <summary>The bytes from <paramref name="offset"/> on, which stay where they are until the file is disposed.</summary>
    public ReadOnlySpan<byte> Span(long offset, int length) => new(Pointer(offset, length), length);

    /// <summary>The address of <paramref name="length"/> bytes at <paramref name="offset"/>.</summary>
    public byte* Pointer(long offset, long length)
    {
        Check(offset, length);
        return _start + offset;
    }

    /// <summary>Makes sure that a range lies inside the file.</summary>
    public void Check(long offset, long length)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (offset < 0 || length < 0 || offset > Length - length) throw Refuse("ends before the data it speaks of; its download or copy did not finish");
    }

    /// <summary>The little-endian number at <paramref name="offset"/>.</summary>
    public ulong UInt64(long offset) => BinaryPrimitives.ReadUInt64LittleEndian(Span(offset, 8));

    /// <summary>Tells the system that the bytes read from this range need not stay in memory. Pages of a mapped file count as the process's own once touched,
    /// so a load that does this needs the model plus one tensor and no more. A hint: on systems without <c>madvise</c> nothing happens.</summary>
    public void Release(long offset, long length)
    {
        if (length <= 0 || !(OperatingSystem.IsLinux() || OperatingSystem.IsMacOS())) return;
        var page = (long)Environment.SystemPageSize;
        var from = (long)Pointer(offset, length) / page * page;
        // Outwards to whole pages: a neighbour's page is read again from the file when it is wanted.
        _ = Advise((nint)from, (nuint)((long)_start + offset + length - from), DontNeed);
    }

    /// <summary>The exception that refuses this file.</summary>
    /// <param name="what">The rest of the sentence that begins with the file's name, without its full stop.</param>
    public CheckpointException Refuse(string what, Exception? inner = null) => new($"'{Path}' {what}.", inner);

    /// <summary>Unmaps the file: every view of it is invalid from here on.</summary>
    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        _view.SafeMemoryMappedViewHandle.ReleasePointer();
        _view.Dispose();
        _file.Dispose();
    }

    private const int DontNeed = 4; // MADV_DONTNEED, the same number on Linux and macOS

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(nint address, nuint length, int advice);
}
