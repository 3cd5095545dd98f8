namespace Easel.Training.Data;

/// <summary>Says in words what a picture shows: its name or another, perhaps its colour, style and ground, in one of several forms.</summary>
internal static class Captions
{
    private static readonly string[] Mediums = ["a picture of ", "an emoji of ", "an icon of ", "a drawing of ", "an illustration of "];

    /// <summary>A caption, as chance has it.</summary>
    public static string For(Drawing drawing, (string? Colour, bool MustSayColour, string? Ground) facts, Random random)
    {
        var name = NameOf(drawing, random);
        var saysColour = facts.Colour is not null && (facts.MustSayColour || random.NextDouble() < 0.3);
        if (saysColour) name = $"{facts.Colour} {WithoutColours(name)}";

        var style = drawing.Style is not null && (drawing.MustSayStyle || random.NextDouble() < 0.5) ? drawing.Style : null;
        var form = random.Next(4);
        if (style is not null && form == 0) name = $"{style} {name}"; // "a 3D red apple"
        var phrase = drawing.IsMass || random.NextDouble() < 0.35 ? name : WithArticle(name);
        if (style is null && random.NextDouble() < 0.25) phrase = Mediums[random.Next(Mediums.Length)] + phrase;
        if (facts.Ground is not null) phrase += random.Next(2) == 0 ? $" on a {facts.Ground} background" : $", {facts.Ground} background";
        else if (random.NextDouble() < 0.06) phrase += " on a white background";
        return (style, form) switch
        {
            (null, _) or (_, 0) => phrase,
            (_, 1) => $"{phrase}, {style} style",
            (_, 2) => $"{phrase} in {style} style",
            _ => $"{phrase}, {style}",
        };
    }

    /// <summary>Mostly the usual name, often another, now and then a word that points to it.</summary>
    private static string NameOf(Drawing drawing, Random random)
    {
        var chance = random.NextDouble();
        if (chance < 0.15 && drawing.Keywords.Count > 0) return drawing.Keywords[random.Next(drawing.Keywords.Count)];
        return chance < 0.6 || drawing.Names.Count == 1 ? drawing.Names[0] : drawing.Names[1 + random.Next(drawing.Names.Count - 1)];
    }

    /// <summary>A name with "a" or "an" before it.</summary>
    public static string WithArticle(string name) => ("aeiou".Contains(name[0]) && !name.StartsWith("uni", StringComparison.Ordinal) && !name.StartsWith("eu", StringComparison.Ordinal) ? "an " : "a ") + name;

    /// <summary>A name without words for colours: "red apple" to "apple". A name that is nothing else stays: "orange".</summary>
    public static string WithoutColours(string name)
    {
        var words = name.Split(' ').Where(word => !ColourWords.All.Contains(word)).ToList();
        return words.Count > 0 ? string.Join(' ', words) : name;
    }

    /// <summary>Every text that captions of these drawings are put together from: between them they hold all words that can occur.</summary>
    public static IEnumerable<string> Parts(IEnumerable<Drawing> drawings) => drawings.SelectMany(drawing => drawing.Names.Concat(drawing.Keywords))
        .Concat(drawings.Select(drawing => drawing.Style ?? "")).Concat(ColourWords.All).Concat(Mediums).Concat(["a an", " on a white background", "x, x style", "in x style"]).Distinct();
}
