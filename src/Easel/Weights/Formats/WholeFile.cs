namespace Easel.Weights.Formats;

/// <summary>Writes files of tensors so that a path holds the whole new file or what it held before.</summary>
internal static class WholeFile
{
    private const int Chunk = 16 << 20;

    /// <summary>Writes a file.</summary>
    /// <param name="path">Where to; a file that is there is replaced once the new one is whole.</param> <param name="length">Its bytes.</param>
    /// <exception cref="EaselException">It cannot be written.</exception>
    public static void Write(string path, long length, Action<FileStream> write)
    {
        if (Directory.Exists(path)) throw new EaselException($"'{path}' cannot be written: it is a folder.");
        var beside = $"{path}.{Guid.NewGuid():N}.part";
        try
        {
            // Asking for all the space at once tells of a full disk before the work begins.
            var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, PreallocationSize = length };
            using (var stream = new FileStream(beside, options))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }
            File.Move(beside, path, overwrite: true);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new EaselException($"'{path}' cannot be written: {WriteFailure.Reason(error).Replace(beside, path)}", error);
        }
        finally
        {
            TryDelete(beside);
        }
    }

    /// <summary>Writes the numbers of a tensor, converted to the type that was announced.</summary>
    public static void Write(FileStream stream, string name, TensorInfo info, Tensor tensor, CancellationToken cancel)
    {
        if (!tensor.shape.SequenceEqual(info.Shape)) throw new ArgumentException($"Tensor '{name}' has another shape than was announced.");
        var values = tensor.detach().to(CPU).to(info.DType).contiguous().view(-1);
        var count = values.NumberOfElements;
        // In pieces, because a span counts its bytes with 32 bits.
        for (long done = 0; done < count; done += Chunk)
        {
            cancel.ThrowIfCancellationRequested();
            using var piece = values.narrow(0, done, Math.Min(Chunk, count - done));
            stream.Write(piece.bytes);
        }
    }

    private static void TryDelete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // The exception on its way says what happened; that a remnant stays is the lesser news.
        }
    }
}
