using Easel.Text;

namespace Easel.Training;

/// <summary>
/// The tokens that captions use, numbered anew. The whole table of CLIP's vocabulary is written to the file, but training it all would cost more than the
/// rest of the text encoder: most of its words never occur.
/// </summary>
internal sealed class Words
{
    private readonly ClipTokenizer _tokenizer = new();
    private readonly Dictionary<int, int> _numbers = [];
    private readonly Dictionary<string, long[]> _known = new(StringComparer.Ordinal);

    public Words(IEnumerable<string> texts)
    {
        var ids = texts.SelectMany(text => _tokenizer.Encode(text)).Append(ClipTokenizer.BeginOfText).Append(ClipTokenizer.EndOfText).Distinct().Order();
        foreach (var id in ids) _numbers.Add(id, _numbers.Count);
        Tokens = [.. _numbers.Keys];
    }

    /// <param name="tokens">Tokens that were gathered before, ascending, the marks of beginning and end among them.</param>
    public Words(IReadOnlyList<int> tokens)
    {
        Tokens = tokens;
        for (var i = 0; i < tokens.Count; i++) _numbers.Add(tokens[i], i);
    }

    /// <summary>The tokens in the order of their numbers here.</summary>
    public IReadOnlyList<int> Tokens { get; }

    /// <summary>The number here of a token that was gathered.</summary>
    public int NumberOf(int token) => _numbers[token];

    /// <summary>Captions as [n, 77] of the numbers here, int64.</summary>
    /// <exception cref="EaselException">A caption has a token that was not gathered.</exception>
    public Tensor Encode(IReadOnlyList<string> captions)
    {
        var ids = new long[captions.Count * ClipTokenizer.ContextLength];
        for (var i = 0; i < captions.Count; i++) Encode(captions[i]).CopyTo(ids, i * ClipTokenizer.ContextLength);
        return tensor(ids, [captions.Count, ClipTokenizer.ContextLength]);
    }

    /// <summary>Captions that are numbers already as [n, 77]: the mark of the beginning, the words, marks of the end.</summary>
    public Tensor Encode(IReadOnlyList<ushort[]> captions)
    {
        var (begin, end) = (_numbers[ClipTokenizer.BeginOfText], _numbers[ClipTokenizer.EndOfText]);
        var ids = new long[captions.Count * ClipTokenizer.ContextLength];
        Array.Fill(ids, end);
        for (var i = 0; i < captions.Count; i++)
        {
            ids[i * ClipTokenizer.ContextLength] = begin;
            for (var j = 0; j < captions[i].Length; j++) ids[i * ClipTokenizer.ContextLength + 1 + j] = captions[i][j];
        }
        return tensor(ids, [captions.Count, ClipTokenizer.ContextLength]);
    }

    /// <summary>For each token how rarely captions have it: 1 for one that none has, towards 0 for one that nearly all have. [tokens], fp32.</summary>
    public Tensor Rarity(IReadOnlyList<string> captions)
    {
        var having = new int[Tokens.Count];
        foreach (var caption in captions)
            foreach (var number in NumbersOf(caption).Distinct()) having[number]++;
        return tensor([.. having.Select(count => (float)(Math.Log((captions.Count + 1.0) / (count + 1)) / Math.Log(captions.Count + 1)))]);
    }

    /// <summary>The numbers here of a caption's words, without marks.</summary>
    public IEnumerable<long> NumbersOf(string caption) => _tokenizer.Encode(caption).Select(token => (long)_numbers[token]);

    private long[] Encode(string caption)
    {
        if (_known.TryGetValue(caption, out var ids)) return ids;
        var tokens = _tokenizer.Tokenize(caption, ClipTokenizer.EndOfText).Ids;
        if (tokens.Any(token => !_numbers.ContainsKey(token)))
            throw new EaselException($"The caption \"{caption}\" has a word that the captions were not expected to have.");
        return _known[caption] = [.. tokens.Select(token => (long)_numbers[token])];
    }
}
