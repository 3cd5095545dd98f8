namespace Easel.Training.Data;

/// <summary>
/// Composes scenes out of drawings and says in words what was composed: one thing large or small, two that stand to each other in some way, two to four of a
/// kind, three different ones, a landscape alone; on white, on a colour, in a landscape; each thing in its own colour or in another that is then said.
/// </summary>
/// <param name="drawings">All drawings; their places are their numbers.</param>
/// <param name="fillers">Words that mean nothing here.</param>
/// <param name="heldOut">Pairs of concepts that no scene may have together, both ways round; they are what composing is measured by.</param>
internal sealed class SceneMaker(IReadOnlyList<Drawing> drawings, IReadOnlyList<string> fillers, IReadOnlySet<(string, string)> heldOut, long seed)
{
    private const int Side = Scene.Side;
    private const int BestKnown = 343, KnownWeight = 3; // the best-known things come more often
    private const double OnPicture = 0.18, OnPlain = 0.14; // shares of scenes with things that are not on white
    private const double SaysOwnColour = 0.25, Recoloured = 0.33;

    private static readonly string[] Small = ["small", "tiny", "little"], Large = ["big", "large", "huge"], Numbers = ["two", "three", "four"];

    /// <summary>How two things may stand, and how captions say so.</summary>
    private static readonly (string Way, int Weight, string[] Words)[] Ways =
    [
        ("and", 30, ["{0} and {1}", "{0} next to {1}", "{0} beside {1}", "{0} with {1}", "{0} and {1} side by side", "{0} together with {1}"]),
        ("left", 14, ["{0} to the left of {1}", "{0} left of {1}", "{0} on the left and {1} on the right"]),
        ("right", 14, ["{0} to the right of {1}", "{0} right of {1}", "{0} on the right and {1} on the left"]),
        ("above", 12, ["{0} above {1}", "{0} over {1}", "{0} at the top and {1} at the bottom"]),
        ("under", 12, ["{0} under {1}", "{0} below {1}", "{0} beneath {1}"]),
        ("on", 12, ["{0} on {1}", "{0} on top of {1}", "{0} sitting on {1}", "{0} standing on {1}", "{0} riding {1}"]),
        ("front", 6, ["{0} in front of {1}", "{1} behind {0}"]),
    ];

    /// <summary>The words that captions use to compose, which therefore cannot be without meaning.</summary>
    public static IEnumerable<string> Words => Ways.SelectMany(way => way.Words).Concat(Small).Concat(Large).Concat(Numbers)
        .Concat(["a pair of group the background on in style 2 3 4"]).Concat(DrawingSource.All.Select(source => source.Style));

    private readonly List<List<int>> _concepts = [.. drawings.Index().Where(d => !d.Item.IsGround).GroupBy(d => d.Item.Concept)
        .SelectMany(group => Enumerable.Repeat(group.Select(d => d.Index).ToList(), group.First().Item.Rank < BestKnown ? KnownWeight : 1))];
    private readonly List<int> _grounds = [.. drawings.Index().Where(d => d.Item.IsGround).Select(d => d.Index)];

    /// <summary>A scene, the same for the same number.</summary>
    public Scene At(long number)
    {
        var random = new Random(StableHash.Of($"{seed}/{number}"));
        return random.NextDouble() switch
        {
            < 0.46 => One(random),
            < 0.79 => Two(random),
            < 0.91 => Several(random),
            < 0.95 => Three(random),
            _ => Landscape(random),
        };
    }

    private Scene One(Random random)
    {
        var back = BackgroundOf(random);
        var thing = Pick(random, Concept(random), null);
        var phrase = thing.Phrase;
        var size = back.Picture is null ? Pixels(random, 0.82, 0.94) : Pixels(random, 0.46, 0.68);
        var (x, y) = (Side / 2 + random.Next(-5, 6), Side / 2 + random.Next(-5, 6));
        var word = random.NextDouble();
        if (word < 0.1 && back.Picture is null)
        {
            (size, phrase) = (Pixels(random, 0.26, 0.4), Said(Small[random.Next(Small.Length)], thing));
            (x, y) = (x + random.Next(-20, 21), y + random.Next(-20, 21));
        }
        else if (word < 0.15 && back.Picture is null) (size, phrase) = (Pixels(random, 0.95, 1), Said(Large[random.Next(Large.Length)], thing));
        if (back.Picture is not null)
        {
            x += random.Next(-24, 25);
            if (!back.Floats) y = Standing(thing, size, random);
        }
        return Whole(back, [At(thing, x, y, size)], phrase, thing, random);
    }

