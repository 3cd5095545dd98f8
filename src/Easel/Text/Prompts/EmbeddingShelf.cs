using Easel.Weights;
using Easel.Weights.Names;

namespace Easel.Text.Prompts;

/// <summary>A part of a prompt: text, or a learned word.</summary>
/// <param name="Text">The text; the name as written where <paramref name="Embedding"/> is not null.</param>
/// <param name="Embedding">The learned word; null for text.</param>
internal readonly record struct PromptPart(string Text, TextualInversion? Embedding);

/// <summary>The textual-inversion embeddings of folders, found by name and read when a prompt first uses them.</summary>
/// <param name="folders">The folders; one that does not exist is an empty one.</param>
internal sealed class EmbeddingShelf(IReadOnlyList<string> folders) : IDisposable
{
    private readonly NamedFiles _files = NamedFiles.Embeddings(folders);
    private readonly Dictionary<string, TextualInversion> _read = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>Embeddings that serve beside those of the folders for now, such as a LoRA brings along; they belong to who lends them.</summary>
    public IReadOnlyList<TextualInversion> Lent { get; set; } = [];

    /// <summary>What there is in the folders, in alphabetical order.</summary>
    public IReadOnlyList<string> Names => _files.Names;

    /// <summary>The embedding called <paramref name="name"/>, in capitals or not; null where there is none. It belongs to the shelf, whose own come before
    /// those that are lent.</summary>
    /// <exception cref="CheckpointException">The file of that name is no embedding.</exception>
    public TextualInversion? Find(string name)
    {
        if (_read.TryGetValue(name, out var known)) return known;
        if (_files.Find(name) is { } path) return _read[name] = TextualInversion.Read(path);
        return Lent.FirstOrDefault(lent => lent.Name.Equals(name, StringComparison.OrdinalIgnoreCase));
    }

    /// <summary>Finds the names of embeddings in a text. A name counts where it stands as a word of its own, with or without the angle brackets in which
    /// diffusers' concepts are written; of several names that begin at one place the longest counts.</summary>
    /// <param name="text">A prompt or a piece of one.</param>
    /// <returns>The parts in order; joined, their texts are the whole but for the brackets of names.</returns>
    public IReadOnlyList<PromptPart> Split(string text)
    {
        var names = Names.Concat(Lent.Select(lent => lent.Name)).ToList();
        if (names.Count == 0) return [new PromptPart(text, null)];

        var any = string.Join('|', names.OrderByDescending(name => name.Length).Select(Regex.Escape));
        var parts = new List<PromptPart>();
        var end = 0;
        var pattern = $@"<(?:{any})>|(?<![\w-])(?:{any})(?![\w-])";
        foreach (var match in Regex.EnumerateMatches(text, pattern, RegexOptions.IgnoreCase | RegexOptions.CultureInvariant))
        {
            if (match.Index > end) parts.Add(new PromptPart(text[end..match.Index], null));
            end = match.Index + match.Length;
            var name = text[match.Index..end];
            if (Find(name) is { } bare) parts.Add(new PromptPart(name, bare));
            else if (Find(name[1..^1]) is { } bracketed) parts.Add(new PromptPart(name[1..^1], bracketed));
        }
        if (end < text.Length || parts.Count == 0) parts.Add(new PromptPart(text[end..], null));
        return parts;
    }

    public void Dispose()
    {
        foreach (var embedding in _read.Values) embedding.Dispose();
    }
}
