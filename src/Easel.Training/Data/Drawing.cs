namespace Easel.Training.Data;

/// <summary>One drawing of the data set, a line of its list.</summary>
internal sealed record Drawing
{
    public const int Side = 192; // the side of the stored pictures, in pixels: larger than what is trained on, so that they can be scaled
    public required string Concept { get; init; } // what it shows: the concept's code, or set and name for drawings that are no emoji
    public required int Rank { get; init; } // the place of the concept among all, 0 for the best known

    public required IReadOnlyList<string> Names { get; init; }

    /// <summary>Words that point to it and to hardly anything else, which a prompt may have in place of a name: "meow" for a cat.</summary>
    public IReadOnlyList<string> Keywords { get; init; } = [];

    public bool IsMass { get; init; } // whether the names take no article
    public bool CanMirror { get; init; } // whether its mirror image is the same thing
    public required string Source { get; init; } // the Id it is from
    public string? Style { get; init; } // what prompts call the style; null where it has no name
    public bool MustSayStyle { get; init; } // whether captions always name the style: who does not ask for it does not mean such a drawing
    public required string File { get; init; } // the picture, relative to the data folder: a PNG with transparency, Side pixels square

    public static List<Drawing> List(string folder, int concepts, IReadOnlyCollection<string>? sources)
    {
        var path = ListPath(folder);
        if (!System.IO.File.Exists(path)) throw new EaselException($"There is no data set in {folder}; easel train data --out {folder} makes one.");
        var drawings = System.IO.File.ReadLines(path).Select(line => JsonSerializer.Deserialize<Drawing>(line)!)
            .Where(drawing => drawing.Rank < concepts && (sources is null || sources.Contains(drawing.Source))).ToList();
        return drawings.Count > 0 ? drawings : throw new EaselException($"No drawing of {path} is among the first {concepts} concepts of the sources named.");
    }

    public static string ListPath(string folder) => Path.Combine(folder, "drawings.jsonl");
}
