namespace Easel.Training.Data;

/// <summary>The nouns of WordNet ("WordNet: A Lexical Database for English", Miller 1995; wndb(5WN)): what words mean, and what is a kind of what.</summary>
internal sealed class WordNet
{
    private const char Noun = '1'; // the type of a sense in index.sense

    // morphy(7WN): endings of plurals and what stands in their place
    private static readonly (string Plural, string Singular)[] Endings =
        [("ies", "y"), ("ches", "ch"), ("shes", "sh"), ("ses", "s"), ("xes", "x"), ("zes", "z"), ("men", "man"), ("s", "")];

    private readonly Dictionary<string, Synset> _synsets = [];
    private readonly Dictionary<string, IReadOnlyList<string>> _senses = []; // of each word, the commonest first
    private readonly Dictionary<string, (int AsNoun, int Other)> _counts = [];

    /// <summary>Words that mean the same.</summary>
    /// <param name="Id">Its offset in the file.</param>
    /// <param name="Field">The number of the lexicographers' file, lexnames(5WN): 5 for animals, 6 for things made by people.</param>
    /// <param name="Kinds">The ids of what it is a kind of.</param>
    public sealed record Synset(string Id, int Field, IReadOnlyList<string> Kinds);

    /// <summary>Reads the files data.noun, index.noun and index.sense of a folder.</summary>
    public static WordNet Read(string folder)
    {
        var net = new WordNet();
        foreach (var line in Lines("data.noun"))
        {
            var parts = line.Split(' ');
            var pointers = 4 + 2 * int.Parse(parts[3], NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            var kinds = parts[(pointers + 1)..].Chunk(4).Take(Number(parts[pointers])).Where(pointer => pointer[0] is "@" or "@i")
                .Select(pointer => pointer[1]);
            net._synsets.Add(parts[0], new Synset(parts[0], Number(parts[1]), [.. kinds]));
        }
        foreach (var line in Lines("index.noun"))
        {
            var parts = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            net._senses.Add(parts[0], parts[^Number(parts[2])..]);
        }
        foreach (var line in Lines("index.sense"))
        {
            var parts = line.Split(' ');
            var mark = parts[0].IndexOf('%');
            var (asNoun, other) = net._counts.GetValueOrDefault(parts[0][..mark]);
            net._counts[parts[0][..mark]] = parts[0][mark + 1] == Noun ? (asNoun + Number(parts[3]), other) : (asNoun, other + Number(parts[3]));
        }
        return net;

        // the licence stands indented at the top
        IEnumerable<string> Lines(string file) => File.ReadLines(Path.Combine(folder, file)).Where(line => line.Length > 0 && line[0] != ' ');
        static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);
    }

    /// <summary>What a noun may mean, the commonest first; a plural means what its singular does. Empty for what is no noun.</summary>
    public IReadOnlyList<Synset> Senses(string noun)
    {
        var lemma = noun.Replace(' ', '_');
        if (!_senses.TryGetValue(lemma, out var ids))
            ids = Endings.Where(ending => lemma.Length > ending.Plural.Length + 1 && lemma.EndsWith(ending.Plural, StringComparison.Ordinal))
                .Select(ending => _senses.GetValueOrDefault(lemma[..^ending.Plural.Length] + ending.Singular)).FirstOrDefault(found => found is not null);
        return ids is null ? [] : [.. ids.Select(id => _synsets[id])];
    }

    /// <summary>Whether a word is at least as often a noun as anything else.</summary>
    public bool IsMostlyNoun(string word) => _counts.GetValueOrDefault(word) is var (asNoun, other) && asNoun >= other;

    /// <summary>A thing itself and all that it is a kind of, with the least steps up to each.</summary>
    public IReadOnlyDictionary<string, int> Above(Synset thing, int steps)
    {
        var found = new Dictionary<string, int> { [thing.Id] = 0 };
        var next = new Queue<Synset>([thing]);
        while (next.TryDequeue(out var from))
            foreach (var kind in found[from.Id] < steps ? from.Kinds : [])
                if (found.TryAdd(kind, found[from.Id] + 1)) next.Enqueue(_synsets[kind]);
        return found;
    }
}