    private Scene Two(Random random)
    {
        var back = BackgroundOf(random);
        var (first, second) = (Concept(random), Concept(random));
        while (IsHeldOut(first, second)) second = Concept(random);
        var one = Pick(random, first, null);
        var two = Pick(random, second, one.Style);
        var (way, _, words) = Weighted(random);
        var phrase = string.Format(CultureInfo.InvariantCulture, words[random.Next(words.Length)], one.Phrase, two.Phrase);
        return Whole(back, Stand(one, two, way, back.Picture is not null && !back.Floats, random), phrase, one, random);
    }

    /// <summary>Two drawings that stand in some way, on white.</summary>
    public static Scene Pair((Drawing Drawing, int Number, int Recolour) one, string way, (Drawing Drawing, int Number, int Recolour) other, Random random) =>
        new((255, 255, 255), Stand(Plain(one), Plain(other), way, false, random), "");

    private static Picked Plain((Drawing Drawing, int Number, int Recolour) one) => new(one.Number, one.Drawing, "", null, "", one.Recolour, false);

    private static List<Laid> Stand(Picked one, Picked two, string way, bool onFloor, Random random)
    {
        var (left, right, middle) = ((int)(0.265 * Side) + random.Next(-5, 6), (int)(0.735 * Side) + random.Next(-5, 6), Side / 2);
        var (size, other) = (Pixels(random, 0.42, 0.5), Pixels(random, 0.42, 0.5));
        switch (way)
        {
            case "above" or "under":
                var (up, down) = ((int)(0.26 * Side) + random.Next(-4, 5), (int)(0.74 * Side) + random.Next(-4, 5));
                var (firstY, secondY) = way == "above" ? (up, down) : (down, up);
                return [At(one, middle + random.Next(-24, 25), firstY, size), At(two, middle + random.Next(-24, 25), secondY, other)];
            case "on":
                (size, other) = (Pixels(random, 0.36, 0.44), Pixels(random, 0.52, 0.6));
                var x = middle + random.Next(-14, 15);
                var bottom = (int)(0.97 * Side) - random.Next(8);
                var beneath = bottom - other * two.Drawing.Box[3] / Drawing.Side; // top of the square whose drawing ends at the bottom
                var seat = beneath + other * (two.Drawing.Box[1] + (two.Drawing.Box[3] - two.Drawing.Box[1]) * 8 / 100) / Drawing.Side;
                var top = seat - size * one.Drawing.Box[3] / Drawing.Side;
                return [At(two, x, beneath + other / 2, other), At(one, x + random.Next(-8, 9), Math.Max(top, -4) + size / 2, size)];
            case "front":
                (size, other) = (Pixels(random, 0.36, 0.44), Pixels(random, 0.66, 0.74));
                return [At(two, middle + random.Next(-12, 13), (int)(0.42 * Side), other), At(one, middle + random.Next(-44, 45), (int)(0.76 * Side), size)];
            default:
                var before = way == "left" || (way == "and" && random.NextDouble() < 0.7);
                var (y, otherY) = onFloor ? (Standing(one, size, random), Standing(two, other, random))
                    : (middle + random.Next(-16, 17), middle + random.Next(-16, 17));
                return [At(one, before ? left : right, y, size), At(two, before ? right : left, otherY, other)];
        }
    }

