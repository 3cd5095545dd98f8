namespace Easel.Sampling;

/// <summary>What a network is told beside the picture: made once for a batch, and known by itself and not by its numbers.</summary>
/// <param name="context">[1, tokens, width], the vectors it attends to.</param>
/// <param name="weight">How much the answer counts (composition by AND); null for the negative prompt's.</param>
/// <param name="vector">[1, width], what it is told of the picture as a whole, for a network that takes that; null for one that does not.</param>
internal sealed class Condition(Tensor context, double? weight, Tensor? vector = null)
{
    public Tensor Context => context;

    public double? Weight => weight;

    public Tensor? Vector => vector;
}

/// <summary>One question to the network in a step: a picture of the batch under a condition.</summary>
internal readonly record struct GuidanceRow(int Picture, Condition Condition);

/// <summary>
/// Classifier-free guidance ("Classifier-Free Diffusion Guidance", arXiv 2207.12598): the answer to the negative prompt, moved by the scale towards the answers
/// to the prompt.
/// A rescale brings the result back to the spread that the answer to the prompt has ("Common Diffusion Noise Schedules and Sample Steps are Flawed", arXiv
/// 2305.08891, section 3.4).
/// Several prompts joined by AND each add their own move ("Compositional Visual Generation with Composable Diffusion Models", arXiv 2206.01714).
/// </summary>
internal sealed class Guidance(double scale, Func<int, IReadOnlyList<GuidanceRow>> rowsAtStep, double rescale = 0)
{
    /// <summary>Asks the UNet and combines its answers.</summary>
    /// <param name="x">[n, c, h, w], the batch.</param> <param name="at">Where the run stands: prompts may change on the way.</param>
    /// <param name="guides">Whether guidance is to act; without it the answer is that to the prompt. Prompts that are composed or weighted need it and keep
    /// it.</param> <param name="ask">(rows of x, what each is about; their contexts are of one length) to answers.</param>
    public Tensor Answer(Tensor x, Evaluation at, bool guides, Func<Tensor, IReadOnlyList<GuidanceRow>, Tensor> ask)
    {
        using var scope = NewDisposeScope();
        var rows = rowsAtStep(at.Step);
        var plain = rows.Where(row => row.Condition.Weight is not null).ToList();
        if (!guides && plain.Count == x.shape[0] && plain.All(row => row.Condition.Weight == 1)) rows = plain;
        var answers = new Tensor[rows.Count];

        // Contexts of one length go through the network together, the negative prompt's first as in the original.
        foreach (var group in rows.Select((row, i) => (row, i)).GroupBy(r => r.row.Condition.Context.shape[1]))
        {
            var members = group.ToList();
            var pictures = members.Select(m => (long)m.row.Picture).ToArray();
            var isWhole = pictures.SequenceEqual(Enumerable.Range(0, (int)x.shape[0]).Select(i => (long)i));
            var rowsOfX = isWhole ? x : x.index_select(0, tensor(pictures, device: x.device));
            var answered = ask(rowsOfX, [.. members.Select(m => m.row)]);
            for (var k = 0; k < members.Count; k++) answers[members[k].i] = answered[k..(k + 1)];
        }

        var combined = new Tensor[x.shape[0]];
        for (var i = 0; i < rows.Count; i++)
            if (rows[i].Condition.Weight is null) combined[rows[i].Picture] = answers[i];
        var negative = combined.ToArray();
        var own = new Tensor?[x.shape[0]]; // what guidance at a scale of 1 would answer
        for (var i = 0; i < rows.Count; i++)
        {
            var (picture, condition) = rows[i];
            if (condition.Weight is not { } share) continue;
            combined[picture] = negative[picture] is { } from ? combined[picture] + scale * share * (answers[i] - from) : answers[i];
            if (rescale > 0 && negative[picture] is { } ground) own[picture] = (own[picture] ?? ground) + share * (answers[i] - ground);
        }
        for (var picture = 0; picture < own.Length; picture++)
            if (own[picture] is { } answer) combined[picture] = combined[picture] * (rescale * (answer.std() / combined[picture].std()) + (1 - rescale));
        return cat(combined, dim: 0).MoveToOuterDisposeScope();
    }
}
