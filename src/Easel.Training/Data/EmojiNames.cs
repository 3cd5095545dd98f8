namespace Easel.Training.Data;

/// <summary>All emoji with their names: the hand-made list of the best known, then the rest in Unicode's order, named by emojibase and emojilib.</summary>
internal static class EmojiNames
{
    private const int ThingsOfAKeyword = 2; // a word for more things than these says too little

    private static readonly string[] TakesNoArticle = ["face", "hands", "eyes", "people", "with"];

    public static IReadOnlyList<Concept> Read(string emojibase, string emojilib)
    {
        var concepts = Concept.Known().ToList();
        var byHand = concepts.Count;
        var known = concepts.Select(concept => concept.Code).ToHashSet();
        using var names = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(emojibase, "en", "data.json")));
        using var keywords = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(emojilib, "dist", "emoji-en-US.json")));
        foreach (var emoji in names.RootElement.EnumerateArray())
        {
            // Flags of countries (group 9) need more detail than this model has, most signs (8) are letters, components (no group) are no pictures.
            if (!emoji.TryGetProperty("group", out var group) || group.GetInt32() is 2 or 8 or 9) continue;
            var label = emoji.GetProperty("label").GetString()!;
            // Couples and families of all kinds, and each hour of the clock, differ too little for a small picture.
            if (label.Contains(':', StringComparison.Ordinal) || label.EndsWith("o’clock", StringComparison.Ordinal)
                || label.EndsWith("-thirty", StringComparison.Ordinal)) continue;
            var code = Concept.Normalise(emoji.GetProperty("hexcode").GetString()!);
            if (!known.Add(code)) continue;
            var more = keywords.RootElement.TryGetProperty(emoji.GetProperty("emoji").GetString()!, out var words) && words.GetArrayLength() > 0
                ? words[0].GetString()!.Replace('_', ' ')
                : label;
            concepts.Add(new Concept(code, [.. new[] { Plain(label), Plain(more) }.Distinct()], IsMass: label.Split(' ').Any(TakesNoArticle.Contains),
                CanMirror: true));
        }
        return WithKeywords(concepts, byHand, names.RootElement, keywords.RootElement);

        static string Plain(string name) => name.ToLowerInvariant().Replace('’', '\'').Replace("“", "", StringComparison.Ordinal)
            .Replace("”", "", StringComparison.Ordinal).Replace("!", "", StringComparison.Ordinal).Trim();
    }

    /// <summary>
    /// Gives each concept the words that the packages have for it, those aside that stand for many things ("animal", "food"). What is many is counted among
    /// the hand-made list, where most kinds of things are there once, and for the rest among all.
    /// </summary>
    private static List<Concept> WithKeywords(IReadOnlyList<Concept> concepts, int known, JsonElement names, JsonElement keywords)
    {
        var words = new Dictionary<string, IReadOnlySet<string>>();
        foreach (var emoji in names.EnumerateArray())
        {
            var all = emoji.TryGetProperty("tags", out var tags) ? Texts(tags) : [];
            if (keywords.TryGetProperty(emoji.GetProperty("emoji").GetString()!, out var more)) all = all.Concat(Texts(more));
            words[Concept.Normalise(emoji.GetProperty("hexcode").GetString()!)] = all.Select(word => word.Replace('_', ' ').ToLowerInvariant())
                .Where(IsPlain).ToHashSet();
        }
        var taken = concepts.Take(known).SelectMany(concept => concept.Names).ToHashSet(); // the name of one thing is no hint at another
        var (amongKnown, amongAll) = (Counts(concepts.Take(known)), Counts(concepts));
        return [.. concepts.Select((concept, rank) => concept with { Keywords = [.. Of(concept).Where(word => (rank < known ? amongKnown
            : amongAll)[word] <= ThingsOfAKeyword).Where(word => !taken.Contains(word)).Except(concept.Names).Order(StringComparer.Ordinal)] })];

        IEnumerable<string> Of(Concept concept) => words.GetValueOrDefault(concept.Code) ?? (IEnumerable<string>)[];
        Dictionary<string, int> Counts(IEnumerable<Concept> some) => some.SelectMany(Of).CountBy(word => word).ToDictionary();
        static IEnumerable<string> Texts(JsonElement list) => list.EnumerateArray().Select(text => text.GetString()!);
        static bool IsPlain(string word) => word.Length > 2 && word.All(letter => letter is ' ' or (>= 'a' and <= 'z')) && !ColourWords.All.Contains(word)
            && !Captions.FormWords.Contains(word);
    }

    /// <summary>The usual name of each emoji by its code, as icon sets file them: "red-apple".</summary>
    public static IReadOnlyDictionary<string, string> Slugs(string emojibase)
    {
        using var names = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(emojibase, "en", "data.json")));
        var slugs = new Dictionary<string, string>();
        foreach (var emoji in names.RootElement.EnumerateArray())
        {
            var words = emoji.GetProperty("label").GetString()!.ToLowerInvariant().Split(
                [' ', ':', ',', '’', '“', '”', '.', '-'], StringSplitOptions.RemoveEmptyEntries);
            slugs[Concept.Normalise(emoji.GetProperty("hexcode").GetString()!)] = string.Join('-', words);
        }
        return slugs;
    }
}
