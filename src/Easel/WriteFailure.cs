namespace Easel;

/// <summary>What is to be told of a file that the system would not give.</summary>
internal static class WriteFailure
{
    private const string Elsewhere = "name another place.";

    /// <summary>Why a file could not be written, and what helps, without the temporary name under which it was tried.</summary>
    public static string Reason(Exception error) => error switch
    {
        DirectoryNotFoundException or FileNotFoundException => $"its folder is not there, or takes no files; {Elsewhere}",
        UnauthorizedAccessException => $"you may not write there; {Elsewhere}",
        _ => Shortage(error) ?? WithoutPath(error.Message),
    };

    /// <summary>A sentence for a file that could not be read or written, by what .NET says of it.</summary>
    public static string Sentence(Exception error)
    {
        var said = error.Message.ReplaceLineEndings("\n").Split('\n')[0].TrimEnd('.') + ".";
        var first = said.IndexOf('\'');
        var last = said.IndexOf("' with allocation size", StringComparison.Ordinal) is > 0 and var end ? end : said.LastIndexOf('\'');
        if (last <= first) return said;
        var path = said[first..(last + 1)];
        return error switch
        {
            DirectoryNotFoundException or FileNotFoundException => $"{path} is not there, and cannot be made.",
            UnauthorizedAccessException => $"{path} cannot be used: you may not read or write it.",
            _ when Shortage(error) is { } shortage => $"{path} cannot be written: {shortage}",
            _ => said,
        };
    }

    /// <summary>What a place lacks; null where it is something else.</summary>
    private static string? Shortage(Exception error)
    {
        if (error is PathTooLongException) return "its name is longer than the system allows.";
        if (error is not IOException) return null;
        // The numbers of Linux and macOS, and those of Windows. Where room is asked for at once there is none but the words.
        var code = error.HResult & 0xFFFF;
        if (Is(28, 112, 39) || Says("disk was full")) return $"the disk is full; make room on it, or {Elsewhere}";
        if (Is(122) || Is(69)) return $"your share of the disk is used up; make room in it, or {Elsewhere}";
        if (Is(30, 19)) return $"it is on a disk that may only be read; {Elsewhere}";
        return Is(27, 223) || Says("file was too large") ? $"there may be no file of that size; {Elsewhere}" : null;

        bool Is(int unix, params ReadOnlySpan<int> windows) => OperatingSystem.IsWindows() ? windows.Contains(code) : code == unix;
        bool Says(string words) => error.Message.Contains(words, StringComparison.Ordinal);
    }

    /// <summary>.NET puts the path behind the sentence.</summary>
    private static string WithoutPath(string message) =>
        message.IndexOf(" : '", StringComparison.Ordinal) is >= 0 and var path ? message[..path] + "." : message;
}
