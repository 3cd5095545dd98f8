using Easel.Imaging;
using Easel.Training.Data;

namespace Easel.Training.Evaluation;

/// <summary>
/// Measures whether a model draws what it is asked, by the fixed prompts. The judge is tried first on scenes composed of real drawings, which tells the most
/// that a model could reach, and on the same scenes each asked what the next one shows, which tells what chance gives.
/// </summary>
internal sealed class Evaluator(Pack pack)
{
    private const int AtOnce = 4;

    private readonly Judge _judge = new(pack);

    /// <summary>The judge's own scores: what it says of composed drawings, and of the same asked wrongly.</summary>
    public IEnumerable<Score> Itself(int most)
    {
        // Drawings cannot show every prompt ("a robot holding a flower"), but every concept that some prompt accepts.
        var first = FixedPrompts.First.Where(prompt => Numbers(prompt.Shows[0]).Count > 0).Take(most).Index()
            .Select(prompt => (Picture: Judge.Picture(pack, Alone(prompt.Item.Shows[0], prompt.Index)), prompt.Item.Shows)).ToList();
        yield return Counted("the judge, on real drawings: the thing", first, shown => _judge.Shows(shown.Picture, shown.Shows));
        yield return Counted("the judge, asked for another thing", Turned(first).Where(pair => !pair.Item1.Shows.Intersect(pair.Item2.Shows).Any()).ToList(),
            shown => _judge.Shows(shown.Item1.Picture, shown.Item2.Shows));

        var pairs = FixedPrompts.Pairs.Take(most).Index().Select(pair => (Picture: Composed(pair.Item, pair.Index), Pair: pair.Item))
            .Where(pair => pair.Picture is not null).ToList();
        foreach (var score in Pairs("the judge, on real pairs", pairs.Select(pair => (pair.Picture!, pair.Pair)))) yield return score;
        foreach (var score in Pairs("the judge, asked for another pair", Turned(pairs).Select(pair =>
            (pair.Item1.Picture!, pair.Item2.Pair)))) yield return score;
        // The same things the other way round and with the colours exchanged: what a model does that knows words and not their order.
        foreach (var score in Pairs("the judge, things and colours exchanged", pairs.Select(pair => (pair.Picture!, pair.Pair with
        {
            One = pair.Pair.One with { Colour = pair.Pair.Other.Colour },
            Way = Opposite(pair.Pair.Way),
            Other = pair.Pair.Other with { Colour = pair.Pair.One.Colour },
        })))) yield return score;

        var counts = FixedPrompts.Counts.Take(most).Index().Select(count => (Picture: Judge.Picture(pack,
            Several(count.Item.Name, count.Item.Count, count.Index)), count.Item))
            .ToList();
        yield return Counted("the judge, on several of a kind", counts, shown => _judge.Counts(shown.Picture, shown.Item.Count, shown.Item.Name));
        yield return Counted("the judge, asked for one more", counts, shown => _judge.Counts(shown.Picture, shown.Item.Count + 1, shown.Item.Name));
    }

    /// <summary>A model's scores.</summary>
    /// <param name="most">Pictures for each kind of prompt at most.</param>
    public IEnumerable<Score> Run(ImageGenerator generator, int steps, double? guidance, int most, Action<string, double>? onProgress, CancellationToken cancel)
    {
        var first = FixedPrompts.First.Take(most).ToList();
        yield return Counted("first prompts", Draw("first prompts", [.. first.Select(p => p.Prompt)], 1000).ToList(),
            drawn => _judge.Shows(drawn.Picture, first[drawn.Index].Shows));
        var pairs = FixedPrompts.Pairs.Take(most).ToList();
        foreach (var score in Pairs("pairs", Draw("pairs", [.. pairs.Select(p => p.Prompt)], 2000).Select(drawn =>
            (drawn.Picture, pairs[drawn.Index])))) yield return score;
        var counts = FixedPrompts.Counts.Take(most).ToList();
        yield return Counted("counts", Draw("counts", [.. counts.Select(p => p.Prompt)], 3000).ToList(),
            drawn => _judge.Counts(drawn.Picture, counts[drawn.Index].Count, counts[drawn.Index].Name));

        IEnumerable<(int Index, RgbImage Picture)> Draw(string what, IReadOnlyList<string> prompts, long seed)
        {
            for (var from = 0; from < prompts.Count; from += AtOnce)
            {
                onProgress?.Invoke(what, (double)from / prompts.Count);
                var batch = prompts.Skip(from).Take(AtOnce).ToList();
                foreach (var (index, picture) in ContactSheet.Drawn(generator, batch, seed + from, steps, guidance, cancel).Index())
                    yield return (from + index, picture);
            }
        }
    }

