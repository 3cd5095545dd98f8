using Easel.Training.Data;

namespace Easel.Training.Evaluation;

/// <summary>A thing that a prompt asks for.</summary>
/// <param name="Name">What it is called.</param>
/// <param name="Colour">The colour asked for; null where none is.</param>
internal sealed record Asked(string Name, string? Colour)
{
    public static Asked Parse(string text) => text.Split(' ', 2) is [var word, var rest] && ColourWords.All.Contains(word) ? new(rest, word) : new(text, null);
}

/// <summary>The prompts that models are measured by, in files of their own, written before training and kept.</summary>
internal static class FixedPrompts
{
    /// <summary>What newcomers type first, with the names of what a picture of it shows above all, any of which will do.</summary>
    public static IReadOnlyList<(string Prompt, IReadOnlyList<string> Shows)> First { get; } =
        [.. Lines("prompts").Select(line => (line.Left, (IReadOnlyList<string>)line.Right))];

    /// <summary>Two things, each perhaps in a colour, and how the first stands to the second.</summary>
    public static IReadOnlyList<(string Prompt, Asked One, string Way, Asked Other)> Pairs { get; } =
        [.. Lines("pairs").Select(line => (line.Left, Asked.Parse(line.Right[0]), line.Right[1], Asked.Parse(line.Right[2])))];

    /// <summary>Several of one thing.</summary>
    public static IReadOnlyList<(string Prompt, int Count, string Name)> Counts { get; } =
        [.. Lines("counts").Select(line => (line.Left, int.Parse(line.Right[0], CultureInfo.InvariantCulture), line.Right[1]))];

    /// <summary>The pairs of concepts that no training scene may have together, both ways round.</summary>
    public static IReadOnlySet<(string, string)> HeldOut(IReadOnlyList<Drawing> drawings) => Pairs
        .SelectMany(pair => Concepts(drawings, pair.One.Name).SelectMany(one => Concepts(drawings, pair.Other.Name)
            .SelectMany(other => ((string, string)[])[(one, other), (other, one)]))).ToHashSet();

    /// <summary>The concepts of a name.</summary>
    public static IReadOnlySet<string> Concepts(IReadOnlyList<Drawing> drawings, string name) =>
        drawings.Where(drawing => drawing.Names.Contains(name)).Select(drawing => drawing.Concept).ToHashSet();

    private static IEnumerable<(string Left, string[] Right)> Lines(string file)
    {
        using var reader = new StreamReader(typeof(FixedPrompts).Assembly.GetManifestResourceStream($"Easel.Training.{file}.txt")!);
        var lines = new List<(string, string[])>();
        while (reader.ReadLine() is { } line)
            if (line.Length > 0 && line[0] != '#' && line.Split(" = ", 2) is [var left, var right]) lines.Add((left, right.Split(" | ")));
        return lines;
    }
}
