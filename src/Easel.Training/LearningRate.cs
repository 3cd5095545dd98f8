namespace Easel.Training;

/// <summary>The learning rate over a run: a straight rise, then half a cosine down to a twenty-fifth.</summary>
internal sealed record LearningRate(double Peak, long WarmUp)
{
    private const double Floor = 0.04; // of the peak

    /// <param name="step">From 1.</param>
    /// <param name="progress">The share of the run that is done, 0 to 1, by steps or by the clock.</param>
    public double At(long step, double progress) =>
        Peak * Math.Min(1, (double)step / WarmUp) * (Floor + (1 - Floor) * 0.5 * (1 + Math.Cos(Math.PI * Math.Clamp(progress, 0, 1))));
}