    private IEnumerable<Score> Pairs(string what, IEnumerable<(RgbImage Picture, (string Prompt, Asked One, string Way, Asked Other) Pair)> shown)
    {
        var results = shown.Select(one => _judge.Pair(one.Picture, one.Pair.One, one.Pair.Way, one.Pair.Other)).ToList();
        yield return new Score($"{what}: both things there", results.Count(result => result.Both), results.Count);
        yield return new Score($"{what}: colours on the right thing", results.Count(result => result.Colours == true),
            results.Count(result => result.Colours is not null));
        yield return new Score($"{what}: position right", results.Count(result => result.Way == true), results.Count(result => result.Way is not null));
    }

    private static Score Counted<T>(string what, List<T> shown, Func<T, bool> isRight) => new(what, shown.Count(isRight), shown.Count);

    private static List<(T, T)> Turned<T>(List<T> list) => [.. list.Select((one, i) => (one, list[(i + 7) % list.Count]))];

    private static string Opposite(string way) => way switch { "left" => "right", "right" => "left", "above" or "on" => "under", "under" => "above", _ => way };

    /// <summary>The drawings of a name, without those that have to be asked for.</summary>
    private List<int> Numbers(string name) => [.. pack.Drawings.Index().Where(d => d.Item.Names.Contains(name) && d.Item.Unasked >= 0.3).Select(d => d.Index)];

    private Scene Alone(string name, int seed)
    {
        var random = new Random(seed);
        var numbers = Numbers(name);
        var number = numbers[random.Next(numbers.Count)];
        if (pack.Drawings[number].IsGround) return new Scene((255, 255, 255), [new Laid(number, 0, 0, Scene.Side, true, 0)], "");
        var size = random.Next(190, 236);
        return new Scene((255, 255, 255), [new Laid(number, (Scene.Side - size) / 2 + random.Next(-8, 9), (Scene.Side - size) / 2 + random.Next(-8, 9),
            size, false, 0)], "");
    }

    private Scene Several(string name, int count, int seed)
    {
        var random = new Random(seed);
        var numbers = Numbers(name);
        var number = numbers[random.Next(numbers.Count)];
        var size = count == 2 ? 112 : 108;
        (int X, int Y)[] places = count switch
        {
            2 => [(68, 128), (188, 128)],
            3 => [(128, 68), (68, 188), (188, 188)],
            _ =>
            [(68, 68), (188, 68), (68, 188), (188, 188)]
        };
        return new Scene((255, 255, 255), [.. places.Select(place => new Laid(number, place.X - size / 2, place.Y - size / 2, size, false, 0))], "");
    }

    private RgbImage? Composed((string Prompt, Asked One, string Way, Asked Other) pair, int seed)
    {
        var random = new Random(seed);
        return In(pair.One) is { } one && In(pair.Other) is { } other ? Judge.Picture(pack, SceneMaker.Pair(one, pair.Way, other, random)) : null;

        (Drawing, int, int)? In(Asked asked)
        {
            var ways = Numbers(asked.Name).SelectMany(number => asked.Colour is null || pack.Drawings[number].Colour == asked.Colour ? [(number, 0)]
                : pack.Drawings[number].Recolours.Where(way => way.Value == asked.Colour).Select(way => (number, way.Key))).ToList();
            if (ways.Count == 0) return null;
            var (chosen, recolour) = ways[random.Next(ways.Count)];
            return (pack.Drawings[chosen], chosen, recolour);
        }
    }
}
