using Easel.Imaging;
using Easel.Training.Data;

namespace Easel.Training.Evaluation;

/// <summary>
/// Measures whether a model draws what it is asked: one picture for each prompt, and which training drawings are nearest to it. The measure itself is tried
/// first on real drawings in new places and sizes, which tells the most that a model could reach.
/// </summary>
internal sealed class Evaluator(string folder, IReadOnlyList<Drawing> drawings, ImageGenerator generator, int steps, double? guidance)
{
    private const int AtOnce = 8;

    /// <summary>Words for well-known things that are neither names nor keywords of the data set.</summary>
    private static readonly (string Word, string Name)[] Unlisted =
    [
        ("feline", "cat"), ("canine", "dog"), ("hound", "dog"), ("mutt", "dog"), ("cottage", "house"), ("bungalow", "house"), ("villa", "house"),
        ("mansion", "house"), ("cabin", "house"), ("sedan", "car"), ("vehicle", "car"), ("limousine", "car"), ("toad", "frog"), ("phantom", "ghost"),
        ("spook", "ghost"), ("spectre", "ghost"), ("hare", "rabbit"), ("hog", "pig"), ("swine", "pig"), ("serpent", "snake"), ("cobra", "snake"),
        ("viper", "snake"), ("extraterrestrial", "alien"), ("martian", "alien"), ("android", "robot"), ("sandwich", "hamburger"),
        ("thunderbolt", "lightning bolt"), ("jet", "airplane"), ("airliner", "airplane"), ("yacht", "sailboat"), ("schooner", "sailboat"),
        ("chopper", "helicopter"), ("bagel", "doughnut"), ("fungus", "mushroom"), ("goldfish", "fish"), ("trout", "fish"), ("salmon", "fish"),
        ("chimp", "monkey"), ("ape", "monkey"), ("gorilla", "monkey"), ("lioness", "lion"), ("bull", "cow"), ("cattle", "cow"), ("pony", "horse"),
        ("stallion", "horse"), ("mare", "horse"), ("lamb", "sheep"), ("ewe", "sheep"), ("duckling", "duck"), ("crow", "bird"), ("sparrow", "bird"),
        ("parakeet", "parrot"), ("orca", "whale"), ("blade", "dagger"), ("spectacles", "glasses"), ("gown", "dress"), ("jewel", "gem"), ("ruby", "gem"),
        ("fortress", "castle"), ("palace", "castle"), ("infant", "baby"), ("toddler", "baby"), ("lady", "woman"), ("gentleman", "man"),
        ("grandfather", "old man"), ("grandmother", "old woman"), ("cop", "police officer"), ("sorcerer", "wizard"), ("magician", "wizard"),
        ("demon", "devil"), ("espresso", "cup of coffee"), ("ale", "beer"), ("lager", "beer"), ("spaghetti", "bowl of noodles"),
    ];

    /// <summary>Sentences of forms that no caption has, round the name of what is wanted.</summary>
    private static readonly string[] NewForms =
        ["could i see {0} on this page", "imagine {0} somewhere far away", "a sketch that looks like {0}", "we need {0} today"];

    private readonly Neighbours _neighbours = new(folder, drawings);
    private readonly IReadOnlyList<Drawing> _concepts = [.. drawings.DistinctBy(drawing => drawing.Concept)];

