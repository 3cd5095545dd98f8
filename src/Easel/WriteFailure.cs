namespace Easel;

/// <summary>What the system says of a failed write, without the temporary name under which it was tried.</summary>
internal static class WriteFailure
{
    public static string Reason(Exception error)
    {
        if (error is DirectoryNotFoundException) return "its folder does not exist.";
        var path = error.Message.IndexOf(" : '", StringComparison.Ordinal); // .NET puts the path behind the sentence
        return path < 0 ? error.Message : error.Message[..path] + ".";
    }
}
