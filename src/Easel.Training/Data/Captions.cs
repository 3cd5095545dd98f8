namespace Easel.Training.Data;

/// <summary>Says in words what a picture shows: its name or another, perhaps its colour, style and ground, in one of several forms.</summary>
internal static class Captions
{
    private const double Sentences = 0.15, Fillers = 0.25, OfAMedium = 0.15, Adjectives = 0.1; // shares of all captions

    private static readonly string[] Mediums = ["a picture of ", "an emoji of ", "an icon of ", "a drawing of ", "an illustration of "];

    /// <summary>What people put round the name of what they want.</summary>
    private static readonly string[] Forms =
    [
        "please draw {0}", "draw {0}", "draw me {0}", "can you draw {0} for me", "please make {0} for me", "make {0}", "paint {0} please", "show me {0}",
        "i want {0}", "i would like {0}", "i want to see {0}", "create an image of {0}", "generate a picture of {0}", "give me {0}", "a photo of {0}",
        "this is {0}", "here is {0}", "there is {0}", "nothing but {0}", "just {0}", "only {0}", "{0} for my daughter", "{0} please", "{0} for me",
        "{0} in the middle", "look at {0}", "what does {0} look like",
    ];

    /// <summary>Words of those forms, which therefore cannot point to a thing.</summary>
    public static IReadOnlySet<string> FormWords { get; } = Forms.Concat(Mediums).SelectMany(form => form.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        .Where(word => word.Length > 1 && word[0] != '{').ToHashSet();

    /// <param name="fillers">Words that mean nothing here. Some captions have a few, so that a model learns to find the thing in any sentence.</param>
    public static string For(Drawing drawing, (string? Colour, bool MustSayColour, string? Ground) facts, IReadOnlyList<string> fillers, Random random)
    {
        var name = NameOf(drawing, random);
        var saysColour = facts.Colour is not null && (facts.MustSayColour || random.NextDouble() < 0.3);
        if (saysColour) name = $"{facts.Colour} {WithoutColours(name)}";

        var style = drawing.Style is not null && (drawing.MustSayStyle || random.NextDouble() < 0.5) ? drawing.Style : null;
        var form = random.Next(4);
        if (style is not null && form == 0) name = $"{style} {name}"; // "a 3D red apple"
        if (fillers.Count > 0 && random.NextDouble() < Adjectives) name = $"{Some(1)} {name}";
        var phrase = drawing.IsMass || random.NextDouble() < 0.35 ? name : WithArticle(name);
        var around = random.NextDouble();
        if (around < Sentences) phrase = string.Format(CultureInfo.InvariantCulture, Forms[random.Next(Forms.Length)], phrase);
        else if (fillers.Count > 0 && around < Sentences + Fillers) phrase = $"{Some(random.Next(5))} {phrase} {Some(random.Next(4))}".Trim();
        else if (style is null && around < Sentences + Fillers + OfAMedium) phrase = Mediums[random.Next(Mediums.Length)] + phrase;
        if (facts.Ground is not null) phrase += random.Next(2) == 0 ? $" on a {facts.Ground} background" : $", {facts.Ground} background";
        else if (random.NextDouble() < 0.06) phrase += " on a white background";
        return (style, form) switch
        {
            (null, _) or (_, 0) => phrase,
            (_, 1) => $"{phrase}, {style} style",
            (_, 2) => $"{phrase} in {style} style",
            _ => $"{phrase}, {style}",
        };

        string Some(int count) => string.Join(' ', Enumerable.Range(0, count).Select(_ => fillers[random.Next(fillers.Count)]));
    }

    /// <summary>Mostly the usual name, often another, now and then a word that points to it.</summary>
    private static string NameOf(Drawing drawing, Random random)
    {
        var chance = random.NextDouble();
        if (chance < 0.15 && drawing.Keywords.Count > 0) return drawing.Keywords[random.Next(drawing.Keywords.Count)];
        return chance < 0.6 || drawing.Names.Count == 1 ? drawing.Names[0] : drawing.Names[1 + random.Next(drawing.Names.Count - 1)];
    }

    /// <summary>A name with "a" or "an" before it.</summary>
    public static string WithArticle(string name) => ("aeiou".Contains(name[0]) && !name.StartsWith("uni", StringComparison.Ordinal)
        && !name.StartsWith("eu", StringComparison.Ordinal) ? "an " : "a ") + name;

    /// <summary>A name without words for colours: "red apple" to "apple". A name that is nothing else stays: "orange".</summary>
    public static string WithoutColours(string name)
    {
        var words = name.Split(' ').Where(word => !ColourWords.All.Contains(word)).ToList();
        return words.Count > 0 ? string.Join(' ', words) : name;
    }

    /// <summary>Every text that captions of these drawings are put together from: between them they hold all words that can occur.</summary>
    public static IEnumerable<string> Parts(IEnumerable<Drawing> drawings) => drawings.SelectMany(drawing => drawing.Names.Concat(drawing.Keywords))
        .Concat(drawings.Select(drawing => drawing.Style ?? "")).Concat(ColourWords.All).Concat(Mediums)
            .Concat(Forms.Select(form => form.Replace("{0}", "", StringComparison.Ordinal)))
        .Concat(["a an", " on a white background", "x, x style", "in x style"]).Distinct();

    /// <summary>The commonest words of CLIP's vocabulary that captions of some drawings have no other use for.</summary>
    public static IReadOnlyList<string> FillersFor(IEnumerable<Drawing> drawings, IReadOnlyDictionary<string, string> meanings, int count)
    {
        var used = Parts(drawings).SelectMany(part => part.Split([' ', ',', '-'])).ToHashSet();
        return [.. Meanings.WholeWords().Where(word => !used.Contains(word) && !meanings.ContainsKey(word)).Take(count)];
    }
}
