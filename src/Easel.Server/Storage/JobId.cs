namespace Easel.Server.Storage;

/// <summary>Names of jobs: ten characters of time and six of chance, in an alphabet without letters that look alike, so that names sort by age.</summary>
internal static class JobId
{
    private const string Alphabet = "0123456789abcdefghjkmnpqrstvwxyz";
    private static readonly System.Buffers.SearchValues<char> Known = System.Buffers.SearchValues.Create(Alphabet);
    public const int Length = 16;

    public static string New(DateTimeOffset now)
    {
        var id = new char[Length];
        var milliseconds = now.ToUnixTimeMilliseconds();
        for (var i = 9; i >= 0; i--, milliseconds >>= 5) id[i] = Alphabet[(int)(milliseconds & 31)];
        for (var i = 10; i < Length; i++) id[i] = Alphabet[RandomNumberGenerator.GetInt32(32)];
        return new string(id);
    }

    /// <summary>When a job was asked for, by its name.</summary>
    public static DateTimeOffset TimeOf(ReadOnlySpan<char> id)
    {
        var milliseconds = 0L;
        foreach (var letter in id[..10]) milliseconds = milliseconds << 5 | (long)Alphabet.IndexOf(letter);
        return DateTimeOffset.FromUnixTimeMilliseconds(Math.Min(milliseconds, DateTimeOffset.MaxValue.ToUnixTimeMilliseconds()));
    }

    public static bool IsOne(ReadOnlySpan<char> text) => text.Length == Length && !text.ContainsAnyExcept(Known);
}
