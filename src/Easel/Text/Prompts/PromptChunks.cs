namespace Easel.Text.Prompts;

/// <summary>One run of the text encoder: 77 ids and how much each counts.</summary>
/// <param name="Ids">Begin of text, 75 tokens or padding, end of text or padding; 77 in all.</param>
/// <param name="Weights">The weight of each id; 1 for marks and padding.</param>
internal sealed record PromptChunk(int[] Ids, float[] Weights);

/// <summary>Cuts a prompt of any length into chunks that the text encoder takes, as AUTOMATIC1111's web UI does: its encodings are then joined end to end.
/// Original: <c>tokenize_line</c> in <c>modules/sd_hijack_clip.py</c> of AUTOMATIC1111/stable-diffusion-webui 1.10.</summary>
internal static class PromptChunks
{
    /// <summary>Tokens in a chunk, without the marks of begin and end.</summary>
    public const int Length = ClipTokenizer.ContextLength - 2;

    /// <summary>How far from the end of a full chunk a comma may be for what follows it to move to the next.</summary>
    private const int CommaReach = 20;

    /// <summary>The token of a comma by itself.</summary>
    private const int Comma = 267;

    /// <summary>The chunks of a prompt.</summary>
    /// <param name="pieces">The prompt by weight, from <see cref="PromptParser.ParseWeights"/>.</param>
    /// <param name="encode">Text to token ids. Ids from <see cref="ClipTokenizer.VocabularySize"/> on stand for learned words, an id for each of a word's
    /// vectors in a row; a word is not torn apart.</param>
    /// <param name="padId">What follows the mark of the end: <see cref="ClipTokenizer.EndOfText"/> for Stable Diffusion 1, 0 for Stable Diffusion 2.</param>
    /// <returns>At least one chunk; the empty prompt has one of padding.</returns>
    public static IReadOnlyList<PromptChunk> Build(IEnumerable<WeightedText> pieces, Func<string, IReadOnlyList<int>> encode, int padId)
    {
        ArgumentNullException.ThrowIfNull(pieces);
        ArgumentNullException.ThrowIfNull(encode);
        var chunks = new List<PromptChunk>();
        List<(int Id, float Weight)> chunk = [];
        var lastComma = -1;

        foreach (var piece in pieces)
        {
            if (piece.IsBreak)
            {
                Finish();
                continue;
            }
            var tokens = encode(piece.Text);
            for (var i = 0; i < tokens.Count; i++)
            {
                var id = tokens[i];
                if (id >= ClipTokenizer.VocabularySize && (i == 0 || tokens[i - 1] != id) && chunk.Count + RunFrom(tokens, i) > Length
                    && chunk.Count > 0) Finish();
                if (id == Comma) lastComma = chunk.Count;
                else if (chunk.Count == Length && lastComma >= 0 && Length - lastComma <= CommaReach) Finish(keep: lastComma + 1);

                if (chunk.Count == Length) Finish();
                chunk.Add((id, (float)piece.Weight));
            }
        }
        if (chunk.Count > 0 || chunks.Count == 0) Finish();
        return chunks;

        static int RunFrom(IReadOnlyList<int> tokens, int start)
        {
            var end = start;
            while (end < tokens.Count && tokens[end] == tokens[start]) end++;
            return end - start;
        }

        void Finish(int keep = int.MaxValue)
        {
            keep = Math.Min(keep, chunk.Count);
            var (ids, weights) = (new int[ClipTokenizer.ContextLength], new float[ClipTokenizer.ContextLength]);
            Array.Fill(ids, padId);
            Array.Fill(weights, 1);
            for (var i = 0; i < keep; i++) (ids[i + 1], weights[i + 1]) = chunk[i];
            (ids[0], ids[keep + 1]) = (ClipTokenizer.BeginOfText, ClipTokenizer.EndOfText);

            chunks.Add(new PromptChunk(ids, weights));
            chunk.RemoveRange(0, keep);
            lastComma = -1;
        }
    }
}
