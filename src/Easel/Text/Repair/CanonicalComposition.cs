namespace Easel.Text.Repair;

/// <summary>Unicode's normalization form C: letters and their accents as one character where there is one (Unicode Standard Annex 15). Done here because
/// <see cref="string.Normalize()"/> leaves everything but ASCII alone in an application that uses invariant globalization, as the ones with small footprints
/// do.</summary>
internal static class CanonicalComposition
{
    private const int HangulBase = 0xAC00, LeadBase = 0x1100, VowelBase = 0x1161, TrailBase = 0x11A7, Leads = 19, Vowels = 21, Trails = 28;

    /// <summary>Below this every character is composed already.</summary>
    private const char FirstCombining = '\u0300';

    private static readonly Dictionary<int, int[]> Decompositions = [];
    private static readonly Dictionary<(int First, int Second), int> Compositions = [];
    private static readonly Dictionary<int, int> Classes = [];

    static CanonicalComposition()
    {
        foreach (var line in TextTable.Lines("nfc"))
        {
            var fields = line.Split(' ');
            if (line[0] == '@')
            {
                var mark = int.Parse(fields[0].AsSpan(1), CultureInfo.InvariantCulture);
                foreach (var range in fields.Skip(1).Select(field => field.Split('-')))
                    for (var c = TextTable.Hex(range[0]); c <= TextTable.Hex(range[^1]); c++) Classes[c] = mark;
                continue;
            }
            var parts = fields.Skip(1).Where(field => field != "!").Select(TextTable.Hex).ToArray();
            Decompositions[TextTable.Hex(fields[0])] = parts;
            if (fields[^1] != "!") Compositions[(parts[0], parts[1])] = TextTable.Hex(fields[0]);
        }
    }

    /// <summary>The text in normalization form C. Halves of surrogate pairs become U+FFFD.</summary>
    public static string Compose(string text)
    {
        if (!text.AsSpan().ContainsAnyExceptInRange('\0', (char)(FirstCombining - 1))) return text;

        var points = new List<int>(text.Length);
        foreach (var rune in text.EnumerateRunes()) Decompose(rune.Value, points);
        SortMarks(points);
        Recompose(points);

        var result = new StringBuilder(text.Length);
        foreach (var point in points) result.Append(new Rune(point).ToString());
        return result.ToString();
    }

    private static void Decompose(int point, List<int> result)
    {
        if (point - HangulBase is >= 0 and < Leads * Vowels * Trails and var syllable)
        {
            result.Add(LeadBase + syllable / (Vowels * Trails));
            result.Add(VowelBase + syllable % (Vowels * Trails) / Trails);
            if (syllable % Trails != 0) result.Add(TrailBase + syllable % Trails);
        }
        else if (Decompositions.TryGetValue(point, out var parts))
        {
            foreach (var part in parts) Decompose(part, result);
        }
        else
        {
            result.Add(point);
        }
    }

    /// <summary>Puts the marks after each letter in the order of their classes, keeping the order within a class.</summary>
    private static void SortMarks(List<int> points)
    {
        for (int start = 0, end; start < points.Count; start = end)
        {
            for (end = start + 1; end < points.Count && Class(points[end]) != 0;) end++;
            var first = Class(points[start]) == 0 ? start + 1 : start;
            if (end - first < 2) continue;
            var sorted = points.GetRange(first, end - first).OrderBy(Class).ToArray();
            for (var i = 0; i < sorted.Length; i++) points[first + i] = sorted[i];
        }
    }

    /// <summary>Joins each letter with what follows, unless something of the same or a higher class stands between.</summary>
    private static void Recompose(List<int> points)
    {
        int letter = -1, kept = 0, lastClass = 0;
        for (var i = 0; i < points.Count; i++)
        {
            var (point, mark) = (points[i], Class(points[i]));
            var isBlocked = kept - letter > 1 && lastClass >= mark;
            if (letter >= 0 && !isBlocked && Composite(points[letter], point) is > 0 and var joined)
            {
                points[letter] = joined;
                continue;
            }
            if (mark == 0) letter = kept;
            lastClass = mark;
            points[kept++] = point;
        }
        points.RemoveRange(kept, points.Count - kept);
    }

    private static int Composite(int first, int second)
    {
        if (first - LeadBase is >= 0 and < Leads and var lead && second - VowelBase is >= 0 and < Vowels and var vowel)
            return HangulBase + (lead * Vowels + vowel) * Trails;
        if (first - HangulBase is >= 0 and < Leads * Vowels * Trails and var syllable && syllable % Trails == 0 && second - TrailBase is > 0 and < Trails)
            return HangulBase + syllable + (second - TrailBase);
        return Compositions.GetValueOrDefault((first, second));
    }

    private static int Class(int point) => Classes.GetValueOrDefault(point);
}