    private Scene Several(Random random)
    {
        var back = BackgroundOf(random);
        var concept = Concept(random);
        while (drawings[concept[0]].IsMass) concept = Concept(random);
        var thing = Pick(random, concept, null);
        var count = 2 + random.Next(3);
        var number = random.NextDouble() < 0.8 ? Numbers[count - 2] : count.ToString(CultureInfo.InvariantCulture);
        var name = Captions.Plural(thing.Name);
        var phrase = $"{number} {(thing.Colour is null ? name : thing.Colour + " " + name)}";
        if (count == 2 && random.NextDouble() < 0.1) phrase = "a pair of " + phrase[(number.Length + 1)..];
        else if (random.NextDouble() < 0.06) phrase = "a group of " + phrase;
        var floor = back.Picture is not null && !back.Floats;
        (double X, double Y)[] places = (count, floor ? 1 : random.Next(3)) switch
        {
            (2, 2) => [(0.5, 0.26), (0.5, 0.74)],
            (2, _) => [(0.265, 0.5), (0.735, 0.5)],
            (3, 0) => [(0.5, 0.27), (0.265, 0.73), (0.735, 0.73)],
            (3, 2) => [(0.265, 0.27), (0.735, 0.27), (0.5, 0.73)],
            (3, _) => [(0.18, 0.5), (0.5, 0.5), (0.82, 0.5)],
            (4, 1) => [(0.14, 0.5), (0.38, 0.5), (0.62, 0.5), (0.86, 0.5)],
            _ => [(0.265, 0.265), (0.735, 0.265), (0.265, 0.735), (0.735, 0.735)],
        };
        var across = places.Select(place => place.X).Distinct().Count();
        var most = count == 2 || across == 2 || (count == 3 && places[0].Y != places[1].Y) || places[0].Y != places[^1].Y ? 0.48 : across == 3 ? 0.32 : 0.235;
        var size = Pixels(random, most * 0.88, most);
        var laid = places.Select(place => At(thing with { Mirrored = thing.Drawing.CanMirror && random.NextDouble() < 0.2 },
            (int)(place.X * Side) + random.Next(-3, 4), floor ? Standing(thing, size, random) : (int)(place.Y * Side) + random.Next(-3, 4), size)).ToList();
        return Whole(back, laid, phrase, thing, random);
    }

    private Scene Three(Random random)
    {
        var back = BackgroundOf(random);
        var chosen = new List<List<int>>();
        while (chosen.Count < 3)
        {
            var next = Concept(random);
            if (chosen.All(other => !IsHeldOut(other, next))) chosen.Add(next);
        }
        var first = Pick(random, chosen[0], null);
        Picked[] things = [first, Pick(random, chosen[1], first.Style), Pick(random, chosen[2], first.Style)];
        var row = back.Picture is not null || random.Next(2) == 0;
        var size = row ? Pixels(random, 0.28, 0.32) : Pixels(random, 0.4, 0.47);
        (double X, double Y)[] places = row ? [(0.18, 0.5), (0.5, 0.5), (0.82, 0.5)] : [(0.5, 0.27), (0.265, 0.73), (0.735, 0.73)];
        var laid = places.Select((place, i) => At(things[i], (int)(place.X * Side) + random.Next(-3, 4),
            back.Picture is not null && !back.Floats ? Standing(things[i], size, random) : (int)(place.Y * Side) + random.Next(-3, 4), size)).ToList();
        return Whole(back, laid, $"{things[0].Phrase}, {things[1].Phrase} and {things[2].Phrase}", first, random);
    }

    private Scene Landscape(Random random)
    {
        var number = _grounds[random.Next(_grounds.Count)];
        var ground = Grounds.All.Single(one => Grounds.Mark + one.Name == drawings[number].Concept);
        var caption = Captions.Around(ground.Alone[random.Next(ground.Alone.Count)], null, fillers, random);
        return new Scene((255, 255, 255), [new Laid(number, 0, 0, Side, random.Next(2) == 0, 0)], caption);
    }

    private Scene Whole(Background back, IReadOnlyList<Laid> things, string phrase, Picked first, Random random)
    {
        var style = random.NextDouble() < first.Drawing.Unasked ? null : first.Style;
        var caption = Captions.Around(phrase + back.Words, style, fillers, random);
        return new Scene(back.Plain, back.Picture is { } picture ? [picture, .. things] : things, caption);
    }

