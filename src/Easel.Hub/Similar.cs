namespace Easel.Hub;

/// <summary>Finds what somebody meant who mistyped it.</summary>
public static class Similar
{
    /// <summary>The candidate nearest to a word, or null where none is near: one slip is allowed in a short word, two in a longer one.</summary>
    public static string? To(string word, IEnumerable<string> candidates)
    {
        var allowed = word.Trim('-').Length < 6 ? 1 : 2;
        return candidates.Select(candidate => (candidate, Slips: Distance(word, candidate))).Where(c => c.Slips <= allowed).OrderBy(c => c.Slips)
            .FirstOrDefault().candidate;
    }

    /// <summary>The candidate nearest to a word, however far it is.</summary>
    public static string Nearest(string word, IEnumerable<string> candidates) => candidates.MinBy(candidate => Distance(word, candidate))!;

    /// <summary>The fewest letters to insert, leave out, exchange or swap with their neighbour (restricted Damerau-Levenshtein distance).</summary>
    public static int Distance(string a, string b)
    {
        var table = new int[a.Length + 1, b.Length + 1];
        for (var i = 0; i <= a.Length; i++)
        {
            for (var j = 0; j <= b.Length; j++)
            {
                if (i == 0 || j == 0)
                {
                    table[i, j] = i + j;
                    continue;
                }
                var same = a[i - 1] == b[j - 1];
                table[i, j] = Math.Min(Math.Min(table[i - 1, j], table[i, j - 1]) + 1, table[i - 1, j - 1] + (same ? 0 : 1));
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) table[i, j] = Math.Min(table[i, j], table[i - 2, j - 2] + 1);
            }
        }
        return table[a.Length, b.Length];
    }
}
