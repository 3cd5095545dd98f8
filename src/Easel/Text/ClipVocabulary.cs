using Easel.Text.Repair;

namespace Easel.Text;

/// <summary>The tokens of CLIP and the merges that make them. Tokens 0-255 are single bytes, 256-511 the same bytes at the end of a word, and from 512 on each
/// is two earlier tokens joined, in the order in which the merges were learned; so the id of a merge's result is also its rank.</summary>
internal sealed class ClipVocabulary
{
    /// <summary>What the merge table writes after the last symbol of a word.</summary>
    private const string WordEnd = "</w>";

    /// <summary>For each byte, the token of that byte alone; and back.</summary>
    private readonly int[] _byteTokens = new int[256];
    private readonly byte[] _tokenBytes = new byte[256];

    /// <summary>From two neighbours to the token that joins them; and, from token 512 on, back.</summary>
    private readonly Dictionary<uint, int> _merges = new(ClipTokenizer.BeginOfText);
    private readonly (int Left, int Right)[] _parts = new (int, int)[ClipTokenizer.BeginOfText];

    public ClipVocabulary()
    {
        var tokens = new Dictionary<string, int>(ClipTokenizer.BeginOfText);
        var find = tokens.GetAlternateLookup<ReadOnlySpan<char>>();
        foreach (var (symbol, value) in ByteSymbols())
        {
            var id = _byteTokens[value] = tokens.Count / 2;
            _tokenBytes[id] = value;
            tokens.Add(symbol.ToString(), id);
            tokens.Add(symbol + WordEnd, id + 256);
        }
        foreach (var merge in TextTable.Lines("clip-merges"))
        {
            var (space, id) = (merge.IndexOf(' '), tokens.Count);
            var (left, right) = _parts[id] = (find[merge.AsSpan(0, space)], find[merge.AsSpan(space + 1)]);
            tokens.Add(merge.Remove(space, 1), id);
            _merges.Add(Pair(left, right), id);
        }
    }

    /// <summary>Adds the tokens of one word. Repeatedly joins the neighbours whose merge was learned first, leftmost first among equals.</summary>
    public void Encode(string word, List<int> ids)
    {
        var bytes = Encoding.UTF8.GetBytes(word);
        var count = bytes.Length;
        var token = new int[count];                       // at the first place of each token; 0 elsewhere is never looked at
        var next = new int[count];                        // the place of the token after it
        var before = new int[count];
        for (var i = 0; i < count; i++) (token[i], next[i], before[i]) = (_byteTokens[bytes[i]], i + 1, i - 1);
        token[^1] += 256;

        // A heap, not a scan for the best pair in every round: a word may be a megabyte of exclamation marks.
        var candidates = new PriorityQueue<(int At, int Left, int Right), long>();
        for (var i = 0; i + 1 < count; i++) Consider(i);
        while (candidates.TryDequeue(out var pair, out var priority))
        {
            Effort.Add(1);
            var (at, after) = (pair.At, next[pair.At]);
            if (token[at] != pair.Left || after >= count || token[after] != pair.Right) continue;     // one of the two has been joined since
            token[at] = (int)(priority >> 32);
            token[after] = -1;
            next[at] = next[after];
            if (next[at] < count) before[next[at]] = at;
            Consider(at);
            if (before[at] >= 0) Consider(before[at]);
        }
        for (var i = 0; i < count; i = next[i]) ids.Add(token[i]);

        void Consider(int at)
        {
            if (next[at] < count && _merges.TryGetValue(Pair(token[at], token[next[at]]), out var merged))
                candidates.Enqueue((at, token[at], token[next[at]]), ((long)merged << 32) | (uint)at);
        }
    }

    /// <summary>Adds the bytes of a token, and a space if it ends a word.</summary>
    public void Decode(int id, List<byte> text)
    {
        if (id >= 512)
        {
            Decode(_parts[id].Left, text);
            Decode(_parts[id].Right, text);
            return;
        }
        text.Add(_tokenBytes[id % 256]);
        if (id >= 256) text.Add((byte)' ');
    }

    /// <summary>A key for two tokens. As one small number, since the hash of a wider one would only be the exclusive or of its halves.</summary>
    private static uint Pair(int left, int right) => (uint)left * ClipTokenizer.VocabularySize + (uint)right;

    /// <summary>How the merge table writes bytes, in the order of their tokens: printable Latin-1 stands for itself, and the rest, which a text file would
    /// lose, is written as the characters from U+0100 on.</summary>
    private static IEnumerable<(char Symbol, byte Value)> ByteSymbols()
    {
        static bool IsPrintable(int b) => b is (>= '!' and <= '~') or (>= 0xA1 and not 0xAD);
        var bytes = Enumerable.Range(0, 256).ToArray();
        return bytes.Where(IsPrintable).Select(b => ((char)b, (byte)b))
            .Concat(bytes.Where(b => !IsPrintable(b)).Select((b, i) => ((char)(0x100 + i), (byte)b)));
    }
}
