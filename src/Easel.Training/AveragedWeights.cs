namespace Easel.Training;

/// <summary>An exponential average of the weights over the steps (EMA), which draws better than the last weights do.</summary>
internal sealed class AveragedWeights(FlatWeights weights, double decay)
{
    public Tensor Values { get; } = weights.Values.detach().clone().DetachFromDisposeScope();

    /// <summary>How much of the average stays at a step: less in the beginning, so that the first weights are soon forgotten.</summary>
    /// <param name="step">From 1.</param>
    public double DecayAt(long step) => Math.Min(decay, (1.0 + step) / (10 + step));

    public void Update(long step)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        Values.lerp_(weights.Values, 1 - DecayAt(step));
    }
}
