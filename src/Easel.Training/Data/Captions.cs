namespace Easel.Training.Data;

/// <summary>The words of captions: names, articles, plurals, and what people put round the name of what they want.</summary>
internal static class Captions
{
    private const double Sentences = 0.15, Fillers = 0.2, OfAMedium = 0.15; // shares of all captions

    private static readonly string[] Mediums = ["a picture of ", "an emoji of ", "an icon of ", "a drawing of ", "an illustration of ", "a cute drawing of "];

    private static readonly string[] Forms =
    [
        "please draw {0}", "draw {0}", "draw me {0}", "can you draw {0} for me", "please make {0} for me", "make {0}", "paint {0} please", "show me {0}",
        "i want {0}", "i would like {0}", "i want to see {0}", "create an image of {0}", "generate a picture of {0}", "give me {0}", "a photo of {0}",
        "this is {0}", "here is {0}", "there is {0}", "nothing but {0}", "just {0}", "only {0}", "{0} for my daughter", "{0} please", "{0} for me",
        "look at {0}", "what does {0} look like",
    ];

    /// <summary>Words of those forms, which therefore cannot point to a thing.</summary>
    public static IReadOnlySet<string> FormWords { get; } = Forms.Concat(Mediums).SelectMany(form => form.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        .Where(word => word.Length > 1 && word[0] != '{').ToHashSet();

    /// <summary>Mostly the usual name, often another, now and then a word that points to it.</summary>
    public static string NameOf(Drawing drawing, Random random)
    {
        var chance = random.NextDouble();
        if (chance < 0.12 && drawing.Keywords.Count > 0) return drawing.Keywords[random.Next(drawing.Keywords.Count)];
        return chance < 0.6 || drawing.Names.Count == 1 ? drawing.Names[0] : drawing.Names[1 + random.Next(drawing.Names.Count - 1)];
    }

    /// <summary>A name with "a" or "an" before it.</summary>
    public static string WithArticle(string name) => ("aeiou".Contains(name[0]) && !name.StartsWith("uni", StringComparison.Ordinal)
        && !name.StartsWith("eu", StringComparison.Ordinal) && !name.StartsWith("ufo", StringComparison.Ordinal) ? "an " : "a ") + name;

    /// <summary>A name without words for colours: "red apple" to "apple". A name that is nothing else stays: "orange".</summary>
    public static string WithoutColours(string name)
    {
        var words = name.Split(' ').Where(word => !ColourWords.All.Contains(word)).ToList();
        return words.Count > 0 ? string.Join(' ', words) : name;
    }

    /// <summary>Several of a thing: "cats", "cups of coffee", "cherries".</summary>
    public static string Plural(string name)
    {
        var of = name.IndexOf(" of ", StringComparison.Ordinal);
        if (of > 0) return Plural(name[..of]) + name[of..];
        if (name.EndsWith("fish", StringComparison.Ordinal) || name.EndsWith("sheep", StringComparison.Ordinal)
            || name.EndsWith("deer", StringComparison.Ordinal))
            return name;
        if (name.EndsWith("mouse", StringComparison.Ordinal)) return name[..^5] + "mice";
        if (name.EndsWith("man", StringComparison.Ordinal) && name is not "human") return name[..^3] + "men";
        if (name.EndsWith("leaf", StringComparison.Ordinal) || name.EndsWith("wolf", StringComparison.Ordinal)) return name[..^1] + "ves";
        if (name.EndsWith("knife", StringComparison.Ordinal)) return name[..^2] + "ves";
        if (name.EndsWith('y') && name.Length > 1 && !"aeiou".Contains(name[^2])) return name[..^1] + "ies";
        if (name[^1] is 's' or 'x' or 'z' || name.EndsWith("ch", StringComparison.Ordinal) || name.EndsWith("sh", StringComparison.Ordinal)) return name + "es";
        return name is "potato" or "tomato" or "hero" ? name + "es" : name + "s";
    }

    /// <summary>Puts what people say round the name of what they want, and the style, if it is to be said.</summary>
    /// <param name="fillers">Words that mean nothing here. Some captions have a few, so that a model learns to find the thing in any sentence.</param>
    public static string Around(string phrase, string? style, IReadOnlyList<string> fillers, Random random)
    {
        var form = random.Next(4);
        if (style is not null && form == 0) phrase = $"a {style} picture of {phrase}";
        var around = random.NextDouble();
        if (around < Sentences) phrase = string.Format(CultureInfo.InvariantCulture, Forms[random.Next(Forms.Length)], phrase);
        else if (fillers.Count > 0 && around < Sentences + Fillers) phrase = $"{Some(random.Next(4))} {phrase} {Some(random.Next(4))}".Trim();
        else if (style is null && around < Sentences + Fillers + OfAMedium) phrase = Mediums[random.Next(Mediums.Length)] + phrase;
        return (style, form) switch
        {
            (null, _) or (_, 0) => phrase,
            (_, 1) => $"{phrase}, {style} style",
            (_, 2) => $"{phrase} in {style} style",
            _ => $"{phrase}, {style}",
        };

        string Some(int count) => string.Join(' ', Enumerable.Range(0, count).Select(_ => fillers[random.Next(fillers.Count)]));
    }

    /// <summary>The commonest words of CLIP's vocabulary that captions have no other use for.</summary>
    public static IReadOnlyList<string> FillersFor(IEnumerable<string> used, IReadOnlyDictionary<string, string> meanings, int count)
    {
        var words = used.Concat(Forms).Concat(Mediums).SelectMany(part => part.Split([' ', ',', '-', '\''])).ToHashSet();
        return [.. Meanings.WholeWords().Where(word => !words.Contains(word) && !meanings.ContainsKey(word)).Take(count)];
    }
}
