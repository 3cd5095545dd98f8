using Easel.Imaging;
using Easel.Training.Data;

namespace Easel.Training.Evaluation;

/// <summary>
/// Measures whether a model draws what it is asked: one picture for each prompt, and which training drawings are nearest to it. The measure itself is tried first on real
/// drawings in new places and sizes, which tells the most that a model could reach.
/// </summary>
internal sealed class Evaluator(string folder, IReadOnlyList<Drawing> drawings, ImageGenerator generator, int steps, double? guidance)
{
    private const int AtOnce = 8;

    /// <summary>Words for well-known things that no caption has.</summary>
    private static readonly (string Prompt, string Name)[] Unseen =
    [
        ("a feline", "cat"), ("a hound", "dog"), ("a cottage", "house"), ("a vehicle", "car"), ("a toad", "frog"), ("a spook", "ghost"), ("a parcel", "gift"), ("a robot head", "robot"),
        ("a hare", "rabbit"), ("a hog", "pig"), ("a swine", "pig"), ("a serpent", "snake"), ("an extraterrestrial", "alien"), ("a rainbow arc", "rainbow"), ("a sandwich with beef", "hamburger"),
        ("a thunderbolt", "lightning bolt"), ("a flower with yellow petals", "sunflower"), ("a locomotive engine", "locomotive"), ("a jet", "airplane"), ("a yacht", "sailboat"), ("a chopper", "helicopter"),
        ("a pistachio cone", "ice cream"), ("a bagel", "doughnut"), ("a fungus", "mushroom"), ("a goldfish", "fish"), ("an aquatic mammal", "dolphin"), ("a big cat with a mane", "lion"), ("a chimp", "monkey"),
    ];

    private readonly Neighbours _neighbours = new(folder, drawings);
    private readonly IReadOnlyList<Drawing> _concepts = [.. drawings.DistinctBy(drawing => drawing.Concept)];

    /// <summary>All measures, the measure's own first.</summary>
    /// <param name="prompts">How many pictures to draw for each kind of prompt at most.</param>
    public IEnumerable<Score> Run(int prompts, Action<string, double>? onProgress, CancellationToken cancel)
    {
        yield return Itself(prompts);

        var styles = drawings.Select(drawing => drawing.Style).OfType<string>().Distinct().ToList();
        yield return Nearest("names", [.. Enumerable.Range(0, prompts).Select(i =>
        {
            var (concept, round) = (_concepts[i % _concepts.Count], i / _concepts.Count);
            var phrase = concept.IsMass ? concept.Names[0] : Captions.WithArticle(concept.Names[0]);
            return (round == 0 ? phrase : $"{phrase}, {styles[(round - 1) % styles.Count]} style", concept.Concept);
        })], 1000, onProgress, cancel);

        yield return Nearest("other names", [.. _concepts.Where(concept => concept.Names.Count > 1)
            .Select(concept => (concept.IsMass ? concept.Names[^1] : Captions.WithArticle(concept.Names[^1]), concept.Concept)).Take(prompts)], 5000, onProgress, cancel);

        yield return Nearest("other names, in a sentence of a new form", [.. _concepts.Where(concept => concept.Names.Count > 1)
            .Select(concept => ($"please draw {Captions.WithArticle(concept.Names[^1])} for me", concept.Concept)).Take(prompts)], 2000, onProgress, cancel);

        yield return Nearest("words that no caption had", [.. Unseen.Where(pair => Named(pair.Name) is not null).Select(pair => (pair.Prompt, Named(pair.Name)!.Concept)).Take(prompts)],
            3000, onProgress, cancel);

        foreach (var score in Colours(prompts, onProgress, cancel)) yield return score;
    }

    /// <summary>The measure on real drawings in places, sizes and mirrorings that it has not seen.</summary>
    private Score Itself(int count)
    {
        var (first, five) = (0, 0);
        var asked = Enumerable.Range(0, count).Select(i => drawings[(int)((long)i * drawings.Count / count)]).ToList();
        foreach (var drawing in asked)
        {
            var rgba = TransparentPng.Pixels(Path.Combine(folder, drawing.File));
            var fresh = Variant.Of(rgba, drawing.CanMirror, Gallery.StableHash("held out " + drawing.File))[1];
            var nearest = _neighbours.Of(fresh.Pixels, 5);
            if (nearest[0] == drawing.Concept) first++;
            if (nearest.Contains(drawing.Concept)) five++;
        }
        return new Score("the measure itself, on real drawings placed anew", first, five, asked.Count);
    }

    private Score Nearest(string what, IReadOnlyList<(string Prompt, string Concept)> asked, long seed, Action<string, double>? onProgress, CancellationToken cancel)
    {
        var (first, five) = (0, 0);
        foreach (var (index, picture) in Draw(what, [.. asked.Select(a => a.Prompt)], seed, onProgress, cancel))
        {
            var nearest = _neighbours.Of(picture, 5);
            if (nearest[0] == asked[index].Concept) first++;
            if (nearest.Contains(asked[index].Concept)) five++;
        }
        return new Score(what, first, five, asked.Count);
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

    private IEnumerable<(int Index, RgbImage Picture)> Draw(string what, IReadOnlyList<string> prompts, long seed, Action<string, double>? onProgress, CancellationToken cancel)
    {
        for (var from = 0; from < prompts.Count; from += AtOnce)
        {
            onProgress?.Invoke(what, (double)from / prompts.Count);
            var batch = prompts.Skip(from).Take(AtOnce).ToList();
            var request = new GenerationRequest
            {
                Prompts = batch,
                BatchSize = batch.Count,
                Seed = seed + from,
                Steps = steps,
                GuidanceScale = guidance ?? generator.Family.GuidanceScale,
                Watermark = false,
            };
            var images = generator.Generate(request, cancel: cancel).Images;
            for (var i = 0; i < images.Count; i++) yield return (from + i, images[i].Image);
        }
    }

    private Drawing? Named(string name) => _concepts.FirstOrDefault(concept => concept.Names[0] == name);
}
