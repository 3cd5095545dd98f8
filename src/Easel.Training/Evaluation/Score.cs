namespace Easel.Training.Evaluation;

/// <summary>How often something came out right.</summary>
/// <param name="Five">How often it was among the five nearest; null where there is no such count.</param>
internal sealed record Score(string What, int First, int? Five, int All)
{
    /// <summary>"names: first 80.0%, in five 95.0% of 300".</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{What}: {(Five is null ? "right" : "first")} {100.0 * First / Math.Max(1, All):F1}%"
            + $"{(Five is { } five ? string.Create(CultureInfo.InvariantCulture, $", in five {100.0 * five / Math.Max(1, All):F1}%") : "")} of {All}");
}
