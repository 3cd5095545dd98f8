namespace Easel.Server.Library;

/// <summary>The things that a model knows by name, where that is a list: Sketch was taught one, larger models have seen everything a little.</summary>
internal sealed class Vocabulary
{
    /// <summary>Words that stand between a thing and what is said of it.</summary>
    private static readonly HashSet<string> Joints =
        ["at", "in", "on", "with", "of", "under", "over", "by", "near", "behind", "before", "beside", "and", "or", "from", "into", "for", "to", "who", "that"];

    private static readonly HashSet<string> Small = ["a", "an", "the", "one", "some", "my", "our", "this", "please", "draw", "picture", "photo", "image"];

    private readonly IReadOnlyList<IReadOnlyList<string>> _things;

    private Vocabulary(IReadOnlyList<IReadOnlyList<string>> things) => _things = things;

    /// <summary>What Sketch knows, from the list that it is trained with.</summary>
    public static Vocabulary Sketch { get; } = Read();

    /// <summary>What a model knows; null where that is no list.</summary>
    public static Vocabulary? Of(ModelEntry? model) => model is { IsSketch: true } ? Sketch : null;

    /// <summary>How many things.</summary>
    public int Count => _things.Count;

    /// <summary>The usual name of each thing, the best known first.</summary>
    public IEnumerable<string> Names => _things.Select(names => names[0]);

    /// <summary>What a prompt asks for where it names nothing that is known; null where it does, or names nothing at all.</summary>
    public string? Missing(string prompt)
    {
        var words = WordsOf(prompt);
        if (words.Count == 0) return null;
        var text = $" {string.Join(' ', words)} ";
        var single = $" {string.Join(' ', words.Select(Singular))} ";
        bool Names(string name) => text.Contains($" {name} ", StringComparison.Ordinal) || single.Contains($" {name} ", StringComparison.Ordinal);
        if (_things.Any(names => names.Any(Names))) return null;
        var thing = words.SkipWhile(Small.Contains).TakeWhile(word => !Joints.Contains(word)).Take(3).ToList();
        return thing.Count > 0 ? string.Join(' ', thing) : null;
    }

    /// <summary>The known things whose names are the likest.</summary>
    public IReadOnlyList<string> Nearest(string thing, int count)
    {
        var wanted = Parts(thing);
        return [.. _things.Select(names => (Name: names[0], Likeness: names.Max(name => Likeness(wanted, thing, name))))
            .Where(one => one.Likeness > 0.2).OrderByDescending(one => one.Likeness).Take(count).Select(one => one.Name)];
    }

    private static double Likeness(HashSet<string> wanted, string thing, string name)
    {
        var parts = Parts(name);
        var shared = 2.0 * parts.Count(wanted.Contains) / (parts.Count + wanted.Count);
        var holds = name.Length > 3 && thing.Contains(name, StringComparison.Ordinal) || thing.Length > 3 && name.Contains(thing, StringComparison.Ordinal);
        return shared + (holds ? 1 : 0);
    }

    /// <summary>The letters of a text, three by three.</summary>
    private static HashSet<string> Parts(string text)
    {
        var padded = $" {text} ";
        return [.. Enumerable.Range(0, padded.Length - 2).Select(i => padded.Substring(i, 3))];
    }

    private static List<string> WordsOf(string prompt) =>
        [.. new string([.. prompt.ToLowerInvariant().Select(c => char.IsLetterOrDigit(c) || c == '-' ? c : ' ')])
            .Split(' ', StringSplitOptions.RemoveEmptyEntries)];

    private static string Singular(string word) => word switch
    {
        [.. var stem, 'i', 'e', 's'] when stem.Length > 1 => stem + "y",
        [.. var stem, 's' or 'x' or 'h', 'e', 's'] => word[..^2],
        [.. var stem, 's'] when stem.Length > 2 && stem[^1] != 's' => stem,
        _ => word,
    };

    private static Vocabulary Read()
    {
        using var reader = new StreamReader(typeof(Vocabulary).Assembly.GetManifestResourceStream("concepts.txt")!);
        var things = new List<IReadOnlyList<string>>();
        while (reader.ReadLine() is { } line)
        {
            if (line.Length == 0 || line[0] == '#' || line.Split(" = ", 2) is not [_, var names]) continue;
            things.Add([.. names.Replace(" !", "", StringComparison.Ordinal).TrimStart('~').Split(", ").Select(name => name.ToLowerInvariant())]);
        }
        return new Vocabulary(things);
    }
}