    private Background BackgroundOf(Random random)
    {
        var chance = random.NextDouble();
        if (chance < OnPicture && _grounds.Count > 0)
        {
            var number = _grounds[random.Next(_grounds.Count)];
            var ground = Grounds.All.Single(one => Grounds.Mark + one.Name == drawings[number].Concept);
            return new Background((255, 255, 255), new Laid(number, 0, 0, Side, random.Next(2) == 0, 0), ground.Floats,
                " " + ground.Phrases[random.Next(ground.Phrases.Count)]);
        }
        if (chance < OnPicture + OnPlain)
        {
            var (word, red, green, blue) = ColourWords.Backgrounds[random.Next(ColourWords.Backgrounds.Count)];
            return new Background((red, green, blue), null, true,
                random.Next(3) switch { 0 => $" on a {word} background", 1 => $", {word} background", _ => $" on {word}" });
        }
        return new Background((255, 255, 255), null, true, random.NextDouble() < 0.06 ? " on a white background" : null);
    }

    private List<int> Concept(Random random) => _concepts[random.Next(_concepts.Count)];

    private bool IsHeldOut(List<int> one, List<int> other) =>
        drawings[one[0]].Concept == drawings[other[0]].Concept || heldOut.Contains((drawings[one[0]].Concept, drawings[other[0]].Concept));

    private static (string Way, int Weight, string[] Words) Weighted(Random random)
    {
        var at = random.Next(Ways.Sum(way => way.Weight));
        return Ways.First(way => (at -= way.Weight) < 0);
    }

    /// <summary>A drawing of a concept, by what it will be called.</summary>
    /// <param name="style">The style that the scene has already; null where it has none yet.</param>
    private Picked Pick(Random random, List<int> concept, string? style)
    {
        var same = style is null ? -1 : concept.FindIndex(number => drawings[number].Style == style);
        var number = same >= 0 ? concept[same] : concept[random.Next(concept.Count)];
        var drawing = drawings[number];
        var name = Captions.NameOf(drawing, random);
        var (colour, recolour) = (drawing.Colour, 0);
        if (drawing.Recolours.Count > 0 && random.NextDouble() < Recoloured)
        {
            // a word first and then a way to it, so that no colour is rare
            var words = drawing.Recolours.Values.Distinct().Order(StringComparer.Ordinal).ToList();
            colour = words[random.Next(words.Count)];
            var ways = drawing.Recolours.Where(pair => pair.Value == colour).Select(pair => pair.Key).Order().ToList();
            recolour = ways[random.Next(ways.Count)];
        }
        else if (random.NextDouble() >= SaysOwnColour) colour = null;
        if (recolour != 0 || colour is not null) name = Captions.WithoutColours(name);
        var said = colour is null ? name : $"{colour} {name}";
        var phrase = drawing.IsMass || random.NextDouble() < 0.25 ? said : random.NextDouble() < 0.06 ? "the " + said : Captions.WithArticle(said);
        return new Picked(number, drawing, name, colour, phrase, recolour, drawing.CanMirror && random.NextDouble() < 0.15);
    }

    private static string Said(string size, Picked thing) =>
        (thing.Drawing.IsMass ? "" : "a ") + size + " " + (thing.Colour is null ? thing.Name : $"{thing.Colour} {thing.Name}");

    /// <summary>The middle of a thing that stands on the floor.</summary>
    private static int Standing(Picked thing, int size, Random random) =>
        (int)(Side * (0.85 + 0.08 * random.NextDouble())) - size * thing.Drawing.Box[3] / Drawing.Side + size / 2;

    private static Laid At(Picked thing, int x, int y, int size) => new(thing.Number, x - size / 2, y - size / 2, size, thing.Mirrored, thing.Recolour);

    private static int Pixels(Random random, double least, double most) => (int)Math.Round(Side * (least + (most - least) * random.NextDouble()));

    private sealed record Picked(int Number, Drawing Drawing, string Name, string? Colour, string Phrase, int Recolour, bool Mirrored)
    {
        /// <summary>The style, which the other things of the scene have too.</summary>
        public string? Style => Drawing.Style;
    }

    private sealed record Background((byte, byte, byte) Plain, Laid? Picture, bool Floats, string? Words);
}
