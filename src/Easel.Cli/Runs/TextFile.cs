namespace Easel.Cli.Runs;

/// <summary>Text files that people write, in the encodings that their editors write them in.</summary>
internal static class TextFile
{
    /// <summary>The largest file that is read, in bytes.</summary>
    public const int LargestFile = 16 << 20;

    /// <summary>Byte order marks, the longer before those that they begin with.</summary>
    private static readonly (byte[] Mark, Encoding Encoding)[] Marks =
    [
        ([0xEF, 0xBB, 0xBF], new UTF8Encoding(false, throwOnInvalidBytes: true)),
        ([0xFF, 0xFE, 0, 0], new UTF32Encoding(bigEndian: false, byteOrderMark: true, throwOnInvalidCharacters: true)),
        ([0, 0, 0xFE, 0xFF], new UTF32Encoding(bigEndian: true, byteOrderMark: true, throwOnInvalidCharacters: true)),
        ([0xFF, 0xFE], new UnicodeEncoding(bigEndian: false, byteOrderMark: true, throwOnInvalidBytes: true)),
        ([0xFE, 0xFF], new UnicodeEncoding(bigEndian: true, byteOrderMark: true, throwOnInvalidBytes: true)),
    ];

    /// <summary>Reads a text file: UTF-8, or UTF-16 or UTF-32 with a byte order mark, and anything else as Windows-1252.</summary>
    /// <param name="path">The file.</param>
    /// <returns>The text, and a sentence that says so where it was read as Windows-1252; else null.</returns>
    /// <exception cref="UsageException">It cannot be read, is too large, or is no text.</exception>
    public static (string Text, string? Remark) Read(string path)
    {
        try
        {
            using var stream = File.OpenRead(path);
            using var bytes = new MemoryStream();
            var buffer = new byte[81920];
            for (int read; (read = stream.Read(buffer)) > 0;)
            {
                bytes.Write(buffer, 0, read);
                if (bytes.Length > LargestFile) throw new UsageException($"{path} is larger than {LargestFile >> 20} MB, the largest text file that is read.");
            }
            return Decode(bytes.ToArray(), path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new UsageException(File.Exists(path) ? $"{path} cannot be read: {e.Message}" : $"There is no file {path}.", e);
        }
    }

    /// <summary>Decodes the bytes of a text file; see <see cref="Read"/>.</summary>
    /// <param name="bytes">The bytes.</param>
    /// <param name="name">What to call the file in a sentence.</param>
    /// <returns>The text, and what is worth telling.</returns>
    /// <exception cref="UsageException">It is no text.</exception>
    public static (string Text, string? Remark) Decode(ReadOnlySpan<byte> bytes, string name)
    {
        foreach (var (mark, encoding) in Marks)
        {
            if (!bytes.StartsWith(mark)) continue;
            try
            {
                return (WithoutZeros(encoding.GetString(bytes[mark.Length..]), name), null);
            }
            catch (DecoderFallbackException e)
            {
                throw new UsageException($"{name} begins as {encoding.WebName.ToUpperInvariant()} and is damaged: some of it is no text.", e);
            }
        }
        if (System.Text.Unicode.Utf8.IsValid(bytes)) return (WithoutZeros(Encoding.UTF8.GetString(bytes), name), null);

        return (WithoutZeros(CodePagesEncodingProvider.Instance.GetEncoding(1252)!.GetString(bytes), name),
            $"{name} is not UTF-8: line {FirstWrongLine(bytes)} was read as Windows-1252, as the rest. Save it as UTF-8 where letters are wrong.");
    }

    private static string WithoutZeros(string text, string name) => text.IndexOf('\0') is >= 0 and var at
        ? throw new UsageException($"{name} is no text that can be read: there is a zero byte in line {text.AsSpan(0, at).Count('\n') + 1}. Save it as UTF-8.")
        : text;

    private static int FirstWrongLine(ReadOnlySpan<byte> bytes)
    {
        for (var line = 1; ; line++)
        {
            var end = bytes.IndexOf((byte)'\n');
            if (end < 0 || !System.Text.Unicode.Utf8.IsValid(bytes[..end])) return line;
            bytes = bytes[(end + 1)..];
        }
    }
}