    /// <summary>All measures, the measure's own first.</summary>
    public IEnumerable<Score> Run(int prompts, Action<string, double>? onProgress, CancellationToken cancel)
    {
        yield return Itself(prompts);

        var styles = drawings.Select(drawing => drawing.Style).OfType<string>().Distinct().ToList();
        yield return Nearest("names", [.. Enumerable.Range(0, prompts).Select(i =>
        {
            var (concept, round) = (_concepts[i % _concepts.Count], i / _concepts.Count);
            var phrase = Phrase(concept, concept.Names[0]);
            return (round == 0 ? phrase : $"{phrase}, {styles[(round - 1) % styles.Count]} style", concept.Concept);
        })], 1000, onProgress, cancel);

        var others = _concepts.Where(concept => concept.Names.Count > 1).Take(prompts).ToList();
        yield return Nearest("other names", [.. others.Select(concept => (Phrase(concept, concept.Names[^1]), concept.Concept))], 5000, onProgress, cancel);

        yield return Nearest("other names, in sentences of new forms", [.. others.Select((concept, i) =>
            (string.Format(CultureInfo.InvariantCulture, NewForms[i % NewForms.Length], Phrase(concept, concept.Names[^1])), concept.Concept))], 2000,
                onProgress, cancel);

        var listed = drawings.SelectMany(drawing => drawing.Names.Concat(drawing.Keywords)).SelectMany(name => name.Split(' ')).ToHashSet();
        yield return Nearest("words on no list", [.. Unlisted.Where(pair => Named(pair.Name) is not null && !listed.Contains(pair.Word))
            .Select(pair => (Captions.WithArticle(pair.Word), Named(pair.Name)!.Concept)).Take(prompts)], 3000, onProgress, cancel);

        foreach (var score in Colours(prompts, onProgress, cancel)) yield return score;
    }

    /// <summary>The measure on real drawings in places, sizes and mirrorings that it has not seen.</summary>
    private Score Itself(int count)
    {
        var asked = Enumerable.Range(0, count).Select(i => drawings[(int)((long)i * drawings.Count / count)]).ToList();
        return Counted("the measure itself, on real drawings placed anew", asked.Count, asked.Select(drawing =>
        {
            var rgba = TransparentPng.Pixels(Path.Combine(folder, drawing.File));
            return (Variant.Of(rgba, drawing.CanMirror, TrainingSet.StableHash("held out " + drawing.File))[1].Pixels, drawing.Concept);
        }));
    }

    private Score Nearest(string what, IReadOnlyList<(string Prompt, string Concept)> asked, long seed, Action<string, double>? onProgress,
        CancellationToken cancel) => Counted(what, asked.Count, Draw(what, [.. asked.Select(a => a.Prompt)], seed, onProgress, cancel)
            .Select(drawn => (drawn.Picture, asked[drawn.Index].Concept)));

    private Score Counted(string what, int all, IEnumerable<(RgbImage Picture, string Concept)> shown)
    {
        var (first, five) = (0, 0);
        foreach (var (picture, concept) in shown)
        {
            var nearest = _neighbours.Of(picture, 5);
            if (nearest[0] == concept) first++;
            if (nearest.Contains(concept)) five++;
        }
        return new Score(what, first, five, all);
    }

    /// <summary>Things in colours that may not be theirs: whether most of what is drawn has the colour.</summary>
    private IEnumerable<Score> Colours(int count, Action<string, double>? onProgress, CancellationToken cancel)
    {
        string[] things = ["apple", "heart", "car", "house", "star", "balloon", "fish", "umbrella", "cat", "book", "hat", "tree", "rocket", "bus"];
        string[] colours = ["red", "blue", "green", "yellow", "purple", "pink"];
        var asked = things.SelectMany(thing => colours.Select(colour => (Prompt: $"a {colour} {thing}", Colour: colour))).Take(count).ToList();
        var right = 0;
        foreach (var (index, picture) in Draw("colours", [.. asked.Select(a => a.Prompt)], 4000, onProgress, cancel))
            if (Looks.MainColour(picture) == asked[index].Colour) right++;
        yield return new Score("colours, also those that the thing never has", right, null, asked.Count);
    }

    private IEnumerable<(int Index, RgbImage Picture)> Draw(string what, IReadOnlyList<string> prompts, long seed, Action<string, double>? onProgress,
        CancellationToken cancel)
    {
        for (var from = 0; from < prompts.Count; from += AtOnce)
        {
            onProgress?.Invoke(what, (double)from / prompts.Count);
            var batch = prompts.Skip(from).Take(AtOnce).ToList();
            foreach (var (index, picture) in ContactSheet.Drawn(generator, batch, seed + from, steps, guidance, cancel).Index())
                yield return (from + index, picture);
        }
    }

    private static string Phrase(Drawing concept, string name) => concept.IsMass ? name : Captions.WithArticle(name);

    private Drawing? Named(string name) => _concepts.FirstOrDefault(concept => concept.Names[0] == name);
}
