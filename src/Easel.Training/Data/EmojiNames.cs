using System.Text.Json;

namespace Easel.Training.Data;

/// <summary>All emoji with their names: the hand-made list of the best known first, then the rest in Unicode's order under the names of emojibase and emojilib.</summary>
internal static class EmojiNames
{
    private static readonly string[] TakesNoArticle = ["face", "hands", "eyes", "people", "with"];

    /// <summary>Reads the packages.</summary>
    /// <param name="emojibase">The folder of emojibase-data.</param>
    /// <param name="emojilib">The folder of emojilib.</param>
    public static IReadOnlyList<Concept> Read(string emojibase, string emojilib)
    {
        var concepts = Concept.Known().ToList();
        var known = concepts.Select(concept => concept.Code).ToHashSet();
        using var names = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(emojibase, "en", "data.json")));
        using var keywords = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(emojilib, "dist", "emoji-en-US.json")));
        foreach (var emoji in names.RootElement.EnumerateArray())
        {
            // Flags of countries (group 9) need more detail than this model has; components (no group) are no pictures.
            if (!emoji.TryGetProperty("group", out var group) || group.GetInt32() is 2 or 9) continue;
            var code = Concept.Normalise(emoji.GetProperty("hexcode").GetString()!);
            if (!known.Add(code)) continue;
            var label = emoji.GetProperty("label").GetString()!;
            var more = keywords.RootElement.TryGetProperty(emoji.GetProperty("emoji").GetString()!, out var words) && words.GetArrayLength() > 0
                ? words[0].GetString()!.Replace('_', ' ')
                : label;
            var isSymbol = group.GetInt32() == 8;
            concepts.Add(new Concept(code, [.. new[] { label.ToLowerInvariant(), more.ToLowerInvariant() }.Distinct()],
                IsMass: isSymbol || label.Split(' ').Any(TakesNoArticle.Contains), CanMirror: !isSymbol));
        }
        return concepts;
    }

    /// <summary>The usual name of each emoji by its code, as icon sets file them: "red-apple".</summary>
    public static IReadOnlyDictionary<string, string> Slugs(string emojibase)
    {
        using var names = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(emojibase, "en", "data.json")));
        var slugs = new Dictionary<string, string>();
        foreach (var emoji in names.RootElement.EnumerateArray())
        {
            var words = emoji.GetProperty("label").GetString()!.ToLowerInvariant().Split([' ', ':', ',', '’', '“', '”', '.', '-'], StringSplitOptions.RemoveEmptyEntries);
            slugs[Concept.Normalise(emoji.GetProperty("hexcode").GetString()!)] = string.Join('-', words);
        }
        return slugs;
    }
}
