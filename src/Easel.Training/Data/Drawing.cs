using System.Text.Json;

namespace Easel.Training.Data;

/// <summary>One drawing of the data set, a line of its list.</summary>
internal sealed record Drawing
{
    /// <summary>The side of the stored pictures, in pixels: larger than what is trained on, so that they can be scaled.</summary>
    public const int Side = 192;

    /// <summary>What it shows: the concept's code, or set and name for drawings that are no emoji.</summary>
    public required string Concept { get; init; }

    /// <summary>The place of the concept among all, 0 for the best known.</summary>
    public required int Rank { get; init; }

    /// <summary>What people call it.</summary>
    public required IReadOnlyList<string> Names { get; init; }

    /// <summary>Words that point to it and to hardly anything else, which a prompt may have in place of a name: "meow" for a cat.</summary>
    public IReadOnlyList<string> Keywords { get; init; } = [];

    /// <summary>Whether the names take no article.</summary>
    public bool IsMass { get; init; }

    /// <summary>Whether its mirror image is the same thing.</summary>
    public bool CanMirror { get; init; }

    /// <summary>The <see cref="DrawingSource.Id"/> it is from.</summary>
    public required string Source { get; init; }

    /// <summary>What prompts call the style; null where it has no name.</summary>
    public string? Style { get; init; }

    /// <summary>Whether captions always name the style: who does not ask for it does not mean such a drawing.</summary>
    public bool MustSayStyle { get; init; }

    /// <summary>The picture, relative to the data folder: a PNG with transparency, <see cref="Side"/> pixels square.</summary>
    public required string File { get; init; }

    /// <summary>Reads the list of a data folder.</summary>
    /// <param name="concepts">How many concepts to take, the best known first.</param>
    /// <param name="sources">The sources to take; null for all.</param>
    /// <exception cref="EaselException">There is no list.</exception>
    public static List<Drawing> List(string folder, int concepts, IReadOnlyCollection<string>? sources)
    {
        var path = ListPath(folder);
        if (!System.IO.File.Exists(path)) throw new EaselException($"There is no data set in {folder}; easel train data --out {folder} makes one.");
        var drawings = System.IO.File.ReadLines(path).Select(line => JsonSerializer.Deserialize<Drawing>(line)!)
            .Where(drawing => drawing.Rank < concepts && (sources is null || sources.Contains(drawing.Source))).ToList();
        return drawings.Count > 0 ? drawings : throw new EaselException($"No drawing of {path} is among the first {concepts} concepts of the sources named.");
    }

    /// <summary>Where a data folder has its list.</summary>
    public static string ListPath(string folder) => Path.Combine(folder, "drawings.jsonl");
}
