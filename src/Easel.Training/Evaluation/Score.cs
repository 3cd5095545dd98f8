namespace Easel.Training.Evaluation;

/// <summary>How often something came out right.</summary>
internal sealed record Score(string What, int Right, int All)
{
    /// <summary>"names: 80.0% of 300".</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{What}: {100.0 * Right / Math.Max(1, All):F1}% of {All}");
}
