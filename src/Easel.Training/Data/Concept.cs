namespace Easel.Training.Data;

/// <summary>A thing that drawings show, under the names that people give it.</summary>
/// <param name="Code">The emoji's code points in hexadecimal, joined by "-", without variation selectors: "1f34e".</param>
/// <param name="Names">What it is called, the usual name first.</param>
/// <param name="IsMass">Whether its names take no article: "fire", "grapes".</param>
/// <param name="CanMirror">Whether its mirror image is the same thing.</param>
internal sealed record Concept(string Code, IReadOnlyList<string> Names, bool IsMass, bool CanMirror)
{
    /// <summary>Words that point to it and to hardly anything else.</summary>
    public IReadOnlyList<string> Keywords { get; init; } = [];

    /// <summary>The best-known things, best known first, from the list in the assembly.</summary>
    public static IReadOnlyList<Concept> Known()
    {
        using var reader = new StreamReader(typeof(Concept).Assembly.GetManifestResourceStream("Easel.Training.concepts.txt")!);
        var concepts = new List<Concept>();
        while (reader.ReadLine() is { } line)
            if (line.Length > 0 && line[0] != '#') concepts.Add(Parse(line));
        return concepts;
    }

    /// <summary>A line of the list: "emoji = name, other names", "~" before a name without article, " !" at the end of what must not be mirrored.</summary>
    internal static Concept Parse(string line)
    {
        var canMirror = !line.EndsWith(" !", StringComparison.Ordinal);
        var parts = (canMirror ? line : line[..^2]).Split(" = ", 2);
        var isMass = parts[1].StartsWith('~');
        return new Concept(CodeOf(parts[0]), parts[1].TrimStart('~').Split(", "), isMass, canMirror);
    }

    internal static string CodeOf(string emoji) =>
        string.Join('-', emoji.EnumerateRunes().Where(rune => rune.Value != 0xfe0f).Select(rune => rune.Value.ToString("x4", CultureInfo.InvariantCulture)));

    /// <summary>A code as files write it, without variation selectors and in small letters.</summary>
    internal static string Normalise(string code) => string.Join('-', code.ToLowerInvariant().Split('-').Where(part => part != "fe0f"));
}
