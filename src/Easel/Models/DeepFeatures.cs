using Easel.Sampling;

namespace Easel.Models;

/// <summary>What the deep part of a UNet gave lately ("DeepCache: Accelerating Diffusion Models for Free", arXiv 2312.00858). From one look at the latents to
/// the next it hardly changes, so that for some looks it need not be computed. Kept for each question by itself (a picture of the batch, a context, a tile):
/// where guidance ends on the way, or a prompt changes, the others stay, and a question that was not asked lately is answered in full.</summary>
/// <param name="every">Features serve for this many evaluations, the one that they were computed in included.</param>
/// <param name="outerBlocks">Blocks of the finest level that run on the way down even where features are reused.</param>
internal sealed class DeepFeatures(int every, int outerBlocks) : IDisposable
{
    private readonly Dictionary<Question, (int Made, Tensor Features)> _kept = [];
    private int _evaluation;
    private Evaluation _last = new(-1, 0, double.PositiveInfinity);

    public int OuterBlocks => outerBlocks;

    /// <summary>The network, reusing its deep part's features from evaluation to evaluation; as it is where nothing is reused.</summary>
    public Predictor Over(Predictor predict) => every <= 1 ? predict : call =>
    {
        // What was seen in less noise says little about more, as after a restart.
        if (call.At.Number != _last.Number) NextEvaluation(afresh: call.At.Sigma > _last.Sigma);
        _last = call.At;
        return predict(call with { Deep = Of(call.Rows, call.Tile) });
    };

    /// <summary>Begins an evaluation; what is too old is let go.</summary>
    /// <param name="afresh">Whether nothing of before is to serve.</param>
    public void NextEvaluation(bool afresh)
    {
        _evaluation++;
        foreach (var (question, (made, features)) in _kept)
        {
            if (!afresh && _evaluation - made < every) continue;
            features.Dispose();
            _kept.Remove(question);
        }
    }

    /// <summary>The place of the features of some rows, to be looked up or filled.</summary>
    /// <param name="tile">The place of the tile among those of the latents; 0 where they are seen as a whole.</param>
    public DeepRows Of(IEnumerable<GuidanceRow> rows, int tile) => new(this, [.. rows.Select(row => new Question(row.Picture, row.Condition, tile))]);

    /// <summary>[rows, channels, h, w] if there are features for every one of the questions, else null. Belongs to the caller's scope.</summary>
    public Tensor? Find(IReadOnlyList<Question> questions) => Has(questions) ? cat([.. questions.Select(question => _kept[question].Features)], dim: 0) : null;

    /// <summary>Whether there are features for every one of the questions.</summary>
    public bool Has(IReadOnlyList<Question> questions) => questions.All(_kept.ContainsKey);

    /// <summary>Keeps features [rows, channels, h, w], one row for each question.</summary>
    public void Keep(IReadOnlyList<Question> questions, Tensor features)
    {
        for (var i = 0; i < questions.Count; i++)
        {
            if (_kept.TryGetValue(questions[i], out var old)) old.Features.Dispose();
            _kept[questions[i]] = (_evaluation, features.narrow(0, i, 1).DetachFromDisposeScope());
        }
    }

    public void Dispose()
    {
        foreach (var (_, features) in _kept.Values) features.Dispose();
        _kept.Clear();
    }

    /// <summary>What a row of a call of the UNet is about.</summary>
    internal readonly record struct Question(int Picture, Condition? Condition, int Tile);
}

/// <summary>The deep features of the rows of one call of the UNet.</summary>
internal sealed class DeepRows(DeepFeatures features, DeepFeatures.Question[] questions)
{
    public int OuterBlocks => features.OuterBlocks;

    /// <summary>Whether there are features for every row, so that the deep part need not be computed.</summary>
    public bool IsKept => features.Has(questions);

    public Tensor? Find() => features.Find(questions);

    public void Keep(Tensor made) => features.Keep(questions, made);
}
