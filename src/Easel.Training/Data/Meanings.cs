using System.Text.RegularExpressions;
using Easel.Text;

namespace Easel.Training.Data;

/// <summary>
/// Which thing of the data set a word means that no caption has: "feline" a cat, "cottage" a house, "poodle" a dog. A text encoder as small as this one
/// learns a word only from captions; with these it understands some thousands that are in none.
/// </summary>
internal static partial class Meanings
{
    private const int Steps = 3; // up from either side to what both are
    private const double Furthest = 3.5;
    private const double NotOneOfTheOther = 1; // a wolf is no dog, though both are canines
    private const double RarerSense = 0.8;

    /// <summary>lexnames(5WN): fields of things that can be drawn, and how unlikely each is beside an animal of that name: a turtle is no turtleneck.</summary>
    private static readonly Dictionary<int, double> Fields =
        new() { [5] = 0, [6] = 1, [8] = 1, [9] = 1, [13] = 1, [17] = 1, [18] = 1.5, [19] = 1, [20] = 1, [21] = 2, [25] = 1.5, [27] = 2 };

    /// <summary>The concept that each word of CLIP's vocabulary means, by the words that are nearest to one in WordNet.</summary>
    /// <param name="concepts">The concepts, the best known first: of equally near ones the best known is meant.</param>
    public static IReadOnlyDictionary<string, Concept> Of(WordNet net, IReadOnlyList<Concept> concepts)
    {
        var under = new Dictionary<string, List<(int Steps, int Concept)>>();
        for (var i = 0; i < concepts.Count; i++)
            if (SenseOf(concepts[i], net) is { } sense)
                foreach (var (kind, steps) in net.Above(sense, Steps))
                {
                    if (!under.TryGetValue(kind, out var list)) under.Add(kind, list = []);
                    list.Add((steps, i));
                }

        var names = concepts.SelectMany(concept => concept.Names).ToHashSet();
        var meanings = new SortedDictionary<string, Concept>(StringComparer.Ordinal);
        foreach (var word in WholeWords().Where(word => !names.Contains(word) && net.IsMostlyNoun(word)))
            if (Nearest(word) is { Distance: <= Furthest } nearest) meanings.Add(word, concepts[nearest.Concept]);
        return meanings;

        (double Distance, int Concept)? Nearest(string word) =>
            (from sense in net.Senses(word).Take(4).Index()
             where Fields.ContainsKey(sense.Item.Field)
             from above in net.Above(sense.Item, Steps)
             from place in under.GetValueOrDefault(above.Key) ?? []
             let distance = above.Value + place.Steps + (above.Value > 0 && place.Steps > 0 ? NotOneOfTheOther : 0) + RarerSense * sense.Index
             orderby distance, place.Concept
             select ((double Distance, int Concept)?)(distance, place.Concept)).FirstOrDefault();
    }

    /// <summary>The words that are one token of CLIP's vocabulary, the commonest first.</summary>
    public static IEnumerable<string> WholeWords()
    {
        var tokenizer = new ClipTokenizer();
        for (var id = 0; id < ClipTokenizer.BeginOfText; id++)
            if (tokenizer.Decode([id]) is [.. var word, ' '] && SmallLetters().IsMatch(word)) yield return word; // a token within a word has no space after it
    }

    /// <summary>A concept in WordNet: a sense that most of its names share, rather an animal than anything else, rather a common one than a rare one.</summary>
    private static WordNet.Synset? SenseOf(Concept concept, WordNet net)
    {
        var all = concept.Names.Select(name => net.Senses(name).Take(6).ToList()).ToList();
        return all.Index().SelectMany(name => name.Item.Index().Select(sense => (sense.Item,
                Unlikely: Fields.GetValueOrDefault(sense.Item.Field, 4) + 0.3 * sense.Index + (name.Index > 0 ? 1.5
                    : 0) - 1.5 * (all.Count(senses => senses.Contains(sense.Item)) - 1))))
            .OrderBy(sense => sense.Unlikely).Select(sense => sense.Item).FirstOrDefault();
    }

    [GeneratedRegex("^[a-z]{2,}$")]
    private static partial Regex SmallLetters();
}
