using System.Text;

namespace Easel.Server.Errors;

/// <summary>Sentences for callers. What a caller wrote comes back in them, and may be of any length.</summary>
internal static class Brief
{
    private const int MostOfWord = 200;

    /// <summary>A text with its endless words cut, and cut itself where it goes on and on.</summary>
    /// <param name="most">Letters that it may have in all.</param>
    public static string Of(string text, int most = 2000)
    {
        if (text.Length <= MostOfWord) return text;
        var (said, word) = (new StringBuilder(), 0);
        foreach (var c in text)
        {
            word = char.IsWhiteSpace(c) ? 0 : word + 1;
            if (word == MostOfWord || said.Length == most)
            {
                if (said.Length > 0 && char.IsHighSurrogate(said[^1])) said.Length--; // half of a character is none
                said.Append('…');
            }
            if (said.Length >= most) break;
            if (word < MostOfWord) said.Append(c);
        }
        return said.ToString();
    }
}
