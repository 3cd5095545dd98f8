using Easel.Models;

namespace Easel.Text.Prompts;

/// <summary>Vectors that stand in a prompt in place of tokens.</summary>
/// <param name="Start">The position of the first, 0 to the number of tokens less the number of vectors.</param> <param name="Vectors">[vectors, width].</param>
internal readonly record struct LearnedVectors(int Row, int Start, Tensor Vectors)
{
    /// <summary>Encodes prompts of which some tokens are replaced by vectors.</summary>
    /// <param name="ids">[n, tokens], int64. What stands at replaced positions does not matter.</param>
    /// <param name="learned">What replaces what; none is a plain encoding.</param> <param name="clipSkip">As <see cref="ClipTextModel.Encode"/> has it.</param>
    /// <returns>[n, tokens, width], and what the encoder says of each prompt as a whole, [n, width], where it does.</returns>
    /// <exception cref="EaselException">Vectors are of another width, or reach past the last token.</exception>
    public static (Tensor Context, Tensor? Pooled) Encode(ClipTextModel text, Tensor ids, IReadOnlyCollection<LearnedVectors> learned, int clipSkip)
    {
        using var scope = NewDisposeScope();
        var ends = text.Config.PooledWidth > 0 ? (ids == ClipTokenizer.EndOfText).to(ScalarType.Int32).argmax(1) : null; // the first of each text
        var vectors = text.TokenVectors(ids.clamp(0, text.Config.Vocabulary - 1)); // [n, tokens, width]
        if (learned.Count > 0) vectors = vectors.to(text.RunType, copy: true);
        foreach (var (row, start, own) in learned)
        {
            if (start < 0 || own.dim() != 2 || own.shape[1] != vectors.shape[2] || start + own.shape[0] > vectors.shape[1])
                throw new EaselException($"Vectors [{string.Join(", ", own.shape)}] at position {start} do not fit into "
                    + $"{vectors.shape[1]} tokens of width {vectors.shape[2]}.");
            vectors[row, start..(int)(start + own.shape[0])].copy_(own);
        }
        var (context, pooled) = text.EncodeVectors(vectors, ends, clipSkip);
        return (context.MoveToOuterDisposeScope(), pooled?.MoveToOuterDisposeScope());
    }
}
