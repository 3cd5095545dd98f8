using Easel.Text.Repair;

namespace Easel.Text;

/// <summary>The tokenizer of CLIP, and so of every Stable Diffusion: text to the numbers that the text encoder knows, id for id as <c>clip.tokenize</c> of
/// openai/CLIP gives them.</summary>
/// <remarks>The text is repaired and put in lower case (<see cref="PromptCleaner"/>), split into words, and each word's UTF-8 bytes are joined by the merges
/// learned with the model (byte-pair encoding; Sennrich et al. 2016, Radford et al. 2021). No text is unknown to it and none makes it throw. Creating a
/// tokenizer costs nothing: the vocabulary is read when first needed, once for all of them. One tokenizer may be used by many threads at once. Original:
/// <c>clip/simple_tokenizer.py</c> and <c>clip/clip.py</c> of openai/CLIP.</remarks>
internal sealed class ClipTokenizer
{
    /// <summary>How many tokens there are; ids run from 0 to 49407.</summary>
    public const int VocabularySize = 49408;

    /// <summary>The id that opens every prompt.</summary>
    public const int BeginOfText = 49406;

    /// <summary>The id that closes every prompt; Stable Diffusion 1 also pads with it.</summary>
    public const int EndOfText = 49407;

    /// <summary>How many ids the text encoders take, marks and padding included.</summary>
    public const int ContextLength = 77;

    private const string BeginMark = "<|startoftext|>", EndMark = "<|endoftext|>";

    /// <summary>Endings that stay apart from the word before them, in the order in which they are tried.</summary>
    private static readonly string[] Apart = [BeginMark, EndMark, "'s", "'t", "'re", "'ve", "'m", "'ll", "'d"];

    /// <summary>One for all: it is the same for every model, and a server changes models.</summary>
    private static readonly Lazy<ClipVocabulary> Shared = new(() => new ClipVocabulary());

    private readonly Lazy<ClipVocabulary> _vocabulary = Shared;

    /// <summary>The ids of a text, however many, without the marks of begin and end.</summary>
    /// <param name="text">Any text. To tokenize in pieces, encode each and join the ids; a border between pieces acts as a border between words.</param>
    /// <returns>The ids; empty for blank text.</returns>
    public int[] Encode(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var ids = new List<int>();
        foreach (var word in Words(PromptCleaner.Clean(text)))
        {
            if (word is BeginMark) ids.Add(BeginOfText);
            else if (word is EndMark) ids.Add(EndOfText);
            else _vocabulary.Value.Encode(word, ids);
        }
        return [.. ids];
    }

    /// <summary>The ids of a text between the marks of begin and end, padded or cut to a fixed length. The mark of the end is kept when text is cut.</summary>
    /// <param name="padId">What fills the rest: <see cref="EndOfText"/> for Stable Diffusion 1, 0 for Stable Diffusion 2. A fact of the model.</param>
    /// <param name="length">How many ids to return; at least 2.</param>
    public TokenizedPrompt Tokenize(string text, int padId, int length = ContextLength)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(length, 2);
        var tokens = Encode(text);
        var kept = Math.Min(tokens.Length, length - 2);

        var ids = new int[length];
        ids[0] = BeginOfText;
        tokens.AsSpan(0, kept).CopyTo(ids.AsSpan(1));
        ids[kept + 1] = EndOfText;
        ids.AsSpan(kept + 2).Fill(padId);

        return new TokenizedPrompt(ids, tokens.Length, tokens.Length - kept, Decode(tokens.AsSpan(kept)).Trim());
    }

    /// <summary>The text of some ids. Words end in a space, so a whole prompt does too; bytes that are no UTF-8 become U+FFFD.</summary>
    /// <param name="ids">Ids from 0 to 49407.</param>
    public string Decode(ReadOnlySpan<int> ids)
    {
        var bytes = new List<byte>(ids.Length * 4);
        foreach (var id in ids)
        {
            if (id is < 0 or >= VocabularySize)
                throw new InvalidRequestException(nameof(ids), $"Token {id} is not in the vocabulary of CLIP, which has the tokens 0 to {VocabularySize - 1}.");
            if (id is BeginOfText) bytes.AddRange("<|startoftext|>"u8);
            else if (id is EndOfText) bytes.AddRange("<|endoftext|>"u8);
            else _vocabulary.Value.Decode(id, bytes);
        }
        return Encoding.UTF8.GetString([.. bytes]);
    }

    /// <summary>Splits cleaned text into words: the marks and the English endings, else a run of letters, one digit, or a run of anything but letters, digits
    /// and spaces. By code points, since letters beyond U+FFFF are letters too.</summary>
    private static IEnumerable<string> Words(string text)
    {
        for (int at = 0, end; at < text.Length; at = end)
        {
            var kind = KindAt(text, at, out end);
            if (kind == Kind.Space) continue;
            if (MarkOrEndingAt(text, at) is { } length) end = at + length;
            else if (kind != Kind.Number)
                while (end < text.Length && KindAt(text, end, out var next) == kind) end = next;
            yield return text[at..end];
        }
    }

    private enum Kind { Letter, Number, Space, Other }

    private static Kind KindAt(string text, int at, out int end)
    {
        Rune.DecodeFromUtf16(text.AsSpan(at), out var rune, out var length);
        end = at + length;
        if (rune.Value == 0x345) return Kind.Space;       // a mark whose upper case is a letter: ignoring case, the original takes it for neither and drops it
        return Rune.GetUnicodeCategory(rune) switch
        {
            <= UnicodeCategory.OtherLetter => Kind.Letter,
            UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => Kind.Number,
            _ => Rune.IsWhiteSpace(rune) ? Kind.Space : Kind.Other,
        };
    }

    private static int? MarkOrEndingAt(string text, int at)
    {
        if (text[at] is not ('<' or '\'')) return null;
        foreach (var apart in Apart)
            if (text.Length - at >= apart.Length && Matches(text.AsSpan(at, apart.Length), apart)) return apart.Length;
        return null;
    }

    /// <summary>The original ignores case here, which in cleaned text leaves one thing to do: the long s (U+017F), for which lower-casing does nothing, is an
    /// s.</summary>
    private static bool Matches(ReadOnlySpan<char> text, string apart)
    {
        for (var i = 0; i < apart.Length; i++)
            if (text[i] != apart[i] && (text[i], apart[i]) is not ('\u017F', 's')) return false;
        return true;
    }
}
